"""N-grams in ARPA's form: what is written comes back, and what is malformed is named with its line."""

import gzip
import math

import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.errors import DataError
from gmmspeech.formats.arpa import read_arpa, write_arpa
from gmmspeech.phones.labels.ngram import train_ngram

TEXT = """made by hand

\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-99 <s> -0.3
-0.4 </s>
-0.5\tyes\t-0.2
-0.6 no

\\2-grams:
-0.1 <s> yes
-0.7 yes no
-0.2 no </s>

\\end\\
"""


@pytest.fixture
def arpa(tmp_path):
    """Write text, or bytes, and give the path."""

    def write(text, name="x.arpa"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def check(ngram):
    """Compare with TEXT."""
    assert (ngram.order, ngram.counts, ngram.words) == (2, [4, 3], ["no", "yes"])
    ten = math.log(10)
    assert ngram.log_probability("yes", ["<s>"]) == pytest.approx(-0.1 * ten)
    assert ngram.log_probability("yes", ["yes"]) == pytest.approx(-0.7 * ten)
    assert ngram.log_probability("no", ["<s>"]) == pytest.approx(-0.9 * ten)
    assert ngram.log_probability("yes", ["no"]) == pytest.approx(-0.5 * ten)
    assert ngram.log_probability("<s>", []) == -math.inf


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
        TEXT.encode("utf-16"),
        gzip.compress(TEXT.encode()),
        gzip.compress(("\ufeff" + TEXT).encode()),
        TEXT.replace("ngram 1=4", "ngram 1 = 4").replace("-99", "-inf").replace("made by hand\n", ""),
    ],
)
def test_forms_of_the_same_file_are_the_same(arpa, content):
    check(read_arpa(arpa(content)))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b", "ß", "it's"]), min_size=1, max_size=5), min_size=1, max_size=9))
def test_what_is_written_comes_back(tmp_path_factory, sentences):
    path = tmp_path_factory.mktemp("arpa") / "x.arpa"
    ngram = train_ngram(sentences, order=3)
    write_arpa(path, ngram)
    again = read_arpa(path)
    assert again.counts == ngram.counts
    for history in ([], ["<s>"], ["a"], ["<s>", "a"], ["a", "b"]):
        for word in [*ngram.words, "</s>"]:
            expected = ngram.log_probability(word, history)
            assert again.log_probability(word, history) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ngram 1=4", "ngram 1=5", "found 4 1-grams, expected the 5 that its header tells"),
        ("ngram 2=3", "ngram 2=2", "found 3 2-grams, expected the 2 that its header tells"),
        ("ngram 2=3", "ngram 3=3", r":5: found ngram 3=3, expected the count of 2-grams, or \\1-grams:"),
        ("ngram 1=4\nngram 2=3", "", r":6: found \\1-grams:, expected ngram 1=COUNT"),
        ("ngram 1=4", "ngram 1=four", ":4: found ngram 1=four, expected ngram 1=COUNT"),
        ("-0.6 no", "-0.6", ":11: found 1 field .* expected a logarithm and 1 word, perhaps a weight"),
        ("-0.7 yes no", "-0.7 yes no 0.1", ":15: found 4 fields .* expected a logarithm and 2 words"),
        ("-0.6 no", "x no", ":11: found x, expected a number"),
        ("-0.6 no", "nan no", ":11: found nan, expected a number"),
        ("-0.6 no", "0.6 no", ":11: found 0.6, a probability above 1"),
        ("-0.2 no </s>", "-0.7 yes no", ":16: found yes no twice"),
        ("-0.7 yes no", "-0.7 yes maybe", ":15: found word maybe, no 1-gram"),
        ("-0.7 yes no", "-0.7 </s> no", ":15: found </s> no, expected <s> first and </s> last"),
        ("\\2-grams:", "\\3-grams:", r":13: found \\3-grams:, expected \\2-grams:"),
        ("\n\\end\\", "", r"found its end among 2-grams, expected \\end\\: cut off, copy it anew"),
        ("-0.4 </s>", "-0.4 end", "16: found word </s>, no 1-gram"),
        ("\\data\\", "\\dato\\", r"found no line \\data\\, expected an n-gram in ARPA's form"),
    ],
)
def test_what_is_malformed_is_named_with_its_line(arpa, old, new, message):
    path = arpa(TEXT.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as error:
        read_arpa(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_hold_nothing_are_named(arpa, tmp_path):
    for content, message in (
        (b"", "found 0 bytes"),
        (b"\\data\\\n", "found its end after"),
        (b"\\data\\\nngram 1=0\n\\1-grams:\n\\end\\\n", "found no 1-grams, expected words"),
        (gzip.compress(TEXT.encode())[:60], "can't be unpacked"),
        (gzip.compress(TEXT.encode("latin-1") + b"\xe9"), "found byte 0xe9"),
        (TEXT.replace("yes", "y\xe9s").encode("latin-1"), "found byte 0xe9"),
    ):
        with pytest.raises(DataError, match=message):
            read_arpa(arpa(content))
    with pytest.raises(DataError, match=r"nowhere\.arpa: can't be read"):
        read_arpa(tmp_path / "nowhere.arpa")


def test_no_end_of_sentences_and_no_history(arpa):
    text = TEXT.replace("-0.4 </s>", "-0.4 end").replace("-0.2 no </s>", "-0.2 no end")
    with pytest.raises(DataError, match="found no 1-gram </s>"):
        read_arpa(arpa(text))
    three = TEXT.replace("ngram 2=3\n", "ngram 2=3\nngram 3=1\n").replace(
        "\\end\\", "\\3-grams:\n-0.1 yes yes no\n\n\\end\\"
    )
    with pytest.raises(DataError, match="found yes yes no, expected its beginning yes yes among 2-grams"):
        read_arpa(arpa(three))
