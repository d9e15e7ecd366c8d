"""Bars are for terminals and notebooks, and for works that last."""

import inspect
import sys
import threading
import time

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech import progress as bars
from gmmspeech.progress import is_watched, progress, progress_bar, showing, telling

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(60, 2)) for _ in range(6)]
LASTING = [  # what may take longer than two seconds, and has a bar
    *(gs.DiagonalGMM.fit, gs.GMM.fit, gs.extract_features),
    *(gs.train_ubm, gs.train_phone_hmm, gs.SpeakerVerifier.enroll_all, gs.SpeakerVerifier.score_trials),
    *(gs.speaker.train_ivector_extractor, gs.speaker.train_isv, gs.phones.train_ladder, gs.speaker.train_jfa),
    *(gs.speaker.train_plda, gs.speaker.train_backend, gs.gmm.select_components, gs.align),
    *(gs.GMMClassifier.fit, gs.PhoneGMM.fit, gs.verify_folder),
    *(gs.phones.train_phone_hmm_on_labels, gs.phones.train_triphone_hmm),
    *(gs.bootstrap_ci, gs.metrics.paired_test, gs.scoring.cross_calibrate, gs.scoring.cross_fuse),
]


def watch(monkeypatch):
    """Make stderr a terminal, whose bars appear at once."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(bars, "DELAY", 0.0)


def test_nothing_is_said_where_no_terminal_is(capsys):
    assert list(progress(range(3), desc="three", unit="item")) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_terminal_sees_what_and_how_far(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress(desc="three", unit="item", total=3) as bar:
        bar.update(2)
        bar.refresh()
    assert "three" in (said := capsys.readouterr().err)
    assert "2/3" in said


def test_a_short_work_shows_no_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress_bar("three", "item")(range(3))) == [0, 1, 2]
    assert "three" not in capsys.readouterr().err


def test_a_bar_shows_before_the_first_step_has_ended(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(bars, "DELAY", 0.01)
    said = ""
    with progress(desc="three", unit="item", total=3):
        for _ in range(6000):
            time.sleep(0.01)
            said += capsys.readouterr().err
            if "0/3" in said:
                break
    assert "0/3" in said


def test_passes_are_told_with_what_they_gained(monkeypatch):
    said = []
    monkeypatch.setattr(bars, "say_step", said.append)
    tell = telling("EM", "pass", lambda history: (len(history), history[-1]))
    for history in ([-3.0], [-3.0, -2.5]):
        tell(history)
    assert said[0].startswith("EM: pass 1, -3.0000 nats a frame, 0.")
    assert said[1].startswith("EM: pass 2, -2.5000 nats a frame, gain +0.5000, 0.")
    tell([-9.0])  # another training, which gains nothing upon this one
    assert "gain" not in said[2]


def test_other_threads_show_none(monkeypatch):
    watch(monkeypatch)
    seen = [is_watched()]
    thread = threading.Thread(target=lambda: seen.append(is_watched()))
    thread.start()
    thread.join()
    assert seen == [True, False]


def test_a_callback_is_called_whether_or_not_a_bar_is_shown(capsys, monkeypatch):
    watch(monkeypatch)
    for shown in (True, False):
        got = []
        with showing(
            got.append, int, note="{} done".format, shown=shown, desc="steps", total=4, mininterval=0, miniters=1
        ) as show:
            for step in (3, 4):  # as of a work that goes on where it was
                show(step)
        assert got == [3, 4]
        said = capsys.readouterr().err
        assert ("3/4" in said, "4 done" in said) == (shown, shown)


@pytest.mark.parametrize("function", LASTING, ids=lambda function: function.__name__)
def test_what_lasts_can_be_silent_by_one_name(function):
    assert inspect.signature(function).parameters["progress"].default is True


def test_python_calls_show_bars_and_none_where_they_are_off(capsys, monkeypatch):
    watch(monkeypatch)
    ubm = gs.train_ubm(X, n_components=2, progress=False)
    stats = [ubm.accumulate(x) for x in X]
    store = {f"u{i}": x for i, x in enumerate(X)}

    models_of, tests_of = (axis.ravel() for axis in np.indices((30, 30)))

    def work(**options):
        gs.train_ubm(X, n_components=2, **options)
        gs.GMM(1).fit(X[0], **options)
        extractor = gs.speaker.train_ivector_extractor(ubm, stats, 1, max_iter=2, **options)
        assert len(extractor.history) == 2
        gs.speaker.train_isv(ubm, stats, [0, 0, 1, 1, 2, 2], 1, max_iter=2, **options)
        models = []
        ranks = {"speaker_rank": 1, "session_rank": 1, "callback": models.append}
        jfa = gs.speaker.train_jfa(ubm, stats, [0, 0, 1, 1, 2, 2], max_iter=2, **ranks, **options)
        assert len(models) == 6
        assert all(np.array_equal(getattr(models[-1], name), getattr(jfa, name)) for name in ("speaker", "residual"))
        assert np.array_equal(models[1].speaker, jfa.speaker)
        gs.speaker.train_backend(np.concatenate(X), np.repeat([0, 1, 2], 120), max_iter=2, **options)
        gs.GMMClassifier(1).fit(X, list("aabbcc"), **options)
        gs.PhoneGMM(1).fit(X[0], [[0, 30], [30, 60]], ["AA", "S"], **options)
        gs.gmm.select_components(X, [1, 2], max_iter=2, **options)
        trials = (is_target := models_of == tests_of), models_of, tests_of
        gs.scoring.cross_fuse(RNG.normal(3 * is_target, 1, (2, 900)).T, *trials, n_resamples=5, n_folds=3, **options)
        verifier = gs.SpeakerVerifier(ubm)
        verifier.enroll_all({"a": ["u0"], "b": ["u1"]}, store, **options)
        verifier.score_trials(gs.TrialList(["a", "b"], ["u2", "u3"]), store, **options)

    work(progress=False)
    assert capsys.readouterr().err == ""
    work()
    said = capsys.readouterr().err
    assert all(word in said for word in ("EM", "enrolling", "scoring", "iteration", "class", "mixture", "fold", "draw"))
