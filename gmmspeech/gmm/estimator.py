"""Base class of estimators without importing scikit-learn, which takes a second.

scikit-learn recognizes estimators by their methods, not by their bases; `Estimator` has those of its ``BaseEstimator``.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from sklearn.utils.metadata_routing import MetadataRequest


class Estimator:
    """Base class of estimators, whose parameters scikit-learn tools read and set by name.

    Examples
    --------
    >>> from gmmspeech.gmm.estimator import Estimator
    >>> class Constant(Estimator):
    ...     def __init__(self, *, value=0.0):
    ...         self.value = value
    >>> Constant(value=2).set_params(value=3)
    Constant(value=3)
    """

    _is_a: ClassVar[Literal["classifier", "density_estimator"] | None] = None
    _metadata_request: MetadataRequest  # once one was set; scikit-learn copies it to clones by this name

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep`, also those of nested estimators, as ``name__parameter``."""
        params = {name: getattr(self, name) for name in self._get_param_names()}
        inner = {name: value for name, value in params.items() if deep and isinstance(value, Estimator)}
        return params | {f"{name}__{key}": v for name, value in inner.items() for key, v in value.get_params().items()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by the names of `get_params`."""
        from sklearn.base import BaseEstimator

        BaseEstimator.set_params(self, **params)
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the requested arguments of the methods for scikit-learn's metadata routing, such as weights."""
        from sklearn.utils.metadata_routing import MetadataRequest

        if hasattr(self, "_metadata_request"):
            return copy.deepcopy(self._metadata_request)
        request = MetadataRequest(owner=self)
        for method in ("fit", "partial_fit", "score"):
            for name in _names(getattr(type(self), method)) if hasattr(self, method) else ():
                if name not in ("X", "y"):
                    getattr(request, method).add_request(param=name, alias=None)
        return request

    def set_fit_request(self, **requests: bool | str | None) -> Self:
        """Request arguments of `fit` for metadata routing: ``set_fit_request(sample_weight=True)``."""
        return self._ask("fit", requests)

    def set_partial_fit_request(self, **requests: bool | str | None) -> Self:
        """Request arguments of `partial_fit` for metadata routing."""
        return self._ask("partial_fit", requests)

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Request arguments of `score` for metadata routing."""
        return self._ask("score", requests)

    def _ask(self, method: str, requests: dict[str, bool | str | None]) -> Self:
        routing = self.get_metadata_routing()
        for name, alias in requests.items():
            getattr(routing, method).add_request(param=name, alias=alias)
        self._metadata_request = routing
        return self

    def __sklearn_clone__(self) -> Self:
        from sklearn.base import BaseEstimator

        clone: Self = BaseEstimator.__sklearn_clone__(self)
        return clone

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags(
            estimator_type=self._is_a,
            target_tags=TargetTags(required=self._is_a == "classifier"),
            classifier_tags=ClassifierTags() if self._is_a == "classifier" else None,
        )

    @classmethod
    def _get_param_names(cls) -> list[str]:  # which scikit-learn calls too
        return list(_names(cls.__init__))

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        given = (
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if repr(value) != repr(defaults[name].default)
        )
        return f"{type(self).__name__}({', '.join(given)})"

    def _repr_html_(self) -> str:
        from sklearn.utils import estimator_html_repr

        return str(estimator_html_repr(self))


def check_fitted(estimator: Estimator, learned: str, otherwise: str = "") -> None:
    """Raise a NotFittedError unless an estimator has the attribute that its `fit` sets; tell how else to make one."""
    if not hasattr(estimator, learned):
        from gmmspeech.gmm.errors import NotFittedError  # and scikit-learn

        raise NotFittedError(f"this {type(estimator).__name__} is not fitted yet: call fit{otherwise}")


@cache
def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(sorted(set(inspect.signature(function).parameters) - {"self"}))
