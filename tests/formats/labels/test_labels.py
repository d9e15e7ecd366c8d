import itertools

import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.files.text import BLANKS, normal_form
from gmmspeech.formats.labels.htk import read_lab, read_mlf, write_lab, write_mlf
from gmmspeech.formats.labels.labels import FORMATS, read_labels, write_labels
from gmmspeech.formats.labels.lines import read_audacity, read_ctm, read_timit, write_audacity, write_ctm, write_timit
from gmmspeech.formats.labels.textgrid import read_textgrid, write_textgrid
from gmmspeech.phones.labels.labels import Label

LABELS = [Label(0.0, 0.5, "SIL"), Label(0.5, 0.58, "DH"), Label(0.7, 0.7625, "é")]

# every character that does not end a field or a file
ANY = st.characters(exclude_characters=BLANKS + "\0\ufeff", exclude_categories=["Cs"])
FIELDS = st.text(ANY, min_size=1, max_size=4).filter(lambda text: text[:2] != ";;")


@st.composite
def tracks(draw):
    """Labels in order with times in samples at 16 kHz, some touching."""
    edges = sorted(draw(st.lists(st.integers(0, 1_000_000), min_size=2, max_size=12)))
    pieces = [(start, stop) for start, stop in itertools.pairwise(edges) if draw(st.booleans())]
    return [Label(start / 16000, stop / 16000, draw(FIELDS)) for start, stop in pieces]


def fails(match, function, *arguments, **options):
    with pytest.raises(DataError, match=match) as caught:
        function(*arguments, **options)
    assert str(caught.value).startswith(str(arguments[0]))
    assert "\n" not in str(caught.value)


def near(found, expected, tolerance=1e-6):
    assert [label.name for label in found] == [label.name for label in expected]
    for a, b in zip(found, expected, strict=True):
        assert abs(a.start - b.start) <= tolerance
        assert abs(a.end - b.end) <= tolerance
    for (a, b), (c, d) in zip(itertools.pairwise(found), itertools.pairwise(expected), strict=True):
        assert (a.end == b.start) == (c.end == d.start)  # what touches still does, to the bit


@given(tracks())
def test_labels_come_back_as_written(tmp_path_factory, labels):
    if not labels:
        return
    folder = tmp_path_factory.mktemp("labels")
    write_ctm(folder / "x", {"u": labels})
    near(read_ctm(folder / "x")["u"], labels)
    write_lab(folder / "x", labels)
    near(read_lab(folder / "x"), labels, 1e-7)
    write_mlf(folder / "x", {"u": labels, "empty": []})
    found = read_mlf(folder / "x")
    assert list(found) == ["empty", "u"]
    assert found["empty"] == []
    near(found["u"], labels, 1e-7)
    write_timit(folder / "x", labels)
    assert read_timit(folder / "x") == labels
    write_audacity(folder / "x", labels)
    near(read_audacity(folder / "x"), labels)


IDS = st.lists(FIELDS.filter(lambda name: "/" not in name), min_size=1, max_size=4, unique_by=normal_form)


@given(IDS, st.data())
def test_utterances_come_back_as_written(tmp_path_factory, ids, data):
    labels = {name: data.draw(tracks().filter(bool)) for name in ids}
    folder = tmp_path_factory.mktemp("labels")
    write_ctm(folder / "x", labels)
    write_mlf(folder / "y", labels)
    for found in (read_ctm(folder / "x"), read_mlf(folder / "y")):
        assert list(found) == sorted(labels)
        for utterance, expected in labels.items():
            near(found[utterance], expected)


def test_the_bytes_that_are_written(tmp_path):
    labels = LABELS[:2]
    for name, expected in {
        "a.ctm": "u 1 0.000000 0.500000 SIL\nu 1 0.500000 0.080000 DH\n",
        "a.lab": "0 5000000 SIL\n5000000 5800000 DH\n",
        "a.mlf": '#!MLF!#\n"*/u.lab"\n0 5000000 SIL\n5000000 5800000 DH\n.\n',
        "a.phn": "0 8000 SIL\n8000 9280 DH\n",
        "a.wrd": "0 8000 SIL\n8000 9280 DH\n",
        "a.txt": "0.000000\t0.500000\tSIL\n0.500000\t0.580000\tDH\n",
    }.items():
        write_labels(tmp_path / name, {"u": labels})
        assert (tmp_path / name).read_text() == expected
    write_labels(tmp_path / "b.phn", {"u": labels}, rate=8000)
    assert (tmp_path / "b.phn").read_text() == "0 4000 SIL\n4000 4640 DH\n"


