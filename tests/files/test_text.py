"""Text of others, whatever its encoding, blanks and line ends."""

import os
import re
import threading
import unicodedata

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.files.text import (
    BLANKS,
    check_distinct,
    is_field,
    look_alike,
    parse_number,
    parse_numbers,
    parse_object,
    parse_whole,
    read_bytes,
    read_line_blocks,
    read_lines,
    read_text,
    split_all_fields,
    split_columns,
    split_fields,
)

TEXT = "zoë 10\u00a0000\x85\u2028\x1c 語\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
    ],
)
def test_every_encoding_is_told_by_the_first_bytes(tmp_path, content):
    (tmp_path / "text").write_bytes(content)
    assert read_text(tmp_path / "text") == TEXT
    assert [split_fields(line) for line in read_lines(tmp_path / "text")] == [
        ["zoë", "10\u00a0000\x85\u2028\x1c", "語"]
    ]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"a b\nc \xff\n", "text:2: found byte 0xff, expected UTF-8 text"),
        (b"a b\nc \0\n", "text:2: found a null byte, expected"),
        ("a b\n\ufeffc d\n".encode(), "text:2: found a byte-order mark inside the file"),
        (b"a b\rc d\r", "text:1: found a line that ends in a carriage return alone"),
        (b"\xff\xfea", "text:1: found byte 0x61, expected UTF-16-LE text"),
        (b"\0BContextDependency \4", "text:1: found a null byte, expected"),  # binary, of an odd number of bytes
        (b"\0BContextDependency \4\1", "text:1: found a null byte, expected"),  # of an even one
        (np.array([65, 310, -7000, 21000, 5], "<i2").tobytes(), "text:1: found a null byte, expected"),  # samples
        ("one \ue123 two\n".encode("utf-16-le"), "text:1: found a null byte, expected"),  # as numbers would be
        (b"", "text: found 0 bytes"),
    ],
)
def test_what_is_no_text_is_refused_by_its_line(tmp_path, content, match):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(DataError, match=match):
        read_lines(tmp_path / "text")
    if content:  # lists without a line are refused, a text may be empty
        with pytest.raises(ConfigError, match=match):
            read_text(tmp_path / "text", expected="one entry a line", kind=ConfigError)


def test_line_ends_of_windows_are_blanks_and_others_only_where_they_are_asked_for(tmp_path):
    (tmp_path / "text").write_bytes(b"a b\r\nc d\r\n")
    assert [split_fields(line) for line in read_lines(tmp_path / "text")] == [["a", "b"], ["c", "d"]]
    (tmp_path / "text").write_bytes(b"a\rb\r\nc\n")
    assert read_text(tmp_path / "text", any_line_ends=True) == "a\nb\nc\n"


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 16])
def test_lines_come_in_blocks(tmp_path, size):
    path = tmp_path / "text"
    for content, encodings in [("a\n", 3), ("a\nbé\n\nc", 3), ("\n", 3), ("é\n" * 7, 2)]:
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le")[: encodings + 1]:
            path.write_bytes(content.encode(encoding))
            blocks = list(read_line_blocks(path, size))
            assert [line for _, lines in blocks for line in lines] == content.removesuffix("\n").split("\n")
            assert [number for number, _ in blocks] == [
                1 + sum(len(each) for _, each in blocks[:i]) for i in range(len(blocks))
            ]
    path.write_bytes(b"a\nb\nc\nd\xff\n")
    with pytest.raises(DataError, match="text:4: found byte 0xff"):
        list(read_line_blocks(path, size))


def test_a_large_file_of_zeros_is_refused(tmp_path):
    with open(tmp_path / "text", "wb") as file:
        file.truncate(1 << 40)
    for read, found in ((read_lines, "a line longer than 128 MiB"), (read_text, "more than 256 MiB")):
        with pytest.raises(DataError, match=f"text: found {found}, expected"):
            read(tmp_path / "text")


def test_what_would_wait_or_never_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, found in [
        (tmp_path / "pipe", "a pipe"),
        ("/dev/zero", "a device"),
        ("a\0b", "a null byte in its name"),
    ]:
        with pytest.raises(DataError, match=f"can.t be read .{found}"):
            read_bytes(path)
    with pytest.raises(DataError, match="can't be read"):
        read_bytes(tmp_path)
    with pytest.raises(DataError, match="can't be read"):
        read_bytes("x" * 300)


