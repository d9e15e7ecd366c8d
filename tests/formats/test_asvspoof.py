"""Protocols and scores in the forms of ASVspoof 2019 and 2021, and what is wrong with others."""

from pathlib import Path

import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.asvspoof import (
    read_asv_scores,
    read_cm_scores,
    read_protocol,
    write_cm_scores,
    write_protocol,
)

LA_2019 = "LA_0079 LA_T_1138215 - - bonafide\nLA_0079 LA_T_1004644 - A01 spoof\n"
PA_2019 = "PA_0079 PA_T_0000001 aaa - bonafide\nPA_0079 PA_T_0005401 aaa AB spoof\n"
LA_2021 = (
    "LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim progress\n"
    "LA_0031 LA_E_6866159 alaw loc_tx bonafide bonafide notrim eval bonafide - - - -\n"
)
DF_2021 = "LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -\n"
ASV_2021 = (
    "LA_0007-alaw LA_E_1-alaw alaw ita_tx bonafide target notrim eval\n"
    "LA_0007-alaw LA_E_2-alaw alaw ita_tx bonafide nontarget notrim eval\n"
    "LA_0007-alaw LA_E_3-alaw alaw ita_tx A07 spoof notrim eval\n"
    "LA_0007-alaw LA_E_4-alaw alaw ita_tx A07 spoof notrim progress\n"
)


def written(folder: Path, text: str, name: str = "file") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_protocols(tmp_path: Path) -> None:
    first, second = read_protocol(written(tmp_path, LA_2019))
    assert first == ("LA_0079", "LA_T_1138215", "bonafide", True, "")
    assert second == ("LA_0079", "LA_T_1004644", "A01", False, "")
    assert [trial.attack for trial in read_protocol(written(tmp_path, PA_2019))] == ["bonafide", "AB"]
    spoof, genuine = read_protocol(written(tmp_path, LA_2021))
    assert spoof == ("LA_0009", "LA_E_9332881", "A07", False, "progress")
    assert genuine.is_bonafide
    assert read_protocol(tmp_path / "file", phase="eval") == [genuine]
    assert read_protocol(written(tmp_path, DF_2021))[0][2:] == ("A14", False, "progress")
    write_protocol(tmp_path / "copy", [first, second])
    assert (tmp_path / "copy").read_text() == LA_2019


def test_scores_of_countermeasures(tmp_path: Path) -> None:
    scores = {"LA_T_1138215": 1.25, "LA_T_1004644": -3.5}
    write_cm_scores(tmp_path / "2021", scores)
    assert (tmp_path / "2021").read_text() == "LA_T_1138215 1.25\nLA_T_1004644 -3.5\n"
    write_cm_scores(tmp_path / "2019", scores, read_protocol(written(tmp_path, LA_2019)))
    assert (tmp_path / "2019").read_text() == "LA_T_1138215 - bonafide 1.25\nLA_T_1004644 A01 spoof -3.5\n"
    assert read_cm_scores(tmp_path / "2019") == read_cm_scores(tmp_path / "2021") == scores


