"""What commands say on stderr."""

import re

_PASS = re.compile(
    r"gmmspeech: ([\w -]+: (pass|iteration|update) \d+|(class|mixture) .*: (\d+ passe?s?|adapted)),.* s\n"
)


def beside_passes(stderr: str) -> str:
    """Give what was said but for the passes of trainings, which `tests/cli/test_verbosity.py` is about."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not _PASS.fullmatch(line))
