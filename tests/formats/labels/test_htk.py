from hypothesis import given, strategies as st

from gmmspeech.files.text import normal_form
from gmmspeech.formats.labels.htk import read_lab, read_mlf, write_lab, write_mlf
from gmmspeech.phones.labels.labels import Label


@given(st.lists(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]), min_size=1)))
def test_files_hold_names_with_blanks(tmp_path_factory, names):
    if not names:
        return
    path = tmp_path_factory.mktemp("htk") / "x"
    labels = [Label(i / 4, (i + 1) / 4, name) for i, name in enumerate(names)]
    write_lab(path, labels)
    assert read_lab(path) == labels
    ids = sorted({normal_form(name): name for name in names if "/" not in name}.values())
    if ids:
        write_mlf(path, dict.fromkeys(ids, labels))
        assert read_mlf(path) == dict.fromkeys(ids, labels)
        assert path.read_bytes().isascii()


def test_names_with_quotes_and_escapes(tmp_path):
    path = tmp_path / "x"
    lines = ["0 3000000 \\303\\251t\\303\\251 -120.5", "3000000 5000000 \\'em -80.1", '5000000 9000000 "d\'accord" -77']
    path.write_text("\n".join(["#!MLF!#", '"*/u1.rec"', *lines, "."]))
    labels = [Label(0, 0.3, "été"), Label(0.3, 0.5, "'em"), Label(0.5, 0.9, "d'accord")]
    assert read_mlf(path) == {"u1": labels}
    write_lab(path, labels)  # as HTK's ReWriteString gives it, quotes only where they are needed
    assert path.read_text() == "0 3000000 \\303\\251t\\303\\251\n3000000 5000000 \\'em\n5000000 9000000 d'accord\n"
    path.write_text("0 3000000 \"sil\"\n3000000 6000000 'a b'\n6000000 7000000 a\\\\b\\040\n")
    assert read_lab(path) == [Label(0, 0.3, "sil"), Label(0.3, 0.6, "a b"), Label(0.6, 0.7, "a\\b ")]
    path.write_text('#!MLF!#\n"*/\\303\\251 \\"1\\".lab"\n.\n')
    assert read_mlf(path) == {'é "1"': []}
    write_mlf(path, {'é "1"': []})
    assert path.read_text() == '#!MLF!#\n"*/\\303\\251 \\"1\\".lab"\n.\n'


def test_times_are_whole_numbers_of_100_ns(tmp_path):
    path = tmp_path / "x"
    lines = [f"{tick} {tick + 1} a" for tick in (0, 1, 3, 123456789, 10**12 + 7, 10**15 + 1)]
    path.write_text("\n".join(lines) + "\n")
    write_lab(tmp_path / "y", read_lab(path))
    assert (tmp_path / "y").read_text() == path.read_text()