def test_what_other_programs_write(tmp_path):
    path = tmp_path / "x"
    path.write_text(";; sclite\nu1 A 0.10 0.20 one 0.98\nu2 1 0 0.5 two NA\nu1 A 0.30 0.20 three\n")
    assert read_ctm(path) == {"u1": [Label(0.1, 0.3, "one"), Label(0.3, 0.5, "three")], "u2": [Label(0, 0.5, "two")]}
    path.write_text("0 3100000 sil -2345.6 SENT-START\r\n3100000 4200000 dh -700.1 the -950.0\r\n")
    assert read_lab(path) == [Label(0.0, 0.31, "sil"), Label(0.31, 0.42, "dh")]
    path.write_text('#!MLF!#\n"/data/a/u 1.rec"\n0 3100000 sil -2345.6\n.\n"*/u.2.lab"\n.\n')
    assert read_mlf(path) == {"u 1": [Label(0.0, 0.31, "sil")], "u.2": []}
    path.write_text("0 9640 h#\n9640 11240 sh\n")
    assert read_timit(path) == [Label(0.0, 0.6025, "h#"), Label(0.6025, 0.7025, "sh")]
    path.write_text("0.000000\t0.500000\ta long vowel \r\n\\\t100.0\t3000.0\n0.500000\t0.500000\tburst\n", newline="")
    assert read_audacity(path) == [Label(0.0, 0.5, "a long vowel"), Label(0.5, 0.5, "burst")]


def test_a_blank_that_is_not_ascii_is_part_of_a_name(tmp_path):
    path = tmp_path / "x"
    path.write_text("u1 1 0.00 0.50 10\u00a0000\nu1 1 0.50 0.25 euros\u2028\x85\x1c\r\n", newline="")
    labels = {"u1": [Label(0.0, 0.5, "10\u00a0000"), Label(0.5, 0.75, "euros\u2028\x85\x1c")]}
    assert read_ctm(path) == labels
    write_ctm(path, labels)
    assert read_ctm(path) == labels


@pytest.mark.parametrize(
    ("reader", "content", "match"),
    [
        (read_ctm, "u 1 0 0.5 New York\n", ":1: found York, expected a confidence from 0 to 1 behind the name"),
        (read_ctm, "u 1 0 0.5 10 500\n", ":1: found 500, expected a confidence from 0 to 1 behind the name"),
        (read_ctm, "u 1 0 1_0 A\n", ":1: found 0 1_0, expected start and duration in seconds"),
        (read_ctm, "u 1 0 ١ A\n", ":1: found 0 ١, expected start and duration in seconds"),
        (read_ctm, "u 1 0 inf A\n", ":1: found 0 inf, expected start and duration in seconds"),
        (read_ctm, "u 1 0 1e300 A\n", ":1: found 0 1e300, expected start and duration in seconds"),
        (read_ctm, "u 1 0 0x10 A\n", ":1: found 0 0x10, expected start and duration in seconds"),
        (read_ctm, "u 1 0 1 A\ru 1 1 1 B\r", ":1: found a line that ends in a carriage return alone"),
        (read_ctm, "u 1 0 1 A\n\0u 1 1 1 B\n", ":2: found a null byte"),
        (read_ctm, "é 1 0 1 A\ne\u0301 1 0 1 B\n", "found e\u0301 twice, in two Unicode normalization forms"),
        (read_lab, "0 1_0 A\n", ":1: found 0 1_0, expected .* in steps of 100 ns"),
        (read_lab, "0 ١ A\n", ":1: found 0 ١, expected .* in steps of 100 ns"),
        (read_lab, '0 100 "A\n', ':1: found "A, expected a name with its quotes and escapes whole'),
        (read_lab, "0 100 \\351t\n", r":1: found \\351t, expected escapes that are UTF-8 text"),
        (read_lab, '0 100 ""\n', ":1: found '', expected a name that is not empty"),
        (read_lab, "0 100 A\r100 200 B\r", ":1: found a line that ends in a carriage return alone"),
        (read_timit, "0 1_000 A\n", ":1: found 0 1_000, expected start and end in samples"),
        (read_audacity, "0\tinf\tA\n", ":1: found 0 inf, expected start and end in seconds"),
        (read_audacity, "0\t" + "9" * 10**5 + "\tA\n", r":1: found 0 999.*\.\.\..*9, expected start and end"),
        (read_mlf, '#!MLF!#\n"*/u.lab\n.\n', ':2: found "\\*/u.lab, expected a name with its quotes'),
        (read_ctm, "u 1 0.0 0.5 A\nu 1 0.5 B\n", ":2: found 4 fields, expected 5 or 6"),
        (read_ctm, "u 1 0.0 0.5 A\nu 1 0.5 x B\n", ":2: found 0.5 x, expected start and duration in seconds"),
        (read_ctm, "u 1 nan 0.5 A\n", ":1: found nan 0.5, expected start and duration"),
        (read_ctm, "u 1 0 0.5 A\nu 2 0.5 0.1 B\n", ":2: found channel 2 of u, expected 1 as before"),
        (read_ctm, "u 1 0 0.5 A\n\nu 2 0.5 0.1 B\n", ":2: found an empty line"),
        (read_ctm, "", "found 0 bytes"),
        (read_lab, "0 100 A\nB\n", r":2: found B without start and end, .* \(labels without times are not read\)"),
        (read_lab, "0 100 A\n100 B\n", ":2: found 100 B, expected start end name"),
        (read_lab, "0.0 0.51 A\n", r":1: found 0.0 0.51, expected .* in steps of 100 ns \(whole numbers\)"),
        (read_timit, "0 100 A\n100 200\n", r":2: found 2 fields, expected 3 \(start end name\)"),
        (read_timit, "0 1.5 A\n", ":1: found 0 1.5, expected start and end in samples"),
        (read_audacity, "0\t1\tA\n1\t2\t\n", ":2: found '1 2', expected start, end and a name"),
        (read_audacity, "0,5\t1,5\tA\n", ":1: found 0,5 1,5, expected start and end in seconds"),
        (read_mlf, '"*/u.lab"\n.\n', r":1: found .*, expected #!MLF!#"),
        (read_mlf, "#!MLF!#\n0 100 A\n.\n", ":2: found '0 100 A', expected the name of a label file in quotes"),
        (read_mlf, '#!MLF!#\n"*/u.lab"\nA\n.\n', ":3: found A without start and end"),
        (read_mlf, '#!MLF!#\n"*/u.lab"\n0 100 A\n', "found the end of the file in u, expected a line with a dot"),
        (read_mlf, '#!MLF!#\n"*/u.lab"\n.\n"a/u.rec"\n.\n', ":4: found u again, expected each name once"),
    ],
)
def test_malformed_files(tmp_path, reader, content, match):
    (tmp_path / "x").write_text(content)
    fails(match, reader, tmp_path / "x")
    fails("can't be read", reader, tmp_path / "none")


