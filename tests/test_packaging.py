"""The archive of a release: it has all that its tests need, and they pass without compiled parts or corpora."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDERS = ("conda.recipe", "conf", "data", "docs", "gmmspeech", "recipes", "tests")
MADE = re.compile(r"__pycache__|\.(pyc|so|pyd)$|/\.|^docs/(reference|results|commands\.md)|egg-info|\.dist-info")
# one that reads the package's sources, one that needs no corpus, one of the command line, in processes too
SOME = ("tests/test_errors.py", "tests/gmm/test_stats.py", "tests/cli/test_pronounce.py")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive, which a copy of the tree made: setuptools writes beside the sources."""
    folder = tmp_path_factory.mktemp("archive")
    copy = folder / "copy"
    copy.mkdir()
    for path in {*ROOT.glob("*.*"), ROOT / "LICENSE", *(ROOT / name for name in FOLDERS)}:
        if not MADE.search(path.name) and not path.name.startswith("."):
            (copy / path.name).symlink_to(path)
    code = f"import setuptools.build_meta as build; build.build_sdist({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(folder.glob("*.tar.gz"))) as packed:
        packed.extractall(folder, filter="data")
    return next(folder.glob("gmmspeech-*/"))


def test_it_has_all_files(archive: Path) -> None:
    def files(root: Path) -> set[str]:
        names = (path.relative_to(root).as_posix() for name in FOLDERS for path in (root / name).rglob("*"))
        return {name for name in names if not MADE.search(name) and (root / name).is_file()}

    assert files(ROOT) - files(archive) == set()
    assert files(archive) - files(ROOT) - {name for name in files(archive) if name.startswith("gmmspeech/")} == set()
    for name in (
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "setup.py",
        "pyproject.toml",
    ):
        assert (archive / name).read_bytes() == (ROOT / name).read_bytes()
    assert (archive / "gmmspeech" / "conf" / "phones.toml").is_file()
    assert not list(archive.rglob("*.so"))


def test_its_tests_pass_without_compiled_parts(archive: Path) -> None:
    left_out = ("GMMSPEECH_CORPORA", "GMMSPEECH_GOLDEN", "GMMSPEECH_REQUIRE_DATA")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *SOME]
    environment["PYTHONPATH"] = str(archive)
    done = subprocess.run(words, cwd=archive, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_recipe_of_conda_asks_for_what_the_package_does() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    recipe = yaml.safe_load((ROOT / "conda.recipe" / "recipe.yaml").read_text(encoding="utf-8"))
    called = {"soundfile": "pysoundfile", "soxr": "soxr-python"}
    asked = [re.fullmatch(r"([\w-]+)(>=.+)", line).groups() for line in project["dependencies"]]
    expected = [f"python {project['requires-python']}", *(f"{called.get(name, name)} {least}" for name, least in asked)]
    assert recipe["requirements"]["run"] == expected
    assert recipe["context"]["version"] == project["version"]
    assert recipe["build"]["python"]["entry_points"] == [" = ".join(*project["scripts"].items())]
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert recipe["requirements"]["host"][2:] == [line.replace(">=", " >=") for line in backend]
