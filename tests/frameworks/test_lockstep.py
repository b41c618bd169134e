"""The implementations are one computation: every experiment's page, and the default network.

In float64, on tables of 23 rows in batches of five, the last of which holds three.
"""

from functools import cache
from itertools import combinations

import numpy as np
import pytest

import frameworks
from experiments import churn, circle, mnist, mnist_cnn, mnist_perceptron, perceptron, xor

from . import images
from .cases import NAMES, table
from .parity import assert_lockstep, observe

ROWS, BATCH, EPOCHS = 23, 5, 4
CASES = {  # page, classes, columns
    "perceptron": (perceptron, 2, 3),
    "xor": (xor, 2, 3),
    "circle": (circle, 2, 2),
    "churn": (churn, 2, 11),
    "mnist_perceptron": (mnist_perceptron, 10, 20),
    "mnist": (mnist, 10, 20),
    "mnist_cnn": (mnist_cnn, 10, 784),
    "images": (images, 3, 108),
    "two classes": (None, 2, 4),
    "three classes": (None, 3, 4),
}


@cache
def training(name, case, weighted):
    """Train an implementation on a case; once for all pairs."""
    page, classes, columns = CASES[case]
    parameters = {"hidden": (6, 5), "learning_rate": 0.01}
    if page is not None:
        short = name.removesuffix("Classifier").lower()
        parameters = {"build": getattr(page, f"build_{short}")}
    classifier = getattr(frameworks, name)(
        **parameters, epochs=EPOCHS, batch_size=BATCH, dtype="float64", random_state=1
    )
    X, y = table(classes, ROWS, columns)
    w = np.random.default_rng(0).uniform(0, 2, ROWS) if weighted else None
    return observe(classifier, X, y, w)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("one", "other"), list(combinations(NAMES, 2)))
def test_two_implementations_are_one_computation(case, weighted, one, other):
    assert_lockstep(training(one, case, weighted), training(other, case, weighted))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", ["perceptron", "circle"])
@pytest.mark.parametrize("other", NAMES)
def test_the_neuron_in_pure_python_is_the_same_computation(case, weighted, other):
    ours, theirs = training("PythonClassifier", case, weighted), training(other, case, weighted)
    assert_lockstep(ours, theirs)


@pytest.mark.parametrize("case", CASES)
def test_the_cases_train_and_row_weights_matter(case):
    plain, weighted = (training("ScratchClassifier", case, w) for w in (False, True))
    assert len(plain.losses[0]) == EPOCHS
    assert all(np.any(a != b) for a, b in zip(plain.weights, plain.initial_weights, strict=True))
    assert all(np.any(a != b) for a, b in zip(plain.gradients, weighted.gradients, strict=True))
