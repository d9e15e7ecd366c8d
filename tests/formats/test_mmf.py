"""HTK's model files: round trips, what HTK itself writes, and what is wrong with bad ones."""

import time

import numpy as np
import pytest
from said import fails

from gmmspeech.errors import DataError
from gmmspeech.formats.loading import load
from gmmspeech.formats.mmf import read_mmf, write_mmf
from gmmspeech.gmm.mixture import DiagonalGMM

# As HHEd writes: macros, states that share them, a component left out, lower-case and upper-case keywords.
MONOPHONES = """\
~o
<STREAMINFO> 1 2
<VECSIZE> 2<NULLD><MFCC_0><DIAGC>
~v "varFloor1"
<Variance> 2
 1.000000e-02 2.000000e-02
~t "T_one"
<TRANSP> 3
 0 1 0
 0 0.6 0.4
 0 0 0
~u "shared"
<MEAN> 2
 5.000000e+00 6.000000e+00
~s "middle"
<NUMMIXES> 3
<MIXTURE> 1 2.500000e-01
<MEAN> 2
 1.0 2.0
<VARIANCE> 2
 1.0 0.5
<GCONST> 2.982607e+00
<MIXTURE> 3 7.500000e-01
~u "shared"
<VARIANCE> 2
 2.0 4.0
~h "ah one"
<BEGINHMM>
<NUMSTATES> 4
<STATE> 2
~s "middle"
<STATE> 3
<MEAN> 2
 -1.0 -2.0
<VARIANCE> 2
 1.0 3.0
<TRANSP> 4
 0 1 0 0
 0 0.5 0.5 0
 0 0 0.5 0.5
 0 0 0 0
<ENDHMM>
~h sil
<BeginHMM>
<NumStates> 3
<State> 2
<NumMixes> 1
~v "varFloor1"
"""
SIL = """\
<MEAN> 2
 9 10
~v "varFloor1"
~t "T_one"
<ENDHMM>
"""
MONOPHONES = MONOPHONES.removesuffix('<NumMixes> 1\n~v "varFloor1"\n') + SIL


