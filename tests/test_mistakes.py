"""What beginners get wrong: one sentence tells them what to do, and nothing wrong is taken silently."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy import sparse
from sklearn.mixture import GaussianMixture

import gmmspeech as gs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 13))
Y = np.repeat(["a", "b"], 50)
SIGNAL = RNG.normal(0, 0.1, 16000).astype(np.float32)
INT16 = (SIGNAL * 32767).astype(np.int16)
GMM = gs.DiagonalGMM(2, max_iter=2, random_state=0).fit(X)
HIGH, LOW = RNG.normal(3, 1, 50), RNG.normal(0, 1, 50)


class OnGPU:
    """Refuses as a tensor of torch's does that lies on a GPU."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it first.")


def mixture(n_components: object = 2, **options: object) -> gs.DiagonalGMM:
    return gs.DiagonalGMM(n_components, max_iter=2, random_state=0, **options)


def classifier() -> gs.GMMClassifier:
    return gs.GMMClassifier(2, max_iter=2, random_state=0)


REFUSED = {
    "transposed, to train on": (lambda: mixture(20).fit(X.T), "frames are rows; X.T, where they stand in columns"),
    "transposed, to score": (lambda: GMM.score(X.T), "expected 13, .* transpose, X.T"),
    "one column": (lambda: mixture().fit(X[:, 0]), r"shape \(100,\), expected two dimensions .*X\[None\] is one frame"),
    "a signal for frames": (lambda: mixture().fit(INT16), r"of a signal gs.mfcc\(X, rate\) makes frames"),
    "signals for frames": (lambda: gs.train_ubm([SIGNAL, SIGNAL[:9]], 2), "rows of different lengths, 9 to 16000"),
    "ragged lists": (lambda: mixture().fit([[1.0, 2.0], [3.0]]), "rows of different lengths, 1 to 2, expected numbers"),
    "None among utterances": (lambda: gs.train_ubm([X, None], 2), r"no number \(item 1: None\)"),
    "an empty list": (lambda: gs.train_ubm([], 2), r"frames of shape \(0,\), none at all, expected"),
    "no frame": (lambda: mixture().fit(X[:0]), r"found 0 frames, expected at least as many as components \(2\)"),
    "a number": (lambda: mixture().fit(np.float64(3)), r"frames of shape \(\), expected two dimensions"),
    "three dimensions": (lambda: mixture().fit(X.reshape(2, 50, 13)), r"\(2, 50, 13\), expected two dimensions"),
    "text": (lambda: mixture().fit([["1", "2"], ["3", "4"]]), r"no number \(text\), expected numbers"),
    "a table with text": (
        lambda: mixture().fit(pd.DataFrame({"c0": X[:, 0], "speaker": Y})),
        "expected numbers: drop column speaker",
    ),
    "sparse": (lambda: mixture().fit(sparse.csr_matrix(X)), "expected a dense array: sparse data are not supported"),
    "a complex spectrum": (lambda: mixture().fit(np.fft.rfft(X)), "found complex128 numbers, expected real ones"),
    "a tensor on a GPU": (lambda: mixture().fit(OnGPU()), r"Use Tensor.cpu\(\) to copy it first"),
    "NaN": (lambda: mixture().fit(np.where(np.arange(100)[:, None] == 7, np.nan, X)), "frame 7, column 0: found nan"),
    "infinity": (lambda: GMM.score(np.where(np.arange(100)[:, None] == 7, np.inf, X)), "frame 7, column 0: found inf"),
    "a generator": (lambda: gs.train_ubm((x for x in [X]), 2), r"found .*generator.*: list\(x\) holds what it yields"),
    "a dict": (lambda: gs.train_ubm({"a": X}, 2), r"expected numbers: list\(x.values\(\)\) has them alone"),
    "statistics for frames": (
        lambda: mixture().fit(GMM.accumulate(X)),
        r"no number \(an object of type GMMStats\), expected numbers",
    ),
    "a path for frames": (lambda: gs.map_adapt(GMM, "f.h5"), r"'f.h5'\), .*: read the file, gs.FeatureStore\(path\)"),
    "another dimension": (lambda: GMM.score(X[:, :5]), "found frames of 5 columns, expected 13, as the mixture has"),
    "too many components": (
        lambda: mixture(600).fit(X),
        r"100 frames, expected at least as many as components \(600\)",
    ),
    "no component": (lambda: mixture(0).fit(X), "n_components: found 0, expected 1 or more"),
    "half components": (lambda: mixture(4.0).fit(X), "n_components: found 4.0, expected an integer, 1 or more"),
    "a seed in words": (lambda: mixture(4).set_params(random_state="x").fit(X), "random_state: found 'x', expected an"),
    "negative weights": (lambda: mixture().fit(X, sample_weight=-np.ones(100)), "sample_weight: .* none negative"),
    "weights of others": (lambda: mixture().fit(X, sample_weight=[1.0]), r"sample_weight: .*, expected \(100,\)"),
    "too few labels": (lambda: classifier().fit(X, Y[:-1]), r"shape \(99,\), expected one for each of the 100 frames"),
    "labels and frames swapped": (lambda: classifier().fit(Y, X), r"no number \(text\), expected numbers"),
    "no labels": (lambda: classifier().fit(X, None), "requires y to be passed, but the target y is None"),
    "targets of a regression": (lambda: classifier().fit(X, X[:, 0]), "labels: Unknown label type: continuous"),
    "not trained": (lambda: mixture().score(X), "not fitted yet: call fit"),
    "a background not trained": (lambda: gs.map_adapt(mixture(), X), "not fitted yet: call fit"),
    "means for a mixture": (
        lambda: gs.map_adapt(GMM.means_, X),
        r"ubm: found ndarray of shape \(2, 13\), expected a Di",
    ),
    "a path for a mixture": (lambda: gs.map_adapt("ubm.h5", X), "ubm: found 'ubm.h5', expected a DiagonalGMM or a GMM"),
    "another library's": (
        lambda: gs.map_adapt(GaussianMixture().fit(X), X),
        "ubm: found GaussianMixture.*, expected a",
    ),
    "frames for a model": (
        lambda: gs.log_likelihood_ratio(X, GMM, GMM),
        "model: found ndarray .*, expected a Diagonal",
    ),
    "name and frames swapped": (
        lambda: gs.SpeakerVerifier(GMM).enroll(X, "ann"),
        "name: found ndarray .*expected text",
    ),
    "a speaker not enrolled": (lambda: gs.SpeakerVerifier(GMM).score("bob", X), "bob is not enrolled"),
    "what to adapt in words": (lambda: gs.map_adapt(GMM, X, update="means"), "found 'means', .* the letters m, v, w"),
    "a pair for a signal": (lambda: gs.mfcc((SIGNAL, 16000), 16000), "a pair .* is taken apart, signal, rate = pair"),
    "two channels in rows": (lambda: gs.mfcc(np.stack([SIGNAL] * 2), 16000), r"choose one, as with signal\[0\]"),
    "two channels": (lambda: gs.mfcc(np.stack([SIGNAL] * 2, 1), 16000), r"choose one, as with signal\[:, 0\]"),
    "a column for a signal": (lambda: gs.mfcc(SIGNAL[:, None], 16000), r"one channel \(n,\); ravel\(\) makes it one"),
    "rate and signal swapped": (lambda: gs.mfcc(16000, SIGNAL), "the samples come first, then their rate"),
    "kHz for Hz": (lambda: gs.mfcc(SIGNAL, 16), "found 0 samples at 16 Hz, expected 2 or more; rates are in Hz"),
    "seconds for milliseconds": (lambda: gs.mfcc(SIGNAL, 16000, frame_length=0.025), "times are in milliseconds"),
    "another rate": (lambda: gs.FrontEnd.from_toml("clean_speech")(SIGNAL, 8000), "expected 16000 Hz; set resample ="),
    "another library's option": (lambda: gs.mfcc(SIGNAL, 16000, n_mfcc=13), "unknown key 'n_mfcc'; .* 'num_ceps'"),
    "a path for scores": (lambda: gs.eer("scores", "trials"), r"target scores: .* \('scores'\), expected numbers"),
    "no scores": (lambda: gs.eer([], [1.0]), r"target scores: .*\(0,\), expected one or more finite numbers"),
    "per cent for a probability": (lambda: gs.min_dcf(HIGH, LOW, p_target=5), "p_target: found 5, expected a probab"),
}
WARNED_OF = {
    "more columns than frames": (lambda: mixture().fit(X[:10].T.T), "more columns than frames: frames are rows"),
    "int16 as float": (lambda: gs.mfcc(INT16.astype(float), 16000), "divide 16-bit samples by 32768, or give integers"),
    "float as integers": (lambda: gs.mfcc((SIGNAL * 9).astype(int), 16000), "give floating point in .-1, 1. as it is"),
    "too short": (lambda: gs.mfcc(SIGNAL[:100], 16000), "signal of 100 samples has no frame, expected at least 400"),
    "all frames equal": (lambda: mixture().fit(np.ones((100, 3))), "are of columns whose frames are all equal"),
    "targets and nontargets swapped": (lambda: gs.eer(LOW, HIGH), "below that of the nontarget.*: are the two swapped"),
    "swapped, to calibrate": (lambda: gs.scoring.fit_calibration(LOW, HIGH), "are the two swapped, or distances"),
    "labels for scores": (lambda: gs.eer(HIGH, np.arange(50) % 2), r"only 0 and 1.*: were labels given\?"),
}


