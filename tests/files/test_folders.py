"""Files below a folder, of which some can't be read."""

import pytest

from gmmspeech.errors import DataError
from gmmspeech.files.folders import files_below


def test_all_files_and_no_folders(tmp_path, unreadable):
    for name in ("b/c/x.lab", "b/a.lab", "z", ".hidden/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "empty").mkdir()
    assert files_below(tmp_path) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    unreadable(tmp_path / "b" / "c")
    with pytest.raises(DataError, match=r"b/c: can't be read \(Permission denied\), expected a folder of labels$"):
        files_below(tmp_path)
    unreadable(tmp_path / ".hidden")
    lines: list[str] = []
    assert files_below(tmp_path, lines) == [tmp_path / "b" / "a.lab", tmp_path / "z"]
    assert [line.partition(": can't")[0] for line in sorted(lines)] == [f"{tmp_path}/.hidden", f"{tmp_path}/b/c"]
