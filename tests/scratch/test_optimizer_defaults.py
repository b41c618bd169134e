"""Default values: those of the framework whose dialect an optimizer speaks."""

import inspect

import keras
import pytest
import torch
from sklearn.neural_network import MLPClassifier

from scratch import (
    LAMB,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Lion,
    NAdam,
    RMSprop,
)

NAMES = {
    "learning_rate": "lr",
    "epsilon": "eps",
    "rho": "alpha",
    "start": "initial_accumulator_value",
}
IN_BOTH = (SGD, Adadelta, Adagrad, RMSprop, Adam, AdamW, Adamax, NAdam, AMSGrad)
THEIR_NAMES = {AMSGrad: "Adam", "NAdam in keras": "Nadam", LAMB: "Lamb"}


def their_class(framework, ours):
    module = {"pytorch": torch.optim, "keras": keras.optimizers}[framework]
    name = THEIR_NAMES.get(f"{ours.__name__} in {framework}", ours.__name__)
    return getattr(module, THEIR_NAMES.get(ours, name))


@pytest.mark.parametrize(
    ("framework", "our_class"),
    [
        *(("pytorch", ours) for ours in IN_BOTH),
        *(("keras", ours) for ours in (*IN_BOTH, LAMB, Lion)),
    ],
)
def test_defaults_are_those_of_the_framework(framework, our_class):
    signature = inspect.signature(their_class(framework, our_class))
    theirs = {k: p.default for k, p in signature.parameters.items()}
    theirs["beta_1"], theirs["beta_2"] = theirs.pop(
        "betas", (theirs.get("beta_1"), theirs.get("beta_2"))
    )
    make = getattr(our_class, framework)
    assert make().eta == theirs["learning_rate" if framework == "keras" else "lr"]
    ours = inspect.signature(make).parameters
    for key in ours.keys() - {"mask", "sizes"}:
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


@pytest.mark.parametrize("ours", [each for each in IN_BOTH if each is not SGD])
def test_without_a_dialect_the_defaults_are_those_of_pytorch(ours):
    assert type(ours()) is type(ours.pytorch())
    plain, dialect = (inspect.signature(make).parameters for make in (ours, ours.pytorch))
    for key in dialect:
        assert plain[key].default == dialect[key].default, key
