"""The three implementations, one after the other."""

from functools import partial

import pytest

import frameworks

from .cases import NAMES, SMALL


@pytest.fixture(scope="session", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="session")
def classifier_class(name):
    return getattr(frameworks, name)


@pytest.fixture(scope="session")
def make(classifier_class):
    """Return a function that makes a small classifier: three epochs in batches of eight."""
    return partial(classifier_class, **SMALL)


@pytest.fixture(scope="session")
def builder(name):
    """Return a function that gives an experiment page's builder for this implementation."""
    return lambda page: getattr(page, f"build_{name.removesuffix('Classifier').lower()}")
