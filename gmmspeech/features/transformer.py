"""Feature extraction as a step of scikit-learn pipelines."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from gmmspeech.arguments import NOTHING, PATH, any_of, check, check_options, instance, listed, one_of, whole
from gmmspeech.errors import FeatureError
from gmmspeech.features.frontend import FrontEnd


class MfccTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Transformer from a list of signals to a list of frames, for scikit-learn pipelines.

    It learns nothing: `fit` only checks the parameters.

    Parameters
    ----------
    rate : int
        Sampling rate of the signals in Hz.
    num_ceps : int, optional
        Number of columns before deltas; by default that of the front end.
    front_end : str, path-like or FrontEnd
        A `FrontEnd`, the name of an included one, or a file for `FrontEnd.from_file`.

    Attributes
    ----------
    front_end_ : FrontEnd
        With `num_ceps`, and resampling of signals of other rates.

    Examples
    --------
    Two sounds are classified with a mixture each; the steps' parameters can be searched like those of any estimator.

    >>> import numpy as np, gmmspeech as gs
    >>> from sklearn.pipeline import make_pipeline
    >>> from gmmspeech.gmm.classifier import GMMClassifier
    >>> rng = np.random.default_rng(0)
    >>> hiss = [rng.normal(0, 0.1, 8000) for _ in range(4)]
    >>> hum = [np.cumsum(noise) / 10 for noise in hiss]
    >>> pipeline = make_pipeline(gs.features.MfccTransformer(rate=16000), GMMClassifier(n_components=2, random_state=0))
    >>> pipeline.fit(hiss[:3] + hum[:3], ["hiss"] * 3 + ["hum"] * 3).predict([hiss[3], hum[3]])
    array(['hiss', 'hum'], dtype='<U4')
    """

    _parameter_constraints: ClassVar = {
        "rate": whole(1),
        "num_ceps": any_of(whole(1), NOTHING),
        "front_end": any_of(PATH, instance(FrontEnd)),
    }

    def __init__(
        self,
        rate: int = 16000,
        *,
        num_ceps: int | None = None,
        front_end: str | os.PathLike[str] | FrontEnd = "mfcc_kaldi",
    ) -> None:
        self.rate = rate
        self.num_ceps = num_ceps
        self.front_end = front_end

    def fit(self, X: Iterable[NDArray] | None = None, y: Any = None) -> Self:
        """Check the parameters.

        Parameters
        ----------
        X, y : ignored

        Raises
        ------
        ConfigError
            An unknown front end, or an option that is not valid at this rate.
        """
        check_options(self)
        given = self.front_end
        front = (
            given if isinstance(given, FrontEnd) else FrontEnd.from_file(os.fspath(given), sample_frequency=self.rate)
        )
        sections = front.model_dump()
        if self.num_ceps is not None:
            sections["features"]["num_ceps"] = self.num_ceps
        if not sections["resample"]:
            sections["sample_frequency"] = self.rate
        self.front_end_ = FrontEnd(**sections)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Column names of the frames, shape (D,): ``mfcc0``, ..., and ``mfcc0_d1``, ... for derivatives.

        Parameters
        ----------
        input_features : None
            Signals have no columns, so they have no names.

        Raises
        ------
        ConfigError
            Column names are given.
        """
        check(NOTHING, input_features=input_features)
        if not hasattr(self, "front_end_"):
            self.fit()
        front = self.front_end_
        static = [f"{front.features.type}{i}" for i in range(front.features.dim)]
        alone = front.deltas is not None and not front.deltas.static
        parts = range(1, front.dim // len(static) + alone)
        deltas = [f"{name}_d{part}" for part in parts for name in static]
        return np.array(deltas if alone else static + deltas, dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what `transform` returns for each signal: an array, or a table with column names.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            None changes nothing.
        """
        check(any_of(one_of("default", "pandas", "polars"), NOTHING), transform=transform)
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def transform(self, X: Sequence[NDArray]) -> list[Any]:
        """Compute the frames of each signal.

        Parameters
        ----------
        X : sequence of array_like, shape (n,)
            Floating point in [-1, 1], or 16-bit integers.

        Returns
        -------
        list of ndarray, shape (T, D), float32
            DataFrames if chosen by `set_output`.

        Raises
        ------
        FeatureError
            A signal that has no frame, or is not a single channel of finite numbers; the message gives its index.
        """
        if not hasattr(self, "front_end_"):
            self.fit()
        if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype != object:
            raise FeatureError(f"found one array of shape {X.shape}, expected a list of signals: [signal] has one")
        check(listed(words="a list of signals"), X=X)
        frames = [self.front_end_(signal, self.rate, str(i)) for i, signal in enumerate(X)]
        library = getattr(self, "_sklearn_output_config", {}).get("transform", get_config()["transform_output"])
        if library == "default":
            return frames
        table = importlib.import_module(library).DataFrame
        names = self.get_feature_names_out().tolist()
        return [table(dict(zip(names, x.T, strict=True))) for x in frames]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags
