"""Names load when they are used, and are what their stubs say, whatever was imported before."""

import importlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import gmmspeech as gs

NAMESPACES = ["features", "formats", "gmm", "metrics", "phones", "plot", "scoring", "speaker", "stores"]
MODULES = {"audio", "errors", *NAMESPACES}
CLASHES = {
    (namespace, name)
    for namespace in NAMESPACES
    for name in getattr(gs, namespace).__all__
    if getattr(getattr(gs, namespace), name).__module__ == f"gmmspeech.{namespace}.{name}"
}
HEAVY = {"numpy", "scipy", "sklearn", "librosa", "h5py", "pandas", "matplotlib", "torch", "dask", "joblib", "soundfile"}


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# runs every line of code that it is given in a fork of its own, which finds the libraries imported, but not gmmspeech
FORKS = """
import json, os, sys
exec(sys.argv[1])
for line in sys.stdin:
    if (child := os.fork()) == 0:
        try:
            exec(json.loads(line), {})
        except BaseException as error:
            print(repr(error))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
    print("end", flush=True)
"""


LIGHT = "import h5py, numpy, scipy.fft, scipy.linalg, scipy.special, soundfile"
ALL = f"""
{LIGHT}, click, scipy.optimize, scipy.signal, scipy.stats, sklearn.base, sklearn.cluster
from pydantic import BaseModel, Field, ValidationError, model_validator
class First(BaseModel):  # of the classes of pydantic's, for which more is imported and plugins are looked for
    number: int = Field(default=1, ge=1)
"""


def _forks(imports: str) -> Iterator[Callable[[str], str]]:
    """A function as `run`, but much faster: what these imports bring is there already."""
    if not hasattr(os, "fork"):
        yield run
        return
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a process is forked that has one thread
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen([sys.executable, "-c", FORKS, imports], **pipes) as process:

        def run_forked(code: str) -> str:
            process.stdin.write(json.dumps(code) + "\n")
            process.stdin.flush()
            return "".join(iter(process.stdout.readline, "end\n")).strip()

        yield run_forked
        process.stdin.close()


@pytest.fixture(scope="module")
def fork() -> Iterator[Callable[[str], str]]:
    """A function as `run`, but much faster: what gmmspeech imports of others is there already."""
    yield from _forks(ALL)


@pytest.fixture(scope="module")
def light_fork() -> Iterator[Callable[[str], str]]:
    """A function as `run`, but faster: the libraries are there already that all modules may import."""
    yield from _forks(LIGHT)


def test_the_top_level_has_the_names_of_daily_use():
    assert 35 <= len(set(gs.__all__) - MODULES) <= 52
    assert set(gs.__all__) > MODULES
    assert dir(gs) == gs.__all__


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_is_a_package_whose_names_come_from_its_own_files(namespace):
    package = getattr(gs, namespace)
    assert package is importlib.import_module(f"gmmspeech.{namespace}")
    assert dir(package) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__module__.startswith(f"gmmspeech.{namespace}.")


def test_a_name_of_the_top_level_is_in_its_namespace_too():
    for name in set(gs.__all__) - MODULES:
        room = getattr(gs, name).__module__.split(".")[1]
        if room in NAMESPACES:
            assert getattr(getattr(gs, room), name) is getattr(gs, name)


def test_there_are_functions_named_as_their_files():
    assert {("features", "mfcc"), ("metrics", "eer"), ("metrics", "cllr")} <= CLASHES


@pytest.mark.parametrize(("namespace", "name"), sorted(CLASHES))
@pytest.mark.parametrize(
    "before",
    [
        "pass",
        "import gmmspeech.{0}.{1}",
        "from gmmspeech.{0}.{1} import {1}",
        "gs.{0}.{1}; import gmmspeech.{0}.{1}",
        "import importlib; importlib.import_module('gmmspeech.{0}.{1}')",
        "from gmmspeech.{0} import *",
    ],
)
def test_a_function_named_as_its_file_is_never_hidden_by_it(fork, before, namespace, name):
    code = f"import gmmspeech as gs; {before.format(namespace, name)}; print(type(gs.{namespace}.{name}).__name__)"
    assert fork(code) == "function"


