"""A learning rate that is halved on the way, in every implementation."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import frameworks.pytorch.hooks
from experiments import mnist_cnn
from frameworks import KerasClassifier, PyTorchClassifier, ScratchClassifier

from .cases import table
from .parity import assert_lockstep, observe

SPEC = replace(mnist_cnn.SPEC, halve_every=2)  # 40 rows in batches of 8: five steps an epoch
PARAMETERS = {"epochs": 2, "batch_size": 8, "dtype": "float64", "random_state": 1}
X, Y = table(10, 40, 784)


def build_scratch(spec=SPEC):
    return mnist_cnn.build_scratch(spec)


def build_keras(spec=SPEC):
    return mnist_cnn.build_keras(spec)


def build_pytorch(spec=SPEC):
    return mnist_cnn.build_pytorch(spec)


CLASSIFIERS = {
    "keras": (KerasClassifier, build_keras),
    "pytorch": (PyTorchClassifier, build_pytorch),
}


@pytest.fixture(scope="module")
def reference():
    return observe(ScratchClassifier(build=build_scratch, **PARAMETERS), X, Y)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_training_with_a_halved_rate_is_in_lockstep(name, reference):
    classifier, build = CLASSIFIERS[name]
    assert_lockstep(reference, observe(classifier(build=build, **PARAMETERS), X, Y))


def test_a_rate_that_stays_is_noticed(reference, monkeypatch):
    monkeypatch.setattr(
        frameworks.pytorch.hooks, "step_rate", lambda start, factor, size: lambda k: start
    )
    constant = observe(PyTorchClassifier(build=build_pytorch, **PARAMETERS), X, Y)
    with pytest.raises(AssertionError, match=r"^losses\[0\]"):
        assert_lockstep(reference, constant)


def test_the_rate_goes_on_where_a_pickled_classifier_stood():
    whole = PyTorchClassifier(build=build_pytorch, **PARAMETERS).fit(X, Y)
    begun = PyTorchClassifier(build=build_pytorch, **PARAMETERS | {"epochs": 1}).fit(X, Y)
    begun = pickle.loads(pickle.dumps(begun)).partial_fit(X, Y)
    for w, own in zip(whole.get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_array_equal(w, own)