def test_labels_out_of_order_are_read_but_not_written(tmp_path):
    (tmp_path / "x").write_text("u 1 0.5 0.5 A\nu 1 0.0 -0.2 B\n")
    labels = read_ctm(tmp_path / "x")["u"]
    assert labels == [Label(0.5, 1.0, "A"), Label(0.0, -0.2, "B")]
    for writer in (write_lab, write_timit, write_audacity):
        fails(r"found B \(0 to -0.2 s\), expected", writer, tmp_path / "y", labels)
    for writer in (write_ctm, write_mlf):
        fails(r": u: found B \(0 to -0.2 s\), expected", writer, tmp_path / "y", {"u": labels})
    assert not (tmp_path / "y").exists()


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    path = tmp_path / "y"
    for name in ("a b", "", "a\n", "\0", "\ufeffa", "\udcff"):
        fails("can't hold the name", write_timit, path, [Label(0, 1, name)])
        fails("can't hold the name", write_ctm, path, {"u": [Label(0, 1, name)]})
        fails("can't hold the name", write_ctm, path, {name: [Label(0, 1, "A")]})
    for name in ("", "\0", "\udcff"):
        fails("can't hold the name", write_lab, path, [Label(0, 1, name)])
        fails("can't hold the name", write_mlf, path, {"u": [Label(0, 1, name)]})
        fails("can't hold the name", write_mlf, path, {name: [Label(0, 1, "A")]})
    for name in (" a", "", "a\nb"):
        fails("can't hold the name", write_audacity, path, [Label(0, 1, name)])
    fails("can't hold the id", write_mlf, path, {"a/b": [Label(0, 1, "A")]})
    fails("found 2 utterances, expected one, or a folder", write_labels, tmp_path / "y.lab", {"u": [], "v": []})
    fails("nothing to write", write_labels, tmp_path / "y.ctm", {})
    assert list(tmp_path.iterdir()) == []


def test_ids_that_are_no_names_of_files_come_back(tmp_path):
    ids = ["/abs/x", "../../x", "a/b", "a%2Fb", ".", "..", "", ".a"]
    for format in ("lab", "textgrid", "audacity"):
        folder = tmp_path / format / "labels"
        write_labels(folder, {id: [Label(0, 1, f"A{i}")] for i, id in enumerate(ids)}, format=format)
        assert len(list(folder.iterdir())) == len(ids)
        assert {id: labels[0].name for id, labels in read_labels(folder).items()} == {
            id: f"A{i}" for i, id in enumerate(ids)
        }
    assert {path.parent.parent for path in tmp_path.rglob("*") if path.is_file()} == {
        tmp_path / format for format in ("lab", "textgrid", "audacity")
    }


