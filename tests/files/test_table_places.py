"""Specifiers of tables: what Kaldi's say, and what is refused by its name."""

import pytest

from gmmspeech.errors import ConfigError
from gmmspeech.files.table_places import Place, parse_place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feats.h5", Place("", frozenset(), "feats.h5")),
        ("-", Place("ark", frozenset(), "-")),
        ("htk:folder", Place("", frozenset(), "htk:folder")),
        ("C:\\feats.h5", Place("", frozenset(), "C:\\feats.h5")),
        ("ark:-", Place("ark", frozenset(), "-")),
        ("ark,s,cs:-", Place("ark", frozenset({"s", "cs"}), "-")),
        ("o,p,ark:a", Place("ark", frozenset({"o", "p"}), "a")),
        ("scp,p:a.scp", Place("scp", frozenset({"p"}), "a.scp")),
    ],
)
def test_what_is_read(text, expected):
    assert parse_place(text) == expected


def test_what_kind_of_place():
    assert parse_place("ark: - ").is_stream
    assert parse_place("ark:gunzip -c a.gz |").is_command
    assert parse_place("ark:| gzip > a.gz", writing=True).is_command
    assert not parse_place("ark:| gzip > a.gz", writing=True).is_gzip
    assert parse_place("scp:a.scp.gz").is_gzip
    assert parse_place("ark,t:-", writing=True).options == {"t"}
    assert parse_place("ark,scp:a,b", writing=True) == Place("ark,scp", frozenset(), "a,b")


@pytest.mark.parametrize(
    ("text", "writing", "match"),
    [
        ("ark,x:a", False, "found option x, expected ark or scp, and any of b, bg"),
        ("ark,s:a", True, "found option s"),
        ("ark,scp:a,b", False, "found ark,scp:, expected ark:PLACE or scp:PLACE"),
        ("scp:a", True, "found scp:, expected ark:PLACE"),
        ("scp,ark:a,b", True, "found scp,ark:"),
        ("ark:| cat", False, "COMMAND ., which is read from"),
        ("ark:cat |", True, "COMMAND, which is written to"),
        ("ark,s,,cs:x", False, "found ark,s,,cs:, expected ark:PLACE, scp:PLACE"),
        ("ark , s:-", False, "found ark , s:, expected ark:PLACE"),
        ("ARK:-", True, "found ARK:, expected ark:PLACE, ark,t:PLACE"),
        ("ark:", False, "found nothing behind 'ark:', expected the name of a file there"),
        ("scp,p: ", False, "found nothing behind"),
        ("ark,scp:", True, "found nothing behind"),
        ("ark,scp:-,b", True, "found a stream, expected files"),
        ("ark,scp:a.gz,b", True, "found a stream, expected files"),
    ],
)
def test_what_is_refused(text, writing, match):
    with pytest.raises(ConfigError, match=match):
        parse_place(text, writing=writing)
