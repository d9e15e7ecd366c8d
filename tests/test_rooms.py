"""A file imports only from its own room and those above it, and no circle of files exists."""

import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from rooms import APART, PICTURE, ROOMS, draw, read_imports, room_of

ORDER = list(ROOMS)


def climbing(imports):
    """Imports from a room below, between rooms that are to be apart, or of a file that is in no room."""
    pairs = [(a, b) for a, others in imports.items() for b in others if room_of(a)]
    places = [(a, b, room_of(a), room_of(b)) for a, b in pairs]
    strangers = sorted({room_of(a) for a in imports} - {"", *ORDER})
    found = [f"{a} -> {b}" for a, b, x, y in places if x in ORDER and y in ORDER and ORDER.index(y) > ORDER.index(x)]
    return [*strangers, *found, *(f"{a} -> {b}" for a, b, x, y in places if x != y and {x, y} in APART)]


def circle(imports):
    """One circle of files, or nothing."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.fixture(scope="module")
def imports():
    """Of the package: every file is parsed for it."""
    return read_imports()


def test_no_import_climbs_and_no_files_go_in_a_circle(imports):
    assert len(imports) > 100
    assert climbing(imports) == []
    assert circle(imports) == []


def test_what_climbs_or_goes_in_a_circle_is_found(tmp_path):
    for name, text in {
        "errors": "",
        "blocks": "def f():\n    from gmmspeech.gmm.em import fit",
        "gmm/em": "import gmmspeech.gmm.init",
        "gmm/init": "from gmmspeech.gmm import em",
        "speaker/ubm": "from gmmspeech.errors import GmmSpeechError",
        "phones/hmm": "from gmmspeech.speaker import ubm",
        "stray": "",
    }.items():
        path = tmp_path / "gmmspeech" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    imports = read_imports(tmp_path)
    assert climbing(imports) == [
        "stray",
        "gmmspeech.blocks -> gmmspeech.gmm.em",
        "gmmspeech.phones.hmm -> gmmspeech.speaker.ubm",
    ]
    assert set(circle(imports)) == {"gmmspeech.gmm.em", "gmmspeech.gmm.init"}


def test_the_picture_is_that_of_the_code(imports):
    assert PICTURE.read_text(encoding="utf-8") == draw(imports)
