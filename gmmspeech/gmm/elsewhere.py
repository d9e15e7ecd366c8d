"""What scikit-learn's ``GaussianMixture`` calls the options of mixtures, for messages to those who come from there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import MappingProxyType
from typing import ParamSpec

from gmmspeech.errors import ConfigError

OPTIONS = MappingProxyType(
    {
        "covariance_type": "gs.GMM, which has it",
        "reg_covar": "variance_floor, a share of the variance within clusters",
        "n_init": "a fit for each of several values of random_state",
        "init_params": "init",
        **dict.fromkeys(("weights_init", "means_init", "precisions_init"), "init, a mixture of from_parameters"),
        "warm_start": "init, a fitted mixture",
        **dict.fromkeys(("verbose", "verbose_interval"), "the argument callback of fit"),
    }
)
"""Options that mixtures lack, and what does their work here."""

_P = ParamSpec("_P")


def translated(init: Callable[_P, None]) -> Callable[_P, None]:
    """Let an ``__init__`` answer to options of scikit-learn's by a `ConfigError` that names those to use.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> try:
    ...     gs.DiagonalGMM(2, reg_covar=1e-6)
    ... except gs.errors.ConfigError as error:
    ...     print(error)
    reg_covar: found an option of scikit-learn's, expected variance_floor, a share of the variance within clusters
    """
    own = frozenset(inspect.signature(init).parameters)

    @functools.wraps(init)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> None:
        for name in (name for name in kwargs if name in OPTIONS and name not in own):
            raise ConfigError(f"{name}: found an option of scikit-learn's, expected {OPTIONS[name]}")
        init(*args, **kwargs)

    return checked
