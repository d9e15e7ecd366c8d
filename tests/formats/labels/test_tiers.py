"""Labels of files and speakers out of everything that holds them."""

import csv
import json

import pytest

from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.formats.labels.labels import read_labels, write_labels
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.formats.labels.tiers import Voice, read_tiers
from gmmspeech.phones.labels.labels import Label

PHONES = [Label(0.0, 0.2, "SIL"), Label(0.2, 0.3, "AH"), Label(0.3, 0.5, "S")]
WORDS = [Label(0.2, 0.5, "us")]
HEADER = "file,speaker,begin,end,label,tier,log-likelihood,goodness,deviation\n"


def test_tiers_of_speakers(tmp_path):
    tiers = {"ann - words": WORDS, "ann - phones": PHONES, "bob - words": [], "bob - phones": PHONES[1:]}
    write_textgrid(tmp_path / "sub" / "a.TextGrid", tiers)
    write_textgrid(tmp_path / "b.TextGrid", {"words": WORDS, "phones": PHONES})
    found = {Voice("sub/a", "ann"): PHONES, Voice("sub/a", "bob"): PHONES[1:], Voice("b"): PHONES}
    assert read_tiers(tmp_path) == found
    assert read_tiers(tmp_path, "phones") == found
    assert read_tiers(tmp_path, "words")[Voice("sub/a", "ann")] == WORDS
    assert read_tiers(tmp_path / "sub" / "a.TextGrid", "ann - phones") == {Voice("a"): PHONES}
    with pytest.raises(DataError, match=r"b\.TextGrid: found tiers words, phones, expected one called MAU$"):
        read_tiers(tmp_path, "MAU")


def test_one_tier_needs_no_name(tmp_path):
    write_textgrid(tmp_path / "a.TextGrid", {"MAU": PHONES})
    assert read_tiers(tmp_path) == {Voice("a"): PHONES}
    write_textgrid(tmp_path / "a.TextGrid", {"MAU": PHONES, "ORT": WORDS})
    with pytest.raises(DataError, match=r"expected one called phones, or another by tier=NAME"):
        read_tiers(tmp_path)


def test_the_only_tier_is_not_meant_where_others_have_phones(tmp_path):
    write_textgrid(tmp_path / "a.TextGrid", {"words": WORDS})
    assert read_tiers(tmp_path) == {Voice("a"): WORDS}
    for tiers in ({"phones": PHONES}, {"ann - phones": PHONES, "ann - words": WORDS}):
        write_textgrid(tmp_path / "b.TextGrid", tiers)
        with pytest.raises(DataError, match=r"a\.TextGrid: found tiers words, expected one called phones"):
            read_tiers(tmp_path)
        with pytest.warns(GmmSpeechWarning, match=r"left out 1 file of labels; the first: .*a\.TextGrid: found tiers"):
            (found,) = read_tiers(tmp_path, skip_bad=True).values()
        assert found == PHONES


@pytest.mark.parametrize("name", ["a.phn", "a.phones", "phones.ctm"])
def test_phones_are_never_taken_for_words(tmp_path, name):
    write_labels(tmp_path / name, {"a": PHONES})
    assert read_tiers(tmp_path, "phones") == read_tiers(tmp_path / name) == {Voice("a"): PHONES}
    for place in (tmp_path, tmp_path / name):
        with pytest.raises(DataError, match=rf"{name}: found labels of phones, expected those of words$"):
            read_tiers(place, "words")


def test_bad_files_are_left_out_if_asked_for(tmp_path):
    write_textgrid(tmp_path / "a.TextGrid", {"phones": PHONES})
    whole = (tmp_path / "a.TextGrid").read_bytes()
    (tmp_path / "b.TextGrid").write_bytes(whole[:-200])
    with pytest.raises(DataError, match="is it cut off"):
        read_tiers(tmp_path)
    with pytest.warns(GmmSpeechWarning, match=r"left out 1 file of labels; the first: .*b\.TextGrid"):
        assert read_tiers(tmp_path, skip_bad=True) == {Voice("a"): PHONES}
    (tmp_path / "a.TextGrid").write_bytes(whole[:-200])
    with pytest.raises(DataError, match="all 2 files are bad; the first"):
        read_tiers(tmp_path, skip_bad=True)


