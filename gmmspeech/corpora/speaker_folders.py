"""Any folders of speakers: the name of the topmost one is the speaker's."""

from __future__ import annotations

from pathlib import PurePath

from gmmspeech.corpora.corpus import Layout


def _identify(path: PurePath, source: PurePath) -> tuple[str, str] | None:
    """All names on the way to a file make its id, which so begins with the speaker."""
    names = path.relative_to(source).with_suffix("").parts
    return ("-".join(names), names[0]) if len(names) > 1 else None


LAYOUT = Layout("SPEAKER/.../NAME.wav", _identify)
