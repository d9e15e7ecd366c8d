"""Every public function, given anything for any argument, gives a right result or one error of ours."""

import inspect
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from anything import failures, finite
from good_arguments import ARGUMENTS
from good_files import ARGUMENTS_OF_FILES, make_good_files

import gmmspeech as gs

FUNCTIONS = ARGUMENTS | ARGUMENTS_OF_FILES
ELSEWHERE = {
    "formats.cmudict_dictionary": "takes seconds; its one option is that of read_dictionary",
    "formats.espeak_languages": "takes no arguments",
    "formats.read_lhotse": "needs a package of its own",
    "plot.bic": "takes what select_components gives",
}


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    """A folder with a good file of each kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found := tmp_path_factory.mktemp("good"))
        make_good_files()
    return found


@pytest.fixture(autouse=True)
def folder(good_files, tmp_path, monkeypatch, no_pictures):
    """A copy of the good files, where each test is."""
    shutil.copytree(good_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gmmspeech.commands.verify_folder.RESAMPLES", 2)


def good_arguments(name):
    arguments = dict(FUNCTIONS[name])
    if name in ("formats.load_utterance", "formats.read_alignments"):
        arguments["data"] = gs.read_data_dir("data")
    if name.startswith("plot."):
        from matplotlib.figure import Figure

        arguments["ax"] = Figure().add_subplot()
    if name == "extract_features":
        arguments["parts"] = [gs.read_data_dir("data")]
    return arguments


def public_functions():
    def of(module, prefix):
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, ModuleType) and Path(thing.__file__).with_suffix(".pyi").exists():
                yield from of(thing, f"{name}.")
            elif inspect.isfunction(thing):
                yield thing, prefix + name

    names = {}
    for thing, name in of(gs, ""):
        names.setdefault(thing, set()).add(name)
    return list(names.values())


def test_every_public_function_is_here():
    known = {*FUNCTIONS, *ELSEWHERE}
    assert [sorted(names) for names in public_functions() if len(names & known) != 1] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function = gs
    for part in name.split("."):
        function = getattr(function, part)
    good = good_arguments(name)
    assert finite(function(**good))
    for path in ("out", "out.ctm", "out.h5"):
        Path(path).unlink(missing_ok=True)
    assert failures(function, good) == []
