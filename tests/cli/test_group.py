"""Commands start fast: they know their options without the modules that these belong to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from gmmspeech.cli.main import main
from gmmspeech.commands.copy import MODEL_FORMATS
from gmmspeech.corpora.registry import LAYOUTS
from gmmspeech.gmm.kernels import BACKENDS
from gmmspeech.phones.gmm.classification import PhoneClassifierConfig
from gmmspeech.speaker.backend import STEPS
from gmmspeech.stores.hdf5_frames import COMPRESSIONS, STORAGES

HEAVY = {"numpy", "scipy", "sklearn", "librosa", "h5py", "pandas", "matplotlib", "torch", "dask", "joblib", "pydantic"}


# every line of the input is a command, run in a fork of its own; every line of the output is what it has imported
FORKS = f"""
import json, os, sys
from gmmspeech.cli.main import main
for line in sys.stdin:
    found, given = os.pipe()
    if os.fork() == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        main(json.loads(line), standalone_mode=False)
        os.write(given, json.dumps(sorted(sys.modules.keys() & {HEAVY})).encode())
        os._exit(0)
    os.close(given)
    print(os.read(found, 9999).decode(), os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.fixture(scope="module")
def imported() -> Iterator[Callable[[list[str]], str]]:
    """A function: words to the heavy modules that a command imports, and its exit status."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", FORKS], **pipes) as process:

        def run(words: list[str]) -> str:
            process.stdin.write(json.dumps(words) + "\n")
            process.stdin.flush()
            return process.stdout.readline()

        yield run
        process.stdin.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in main.commands), ["--version"]])
def test_help_imports_nothing_heavy(words, imported):
    assert imported(words) == "[] 0\n"


def option(command, name):
    return next(parameter for parameter in main.commands[command].params if parameter.name == name)


@pytest.mark.parametrize(
    ("command", "name", "expected"),
    [
        ("features", "storage", STORAGES),
        ("features", "compression", COMPRESSIONS),
        ("train-ubm", "backend", BACKENDS),
        ("copy-model", "format", MODEL_FORMATS),
        ("prepare", "layout", LAYOUTS),
    ],
)
def test_choices_are_those_there_are(command, name, expected):
    assert list(option(command, name).type.choices) == list(expected)


def test_defaults_of_one_word_are_told_without_brackets():
    said = CliRunner().invoke(main, ["align", "--help"], terminal_width=200).stdout
    assert "[default: 2; 1<=x<=1000]" in said
    assert "[default: mix]" in said
    assert "[default: (that of the model, or en)]" in said


def test_help_of_train_plda_has_all_steps():
    assert f"any of {', '.join(STEPS)}, with" in option("train-plda", "steps").help


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("n_components", PhoneClassifierConfig.n_components),
        *((n, getattr(PhoneClassifierConfig, n)) for n in ("size", "parts", "dim", "smoothing")),
    ],
)
def test_defaults_of_train_phone_classifier_are_those_of_the_model(name, default):
    assert option("train-phone-classifier", name).default == default


@pytest.mark.parametrize(
    "words",
    [
        "train-ubm a.h5 b.h5 --tol nan",
        "perturb-data . out --speed nan",
        "evaluate s t --p-target 0.1 --p-target nan",
        "evaluate-spoofing s p --asv-rates 0.1 nan 0.1",
    ],
)
def test_nan_is_within_no_range(run, words):
    refused = run(*words.split())
    assert refused.exit_code == 2
    assert refused.stderr.endswith("found nan, expected a number\n")


@pytest.mark.parametrize("option", ["--report", "--out", "--dictionary"])
def test_an_option_is_no_value_of_another(run, option):
    """A file of that name can be meant by a path to it."""
    refused = run("align", ".", option, "--quiet")
    assert refused.exit_code == 2
    assert refused.stderr.endswith(f"'{option}': found the option --quiet, expected a value\n")
    assert "found the option" not in run("align", "none", option, "./--quiet").stderr
    assert "found the option" not in run("show", "--", "--quiet").stderr
