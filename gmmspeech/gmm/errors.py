"""Errors that are also scikit-learn errors; importing this module imports scikit-learn."""

import sklearn.exceptions

from gmmspeech.errors import FeatureError, ModelError


class NotFittedError(ModelError, sklearn.exceptions.NotFittedError):
    """Error for a model that is used before it was trained.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> try:
    ...     gs.DiagonalGMM().score([[0.0]])
    ... except gs.gmm.NotFittedError as error:
    ...     print(error)
    this DiagonalGMM is not fitted yet: call fit, or make one by from_parameters
    """


class FeatureNamesError(FeatureError):
    """Error for columns with other names, or in another order, than those that an estimator was fitted to."""

    def __str__(self) -> str:
        return str(self.args[0])  # with the line ends that scikit-learn's own check of this asks for