def test_what_htk_writes(tmp_path):
    (tmp_path / "hmmdefs").write_text(MONOPHONES)
    models = read_mmf(tmp_path / "hmmdefs")
    assert list(models) == ["ah one[2]", "ah one[3]", "sil"]
    expected = {
        "ah one[2]": ([0.25, 0.75], [[1, 2], [5, 6]], [[1, 0.5], [2, 4]]),
        "ah one[3]": ([1], [[-1, -2]], [[1, 3]]),
        "sil": ([1], [[9, 10]], [[0.01, 0.02]]),
    }
    for name, parameters in expected.items():
        for found, wanted in zip(models[name].parameters(), parameters, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_mixtures_come_back(tmp_path, golden):
    rng = np.random.default_rng(0)
    kaldis = load(golden / "kaldi/gmm/after.bin")
    other = DiagonalGMM.from_parameters([0.5, 0.5], rng.normal(size=(2, 60)) * 1e-5, rng.gamma(1, 1e5, (2, 60)))
    write_mmf(tmp_path / "two.mmf", {"kaldi": kaldis, "an other": other}, kind="MFCC_0_D_A")
    again = read_mmf(tmp_path / "two.mmf")
    assert list(again) == ["kaldi", "an other"]
    for name, gmm in (("kaldi", kaldis), ("an other", other)):
        for found, wanted in zip(again[name].parameters(), gmm.parameters(), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=3e-8)
    fails("found 2 mixtures, expected one", load, tmp_path / "two.mmf")
    write_mmf(tmp_path / "one.mmf", {"kaldi": kaldis})
    np.testing.assert_allclose(load(tmp_path / "one.mmf").means_, kaldis.means_, rtol=1e-8)
    text = (tmp_path / "one.mmf").read_text()
    assert "<NUMMIXES> 16" in text
    constant = float(text.split("<GCONST> ")[1].split()[0])
    assert constant == pytest.approx(np.log(2 * np.pi * kaldis.covariances_[0]).sum())


def test_components_of_no_weight_are_left_out(tmp_path):
    gmm = DiagonalGMM.from_parameters([0.5, 0.0, 0.5], [[0.0], [1.0], [2.0]], [[1.0]] * 3)
    write_mmf(tmp_path / "a.mmf", {"a": gmm})
    np.testing.assert_array_equal(load(tmp_path / "a.mmf").means_, [[0.0], [2.0]])


def test_bad_files(tmp_path):
    path = tmp_path / "models.mmf"
    write_mmf(path, {"a": DiagonalGMM.from_parameters([0.25, 0.75], [[1, 2], [3, 4]], [[1, 0.5], [2, 4]])})
    good = path.read_text()
    for match, text in {
        r":20: HMM a: component 0: found variance -1.0": good.replace("\n 1 0.5\n", "\n -1 0.5\n"),
        "HMM a: component 1: found variance 0.0": good.replace("\n 2 4\n", "\n 2 0\n"),
        "HMM a: found weights that sum to 1.5, expected 1": good.replace("<MIXTURE> 2 0.75", "<MIXTURE> 2 1.25"),
        "HMM a: component 0: found weight -0.25": good.replace("<MIXTURE> 1 0.25", "<MIXTURE> 1 -0.25").replace(
            "<MIXTURE> 2 0.75", "<MIXTURE> 2 1.25"
        ),
        "HMM a: found <INVCOVAR> .*full covariances": good.replace("<VARIANCE>", "<INVCOVAR>"),
        "found <FULLC> .*full covariances": good.replace("<DIAGC>", "<FULLC>"),
        "found <STREAM> .*several streams": good.replace("<NUMMIXES> 2", "<SWEIGHTS> 1 1 <STREAM> 1"),
        "found several streams": good.replace("<NUMMIXES> 2", "<SWEIGHTS> 2 1 1"),
        "HMM a: found x, expected a number": good.replace("\n 1 2\n", "\n 1 x\n"),
        "HMM a: found <VARIANCE>, expected a number": good.replace("\n 1 2\n", "\n 1\n"),
        "HMM a: found means and variances of": good.replace("<MEAN> 2\n 1 2\n", "<MEAN> 1\n 1\n"),
        'HMM a: found ~m "x", expected a macro': good.replace("<MEAN> 2\n 1 2\n", '~m "x"\n<MEAN> 2\n 1 2\n'),
        "HMM a: found the number of a component": good.replace("<NUMMIXES> 2", "<NUMMIXES> 1"),
        "HMM a: found the same HMM again": good + good,
        "HMM a: found no <STATE>": '~h "a" <BEGINHMM> <ENDHMM>',
        "found no HMM": "~o <VECSIZE> 2",
        "found a binary MMF": '~h "a"\n:\x01\x02',
    }.items():
        path.write_text(text)
        fails(f"models.mmf.*{match}", load, path)
    path.write_bytes(b'~h "a"\n:\xff\xfe\x00')
    fails("models.mmf: .*binary", load, path)
    whole = good.index("<TRANSP>")
    for length in range(5, whole, 11):  # nothing is half read
        path.write_text(good[:length])
        fails("models.mmf", read_mmf, path)
    fails("can't be read", read_mmf, tmp_path / "none")
    fails("no dimensions|of no", write_mmf, path, {})
    one, two = (DiagonalGMM.from_parameters([1], [[0.0] * d], [[1.0] * d]) for d in (1, 2))
    fails(r"of \[1, 2\] dimensions", write_mmf, path, {"one": one, "two": two})
    fails("can't hold the name", write_mmf, path, {"": one})
    fails("can't hold the name", write_mmf, path, {"a\0": one})


@pytest.mark.parametrize(
    "content",
    [
        '~h "' + '\\"' * 100_000,
        "~o " + "<" * 200_000,
        "~h" + " " * 200_000 + "x",
        '~h "a" <BEGINHMM> <STATE> 2 <MEAN> 999999999 ' + "1 " * 100_000,
        '~h "a" <BEGINHMM> <STATE> 2 <NUMMIXES> 1e400',
        '~h "a" <BEGINHMM> <STATE> 2 <MEAN> 1 1_0 <VARIANCE> 1 1',
        '~h "a" <BEGINHMM> <STATE> 2 <MEAN> 1 ١ <VARIANCE> 1 1',
        '~h "a" <BEGINHMM> <STATE> 2 <MEAN> 1 inf <VARIANCE> 1 1',
        "~h " + "a" * 100_000,
        "~o " + "~t x" * 100_000,
    ],
    ids=range(10),
)
def test_hostile_text_is_refused_in_linear_time(tmp_path, content):
    path = tmp_path / "hostile.mmf"
    path.write_text(content, encoding="utf-8")
    start = time.process_time()
    with pytest.raises(DataError, match=r"hostile\.mmf") as caught:
        read_mmf(path)
    assert time.process_time() - start < 5
    assert len(str(caught.value)) < 500


def test_names_have_htks_quotes_and_escapes(tmp_path):
    path = tmp_path / "names.mmf"
    one = DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    names = ['a"b', "\u00e9t\u00e9", "'em", "a b\\", "\u00a0", "<x>"]
    write_mmf(path, dict.fromkeys(names, one))
    assert list(read_mmf(path)) == names
    text = path.read_text()
    assert text.isascii()
    assert '~h "\\303\\251t\\303\\251"' in text
    path.write_text(text.replace('~h "a\\"b"', "~h 'a b'").replace('"<x>"', '"a\\351"'))
    with pytest.raises(DataError, match="expected a name in"):
        read_mmf(path)
