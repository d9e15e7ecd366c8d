"""Recipes as modules, for tests that need no process of their own."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

RECIPES = Path(__file__).parent.parent.parent / "recipes"
for name in ("fsdd", "librispeech", "phones_librispeech", "speaker_backends", "spoofing"):
    sys.path.append(str(RECIPES / name))  # where the script finds the files beside it


@pytest.fixture
def thinned(corpus, tmp_path: Path) -> Callable[..., Path]:
    """A function: name of a corpus and, of some of its parts, which utterances are kept; gives its folder.

    One of so many, or those for which a function is true.
    """

    def thin(name: str, **kept: int | Callable[[str], bool]) -> Path:
        source, folder = corpus(name), tmp_path / "thinned" / name
        (folder / "data").mkdir(parents=True)
        (folder / "audio").symlink_to(source / "audio")
        for place in (source / "data").iterdir():
            which = kept.get(place.name.replace("-", "_"))
            if which is None:
                (folder / "data" / place.name).symlink_to(place)
            else:
                thin_part(place, folder / "data" / place.name, which)
        return folder

    return thin


def thin_part(source: Path, folder: Path, which: int | Callable[[str], bool]) -> None:
    """Write those lines of a part's tables, lists and trials that are about some of its utterances."""
    folder.mkdir()
    tables = {path.name: [line.split(maxsplit=1) for line in lines(path)] for path in source.iterdir()}
    chosen = tables["utt2spk"][::which] if isinstance(which, int) else [r for r in tables["utt2spk"] if which(r[0])]
    kept = {word for row in chosen for word in row}
    kept |= {rest.split()[0] for name, rest in tables.get("segments", []) if name in kept}  # recordings
    kept |= {name for name, rest in tables.get("group2utt", []) if kept.issuperset(rest.split())}
    for table, rows in tables.items():
        rows = [row for row in rows if row[0] in kept]
        if table.endswith("2utt"):
            rows = [(name, " ".join(u for u in rest.split() if u in kept)) for name, rest in rows]
        elif table.startswith("trials"):
            rows = [(name, rest) for name, rest in rows if rest.split()[0] in kept]
        (folder / table).write_text("".join(f"{name} {rest}\n" for name, rest in rows), encoding="utf-8")


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A function: name of a recipe to its script, imported."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / name / "run.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look themselves up there
        spec.loader.exec_module(module)
        return module

    return load
