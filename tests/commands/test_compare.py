"""Two labelings of the same files, told apart by hand."""

from itertools import pairwise

import numpy as np
import pytest

from gmmspeech.commands.compare import compare_alignments
from gmmspeech.errors import DataError
from gmmspeech.formats.labels.labels import write_labels
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.formats.recordings import id_of_path
from gmmspeech.phones.labels.labels import Label

REFERENCE = [Label(0.0, 0.2, "h#"), Label(0.2, 0.3, "ae"), Label(0.3, 0.36, "tcl"), Label(0.36, 0.4, "t")]
REFERENCE += [Label(0.4, 0.5, "axr"), Label(0.5, 0.6, "h#")]
HYPOTHESIS = [Label(0.0, 0.21, "SIL"), Label(0.21, 0.3, "AE1"), Label(0.3, 0.395, "T"), Label(0.395, 0.53, "ER0")]
HYPOTHESIS += [Label(0.53, 0.6, "SIL")]


def test_folded_to_39_phones_with_closures_joined(tmp_path):
    write_labels(tmp_path / "ref" / "dr1" / "fa" / "sa1.phn", {"u": REFERENCE})
    write_textgrid(tmp_path / "hyp" / "sa1.TextGrid", {"words": [Label(0.21, 0.53, "atter")], "phones": HYPOTHESIS})
    found = compare_alignments(tmp_path / "ref", tmp_path / "hyp", fold="timit39", tolerance=0.01)
    np.testing.assert_allclose(found.agreement.differences, [0.01, 0.0, -0.005, 0.03], atol=1e-9)
    assert (found.detection.hits, found.detection.num_reference, found.detection.num_hypothesis) == (3, 4, 4)
    assert found.notes == ["closures of stops, which only REF has, are joined with their releases"]
    names = [name for name, _ in found.parts()]
    assert names[:3] == ["all", "starts", "ends before silence"]
    assert set(names[3:]) == {"silence → vowel", "vowel → stop", "stop → vowel", "vowel → silence"}
    plain = compare_alignments(tmp_path / "ref", tmp_path / "hyp")
    assert (len(plain.agreement.differences), plain.agreement.num_reference) == (0, 5)
    assert plain.notes == [
        "100 % of the labels of REF have names that HYP lacks, such as ae tcl t axr; the last table alone counts them",
        "100 % of the labels of HYP have names that REF lacks, such as AE1 T ER0; the last table alone counts them",
        "fold=timit39 makes phones of ARPAbet, TIMIT and Buckeye the same",
    ]


def test_phones_in_another_notation_are_the_nearest(tmp_path):
    """SAMPA of WebMAUS, where "S" is no S, and more vowels than ARPAbet has; silences have their own names."""
    sampa = ["<p:>", "r\\", "@", "S", "i:", "s", "tS", "V", "@U", "<p:>"]
    arpabet = ["SIL", "R", "AH", "SH", "IY", "S", "CH", "AH", "OW", "SIL"]
    for side, names in (("ref", sampa), ("hyp", arpabet)):
        labels = [Label(i / 10, (i + 1) / 10, name) for i, name in enumerate(names)]
        write_textgrid(tmp_path / side / "a.TextGrid", {"phones": labels})
    for one, other, such in (("ref", "hyp", "SH as S"), ("hyp", "ref", r"r\ as R")):
        found = compare_alignments(tmp_path / one, tmp_path / other)
        assert (found.agreement.matched, found.agreement.mean_absolute) == (1.0, 0.0)
        (note,) = found.notes
        assert note.startswith("phones of HYP are taken for the nearest of REF by articulation: ")
        assert such in note.split(": ", 1)[1].split(", ")
        assert "fricative → vowel" in dict(found.parts())


