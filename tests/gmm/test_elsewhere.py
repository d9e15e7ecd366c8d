"""Options of scikit-learn's mixtures that are called otherwise here."""

import inspect

import pytest
from sklearn.mixture import GaussianMixture

import gmmspeech as gs
from gmmspeech.gmm.elsewhere import OPTIONS


@pytest.mark.parametrize("kind", [gs.DiagonalGMM, gs.GMM])
def test_every_option_of_scikit_learn_is_taken_or_answered(kind: type) -> None:
    own = inspect.signature(kind).parameters
    for name in inspect.signature(GaussianMixture).parameters:
        if name not in own:
            with pytest.raises(gs.errors.ConfigError, match=f"^{name}: found an option of scikit-learn's, expected "):
                kind(2, **{name: None})
    assert not [name for name in OPTIONS if name not in inspect.signature(GaussianMixture).parameters]
    with pytest.raises(TypeError, match="unexpected keyword argument 'components'"):
        kind(components=2)