def test_the_end_of_a_pipe_of_the_shell_is_read():
    out, into = os.pipe()
    writer = threading.Timer(0.05, lambda: (os.write(into, b"a b\n"), os.close(into)))
    writer.start()
    assert read_lines(f"/dev/fd/{out}") == ["a b"]
    writer.join()
    os.close(out)


@given(st.text())
def test_fields_are_those_of_bytes(text):
    encoded = text.encode()  # bytes know ASCII blanks alone
    assert [field.encode() for field in split_fields(text)] == encoded.split()
    assert [field.encode() for field in split_fields(text, 1)] == encoded.strip(BLANKS.encode()).split(None, 1)
    assert split_all_fields([text, "a b"]) == [split_fields(text), ["a", "b"]]
    assert all(is_field(field) == ("\0" not in field and field[0] != "\ufeff") for field in split_fields(text))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_of_python_and_c_are_read(number):
    assert parse_number(repr(number)) == number
    assert parse_number(f"{number:.17e}") == number


@pytest.mark.parametrize(
    "text",
    ["1_0", "١", "１", "inf", "-Infinity", "nan", "1e999", "0x10", "1d5", "", " 11\n", ".", "e5", "1,5"],
)
def test_nothing_else_is_a_number(text):
    with pytest.raises(ValueError, match="expected a number"):
        parse_number(text)


@pytest.mark.parametrize("text", ["1_0", "١", "1.0", "", " 1", "1" * 19, "9" * 10**5, "0x1", "+-1"])
def test_nothing_else_is_a_whole_number(text):
    with pytest.raises(ValueError, match="expected a whole number"):
        parse_whole(text)
    assert parse_whole("-0012") == -12


@given(st.text("0123456789.eE+-_ x١\n\x1c", max_size=6))
def test_a_number_is_what_c_writes(text):
    """Compared with the grammar of strtod's decimal form."""
    good = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text, re.ASCII)
    try:
        found = parse_number(text)
    except ValueError:
        found = None
    if found is None:
        with pytest.raises(ValueError):
            parse_numbers(["1", text])
    else:
        assert parse_numbers(["1", text, "inf"], infinite=True) == [1, found, float("inf")]
        assert parse_numbers(["1", text]) == [1, found]
    assert found == (float(text) if good and abs(float(text)) < float("inf") else None)


def test_long_texts_are_refused_in_linear_time():
    for text in ("9" * 10**6 + "x", "1" + "." * 10**6, "1e" + "9" * 10**6, " " * 10**6):
        for parse in (parse_number, parse_whole):
            with pytest.raises(ValueError, match="expected a"):
                parse(text)


def test_infinity_is_a_number_where_it_is_asked_for():
    assert [parse_number(text, infinite=True) for text in ("inf", "-inf", "2")] == [float("inf"), float("-inf"), 2]
    for text in ("nan", "1e999", "infinit"):
        with pytest.raises(ValueError):
            parse_number(text, infinite=True)


@given(st.text(min_size=1))
def test_names_that_look_alike_are_told(name):
    composed, decomposed = unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)
    found = look_alike(composed, ["other", decomposed])
    assert bool(found) == (composed != decomposed)
    if found:
        with pytest.raises(DataError, match=re.escape("ids: found")):
            check_distinct("ids", [composed, decomposed])
    check_distinct("ids", [composed, composed])


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "null", "nothing", "[" * 100_000, '{"a":' * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_json_that_is_no_object(text):
    with pytest.raises(ValueError, match="JSON"):
        parse_object(text)


def test_an_object_of_json():
    assert parse_object('{"a": {"b": [1, 2.5]}}') == {"a": {"b": [1, 2.5]}}


@given(st.lists(st.text(" \ta\u00a0\x1c", max_size=8), min_size=1, max_size=4), st.integers(1, 3))
def test_columns_are_those_of_lines_with_so_many_fields(lines, count):
    """As of each line alone: cut at ASCII blanks, of one number of fields, the first at its begin."""
    rows = [re.split("[ \t]+", line.strip(" \t")) if line.strip(" \t") else [] for line in lines]
    right = all(len(row) == count and line[0] not in " \t" for line, row in zip(lines, rows, strict=True))
    assert split_columns(lines, count) == ([list(column) for column in zip(*rows, strict=True)] if right else None)
