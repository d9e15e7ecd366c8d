import itertools

import pytest
from hypothesis import given, strategies as st
from praatio import textgrid

from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.labels.textgrid import read_textgrid, write_textgrid
from gmmspeech.phones.labels.labels import Label

# As Praat saves it: a gap, a name with quotes, a tier without labels, a point tier.
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 
xmax = 1.5 
tiers? <exists> 
size = 3 
item []: 
    item [1]:
        class = "IntervalTier" 
        name = "words" 
        xmin = 0 
        xmax = 1.5 
        intervals: size = 3 
        intervals [1]:
            xmin = 0 
            xmax = 0.25 
            text = "" 
        intervals [2]:
            xmin = 0.25 
            xmax = 1 
            text = "so-called ""été"" " 
        intervals [3]:
            xmin = 1 
            xmax = 1.5 
            text = "done" 
    item [2]:
        class = "IntervalTier" 
        name = "phones" 
        xmin = 0 
        xmax = 1.5 
        intervals: size = 1 
        intervals [1]:
            xmin = 0 
            xmax = 1.5 
            text = "" 
    item [3]:
        class = "TextTier" 
        name = "tones" 
        xmin = 0 
        xmax = 1.5 
        points: size = 1 
        points [1]:
            number = 0.75 
            mark = "H*" 
"""  # noqa: W291
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
3
"IntervalTier"
"words"
0
1.5
3
0
0.25
""
0.25
1
"so-called ""été"" "
1
1.5
"done"
"IntervalTier"
"phones"
0
1.5
1
0
1.5
""
"TextTier"
"tones"
0
1.5
1
0.75
"H*"
"""
TIERS = {
    "words": [Label(0.25, 1.0, 'so-called "été"'), Label(1.0, 1.5, "done")],
    "phones": [],
    "tones": [Label(0.75, 0.75, "H*")],
}

LINES = st.text(
    st.characters(exclude_characters="\0\ufeff\n\r\t\v\f", exclude_categories=["Cs"]), min_size=1, max_size=8
)


PLAIN = st.text(st.characters(exclude_categories=["Z", "C"], include_characters=" "), min_size=1, max_size=8)


@st.composite
def tracks(draw, texts=LINES):
    edges = sorted(draw(st.lists(st.integers(2, 1_000_000), min_size=2, max_size=10, unique=True)))
    pieces = [(start, stop) for start, stop in itertools.pairwise(edges) if draw(st.booleans())]
    names = texts.map(lambda text: text.strip(" ")).filter(bool)
    return [Label(start / 16000, stop / 16000, draw(names)) for start, stop in pieces]


def fails(match, function, path, *arguments, **options):
    with pytest.raises(DataError, match=match) as caught:
        function(path, *arguments, **options)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def read_by_praat(path):
    """Tiers as Praat itself reads them, labels without text left out."""
    parselmouth = pytest.importorskip("parselmouth")
    call = parselmouth.praat.call
    grid = parselmouth.read(str(path))
    tiers = {}
    for tier in range(1, call(grid, "Get number of tiers") + 1):
        if call(grid, "Is interval tier", tier):
            kind, count, times = "interval", "intervals", ("Get start time of interval", "Get end time of interval")
        else:
            kind, count, times = "point", "points", ("Get time of point", "Get time of point")
        tiers[call(grid, "Get tier name", tier)] = [
            Label(*(call(grid, time, tier, i) for time in times), call(grid, f"Get label of {kind}", tier, i))
            for i in range(1, call(grid, f"Get number of {count}", tier) + 1)
        ]
    return {name: [label for label in labels if label.name] for name, labels in tiers.items()}


