"""Voice activity detection by models of speech and nonspeech."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.features.deltas import checked_frames
from gmmspeech.features.vad import count_around
from gmmspeech.gmm.mixture import DiagonalGMM


@checked
def gmm_vad(
    frames: ArrayLike, speech: DiagonalGMM, nonspeech: DiagonalGMM, *, threshold: float = 0.0, context: int = 5
) -> NDArray[np.bool_]:
    """Detect voiced frames by the log-likelihood ratio of a speech and a nonspeech model.

    A frame counts as speech if log p(x | speech) - log p(x | nonspeech) is above the threshold, and is voiced if more
    than half of the frames around it count as speech.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    speech, nonspeech : DiagonalGMM
        Trained on labeled frames of the same front end; `GMMClassifier` trains both at once.
    threshold : float
        In nats; it depends on the prior odds of silence against speech and on the costs of errors.
    context : int
        Context frames on either side.

    Returns
    -------
    ndarray, shape (T,), bool
        Input ``voiced`` of a front end.

    Raises
    ------
    FeatureError
        `frames` is not a matrix.
    ModelError
        Frames and models have different numbers of columns.
    ConfigError
        `context` is below 0.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> frames, is_speech = rng.standard_normal((400, 3)), np.repeat([False, True], 200)
    >>> frames[is_speech] += 2
    >>> nonspeech, speech = gs.GMMClassifier(n_components=2, random_state=0).fit(frames, is_speech).models_
    >>> bool((gs.speaker.gmm_vad(frames, speech, nonspeech) == is_speech).mean() > 0.98)
    True
    """
    x = checked_frames(frames)
    if not len(x):
        return np.zeros(0, dtype=np.bool_)
    like_speech = speech.score_samples(x) - nonspeech.score_samples(x) > threshold
    hits, around = count_around(like_speech, context)
    return 2 * hits > around