def test_phones_beside_words_in_two_corpora(tmp_path):
    """TIMIT has transcripts too, which are no labels of Audacity's."""
    for folder, (phones, words) in {"timit": ("phn", "wrd"), "buckeye": ("phones", "words")}.items():
        for speaker in ("fa", "mb"):
            write_labels(tmp_path / folder / speaker / f"sa1.{phones}", {"u": PHONES}, format=phones)
            write_labels(tmp_path / folder / speaker / f"sa1.{words}", {"u": WORDS}, format=words)
            (tmp_path / folder / speaker / "sa1.txt").write_text("0 46797 She had your dark suit.\n")
        assert read_tiers(tmp_path / folder) == {Voice("fa/sa1"): PHONES, Voice("mb/sa1"): PHONES}
        assert read_tiers(tmp_path / folder, "words") == {Voice("fa/sa1"): WORDS, Voice("mb/sa1"): WORDS}


def test_tables_of_align(tmp_path):
    rows = "".join(f"x/a,ann,{b},{e},{name},phones,-50.1,,\n" for b, e, name in PHONES)
    more = "".join(f"x/b,{speaker},{b},{e},{name},phones,,,0.01\n" for speaker in "st" for b, e, name in PHONES)
    table = tmp_path / "alignment.csv"
    table.write_text(HEADER + rows + "x/a,ann,0.2,0.5,us,words,,,\n" + more)
    expected = {Voice("x/a"): PHONES, Voice("x/b", "s"): PHONES, Voice("x/b", "t"): PHONES}
    assert read_tiers(table) == read_tiers(tmp_path) == expected
    assert read_tiers(table, "words") == {Voice("x/a"): WORDS}
    write_textgrid(tmp_path / "x" / "a.TextGrid", {"phones": PHONES[:2]})
    assert read_tiers(tmp_path) == {Voice("x/a"): PHONES[:2]}  # what may be mended by hand goes before the table

    entries = [{"begin": b, "end": e, "label": name} for b, e, name in PHONES]
    content = {"files": [{"file": "a", "utterances": [{"speaker": "ann", "phones": entries}]}]}
    (tmp_path / "alignment.json").write_text(json.dumps(content))
    assert read_tiers(tmp_path / "alignment.json") == {Voice("a"): PHONES}


@pytest.mark.parametrize(
    ("delimiter", "comma", "encoding"), [(";", ",", "utf-8-sig"), ("\t", ".", "utf-16"), ("\t", ",", "utf-8")]
)
def test_a_table_of_align_that_a_spreadsheet_saved(tmp_path, delimiter, comma, encoding):
    rows = [
        *HEADER.strip().split(","),
        "a",
        "ann, dr",
        "0",
        "0.5",
        ",",
        "phones",
        "-5.1",
        "",
        "",
        "a",
        "ann, dr",
        "0.5",
        "1.25",
    ]
    rows += ["AA", "phones", "", "", ""]
    cells = [cell if i < 9 or not cell[:1].isdigit() else cell.replace(".", comma) for i, cell in enumerate(rows)]
    lines = [delimiter.join(cells[i : i + 9]) for i in range(0, len(cells), 9)]
    (tmp_path / "corrected.csv").write_bytes("\r\n".join(lines).encode(encoding))
    expected = {Voice("a"): [Label(0.0, 0.5, ","), Label(0.5, 1.25, "AA")]}
    assert read_tiers(tmp_path / "corrected.csv") == expected


