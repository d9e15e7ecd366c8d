"""`MfccTransformer` gives the front end's frames, in pipelines and searches."""

import numpy as np
import pandas
import polars
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mfcc import mfcc
from gmmspeech.features.transformer import MfccTransformer
from gmmspeech.gmm.classifier import GMMClassifier

RATE = 8000


def sounds(count=6):
    rng = np.random.default_rng(0)
    noises = [rng.normal(0, 0.1, 2000 + 100 * i) for i in range(count)]
    return noises + [np.convolve(noise, np.ones(8) / 8, "same") for noise in noises], ["hiss"] * count + ["hum"] * count


def test_frames_of_the_front_end():
    signals, _ = sounds(2)
    found = MfccTransformer(RATE).fit_transform(signals)
    for frames, signal in zip(found, signals, strict=True):
        np.testing.assert_array_equal(frames, mfcc(signal, RATE))
    front = FrontEnd(
        sample_frequency=RATE, features={"type": "mfcc"}, deltas={"order": 1}, cmvn={"method": "utterance"}
    )
    found = MfccTransformer(RATE, front_end=front, num_ceps=7).transform(signals)
    wanted = FrontEnd(
        sample_frequency=RATE,
        features={"type": "mfcc", "num_ceps": 7},
        deltas={"order": 1},
        cmvn={"method": "utterance"},
    )
    np.testing.assert_array_equal(found[0], wanted(signals[0], RATE))


def test_a_search_over_front_ends():
    signals, labels = sounds()
    pipeline = make_pipeline(MfccTransformer(RATE), GMMClassifier(2, random_state=0))
    grid = {"mfcctransformer__num_ceps": [5, 13], "gmmclassifier__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(signals, labels)
    assert search.best_score_ == 1
    assert clone(search.best_estimator_).get_params()["mfcctransformer__rate"] == RATE
    assert list(search.predict([signals[-1], signals[0]])) == ["hum", "hiss"]


def test_resampling_front_ends():
    signals, _ = sounds(1)
    front = FrontEnd(sample_frequency=16000, resample=True)
    found = MfccTransformer(RATE, front_end=front).fit_transform(signals)
    np.testing.assert_array_equal(found[0], front(signals[0], RATE))


def test_what_makes_no_sense():
    signals, _ = sounds(1)
    with pytest.raises(FeatureError, match="utterance 1: "):
        MfccTransformer(RATE).fit_transform([signals[0], signals[0][:10]])
    with pytest.raises(FeatureError, match="expected a list of signals"):
        MfccTransformer(RATE).transform(signals[0])
    for options in ({"num_ceps": 99}, {"front_end": "none"}, {"rate": 0}):
        with pytest.raises(ConfigError):
            MfccTransformer(**{"rate": RATE, **options}).fit(signals)


def test_tables_of_named_columns():
    signals, labels = sounds()
    deltas = FrontEnd(sample_frequency=RATE, features={"type": "mfcc", "num_ceps": 3}, deltas={"order": 2})
    transformer = MfccTransformer(RATE, front_end=deltas)
    names = ["mfcc0", "mfcc1", "mfcc2", *(f"mfcc{i}_d{order}" for order in (1, 2) for i in range(3))]
    assert transformer.get_feature_names_out().tolist() == names
    plain = transformer.fit_transform(signals)
    for library in (pandas, polars):
        tables = clone(transformer.set_output(transform=library.__name__)).fit_transform(signals)
        assert [type(table) for table in tables] == [library.DataFrame] * len(signals)
        assert list(tables[0].columns) == names
        np.testing.assert_array_equal(tables[0].to_numpy(), plain[0])
        classifier = GMMClassifier(2, random_state=0).fit(tables, labels)
        assert classifier.feature_names_in_.tolist() == names
        assert classifier.score(tables, labels) == 1
        with pytest.raises(FeatureError, match="Feature names must be in the same order"):
            classifier.predict([table[names[::-1]] for table in tables])
    with config_context(transform_output="pandas"):
        assert isinstance(MfccTransformer(RATE).transform(signals)[0], pandas.DataFrame)
    pipeline = make_pipeline(MfccTransformer(RATE), GMMClassifier(2, random_state=0)).set_output(transform="pandas")
    assert pipeline.fit(signals, labels).score(signals, labels) == 1
    with pytest.raises(ConfigError, match=r"^transform: found 'numpy', expected default, pandas or polars or None"):
        transformer.set_output(transform="numpy")
    with pytest.raises(ConfigError, match=r"^input_features: found"):
        transformer.get_feature_names_out(names)


@pytest.mark.parametrize("options", [{"rate": "8000"}, {"rate": 8000.0}, {"num_ceps": True}, {"front_end": 3}])
def test_options_of_a_wrong_type(options):
    with pytest.raises(ConfigError, match=f"^{next(iter(options))}: found "):
        MfccTransformer(**options).fit()