def test_phones_by_their_place_in_the_word_are_those_without(tmp_path):
    for side, names in (("ref", ["SIL", "HH", "AH", "T", "AH"]), ("hyp", ["SIL", "HH_B", "AH1_I", "T_E", "AH0_S"])):
        labels = [Label(i / 10, (i + 1) / 10, name) for i, name in enumerate(names)]
        write_textgrid(tmp_path / side / "a.TextGrid", {"phones": labels})
    for fold in (None, "timit39"):
        assert compare_alignments(tmp_path / "ref", tmp_path / "hyp", fold=fold).agreement.matched == 1.0


def test_a_tenth_of_other_names_is_no_matter(tmp_path):
    labels = [Label(i / 10, (i + 1) / 10, "AH") for i in range(19)]
    for side, other in (("ref", [Label(1.9, 2.0, "ʔ")]), ("hyp", [Label(1.9, 2.0, "T"), Label(2.0, 2.1, "T")])):
        write_textgrid(tmp_path / side / "a.TextGrid", {"phones": [*labels, *other]})
    assert compare_alignments(tmp_path / "ref", tmp_path / "hyp").notes == []
    write_textgrid(
        tmp_path / "hyp" / "a.TextGrid", {"phones": [*labels[:17], Label(1.7, 1.8, "T"), Label(1.8, 1.9, "T")]}
    )
    (note,) = compare_alignments(tmp_path / "ref", tmp_path / "hyp").notes
    assert note.startswith("11 % of the labels of HYP have names that REF lacks, such as T; ")


def test_samples_of_other_rates(tmp_path):
    for name, rate in (("8", 8000), ("16", 16000)):
        write_labels(tmp_path / name / "a.phn", {"a": REFERENCE}, rate=rate)
    unlike = compare_alignments(tmp_path / "8", tmp_path / "16")
    note = "labels of REF end at 0.5 times those of HYP in most files: other sounds, or another sample rate?"
    assert unlike.notes == [note]
    alike = compare_alignments(tmp_path / "8", tmp_path / "16", rates=[8000, 16000])
    assert (alike.notes, alike.agreement.mean_absolute) == ([], 0)
    both = compare_alignments(tmp_path / "8", tmp_path / "8", rates=[8000])
    assert (both.notes, both.agreement.mean_absolute) == ([], 0)
    without_silence = [label for label in HYPOTHESIS if label.name != "SIL"]
    write_textgrid(tmp_path / "hyp" / "a.TextGrid", {"phones": without_silence})
    assert compare_alignments(tmp_path / "16", tmp_path / "hyp", fold="timit39").notes[1:] == []


def test_files_of_the_same_name_in_two_folders_keep_their_folders(tmp_path):
    for side, moved in (("ref", 0.0), ("hyp", 0.02)):
        for speaker in ("ann", "bob"):
            labels = [Label(0.1 + moved, 0.3, "AH"), Label(0.3, 0.5, "S")]
            write_textgrid(tmp_path / side / speaker / "1.TextGrid", {"phones": labels})
    (tmp_path / "hyp" / "bob" / "1.TextGrid").unlink()
    found = compare_alignments(tmp_path / "ref", tmp_path / "hyp")
    assert found.files == 1
    assert found.notes == [f"not compared: 1 of {tmp_path / 'ref'}, the first bob/1"]
    assert found.agreement.utterances.tolist() == ["ann/1"] * 3
    np.testing.assert_allclose(found.agreement.differences, [0.02, 0, 0], atol=1e-9)


def test_a_lone_speaker_needs_no_name_and_words_no_classes(tmp_path):
    words = [Label(0.1, 0.3, "before"), Label(0.3, 0.5, "that")]
    write_textgrid(tmp_path / "ref" / "a.TextGrid", {"ann - words": words, "ann - phones": HYPOTHESIS})
    write_textgrid(tmp_path / "hyp" / "a.TextGrid", {"ORT": words, "MAU": HYPOTHESIS})
    found = compare_alignments(tmp_path / "ref", tmp_path / "hyp", tiers=["words", "ORT"])
    assert found.agreement.mean_absolute == 0
    assert [name for name, _ in found.parts()] == ["all", "starts", "ends before silence"]


