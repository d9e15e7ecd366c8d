"""What all tests of pictures share."""

import sys

import pytest


@pytest.fixture(autouse=True)
def close():
    """Close the figures that pyplot keeps."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