@pytest.mark.parametrize("content", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le without mark"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_formats_and_encodings(tmp_path, content, encoding, line_end):
    path = tmp_path / "u.TextGrid"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes((mark + content).replace("\n", line_end).encode(encoding.split()[0]))
    assert read_textgrid(path) == TIERS


MINIMAL = """"ooTextFile"
"TextGrid"
0 1.5 ! time domain of TextGrid
<exists>
2 tiers
"IntervalTier" "phones" 0 1.5 ! "not this one" 7
2 intervals coming
0 5e-05 "a!" 5e-05 1.5 "item [3]:
""b"" xmin = 2"
"TextTier" "tones" 0 1.5 and 1 point time=2 time = 2.5e-1 mark = "H*"
"""


@pytest.mark.parametrize(
    ("content", "tiers"),
    [
        (
            LONG,
            {
                name: [label._replace(name=label.name + " " * (label.start == 0.25)) for label in labels]
                for name, labels in TIERS.items()
            },
        ),
        (
            MINIMAL,
            {
                "phones": [Label(0, 5e-05, "a!"), Label(5e-05, 1.5, 'item [3]:\n"b" xmin = 2')],
                "tones": [Label(0.25, 0.25, "H*")],
            },
        ),
        (MINIMAL.replace('"ooTextFile"', 'File type = "ooTextFile short"'), None),
        (MINIMAL.replace("5e-05 1.5", "5.0000000000000001e-05 1.5"), None),
        (MINIMAL.replace("5e-05 1.5", "4.99999999999e-05 1.5"), None),
        (MINIMAL.replace("0 1.5 !", "xmin = 0\nxmax = +1.5 !"), None),
        (MINIMAL.replace("<exists>", "tiers? <exists> ! <absent>"), None),
    ],
)
def test_what_stands_free_is_read_and_nothing_else_as_by_praat(tmp_path, content, tiers):
    path = tmp_path / "u.TextGrid"
    path.write_text(content, encoding="utf-8")
    of_praat = read_by_praat(path)
    assert tiers in (None, of_praat)
    assert read_textgrid(path) == {
        name: [label._replace(name=label.name.strip(" ")) for label in labels] for name, labels in of_praat.items()
    }


def test_a_textgrid_without_tiers(tmp_path):
    path = tmp_path / "u.TextGrid"
    path.write_text('File type = "ooTextFile"\nObject class = "TextGrid"\n\n0 1.5 <absent>\n')
    assert read_textgrid(path) == {}


@given(tracks(), tracks())
def test_praat_reads_what_is_written(tmp_path_factory, words, phones):
    path = tmp_path_factory.mktemp("labels") / "u.TextGrid"
    several_lines = [label._replace(name=f"{label.name}\n{label.name}") for label in phones]
    tiers = {'my "words"': words, "phones": several_lines}
    write_textgrid(path, tiers, duration=100.0)
    assert read_by_praat(path) == read_textgrid(path)
    for name, labels in tiers.items():
        assert [label.name for label in read_textgrid(path)[name]] == [label.name for label in labels]


def test_a_text_that_never_ends_is_refused_at_once(tmp_path):
    path = tmp_path / "u.TextGrid"
    for tail in ('"' * 10**6 + "x", '"' + "a" * 10**6, "<" * 10**6, "1" * 10**6, "[" * 10**6):
        path.write_text(LONG.replace('"phones"', tail))
        fails("expected", read_textgrid, path)


@given(tracks(PLAIN), tracks(PLAIN), st.floats(0, 2))  # praatio strips blanks that are not ASCII
def test_tiers_come_back_as_written_and_praatio_reads_the_same(tmp_path_factory, words, phones, silence):
    path = tmp_path_factory.mktemp("labels") / "u.TextGrid"
    end = max([label.end for label in words + phones], default=0.01) + silence
    write_textgrid(path, {"words": words, "my phones": phones}, duration=end)
    found = read_textgrid(path)
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    assert list(found) == list(grid.tierNames) == ["words", "my phones"]
    assert abs(grid.maxTimestamp - end) < 1e-6
    for name, labels in (("words", words), ("my phones", phones)):
        rounded = [Label(round(label.start, 6), round(label.end, 6), label.name) for label in labels]
        assert found[name] == rounded
        entries = grid.getTier(name).entries
        assert [tuple(entry) for entry in entries if entry.label] == rounded
        assert (entries[0].start, entries[-1].end) == (0, grid.maxTimestamp)  # as Praat wants it: without gaps
        assert all(a.end == b.start for a, b in itertools.pairwise(entries))


def test_what_praat_saved_comes_back(tmp_path):
    path = tmp_path / "u.TextGrid"
    write_textgrid(path, TIERS, duration=1.5)
    assert read_textgrid(path) == TIERS
    assert path.read_text(encoding="utf-8").replace(' "', '"') == LONG.replace('é"" "', 'é"""').replace(' "', '"')


def test_times_are_written_to_microseconds_without_exponents(tmp_path):
    path = tmp_path / "u.TextGrid"
    write_textgrid(path, {"phones": [Label(0.00005, 0.5, "A"), Label(0.4995, 1.0040000001, "B")]}, duration=1.0)
    assert read_textgrid(path) == {"phones": [Label(0.00005, 0.4995, "A"), Label(0.4995, 1.004, "B")]}
    assert "xmin = 0.00005 \n" in path.read_text()


def test_two_tiers_of_one_name(tmp_path):
    path = tmp_path / "u.TextGrid"
    path.write_text(SHORT.replace('"phones"', '"words"'), encoding="utf-8")
    assert list(read_textgrid(path)) == ["words", "words_2", "tones"]


@pytest.mark.parametrize("content", [LONG, SHORT], ids=["long", "short"])
def test_a_file_that_is_cut_off_is_never_taken_for_whole(tmp_path, content):
    path = tmp_path / "u.TextGrid"
    lines = content.splitlines(keepends=True)
    for kept in range(len(lines)):
        path.write_text("".join(lines[:kept]), encoding="utf-8")
        fails("expected", read_textgrid, path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("xmin = 0.25", "xmin = 0.2x"), "can't be parsed .*, expected a Praat TextGrid"),
        (("xmin = 0.25", "xmin = 0.2"), "can't be parsed .*overlap"),
        (("xmax = 0.25", "xmax = 0"), "can't be parsed .*start time"),
        (("xmin = 0 \nxmax", "xmin = -1 \nxmax"), "found times below 0"),
        (
            ("intervals: size = 3", "intervals: size = 4"),
            "found 3 labels in tier 1, expected 4 as the head of the tier",
        ),
        (("size = 3 \nitem", "size = 4 \nitem"), "found 3 tiers, expected 4 as its head says"),
        (('"TextGrid"', '"PitchTier"'), ":1: found .*, expected a Praat TextGrid, saved as text"),
        (("xmin = 0.25", "xmin = 1_0"), "TextGrid:20: can't be parsed .found 1_0 , expected a start"),
        (("xmin = 0.25", "xmin = inf"), "TextGrid:22: can't be parsed .found .so-called"),
        (("xmin = 0.25", "xmin = ١"), "expected"),
        (("xmin = 0.25", "xmin = 1e999"), "TextGrid:20: can't be parsed .found 1e999"),
        (("size = 3 \nitem", "size = 1e9 \nitem"), "found 3 tiers, expected 1000000000 as its head says"),
        (("size = 3 \nitem", "size = 2 \nitem"), "expected the end of the file after 2 tiers"),
        (
            ("size = 3 \nitem", "size = 2.5 \nitem"),
            "TextGrid:7: can't be parsed .found 2.5 , expected the number of tiers",
        ),
        (("intervals: size = 3", "intervals: size = 2"), "TextGrid:24: can't be parsed"),
        (('"so-called', '"so-called"'), "TextGrid:22: can't be parsed"),
        (("ooTextFile", "ooBinaryFile"), ":1: found .*, expected a Praat TextGrid, saved as text"),
    ],
)
def test_malformed_textgrids(tmp_path, change, match):
    path = tmp_path / "u.TextGrid"
    assert change[0] in LONG
    path.write_text(LONG.replace(*change, 1), encoding="utf-8")
    fails(match, read_textgrid, path)


