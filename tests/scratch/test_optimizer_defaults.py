"""Default values: those of the framework whose dialect an optimizer speaks."""

import inspect

import keras
import pytest
import torch
from sklearn.neural_network import MLPClassifier

from scratch import SGD, Adagrad, Adam, AdamW, RMSprop

NAMES = {
    "learning_rate": "lr",
    "epsilon": "eps",
    "rho": "alpha",
    "start": "initial_accumulator_value",
}


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_defaults_are_those_of_the_framework(framework, name):
    our_class = {c.__name__: c for c in (SGD, Adagrad, RMSprop, Adam, AdamW)}[name]
    module = {"pytorch": torch.optim, "keras": keras.optimizers}[framework]
    theirs = {k: p.default for k, p in inspect.signature(getattr(module, name)).parameters.items()}
    theirs["beta_1"], theirs["beta_2"] = theirs.pop(
        "betas", (theirs.get("beta_1"), theirs.get("beta_2"))
    )
    make = getattr(our_class, framework)
    assert make().eta == theirs["learning_rate" if framework == "keras" else "lr"]
    ours = inspect.signature(make).parameters
    for key in ours.keys() - {"mask"}:
        assert ours[key].default == theirs.get(key, theirs.get(NAMES.get(key))), key


def test_defaults_are_those_of_the_classifier_of_scikit_learn():
    theirs = MLPClassifier()
    sgd, adam = SGD.sklearn(), Adam.sklearn()
    assert (sgd.eta, sgd.mu, sgd.nesterov) == (
        theirs.learning_rate_init,
        theirs.momentum,
        theirs.nesterovs_momentum,
    )
    assert (adam.eta, adam.beta_1, adam.beta_2, adam.epsilon) == (
        theirs.learning_rate_init,
        theirs.beta_1,
        theirs.beta_2,
        theirs.epsilon,
    )


@pytest.mark.parametrize("ours", [Adagrad, Adam, AdamW, RMSprop])
def test_without_a_dialect_the_defaults_are_those_of_pytorch(ours):
    assert type(ours()) is type(ours.pytorch())
    plain, dialect = (inspect.signature(make).parameters for make in (ours, ours.pytorch))
    for key in dialect:
        assert plain[key].default == dialect[key].default, key
