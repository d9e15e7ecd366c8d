"""Choice of the number of components of a mixture by an information criterion."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from gmmspeech.arguments import checked
from gmmspeech.blocks import Frames
from gmmspeech.errors import ConfigError, GmmSpeechWarning
from gmmspeech.gmm import floors
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.progress import progress_bar


@dataclass(frozen=True)
class ComponentSelection:
    """Result of `select_components`; `gmmspeech.plot.bic` draws it.

    Parameters
    ----------
    best : DiagonalGMM
        The mixture with the lowest criterion.
    n_components : tuple of int
        The numbers tried, in ascending order.
    bic, aic : tuple of float
        Value for each number of components; lower is better.
    criterion : {"bic", "aic"}
        The criterion used.
    """

    best: DiagonalGMM
    n_components: tuple[int, ...]
    bic: tuple[float, ...]
    aic: tuple[float, ...]
    criterion: str


@checked
def select_components(
    X: Frames | ArrayLike,
    n_components: Sequence[int] = (1, 2, 4, 8, 16, 32),
    *,
    criterion: Literal["bic", "aic"] = "bic",
    progress: bool = True,
    **options: Any,
) -> ComponentSelection:
    """Train mixtures with different numbers of components and keep the one with the lowest information criterion.

    Parameters
    ----------
    X : array_like, shape (N, D), or list of those, or FeatureStore
    n_components : sequence of int
        The numbers to try.
    criterion : {"bic", "aic"}
        Bayesian (Schwarz), -2 log L + p log N, or Akaike, -2 log L + 2 p, which favors more components; L is the
        likelihood of all frames and p the number of free parameters.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.
    **options
        Parameters of `DiagonalGMM`.

    Returns
    -------
    ComponentSelection

    Raises
    ------
    ConfigError
        No numbers, a repeated number, or an invalid option or criterion.
    ModelError, FeatureError
        As for `DiagonalGMM.fit`.

    Notes
    -----
    Neighboring frames of speech are correlated, so N overstates the amount of data, and BIC chooses more components
    than for independent data.

    References
    ----------
    G. Schwarz, "Estimating the dimension of a model", Annals of Statistics 6(2), 1978.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(m, 1, (300, 2)) for m in (-6, 0, 6)])
    >>> gs.gmm.select_components(x, [1, 2, 3, 4], random_state=0).best.n_components
    3
    """
    tried = tuple(sorted(n_components))
    if not tried or len(set(tried)) < len(tried):
        raise ConfigError(f"n_components: found {list(n_components)}, expected one or more different numbers")
    if criterion not in ("bic", "aic"):
        raise ConfigError(f"criterion: found {criterion!r}, expected bic or aic")
    with warnings.catch_warnings():  # too many components are tried on purpose
        warnings.filterwarnings("ignore", ".* ended on the floor", GmmSpeechWarning)
        bar = progress_bar("training", "mixture", len(tried), shown=progress)
        mixtures = [DiagonalGMM(count, **options).fit(X, progress=progress) for count in bar(tried)]
    values = {name: tuple(getattr(mixture, name)(X) for mixture in mixtures) for name in ("bic", "aic")}
    best = mixtures[int(np.argmin(values[criterion]))]
    floors.warn("EM", [best])
    return ComponentSelection(best, tried, values["bic"], values["aic"], criterion)