@pytest.mark.parametrize("format", list(FORMATS))
def test_a_corpus_in_every_format(tmp_path, format):
    labels = {"ann-1": LABELS, "bob-1": LABELS[:2]}
    write_labels(tmp_path / "out", labels, format=format)
    assert read_labels(tmp_path / "out", format=format) == labels
    if format in ("ctm", "mlf"):
        assert (tmp_path / "out").is_file()
    else:
        files = sorted((tmp_path / "out").iterdir())
        (tmp_path / "out" / f".bob-1.01234567{files[1].suffix}").touch()  # of a run that was killed
        write_labels(tmp_path / "out", labels, format=format)
        assert sorted((tmp_path / "out").iterdir()) == files
        assert [file.stem for file in files] == ["ann-1", "bob-1"]
        assert read_labels(tmp_path / "out") == labels  # the only format there is
        assert read_labels(files[0]) == {"ann-1": LABELS}  # by its suffix
        write_labels(tmp_path / f"one{files[0].suffix}", {"ann-1": LABELS})
        assert read_labels(tmp_path / f"one{files[0].suffix}") == {"one": LABELS}


def test_folders_in_folders_as_of_timit(tmp_path):
    for speaker, sentence in (("FCJF0", "SA1"), ("MDAB0", "SX9")):
        (tmp_path / speaker).mkdir()
        (tmp_path / speaker / f"{sentence}.PHN").write_text("0 160 h#\n160 320 sh\n")
        (tmp_path / speaker / f"{sentence}.WRD").write_text("160 320 she\n")
    assert read_labels(tmp_path, format="wrd", rate=8000) == {
        name: [Label(0.02, 0.04, "she")] for name in ("SA1", "SX9")
    }
    fails(r"found label files of .phn and .wrd, expected one of .* \(or choose by format\)", read_labels, tmp_path)
    fails(r"found label files of .phn and .wrd, expected one of .lab", read_labels, tmp_path, format="lab")
    (tmp_path / "MDAB0/SA1.PHN").write_text("0 160 h#\n")
    with pytest.raises(DataError, match=r"MDAB0.SA1\.PHN: found utterance SA1 again"):
        read_labels(tmp_path, format="phn")
    (tmp_path / "none").mkdir()
    fails("found label files of none", read_labels, tmp_path / "none")
    fails("missing: no such file or folder, expected labels", read_labels, tmp_path / "missing")
    for name in ("unknown_words.txt", "phones.unknown_words.txt"):  # lists of words, which are no labels
        (tmp_path / "none" / name).write_text("me 1 u\n")
    fails("found label files of none", read_labels, tmp_path / "none")


def test_formats_that_can_not_be_told(tmp_path):
    fails("found suffix '.xyz', expected one of .ctm, .*, or a format", read_labels, tmp_path / "a.xyz")
    fails("found suffix '', expected one of .ctm", write_labels, tmp_path / "a", {"u": LABELS})
    for function, arguments in ((read_labels, ()), (write_labels, ({"u": LABELS},))):
        with pytest.raises(ConfigError, match=r"^format: found 'elan', expected one of ctm"):
            function(tmp_path / "a.ctm", *arguments, format="elan")


def test_the_tier_of_a_textgrid(tmp_path):
    path = tmp_path / "u.TextGrid"
    write_textgrid(path, {"words": LABELS[1:], "phones": LABELS})
    assert read_labels(path, tier="words") == {"u": LABELS[1:]}
    fails("found tiers words, phones, expected the name of one of them", read_labels, path)
    fails("found tiers words, phones, expected one called tones", read_labels, path, tier="tones")
    write_labels(path, {"u": LABELS}, tier="tones")
    assert read_textgrid(path) == {"tones": LABELS}


@pytest.mark.parametrize(
    ("name", "part", "tolerance"),
    [("librispeech-mini", "test-other", 1e-6), ("fsdd", "all", 1e-4), ("asterisk-prompts", "en", 1e-4)],
)
def test_the_same_labels_in_the_formats_of_the_corpora(corpus, name, part, tolerance):
    """The CTM has four decimals, the other files more."""
    folder = corpus(name)
    phones = read_labels(folder / "data" / part / "phones.ctm")
    grids = read_labels(folder / "textgrid", tier="phones")
    labs = read_labels(folder / "lab") if (folder / "lab").is_dir() else {}
    assert len(grids) > 10
    for utterance, labels in [*grids.items(), *labs.items()]:
        expected = [label._replace(name=label.name.upper()) for label in phones[utterance]]
        near([label._replace(name=label.name.upper()) for label in labels], expected, tolerance)
