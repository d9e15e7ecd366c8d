"""Specifiers of tables: what Kaldi's say, where to write, and what is refused by its name."""

import pytest

from gmmspeech.errors import ConfigError
from gmmspeech.files.table_places import Output, Place, parse_output, parse_place


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feats.h5", Output("file", "feats.h5")),
        ("C:\\feats.h5", Output("file", "C:\\feats.h5")),
        ("./ark:x", Output("file", "./ark:x")),
        ("ark:a", Output("ark", "a")),
        ("ark,b:a", Output("ark", "a")),
        ("ark,f:a", Output("ark", "a")),
        ("t,ark:a", Output("ark", "a", None, True)),
        ("ark,t,scp:a,b", Output("ark", "a", "b", True)),
        ("htk:dir", Output("htk", "dir")),
    ],
)
def test_outputs(text, expected):
    assert parse_output(text, archives=True) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-", "standard output"),
        ("ark:-", "standard output"),
        ("ark,t:-", "standard output"),
        ("ark,scp:-,x", "a stream"),
        ("ark,scp:x,-", "standard output"),
        ("| gzip -c > x.gz", "a command"),
        ("ark:| gzip -c > x.gz", "a command"),
        ("ark:|gzip -c > x.gz", "a command"),
        ("gzip -c |", "a command"),
        ("scp,ark:a,b", "expected ark:PLACE, .* or ark,scp:ARK,SCP"),
        ("scp:a", "expected ark:PLACE"),
        ("ark,t,b:a", "both t and b"),
        ("ark,scp:a", "expected ark,scp:ARK,SCP"),
        ("ark,scp:a,b,c", "expected ark,scp:ARK,SCP"),
        ("ark:", "the name of a file"),
        ("htk:", "the name of a file"),
        ("", "the name of a file"),
    ],
)
def test_outputs_that_are_refused(text, message):
    for archives in (True, False):
        with pytest.raises(ConfigError, match=message):
            parse_output(text, archives=archives)


@pytest.mark.parametrize("text", ["ark:a", "ark,t:a", "ark,scp:a,b", "htk:a"])
def test_only_one_command_writes_archives(text):
    with pytest.raises(ConfigError, match="copy-features"):
        parse_output(text)
