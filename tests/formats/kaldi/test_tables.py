"""Tables by specifier: whatever way leads to it, the same table is read; what can't be read is named."""

import gzip
import io
import os
import pickle
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning
from gmmspeech.files.table_places import parse_place
from gmmspeech.formats.kaldi.alignments import read_kaldi_alignments, write_kaldi_alignments
from gmmspeech.formats.kaldi.ark import write_kaldi_ark
from gmmspeech.formats.kaldi.ivector import read_kaldi_posteriors
from gmmspeech.formats.kaldi.models import read_gselect
from gmmspeech.formats.kaldi.plda import read_kaldi_vectors, write_kaldi_vectors
from gmmspeech.formats.kaldi.tables import make_plain, read_table
from gmmspeech.stores.features import FeatureStore

FRAMES = {f"u{i}": np.random.default_rng(i).normal(size=(4 + i, 3)).astype(np.float32) for i in range(3)}
VECTORS = {name: frames[0].astype(np.float64) for name, frames in FRAMES.items()}
WAYS = (
    *("ark:{}.ark", "ark,t:{}.txt", "ark,s,cs:{}.ark", "ark,o,p:{}.ark", "ark:{}.ark.gz", "scp:{}.scp"),
    *("scp,p:{}.scp", "scp:{}.scp.gz", "ark:-", "-", "ark:/dev/stdin"),
)


pytestmark = pytest.mark.skipif(os.name == "nt", reason="Unix has such pipes")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    write_kaldi_ark("f.ark", FRAMES.items(), scp="f.scp")
    write_kaldi_ark("f.txt", FRAMES.items(), text=True)
    write_kaldi_vectors("v.ark", VECTORS, scp="v.scp")
    write_kaldi_vectors("v.txt", VECTORS, text=True)
    for name in ("f.ark", "f.scp", "v.ark", "v.scp"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    return tmp_path


def standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_to_a_table(folder, monkeypatch, way):
    before = set(os.listdir())
    standard_input(monkeypatch, (folder / "f.ark").read_bytes())
    with FeatureStore(way.format("f")) as store:
        assert list(store) == list(FRAMES)
        for name, frames in store.items():
            np.testing.assert_array_equal(frames, FRAMES[name])
        other = pickle.loads(pickle.dumps(store))
        np.testing.assert_array_equal(other["u1"], FRAMES["u1"])
    standard_input(monkeypatch, (folder / "v.ark").read_bytes())
    found = read_kaldi_vectors(way.format("v"))
    assert list(found) == list(VECTORS)
    assert all(np.array_equal(found[name], VECTORS[name]) for name in VECTORS)
    assert set(os.listdir()) == before  # what was kept meanwhile is gone


def test_alignments_likewise(folder, monkeypatch):
    write_kaldi_alignments("a.ark", {"u1": [4, 16], "u2": [3]}, scp="a.scp")
    content = (folder / "a.ark").read_bytes()
    (folder / "a.ark.gz").write_bytes(gzip.compress(content))
    for way in ("a.ark", "ark:a.ark", "ark:a.ark.gz", "ark,s,cs:-", "scp:a.scp"):
        standard_input(monkeypatch, content)
        assert {name: row.tolist() for name, row in read_kaldi_alignments(way).items()} == {"u1": [4, 16], "u2": [3]}
    lines = [line.split() for line in (folder / "a.scp").read_text().splitlines()]
    assert [(key, content[int(place.partition(":")[2]) :][:3]) for key, place in lines] == [
        ("u1", b"\0B\4"),
        ("u2", b"\0B\4"),
    ]
    (folder / "bad.scp").write_text("u1 a.ark:3\nu2 a.ark\n")
    with pytest.raises(DataError, match=r"bad.scp: utterance u2: "):
        read_kaldi_alignments("scp:bad.scp")


OBJECTS = {  # what is no vector or matrix: its reader, and archives of two utterances and of one with damage behind it
    "alignments": (read_kaldi_alignments, b"u1 4 16 \nu2 3 \n", b"u2 x \n"),
    "components": (read_gselect, b"u1 5 8 ; 5 13 ;\nu2 5 ;\n", b"u2 5\n"),
    "posteriors": (read_kaldi_posteriors, b"u1 [ 3 0.75 1 0.25 ]\nu2 [ 3 1 ]\n", b"u2 [ 3 ]\n"),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_what_can_be_read_of_other_things(folder, monkeypatch, kind):
    read, content, damage = OBJECTS[kind]
    first = content[: content.index(b"u2")]
    (folder / "o.ark").write_bytes(content)
    (folder / "o.scp").write_text(f"u1 o.ark:3\nu2 o.ark:{len(first) + 3}\n")
    (folder / "bad.ark").write_bytes(first + damage)
    (folder / "bad.scp").write_text("u1 o.ark:3\nu2 none.ark:3\n")
    whole = str(read("o.ark"))
    for way in ("ark,p:o.ark", "ark,s,cs,p:o.ark", "scp,p:o.scp"):
        with warnings.catch_warnings(action="error"):
            assert str(read(way)) == whole
    for way in ("ark,p:bad.ark", "ark,t,p:-", "scp,p:bad.scp"):
        standard_input(monkeypatch, first + damage)
        with pytest.warns(GmmSpeechWarning, match=f"^{way}: left out 1 utterance that can't be read; the first: u2: "):
            assert list(read(way)) == ["u1"]
    standard_input(monkeypatch, damage)
    with pytest.raises(DataError, match=r"^ark,p:-: found nothing that can be read \(the first: u2: "):
        read("ark,p:-")
    with pytest.raises(DataError, match=r"bad.ark: utterance u2: found"):
        read("ark:bad.ark")


def test_a_command_in_a_script_file_of_alignments(folder):
    (folder / "row").write_text("4 16\n")
    (folder / "c.scp").write_text("u0 exit 3 |\nu1 cat row |\n")
    place, file = parse_place("scp,p:c.scp"), folder / "kept"
    with pytest.warns(GmmSpeechWarning, match="left out 1 utterance"):
        make_plain("scp,p:c.scp", place, file, allow_pipes=True, check=False)
    assert {name: row.tolist() for name, row in read_kaldi_alignments(f"scp:{file}").items()} == {"u1": [4, 16]}


def test_a_row_in_text_is_what_is_asked_for(folder):
    (folder / "row.txt").write_text("u1  [ 1 2 3 ]\n")
    np.testing.assert_array_equal(FeatureStore("ark:row.txt")["u1"], [[1, 2, 3]])
    np.testing.assert_array_equal(read_kaldi_vectors("ark:row.txt")["u1"], [1, 2, 3])
    with pytest.raises(DataError, match=r"found \(3,\), expected a matrix"):
        FeatureStore("ark:v.ark")


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("foo:f.ark", ConfigError, "found foo:, expected ark:PLACE"),
        ("ark", ConfigError, "found no place"),
        ("ark,zz:f.ark", ConfigError, "found option zz"),
        ("ark:cat f.ark |", DataError, "commands are not run"),
        ("ark:f.scp.gz", DataError, "f.scp.gz"),
        ("scp:none.scp.gz", DataError, "none.scp.gz: can't be read"),
        ("scp,p:none.scp", DataError, "none.scp: can't be read"),
        ("ark:-", DataError, "ark:-: found no utterance"),
        ("ark:pipe", DataError, r"pipe: can't be read \(a pipe, not a regular file\), expected an archive"),
    ],
)
def test_what_is_refused(folder, monkeypatch, text, error, match):
    standard_input(monkeypatch, b"")
    os.mkfifo("pipe")
    for read in (FeatureStore, lambda text: list(read_table(text))):
        with pytest.raises(error, match=match) as caught:
            read(text)
        assert "gmmspeech-" not in str(caught.value)