@pytest.mark.parametrize("content", [b"", b"1", b"[]", b"{}", b"\xff\xfe", b'ooTextFile "TextGrid"', b"\0" * 200])
def test_what_is_no_textgrid(tmp_path, content):
    (tmp_path / "u.TextGrid").write_bytes(content)
    fails("expected", read_textgrid, tmp_path / "u.TextGrid")


def test_latin_1_and_missing_files(tmp_path):
    path = tmp_path / "u.TextGrid"
    fails("can't be read", read_textgrid, path)
    path.write_bytes(LONG.encode("latin-1"))
    fails(r":22: found byte 0xe9, expected UTF-8 text \(iconv converts", read_textgrid, path)


def test_other_formats_of_praat_are_told_how_to_save(tmp_path):
    parselmouth = pytest.importorskip("parselmouth")
    path = tmp_path / "u.TextGrid"
    path.write_text(LONG, encoding="utf-8")
    grid = parselmouth.read(str(path))
    for command in ("Save as binary file", "Save as chronological text file"):
        parselmouth.praat.call(grid, command, str(path))
        fails('expected a Praat TextGrid, saved as text \\("Save as text file..." in Praat', read_textgrid, path)
    parselmouth.praat.call(grid, "Save as short text file", str(path))
    assert read_textgrid(path)


@pytest.mark.parametrize(
    ("tiers", "options", "match"),
    [
        ({"a": [Label(0, 1, "A"), Label(0.5, 2, "B")]}, {}, "tier a: found B .* overlap"),
        ({"a": [Label(0, 1, "A")]}, {"duration": 0.9}, "tier a: found A .*, expected an end within the audio"),
        ({"a": [Label(0, 1, " A")]}, {}, "can't hold the name ' A'"),
        ({"": [Label(0, 1, "A")]}, {}, "can't hold the name ''"),
        ({"a": [Label(0, 1, "A"), Label(1, 1, "B")]}, {}, "can't hold the labels"),
        ({"a": []}, {}, "nothing to write"),
        ({}, {"duration": 1.0}, "nothing to write"),
    ],
)
def test_what_is_not_written(tmp_path, tiers, options, match):
    fails(match, write_textgrid, tmp_path / "u.TextGrid", tiers, **options)
    assert list(tmp_path.iterdir()) == []


def test_words_of_a_corpus_and_there_and_back(corpus, tmp_path):
    folder = corpus("librispeech-mini")
    words = read_ctm(folder / "data/test-other/words.ctm")
    durations = read_map(folder / "data/test-other/utt2dur")
    for path in sorted((folder / "textgrid").glob("*.TextGrid"))[:20]:
        tiers = read_textgrid(path)
        assert list(tiers) == ["words", "phones"]
        expected = [label._replace(name=label.name.lower()) for label in words[path.stem]]
        assert tiers["words"] == expected
        write_textgrid(tmp_path / "u.TextGrid", tiers, duration=float(durations[path.stem]))
        assert read_textgrid(tmp_path / "u.TextGrid") == tiers