def test_scores_of_speaker_verification(tmp_path: Path) -> None:
    of_2019 = written(tmp_path, "bonafide target 3.5\nbonafide nontarget -2\nA07 spoof 1\n")
    assert [side.tolist() for side in read_asv_scores(of_2019)] == [[3.5], [-2.0], [1.0]]
    keys = written(tmp_path, ASV_2021, "keys")
    lines = "".join(f"LA_0007-alaw LA_E_{i}-alaw {i}.5\n" for i in range(1, 5))
    scores = written(tmp_path, lines, "scores")
    assert [side.tolist() for side in read_asv_scores(scores, keys)] == [[1.5], [2.5], [3.5, 4.5]]
    assert read_asv_scores(scores, keys, phase="eval")[2].tolist() == [3.5]
    shuffled = written(tmp_path, "".join(lines.splitlines(keepends=True)[::-1]), "shuffled")
    assert [side.tolist() for side in read_asv_scores(shuffled, keys)] == [[1.5], [2.5], [4.5, 3.5]]
    with pytest.raises(DataError, match=r"scores:1: found 'LA_E_1-alaw', expected target or .* in a file of their own"):
        read_asv_scores(scores)
    with pytest.raises(DataError, match="scores: found no target trial of phase progress, expected some"):
        read_asv_scores(scores, keys, phase="progress")
    first, rest = lines.split("\n", 1)
    for text, problem in (
        (rest, "scores: found no score of model LA_0007-alaw, utterance LA_E_1-alaw .1 such trial., expected one for"),
        (lines + first, "scores:5: found model LA_0007-alaw, utterance LA_E_1-alaw again, expected each once"),
        (lines + "LA_0007-alaw LA_E_5-alaw 2\n", "scores:5: found model LA_0007-alaw, utterance LA_E_5-alaw, expected"),
    ):
        with pytest.raises(DataError, match=problem):
            read_asv_scores(written(tmp_path, text, "scores"), keys)
    with pytest.raises(DataError, match="keys:5: found model LA_0007-alaw, utterance LA_E_1-alaw again"):
        read_asv_scores(scores, written(tmp_path, ASV_2021 + ASV_2021, "keys"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("LA_0079 LA_T_1 - A01 spoofed\n", "file:1: found 'LA_0079 LA_T_1 - A01 spoofed', expected SPEAKER UTTERANCE"),
        ("a b bonafide\n", "file:1: found 'a b bonafide'"),
        ("a b - - bonafide\na b - A01 spoof\n", "file:2: found utterance b again, expected each once .it is in line 1"),
        ("", "file"),
    ],
)
def test_bad_protocols(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_protocol(written(tmp_path, text))


def test_phases_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no trial of phase 'hidden', expected one of eval, progress"):
        read_protocol(written(tmp_path, LA_2021), phase="hidden")
    with pytest.raises(DataError, match="expected one of none"):
        read_protocol(written(tmp_path, LA_2019), phase="eval")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("u1 1.5\nu1 2\n", "file:2: found utterance u1 again"),
        ("u1 nan\n", "file:1: found 'nan', expected a number as the score"),
        ("u1 A01 human 1.5\n", "file:1: found 'human', expected bonafide or spoof"),
        ("u1 A01 1.5\n", "file:1: found 3 fields, expected UTTERANCE SCORE or UTTERANCE ATTACK KEY SCORE"),
    ],
)
def test_bad_scores(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_cm_scores(written(tmp_path, text))


def test_keys_of_scores_are_those_of_the_protocol(tmp_path: Path) -> None:
    trials = read_protocol(written(tmp_path, LA_2019))
    scores = written(tmp_path, "LA_T_1138215 - bonafide 1\nLA_T_1004644 - bonafide 2\nLA_T_9 A01 spoof 3\n", "scores")
    assert len(read_cm_scores(scores)) == 3
    with pytest.raises(DataError, match="scores:2: found 'bonafide', expected spoof as in the protocol"):
        read_cm_scores(scores, trials)


def test_what_is_not_written(tmp_path: Path) -> None:
    trials = read_protocol(written(tmp_path, LA_2019))
    with pytest.raises(DataError, match=r"found no score of LA_T_1138215 .2 such utterances"):
        write_cm_scores(tmp_path / "out", {}, trials)
    with pytest.raises(DataError, match="found nothing to write"):
        write_cm_scores(tmp_path / "out", {})
    with pytest.raises(DataError, match="can't hold the name 'a b'"):
        write_cm_scores(tmp_path / "out", {"a b": 1.0})
    with pytest.raises(DataError, match="can't hold the name ''"):
        write_protocol(tmp_path / "out", [trials[0]._replace(speaker="")])
    with pytest.raises(DataError, match="found nothing to write"):
        write_protocol(tmp_path / "out", [])
    assert not (tmp_path / "out").exists()
