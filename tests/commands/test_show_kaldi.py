"""What `show` says of files of Kaldi's, and which it leaves alone."""

import numpy as np
import pytest

from gmmspeech.commands.show import describe
from gmmspeech.errors import DataError
from gmmspeech.formats.kaldi.alignments import write_kaldi_alignments
from gmmspeech.formats.kaldi.ark import write_kaldi_ark
from gmmspeech.formats.kaldi.models import write_gselect
from gmmspeech.formats.kaldi.plda import write_kaldi_vectors


def test_files_of_kaldis(golden):
    folder = golden / "kaldi_models"
    for name, expected in {
        "mono/ali.ark": "alignments: 6 utterances, 4419 frames, transitions 1 to 246",
        "mono/ali.txt": "alignments: 6 utterances, 4419 frames, transitions 1 to 246",
        "mono/tree": "decision tree: phones alone, 122 mixtures",
        "mono/topo": "topology: 40 phones of 3 to 5 states",
        "mono/phones.txt": "table of symbols: 43 symbols, 0 to 42",
        "plda/ivectors.ark": "table of vectors: 160 vectors of 60 numbers",
        "plda/mean.vec": "vector of 60 numbers",
        "ivector/post.ark": "posteriors of components: 4 utterances, 2362 frames, components 0 to 127",
    }.items():
        assert describe(str(folder / name)) == [expected]
        if name != "mono/ali.txt":  # as standard input is
            assert describe(f"ark:{folder / name}") == [expected]
    assert describe(f"ark:{folder}/mono/ali.ark")[0].startswith("alignments: ")
    store = describe(f"ark:{folder}/mono/feats.ark")
    assert store[0] == "feature store: 6 utterances, 4419 frames of 39 columns"
    assert describe(str(folder / "mono/feats.ark")) == store


@pytest.mark.parametrize("text", [True, False])
def test_tables(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    write_kaldi_vectors("vad.ark", {"a": [1, 0], "b": [1, 0, 1]}, scp="vad.scp", text=text)
    for place in ("vad.ark", "ark:vad.ark", "scp:vad.scp"):
        assert describe(place) == ["table of vectors: 2 vectors of 2 to 3 numbers"]
    write_gselect("gselect", {"a": [[5, 8], [5, 13], [9, 5]]}, binary=not text, scp="gselect.scp")
    for place in ("gselect", "ark:gselect", "scp:gselect.scp"):
        assert describe(place) == ["best components: 1 utterance, 3 frames, 2 of each, components 5 to 13"]
    write_kaldi_ark("cmvn.ark", [("ann", np.array([[3.0, 5.0, 2.0], [9.0, 25.0, 0.0]]))], scp="cmvn.scp", text=text)
    assert describe("scp:cmvn.scp") == ["statistics of CMVN: 1 entry of 2 columns"]
    for row, span in (([2, 1, 1], "1 to 2"), ([0, 0, 0], "0 to 0")):
        write_kaldi_alignments("ali", {"a": row}, text=text, scp="ali.scp")
        for place in ("ali", "ark:ali", "ark,p:ali", "scp:ali.scp"):
            assert describe(place) == [f"alignments: 1 utterance, 3 frames, transitions {span}"]


def test_what_is_none_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_kaldi_vectors("vad.ark", {"a": [1, 0]}, scp="vad.scp")
    (tmp_path / "utt2spk").write_text("a 1\nb 2\n")
    (tmp_path / "words").write_text("a\nb\n")
    for place, message in {
        "vad.scp": "vad.scp: found a script file, expected scp:vad.scp",
        "utt2spk": "utt2spk: found no HDF5, expected",
        "words": "words: found no HDF5, expected",
        ".": r"\.: found a folder, expected a feature store",
    }.items():
        with pytest.raises(DataError, match=message):
            describe(place)


def test_archives_cut_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    statistics = np.random.default_rng(0).normal(size=(2, 14))
    write_kaldi_ark("cmvn.ark", [("ann", statistics), ("bob", statistics)])
    content = (tmp_path / "cmvn.ark").read_bytes()
    for length in (8, 20, 37, 150):
        (tmp_path / "cut").write_bytes(content[:length])
        for place in ("cut", "ark:cut"):
            with pytest.raises(DataError, match=r"cut: .*cut short"):
                describe(place)
