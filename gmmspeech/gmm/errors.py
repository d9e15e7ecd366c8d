"""The one error that scikit-learn must know too, so what imports this imports scikit-learn."""

import sklearn.exceptions

from gmmspeech.errors import ModelError


class NotFittedError(ModelError, sklearn.exceptions.NotFittedError):
    """A model is used before it was trained.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> try:
    ...     gs.DiagonalGMM().score([[0.0]])
    ... except gs.gmm.NotFittedError as error:
    ...     print(error)
    this DiagonalGMM is not fitted yet: call fit, or make one by from_parameters
    """
