"""Recipes as modules, for tests that need no process of their own."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

RECIPES = Path(__file__).parent.parent.parent / "recipes"
for name in ("fsdd", "phones_librispeech", "speaker_backends", "spoofing"):
    sys.path.append(str(RECIPES / name))  # where the script finds the files beside it


@pytest.fixture
def thinned(corpus, tmp_path: Path) -> Callable[..., Path]:
    """A function: name of a corpus and, of some of its parts, of how many utterances one is kept; gives its folder."""

    def thin(name: str, **steps: int) -> Path:
        source, folder = corpus(name), tmp_path / "thinned" / name
        (folder / "data").mkdir(parents=True)
        (folder / "audio").symlink_to(source / "audio")
        for place in (source / "data").iterdir():
            part = folder / "data" / place.name
            step = steps.get(place.name.replace("-", "_"))
            if step is None:
                part.symlink_to(place)
                continue
            part.mkdir()
            kept = {word for line in lines(place / "utt2spk")[::step] for word in line.split()}
            files = {"wav.scp", "utt2spk", "utt2dur", "spk2gender", "text", "phones.ctm"}
            for file in files & {path.name for path in place.iterdir()}:
                rows = [line for line in lines(place / file) if line.split()[0] in kept]
                (part / file).write_text("\n".join([*rows, ""]), encoding="utf-8")
        return folder

    return thin


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
