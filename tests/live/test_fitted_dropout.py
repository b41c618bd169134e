"""Fitted estimators with dropout as sides of `diverge`, which leaves them their own masks."""

import numpy as np
import pytest

from experiments.regularisation import EXPERIMENT
from frameworks import KerasClassifier, PyTorchClassifier, ScratchClassifier
from lockstep import diverge

X = np.random.default_rng(0).normal(size=(48, EXPERIMENT.spec.inputs))
LABELS = np.arange(48) % 10
CLASSES = {"scratch": ScratchClassifier, "keras": KerasClassifier, "pytorch": PyTorchClassifier}


def fitted(name, **options):
    options = {"epochs": 1, "batch_size": 16, "dtype": "float64", "random_state": 0, **options}
    build = EXPERIMENT.blueprint.builders[name]
    return CLASSES[name](build, **options).fit(X, LABELS)


@pytest.mark.parametrize(
    "names", [("scratch", "pytorch"), ("pytorch", "scratch"), ("keras", "pytorch")], ids="-".join
)
def test_equal_estimators_with_dropout_agree_and_go_on_as_they_would(names):
    sides = [fitted(name, warm_start=True) for name in names]
    report = diverge(*sides, X, LABELS, steps=4)
    assert report.same, str(report)
    for name, side in zip(names, sides, strict=True):
        losses = [epoch["loss"] for epoch in side.fit(X, LABELS).history_]
        alone = fitted(name, warm_start=True).fit(X, LABELS).history_
        assert losses == [epoch["loss"] for epoch in alone]


def test_another_rate_of_dropout_is_found():
    one, other = fitted("scratch"), fitted("pytorch")
    for module in other._adapter.dropout.modules:
        module.p = 0.25
    report = diverge(one, other, X, LABELS, steps=2)
    assert not report.same
    assert "dropout" in str(report)
