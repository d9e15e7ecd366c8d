"""Kaldi's mixtures and lists of best components: golden files, round trips, and what is wrong with bad ones."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from said import fails

from gmmspeech.formats.kaldi.models import read_gselect, read_kaldi_gmm, write_gselect, write_kaldi_gmm
from gmmspeech.formats.loading import load
from gmmspeech.gmm.mixture import DiagonalGMM

FIELDS = ("WEIGHTS", "MEANS_INVVARS", "INV_VARS")


def small():
    return DiagonalGMM.from_parameters([0.25, 0.75], [[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.5], [2.0, 4.0]])


def stored(content):
    """The float32 numbers of a binary file, by field."""
    found = {}
    for field in FIELDS:
        at = content.index(f"<{field}> ".encode()) + len(field) + 3
        kind, at = content[at : at + 3], at + 3
        sizes = [struct.unpack("<i", content[at + 5 * i + 1 : at + 5 * i + 5])[0] for i in range(1 + (kind == b"FM "))]
        found[field] = content[at + 5 * len(sizes) :][: 4 * int(np.prod(sizes))]
    return found


@pytest.mark.parametrize("name", ["after.bin", "after.txt", "init.txt"])
def test_a_model_of_kaldis(golden, kaldi_mixture, kaldi, kaldi_frames, name):
    gmm = load(golden / "kaldi/gmm" / name)
    for found, expected in zip(gmm.parameters(), kaldi_mixture(name.replace("bin", "txt")), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-6)
    if name.startswith("after"):
        for utterance, expected in kaldi("frame_log_likelihoods.txt").items():
            np.testing.assert_allclose(gmm.score_samples(kaldi_frames[utterance]), expected, rtol=1e-3)


@pytest.mark.parametrize("name", ["kaldi/gmm/after.bin", "kaldi_models/ivector/final.dubm"])
def test_a_model_of_kaldis_keeps_its_bits(golden, tmp_path, name):
    original = golden / name
    gmm = read_kaldi_gmm(original)
    gmm.save(tmp_path / "gmm.h5")
    for again in (gmm, load(tmp_path / "gmm.h5")):
        write_kaldi_gmm(tmp_path / "again", again)
        assert (tmp_path / "again").read_bytes() == original.read_bytes()
    write_kaldi_gmm(tmp_path / "text", gmm, binary=False)
    write_kaldi_gmm(tmp_path / "again", read_kaldi_gmm(tmp_path / "text"))
    assert (tmp_path / "again").read_bytes() == original.read_bytes()


def test_the_constants_are_kaldis(golden, kaldi, tmp_path):
    write_kaldi_gmm(tmp_path / "text", read_kaldi_gmm(golden / "kaldi/gmm/after.bin"), binary=False)
    line = (tmp_path / "text").read_text().splitlines()[1]
    found = np.array(line.split("[")[1].split("]")[0].split(), dtype=float)
    np.testing.assert_allclose(found, kaldi("after.txt")["GCONSTS"], rtol=1e-6)
    assert [len(x) for x in map(str.split, (tmp_path / "text").read_text().splitlines())][:2] == [1, 19]


@settings(max_examples=25, deadline=None)
@given(data=st.data(), binary=st.booleans())
def test_float32_numbers_come_back(tmp_path_factory, data, binary):
    count, dim = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    numbers = hnp.arrays(np.float32, (count, dim), elements=st.floats(2.0**-20, 2.0**20, width=32))
    weights = data.draw(hnp.arrays(np.float64, count, elements=st.floats(0.01, 1)))
    gmm = DiagonalGMM.from_parameters(weights / weights.sum(), data.draw(numbers), data.draw(numbers))
    first, second = (tmp_path_factory.getbasetemp() / name for name in ("first", "second"))
    write_kaldi_gmm(first, gmm, binary=binary)
    read = read_kaldi_gmm(first)
    write_kaldi_gmm(second, read, binary=binary)
    assert first.read_bytes().split(b"<WEIGHTS>")[1] == second.read_bytes().split(b"<WEIGHTS>")[1]
    for found, expected in zip(read.parameters(), gmm.parameters(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=3e-7)


def test_other_versions(tmp_path):
    path = tmp_path / "gmm"
    write_kaldi_gmm(path, small(), binary=False)
    text = path.read_text()
    older = text.replace("<DiagGMM>", "<DiagGMMBegin>").replace("</DiagGMM>", "<DiagGMMEnd>")
    without = "".join(line for line in older.splitlines(keepends=True) if "GCONSTS" not in line)
    doubles = b"\0B<DiagGMM> " + b"".join(
        f"<{name}> ".encode() + kind + b"".join(b"\4" + struct.pack("<i", n) for n in array.shape) + array.tobytes()
        for name, kind, array in [
            ("WEIGHTS", b"DV ", np.array([0.25, 0.75])),
            ("MEANS_INVVARS", b"DM ", np.array([[1.0, 4.0], [1.5, 1.0]])),
            ("INV_VARS", b"DM ", np.array([[1.0, 2.0], [0.5, 0.25]])),
        ]
    )
    for content in (older.encode(), without.encode(), doubles + b"</DiagGMM> "):
        path.write_bytes(content)
        for found, expected in zip(load(path).parameters(), small().parameters(), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_bad_models(tmp_path, golden):
    path = tmp_path / "final.dubm"
    write_kaldi_gmm(path, small())
    binary = path.read_bytes()
    write_kaldi_gmm(path, small(), binary=False)
    text = path.read_text()
    cases = {
        "INV_VARS: component 1: found 0.0, expected": text.replace("0.5 0.25 ]", "0.0 0.25 ]"),
        "INV_VARS: component 0: found -2.0": text.replace("1.0 2.0 \n  0.5", "1.0 -2.0 \n  0.5"),
        "INV_VARS: component 1: found nan": text.replace("0.5 0.25 ]", "0.5 nan ]"),
        "found weights that sum to 1.75, expected 1": text.replace("[ 0.25 0.75 ]", "[ 1 0.75 ]"),
        "component 0: found weight -0.25": text.replace("[ 0.25 0.75 ]", "[ -0.25 1.25 ]"),
        "WEIGHTS: found .*x.*, expected numbers": text.replace("[ 0.25 0.75 ]", "[ 0.25 x ]"),
        "WEIGHTS: found b' hello": text.replace("[ 0.25 0.75 ]", "hello"),
        "found shapes WEIGHTS": text.replace("[ 0.25 0.75 ]", "[ 0.25 0.5 0.25 ]").replace("\n  0.5 0.25 ]", " ]"),
        "INV_VARS: found rows of": text.replace("0.5 0.25 ]", "0.5 ]"),
        "found no INV_VARS": text.split("<INV_VARS>")[0] + "</DiagGMM>",
        "found <MEANS>, expected one each of": text.replace("INV_VARS", "MEANS"),
        "found b'.{1,3}n' at byte .*cut short": text.split("</DiagGMM>")[0],
    }
    for match, content in cases.items():
        path.write_text(content)
        fails(f"final.dubm: .*{match}", load, path)
    swapped = binary.replace(b"\4" + struct.pack("<i", 2), b"\4" + struct.pack(">i", 2))
    for match, content in {
        "GCONSTS: .*other byte order": swapped,
        "found b'': .*cut short|found b''.*cut short": binary[: -len(b"</DiagGMM> ")],
        "INV_VARS: found 14 bytes .*expected 16 .*cut short": binary[: -len(b"</DiagGMM> ") - 2],
        "WEIGHTS: found no size": binary[: binary.index(b"<WEIGHTS>") + 15],
        "MEANS_INVVARS: found 'XM'": binary.replace(b"MEANS_INVVARS> FM", b"MEANS_INVVARS> XM"),
    }.items():
        path.write_bytes(content)
        fails(f"final.dubm: .*{match}", load, path)
    path.write_text(text.replace("DiagGMM", "FullGMM"))
    fails("final.dubm: found <FullGMM> .*full covariances.*expected a DiagGmm", read_kaldi_gmm, path)
    path.write_text("<TransitionModel> 1 2")
    fails("final.dubm: .*found <TransitionModel> .*acoustic model", read_kaldi_gmm, path)
    fails("none: can't be read", read_kaldi_gmm, tmp_path / "none")
    for length in range(3, len(binary) - 1, 7):  # nothing is half read
        path.write_bytes(binary[:length])
        fails("final.dubm: ", read_kaldi_gmm, path)
    beyond = DiagonalGMM.from_parameters([1.0], [[0.0]], [[1e-60]])
    fails("INV_VARS: found numbers beyond float32", write_kaldi_gmm, path, beyond)


def test_best_components(golden, tmp_path, kaldi_frames):
    original = golden / "kaldi/gmm/gselect_top5.txt"
    selected = read_gselect(original)
    assert {u: len(s) for u, s in selected.items()} == {u: len(f) for u, f in kaldi_frames.items()}
    write_gselect(tmp_path / "again", selected)
    assert (tmp_path / "again").read_text() == original.read_text()
    gmm = read_kaldi_gmm(golden / "kaldi/gmm/after.bin")
    for utterance, frames in kaldi_frames.items():
        ours = np.argsort(-gmm.predict_proba(frames), axis=1, kind="stable")[:, :5]
        assert (ours == selected[utterance]).mean() > 0.999
    for line, match in {
        "u1 1 2 ; 3 ;": "utterance u1: found",
        "u1 1 2": "utterance u1: found",
        "u1 1 x ;": "utterance u1: found x, expected a whole number",
        "u1 1 1_0 ;": "utterance u1: found 1_0, expected a whole number",
        "u1 1 -1 ;": "utterance u1: found components -1 to 1, expected whole numbers from 0",
        "u1 1 2147483648 ;": "utterance u1: found components 1 to 2147483648",
        "u1 1 9999999999999999999 ;": "utterance u1: found 9999999999999999999",
        "u1": "utterance u1: found ''",
    }.items():
        (tmp_path / "bad").write_text(line + "\n")
        fails(match, read_gselect, tmp_path / "bad")
    fails("can't hold", write_gselect, tmp_path / "bad", {"u1": [[0.5]]})


def test_best_components_in_binary(tmp_path):
    """A number of frames, and of each that of its components and these, all marked with 4 bytes, as Kaldi has it."""
    selected = {"u1": [[5, 300, 8], [8, 5, 1]], "u2": [[7]]}
    write_gselect(tmp_path / "g.ark", selected, binary=True, scp=tmp_path / "g.scp")
    content = (tmp_path / "g.ark").read_bytes()
    numbers = b"".join(b"\4" + struct.pack("<i", n) for n in (2, 3, 5, 300, 8, 3, 8, 5, 1))
    assert content.startswith(b"u1 \0B" + numbers + b"u2 \0B\4\1")
    assert (tmp_path / "g.scp").read_text() == f"u1 {tmp_path}/g.ark:3\nu2 {tmp_path}/g.ark:{len(numbers) + 8}\n"
    for place in (tmp_path / "g.ark", f"ark:{tmp_path}/g.ark", f"scp:{tmp_path}/g.scp"):
        assert {name: rows.tolist() for name, rows in read_gselect(place).items()} == selected
    for length in range(4, len(content) - 1, 5):
        (tmp_path / "cut").write_bytes(content[:length])
        if length != len(numbers) + 5:
            fails("utterance u|cut: ", read_gselect, tmp_path / "cut")
    (tmp_path / "bad").write_bytes(content.replace(numbers[-20:-15], b"\4\2\0\0\0"))
    fails("different numbers of components", read_gselect, tmp_path / "bad")
    (tmp_path / "bad").write_bytes(b"u1 \0B" + b"\4\xff\xff\xff\x7f" * 3)  # numbers of 2**63 components
    fails("utterance u1: found 10 bytes, expected", read_gselect, tmp_path / "bad")
