"""Log-likelihood ratios of one class against another: genuine speech against spoofs, a language against the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.blocks import ordered_map
from gmmspeech.errors import ConfigError, FeatureError, counted, shown
from gmmspeech.gmm.classifier import GMMClassifier


@checked
def class_llrs(
    classifier: GMMClassifier,
    tests: Sequence[NDArray],
    target: object,
    other: object = None,
    *,
    n_jobs: int | None = 1,
) -> NDArray[np.float64]:
    """Mean log-likelihood ratio per frame of the mixtures of two classes, for every test; priors are not used.

    Parameters
    ----------
    classifier : GMMClassifier
    tests : sequence of ndarray, shape (T, D)
        Frames of utterances.
    target : object
        Label of the class that high values support.
    other : object, optional
        Label of the other class; may be omitted if the classifier has two classes.
    n_jobs : int
        Number of threads, over tests.

    Returns
    -------
    ndarray, shape (number of tests,)
        In nats.

    Raises
    ------
    ConfigError
        A label that the classifier lacks, the same label twice, or no `other` with more than two classes.
    FeatureError
        A test without frames, or frames of another dimension.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(-3, 1, (99, 2)), rng.normal(3, 1, (99, 2))])
    >>> clf = gs.GMMClassifier(n_components=1).fit(x, ["spoof"] * 99 + ["bonafide"] * 99)
    >>> gs.scoring.class_llrs(clf, [x[:5], x[-5:]], "bonafide").round()
    array([-33.,  36.])
    """
    first, second = two_models(classifier, target, other)
    one = classifier.models_[first], classifier.models_[second]

    def ratio(numbered: tuple[int, NDArray]) -> float:
        number, frames = numbered
        sides = [model.score_samples(frames) for model in one]
        if not len(sides[0]):
            raise FeatureError(f"test {number}: found 0 frames, expected one or more")
        return float(np.mean(sides[0]) - np.mean(sides[1]))

    return np.array(list(ordered_map(ratio, enumerate(tests), n_jobs=n_jobs)))


def two_models(classifier: GMMClassifier, target: object, other: object = None) -> tuple[int, int]:
    """Places of two classes among those of a classifier."""
    classes = [str(label) for label in classifier.classes_.tolist()]
    known = shown(", ".join(classes), 300)
    if other is None:
        if len(classes) != 2:
            raise ConfigError(f"other: found none beside {counted(len(classes), 'class')}, expected one of {known}")
        other = next((label for label in classes if label != str(target)), None)
    for name, label in (("target", target), ("other", other)):
        if str(label) not in classes:
            raise ConfigError(f"{name}: found {shown(repr(label))}, expected one of {known}")
    if str(other) == str(target):
        raise ConfigError(f"other: found {shown(repr(other))}, the target, expected another of {known}")
    return classes.index(str(target)), classes.index(str(other))