def test_ids_with_escapes_are_names_with_blanks(tmp_path):
    write_labels(tmp_path / "a.ctm", {"ann/my%20file": HYPOTHESIS})
    write_textgrid(tmp_path / "ref" / "ann" / "my file.TextGrid", {"phones": HYPOTHESIS})
    assert compare_alignments(tmp_path / "ref", tmp_path / "a.ctm").agreement.matched == 1.0


def test_names_that_are_escaped_themselves_are_told_apart(tmp_path):
    """As `align` writes them: ids in CTM, and the names of files in TextGrids."""
    names = ["a b", "a%20b", "100% sure?"]
    for i, name in enumerate(names):
        write_textgrid(tmp_path / "ref" / "ann" / f"{name}.TextGrid", {"phones": HYPOTHESIS[i:]})
    write_labels(tmp_path / "a.ctm", {f"ann/{id_of_path(name)}": HYPOTHESIS[i:] for i, name in enumerate(names)})
    for one, other in (("ref", "a.ctm"), ("a.ctm", "ref"), ("ref", "ref")):
        found = compare_alignments(tmp_path / one, tmp_path / other)
        assert (found.files, found.notes, found.agreement.matched) == (3, [], 1.0)
    (tmp_path / "ref" / "ann" / "a b.TextGrid").unlink()
    found = compare_alignments(tmp_path / "ref", tmp_path / "a.ctm")
    assert (found.files, found.agreement.matched) == (2, 1.0)


def test_speakers_that_the_other_side_does_not_tell_apart(tmp_path):
    later = [label._replace(start=label.start + 1, end=label.end + 1) for label in HYPOTHESIS]
    tiers = {"ann - phones": HYPOTHESIS, "bob - phones": later}
    write_textgrid(tmp_path / "a.TextGrid", tiers)
    write_labels(tmp_path / "a.ctm", {"a": HYPOTHESIS + later})
    found = compare_alignments(tmp_path / "a.TextGrid", tmp_path / "a.ctm")
    assert (found.files, found.agreement.num_reference, found.agreement.matched, found.notes) == (1, 8, 1.0, [])


@pytest.mark.parametrize(("late", "told"), [(0.0, False), (0.0075, True), (0.0125, False), (-0.0075, False)])
def test_another_clock_is_told(tmp_path, late, told):
    rng = np.random.default_rng(0)
    edges = np.cumsum(rng.uniform(0.03, 0.2, 151))
    others = edges + late + rng.normal(scale=0.002, size=151)
    for side, times in (("ref", edges), ("hyp", others)):
        labels = [Label(start, end, "AH") for start, end in pairwise(times)]
        write_textgrid(tmp_path / side / "a.TextGrid", {"phones": labels})
    notes = compare_alignments(tmp_path / "ref", tmp_path / "hyp").notes
    assert [note.endswith("align --times start tells it too") for note in notes] == [True] * told


def test_two_files_need_not_be_called_alike(tmp_path):
    write_textgrid(tmp_path / "hand.TextGrid", {"phones": REFERENCE})
    write_textgrid(tmp_path / "auto.TextGrid", {"phones": HYPOTHESIS})
    found = compare_alignments(tmp_path / "hand.TextGrid", tmp_path / "auto.TextGrid", fold="timit39")
    assert (found.files, found.agreement.matched) == (1, 1.0)


def test_nothing_in_common(tmp_path):
    write_labels(tmp_path / "a.ctm", {"u": HYPOTHESIS})
    write_labels(tmp_path / "b.ctm", {"v": HYPOTHESIS})
    with pytest.raises(DataError, match=r"a\.ctm: found nothing of the other's 1 file, such as v, but u, expected"):
        compare_alignments(tmp_path / "a.ctm", tmp_path / "b.ctm")