def test_standard_input_that_is_closed(folder, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="ark:-: found standard input closed"):
        FeatureStore("ark:-")


def test_damage_is_told_of_what_was_named(folder, monkeypatch):
    standard_input(monkeypatch, (folder / "f.ark").read_bytes()[:-5])
    with pytest.raises(DataError, match=r"^ark:-: utterance u2: .*cut short"):
        FeatureStore("ark:-")
    (folder / "bad.txt").write_bytes(b"u1 [\n 1 2 3\n ]\nu2 [\n 1 2 x\n ]\n")
    (folder / "bad.txt.gz").write_bytes(gzip.compress((folder / "bad.txt").read_bytes()))
    with FeatureStore("ark:bad.txt.gz") as store, pytest.raises(DataError, match=r"u2: ark:bad.txt.gz:\d+: .*numbers"):
        store["u2"]


def test_commands_in_a_script_file(folder):
    (folder / "c.scp").write_text(
        "u0 f.ark:3\nu1 copy() { cat v.txt; }; copy | head -1 | cut -d ' ' -f 2- |\nu2 exit 3 |\n"
    )
    with pytest.raises(DataError, match="commands are not run"):
        FeatureStore("scp:c.scp")
    file = folder / "kept"
    with pytest.raises(DataError, match=r"scp:c.scp: u2: .*exit status 3"):
        make_plain("scp:c.scp", parse_place("scp:c.scp"), file, allow_pipes=True)
    with pytest.warns(GmmSpeechWarning, match="left out 1 utterance"):
        plain = make_plain("scp,p:c.scp", parse_place("scp,p:c.scp"), file, allow_pipes=True)
    found = dict(read_table(plain))
    np.testing.assert_array_equal(found["u0"], FRAMES["u0"])
    np.testing.assert_allclose(found["u1"], VECTORS["u0"], rtol=1e-6)
