"""Every estimator and method, given anything for any argument, gives a right result or one error of ours."""

import numpy as np
import pytest
from anything import failures, finite
from sklearn.base import clone
from small_objects import (
    CLASSIFIER,
    LABELS,
    PHONES,
    RANGES,
    SIGNAL,
    STATS,
    TARGETS,
    UBM,
    X,
    signal,
)

import gmmspeech as gs
from gmmspeech.phones.gmm.segment_gaussian import SegmentGaussian


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def estimators():
    """Of every estimator, how it is fitted, and its parameters."""
    small = {"max_iter": 2, "random_state": 0, "n_jobs": 1}
    return {
        gs.DiagonalGMM: (lambda model: model.fit(X), {"n_components": 2, **small}),
        gs.GMM: (lambda model: model.fit(X), {"n_components": 2, "covariance_type": "tied", **small}),
        gs.GMMClassifier: (lambda model: model.fit(X, LABELS), {"n_components": 2, "priors": [0.5, 0.5], **small}),
        gs.PhoneGMM: (lambda model: model.fit(X, RANGES, PHONES), {"n_components": 1, **small}),
        SegmentGaussian: (lambda model: model.fit(X, LABELS), {}),
        gs.features.MfccTransformer: (lambda model: model.fit(), {}),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", estimators(), ids=lambda kind: kind.__name__)
def test_parameters_of_estimators(kind):
    fit, options = estimators()[kind]
    good = {**kind().get_params(deep=False), **options}

    def call(**parameters):
        model = fit(kind(**parameters))
        return [vars(m) for m in (model, *getattr(model, "models_", []))]

    assert failures(call, good) == []
    assert fit(kind(**options)) is not None


weighted = {"X": X, "sample_weight": np.ones(60)}
PHONE_GMM = gs.PhoneGMM(1, random_state=0).fit(X, RANGES, PHONES)
METHODS = {
    "GMM.fit": (gs.GMM(2, random_state=0).fit, weighted),
    "GMM.from_parameters": (
        gs.GMM.from_parameters,
        {"weights": [1.0], "means": np.zeros((1, 2)), "covariances": np.eye(2)[None], "covariance_type": "full"},
    ),
    "GMM.sample": (gs.GMM(2, random_state=0).fit(X).sample, {"n_samples": 3}),
    "DiagonalGMM.fit": (gs.DiagonalGMM(2, random_state=0).fit, weighted),
    "DiagonalGMM.partial_fit": (lambda **a: clone(UBM).partial_fit(**a), weighted),
    "DiagonalGMM.fit_predict": (gs.DiagonalGMM(2, random_state=0).fit_predict, weighted),
    "DiagonalGMM.score": (UBM.score, weighted),
    "DiagonalGMM.score_samples": (UBM.score_samples, {"X": X}),
    "DiagonalGMM.predict": (UBM.predict, {"X": X}),
    "DiagonalGMM.predict_proba": (UBM.predict_proba, {"X": X}),
    "DiagonalGMM.accumulate": (UBM.accumulate, weighted),
    "DiagonalGMM.bic": (UBM.bic, {"X": X}),
    "DiagonalGMM.sample": (UBM.sample, {"n_samples": 3}),
    "DiagonalGMM.estimate": (UBM.estimate, {"stats": STATS[0]}),
    "DiagonalGMM.from_sklearn": (gs.DiagonalGMM.from_sklearn, {"mixture": UBM.to_sklearn()}),
    "DiagonalGMM.from_parameters": (
        gs.DiagonalGMM.from_parameters,
        {"weights": [0.5, 0.5], "means": UBM.means_, "covariances": UBM.covariances_},
    ),
    "GMMClassifier.fit": (gs.GMMClassifier(2, random_state=0).fit, {**weighted, "y": LABELS}),
    "GMMClassifier.predict_proba": (CLASSIFIER.predict_proba, {"X": X}),
    "GMMClassifier.predict_segments": (CLASSIFIER.predict_segments, {"segments": [X[:5], X[5:]]}),
    "GMMClassifier.score": (CLASSIFIER.score, {"X": X, "y": LABELS}),
    "PhoneGMM.fit": (
        gs.PhoneGMM(1, random_state=0).fit,
        {"X": X, "ranges": RANGES, "phones": PHONES, "inventory": ["AA", "S"]},
    ),
    "PhoneGMM.adapt": (PHONE_GMM.adapt, {"X": X, "ranges": RANGES, "phones": PHONES, "update": "m"}),
    "PhoneGMM.select": (PHONE_GMM.select, {"phones": ["AA"]}),
    "PhoneGMM.frame_log_posteriors": (PHONE_GMM.frame_log_posteriors, {"X": X, "lengths": [30, 30]}),
    "PhoneGMM.predict_segments": (PHONE_GMM.predict_segments, {"X": X, "ranges": RANGES}),
    "MfccTransformer.transform": (gs.features.MfccTransformer().transform, {"X": [SIGNAL, SIGNAL]}),
    "FrontEnd": (gs.FrontEnd, {"sample_frequency": 16000, "resample": True, "deltas": {"order": 1}}),
    "FrontEnd.__call__": (gs.FrontEnd(), {**signal, "utterance": "u"}),
    "SpeakerVerifier": (gs.SpeakerVerifier, {"ubm": UBM, "relevance_factor": 4.0, "update": "m", "top_c": 1}),
    "SpeakerVerifier.enroll": (gs.SpeakerVerifier(UBM).enroll, {"name": "ann", "data": X}),
    "PLDA": (gs.speaker.PLDA, {"mean": np.zeros(2), "factors": np.ones((2, 1)), "within": np.eye(2)}),
    "ISV": (gs.speaker.ISV, {"ubm": UBM, "session": np.ones((2, 3, 1)), "relevance_factor": 4.0}),
    "ISV.compensate": (gs.speaker.ISV(UBM, np.ones((2, 3, 1)), 4.0).compensate, {"X": X, "scale": 0.5}),
    "Calibration": (gs.scoring.Calibration, {"weights": np.ones(1), "offset": 0.0}),
    "Calibration.apply": (gs.scoring.Calibration(np.ones(1), 0.0).apply, {"scores": TARGETS}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    method, good = METHODS[name]
    assert finite(method(**good))
    assert failures(method, good) == []