def write_as_mfa(path, voices):
    """Write tiers of speakers, a file a recording, as MFA 3 does with --output_format csv or json."""
    path.parent.mkdir(exist_ok=True)
    rows = [(who, kind, label) for who, tiers in voices.items() for kind, own in tiers.items() for label in own]
    if path.suffix == ".csv":
        with open(path, "w", newline="") as file:
            table = csv.DictWriter(file, ["Begin", "End", "Label", "Type", "Speaker"])
            table.writeheader()
            for who, kind, (begin, end, name) in rows:
                table.writerow({"Begin": begin, "End": end, "Label": name, "Type": kind, "Speaker": who})
        return
    tiers = {}
    for who, kind, label in rows:
        name = f"{who} - {kind}" if len(voices) > 1 else kind
        tiers.setdefault(name, {"type": "interval", "entries": []})["entries"].append(list(label))
    path.write_text(json.dumps({"start": 0, "end": 0.5, "tiers": tiers}, indent=4))


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_tables_of_mfa(tmp_path, suffix):
    both = {"phones": PHONES, "words": WORDS}
    write_as_mfa(tmp_path / "ann" / f"a{suffix}", {"ann": both})
    write_as_mfa(tmp_path / f"b{suffix}", {"ann": both, "bob": {"phones": PHONES[1:]}})
    (tmp_path / "alignment_analysis.csv").write_text("file,begin,end,speaker,overall_log_likelihood\na,0,0.5,ann,-5\n")
    (tmp_path / "notes.json").write_text("{}")
    expected = {Voice("ann/a"): PHONES, Voice("b", "ann"): PHONES, Voice("b", "bob"): PHONES[1:]}
    assert read_tiers(tmp_path) == expected
    assert read_tiers(tmp_path / f"b{suffix}", "words") == {Voice("b", "ann"): WORDS}
    with pytest.raises(DataError, match=rf"a{suffix}: found tiers phones, words, expected one called sentences"):
        read_tiers(tmp_path / "ann", "sentences")
    write_textgrid(tmp_path / "c.TextGrid", {"phones": PHONES})
    assert read_tiers(tmp_path) == {Voice("c"): PHONES}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Begin,End,Label,Type,Speaker\n0,x,AA,phones,ann\n"),
        ("a.json", '{"tiers": {"phones": {"entries": [[0, "x", "AA"]]}}}'),
        ("a.json", '{"tiers": {"phones": {"entries": [[0, 1]]}}}'),
        ("a.json", '{"tiers": {"phones": {"entries": [[0, 1, 2]]}}}'),
        ("a.json", '{"tiers": [3]}'),
        ("a.json", '{"tiers": '),
    ],
)
def test_damaged_tables_of_mfa(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=rf"{name}.*: found .*, expected "):
        read_tiers(tmp_path)


def test_a_list_of_unknown_words_is_no_label_file(tmp_path):
    (tmp_path / "unknown_words.txt").write_text("xyzzy 1 u1\n")
    (tmp_path / "alignment.csv").write_text(HEADER + "a,ann,0,0.5,AA,phones,,,\n")
    (tmp_path / "alignment.json").write_text('{"files": []}')
    assert read_tiers(tmp_path) == {}
    (tmp_path / "alignment.json").unlink()
    assert read_tiers(tmp_path) == {Voice("a"): [Label(0.0, 0.5, "AA")]}
    write_textgrid(tmp_path / "a.TextGrid", {"phones": PHONES})
    assert read_labels(tmp_path) == {"a": PHONES}


def test_ctm_of_phones_and_words(tmp_path):
    write_labels(tmp_path / "phones.ctm", {"u": PHONES, "v": PHONES})
    write_labels(tmp_path / "words.ctm", {"u": WORDS})
    assert read_tiers(tmp_path) == {Voice("u"): PHONES, Voice("v"): PHONES}
    assert read_tiers(tmp_path, "words") == {Voice("u"): WORDS}


def test_what_is_refused(tmp_path):
    with pytest.raises(DataError, match="found label files of none"):
        read_tiers(tmp_path)
    write_textgrid(tmp_path / "a.TextGrid", {"phones": PHONES})
    write_labels(tmp_path / "a.lab", {"a": PHONES})
    with pytest.raises(DataError, match=r"found label files of \.textgrid and \.lab, expected"):
        read_tiers(tmp_path)
    for text, message in {
        "a,b\n1,2\n": "alignment.csv:1: found a, b, expected columns of a table of align: file, speaker",
        HEADER + "a,ann,x,0.5,us,phones,,,\n": "alignment.csv:2: found x 0.5, expected begin and end",
        HEADER + "a,ann,0.1\n": "",
    }.items():
        (tmp_path / "alignment.csv").write_text(text)
        if message:
            with pytest.raises(DataError, match=message):
                read_tiers(tmp_path / "alignment.csv")
        else:
            assert read_tiers(tmp_path / "alignment.csv") == {}
    wrong = (
        '{"files": [{"file": 1, "utterances": [{"speaker": [], "phones": [{"begin": 0, "end": 1, "label": 3}]}]}]}',
    )
    for text in (
        *wrong,
        "{",
        "[]",
        "null",
        '{"files": [{"file": "a", "utterances": [3]}]}',
        '{"files": [{"file": "a", "utterances": [{"speaker": "b", "phones": [{}]}]}]}',
    ):
        (tmp_path / "alignment.json").write_text(text)
        with pytest.raises(DataError, match=r"alignment\.json: found other content"):
            read_tiers(tmp_path / "alignment.json")
