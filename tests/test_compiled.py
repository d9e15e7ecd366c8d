"""Libraries that are there, and such that aren't."""

import sysconfig
from pathlib import Path

from gmmspeech.compiled import compiled_library


def test_only_libraries_are_loaded(tmp_path):
    (tmp_path / "_kernel.c").write_text("int main;")
    assert compiled_library(str(tmp_path / "module.py"), "_kernel", {}) is None


def test_a_library_is_found_by_its_name(tmp_path):
    of_python = next(Path(sysconfig.get_path("platstdlib"), "lib-dynload").glob("*.so"), None)
    if of_python is not None:
        (tmp_path / "_kernel.abi3.so").symlink_to(of_python)
        assert compiled_library(str(tmp_path / "module.py"), "_kernel", {}) is not None
        assert compiled_library(str(tmp_path / "module.py"), "_kernel", {"of_another_version": [None]}) is None
    assert compiled_library(str(tmp_path / "module.py"), "_kern", {}) is None