@pytest.mark.filterwarnings("ignore::gmmspeech.GmmSpeechWarning")
@pytest.mark.parametrize("mistake", REFUSED)
def test_a_sentence_tells_what_to_do(mistake: str) -> None:
    make, told = REFUSED[mistake]
    with pytest.raises(gs.GmmSpeechError, match=told) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert "inhomogeneous" not in str(caught.value)


@pytest.mark.parametrize("mistake", WARNED_OF)
def test_what_may_be_meant_is_warned_of(mistake: str) -> None:
    make, told = WARNED_OF[mistake]
    with pytest.warns(gs.GmmSpeechWarning, match=told):
        make()


def test_recordings_for_what_they_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([SIGNAL] * 2, 1), 16000)
    told = {
        lambda: gs.read_audio(path): "found 2 channels, expected one, or a choice",
        lambda: gs.read_audio(tmp_path / "none.wav"): "none.wav: no such file, expected a recording",
        lambda: gs.load(path): "a.wav: no readable HDF5 .*, expected gmmspeech model",
        lambda: gs.mfcc(path, 16000): r"expected numbers: read the file, signal, rate = gs.read_audio\(path\)",
    }
    for make, sentence in told.items():
        with pytest.raises(gs.GmmSpeechError, match=sentence):
            make()