def test_functions_named_as_their_files_are_not_hidden_by_what_imports_many(fork):
    code = "import gmmspeech as gs, gmmspeech.cli.main, gmmspeech.commands.evaluation, gmmspeech.speaker.verifier"
    kinds = ", ".join(f"type(gs.{namespace}.{name}).__name__" for namespace, name in sorted(CLASHES))
    assert set(fork(f"{code}; print({kinds})").split()) == {"function"}


def test_all_names_come_with_a_star():
    names = run("from gmmspeech import *; print(*sorted(globals()))").split()
    assert set(gs.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        gs.nonsense  # noqa: B018


def test_everything_can_be_loaded_at_once():
    code = "import sys, gmmspeech as gs; print(callable(vars(gs)['mfcc']), 'gmmspeech.plot.style' in sys.modules)"
    assert run(code, EAGER_IMPORT="1") == "True True"


def test_objects_and_functions_are_pickled():
    model = gs.DiagonalGMM(n_components=1, random_state=0).fit(np.eye(3))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).means_, model.means_)
    for name in ("mfcc", "eer", "FrontEnd"):
        assert pickle.loads(pickle.dumps(getattr(gs, name))) is getattr(gs, name)


@pytest.mark.parametrize("code", ["import gmmspeech", "import gmmspeech.errors"])
def test_the_package_alone_imports_nothing_heavy(code):
    assert run(f"{code}; import sys; print(*(sys.modules.keys() & {HEAVY}))") == ""


def test_scikit_learn_is_imported_by_what_asks_for_it(light_fork):
    modules = [
        *("audio", "blocks", "checks", "cluster", "metrics.summary", "metrics.bootstrap", "metrics.error_rate"),
        *("features.frontend", "features.normalization", "scoring.trials", "scoring.calibration"),
        *("scoring.score_normalizer", "files.checkpoints", "files.saving", "formats.datadir", "formats.labels.labels"),
        *("formats.loading", "formats.htk", "formats.trials", "stores.features", "stores.statistics"),
        *("commands.copy", "commands.evaluation", "commands.extraction", "commands.scores", "commands.show"),
        *("commands.speaker", "commands.statistics", "commands.verification", "gmm.mixture", "gmm.classifier"),
    ]
    slow = {"sklearn", "scipy.stats", "scipy.signal", "librosa", "joblib", "matplotlib", "dask", "torch"}
    code = """
import importlib, sys
for module in {0}:
    importlib.import_module("gmmspeech." + module)
    if found := sys.modules.keys() & {1}:
        print(module, "imports", *found)
        break
"""
    assert light_fork(code.format(modules, slow)) == ""


def test_commands_of_verification_begin_without_scipy():
    modules = ("evaluation", "extraction", "scores", "show", "speaker", "statistics", "verification")
    code = f"from gmmspeech.commands import {', '.join(modules)}; import sys; print('scipy' in sys.modules)"
    assert run(code) == "False"


def test_commands_behind_the_features_begin_without_what_reads_audio_and_front_ends():
    code = "from gmmspeech.commands import copy, evaluation, scores, speaker, verification; import sys"
    slow = {"scipy", "pydantic", "soundfile", "soxr", "numpy.random"}
    assert run(f"{code}; print(*(sys.modules.keys() & {slow}))") == ""


def test_a_name_that_is_elsewhere_is_told_where():
    import gmmspeech

    with pytest.raises(AttributeError, match=r"no attribute 'PLDA': it is gs\.speaker\.PLDA$"):
        _ = gmmspeech.PLDA
    with pytest.raises(AttributeError, match="No gmmspeech attribute nothing"):
        _ = gmmspeech.nothing
