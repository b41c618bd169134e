"""The neuron in pure Python behind the shared interface: what scratch does, in float64 only."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from experiments import circle, perceptron
from frameworks import PythonClassifier, ScratchClassifier

from .cases import table

PAGES = {"perceptron": (perceptron, 3), "circle": (circle, 2)}
PARAMETERS = {"epochs": 4, "batch_size": 5, "dtype": "float64", "random_state": 1}


@pytest.fixture(params=PAGES)
def both(request):
    """The two classifiers of one page, not yet fitted, and data with a partial last batch."""
    page, columns = PAGES[request.param]
    one = PythonClassifier(build=page.build_python, **PARAMETERS)
    other = ScratchClassifier(build=page.build_scratch, **PARAMETERS)
    X, y = table(2, 23, columns)
    return one, other, X, np.array(["no", "yes"])[y]


def assert_equal_training(one, other, X, y):
    losses = [[record["loss"] for record in each.history_] for each in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)  # the suite's limit for float64
    for w, own in zip(one.get_weights(), other.get_weights(), strict=True):
        assert w.dtype == own.dtype == np.float64
        assert w == pytest.approx(own, rel=1e-9)  # the suite's limit for float64
    assert one.predict_proba(X) == pytest.approx(other.predict_proba(X), rel=1e-12)  # the same
    assert one.predict(X).tolist() == other.predict(X).tolist()
    measured = [each.evaluate(X, y) for each in (one, other)]
    assert measured[0] == pytest.approx(measured[1], rel=1e-12)  # the same
    assert one.orders_sha256_ == other.orders_sha256_ != ""


@pytest.mark.parametrize("weighted", [False, True])
def test_fit_is_that_of_scratch(both, weighted):
    one, other, X, y = both
    w = np.linspace(0, 2, len(X)) if weighted else None
    for each in (one, other):
        each.fit(X, y, w, validation_data=(X[:9], y[:9]))
    assert_equal_training(one, other, X, y)
    measured = [[record["val_loss"] for record in each.history_] for each in (one, other)]
    assert measured[0] == pytest.approx(measured[1], rel=1e-12)  # the suite's limit for float64


def test_row_weights_matter_and_a_weight_of_zero_leaves_a_row_out(both):
    one, _, X, y = both
    plain, weighted, spoiled = (clone(one).set_params(batch_size=50) for _ in range(3))
    w = (np.arange(len(X)) > 3).astype(float)
    plain.fit(X, y)
    weighted.fit(X, y, w)
    spoiled.fit(np.where(w[:, None] == 0, 1e3, X), y, w)
    assert np.any(plain.get_weights()[0] != weighted.get_weights()[0])
    for a, b in zip(weighted.get_weights(), spoiled.get_weights(), strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_goes_on_as_scratch_does(both, weighted):
    one, other, X, y = both
    w = np.linspace(0.5, 2, len(X)) if weighted else None
    for each in (one, other):
        for _ in range(3):
            each.partial_fit(X, y, sample_weight=w)
    assert_equal_training(one, other, X, y)
    whole = clone(one).set_params(epochs=3).fit(X, y, w)
    for a, b in zip(whole.get_weights(), one.get_weights(), strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize(
    "copied", [lambda c: pickle.loads(pickle.dumps(c)), deepcopy], ids=["pickle", "deepcopy"]
)
def test_a_copy_goes_on_and_leaves_the_original_alone(both, copied):
    one, other, X, y = both
    copy, before = copied(one.fit(X, y)), one.get_weights()
    assert copy.outputs(X).tolist() == one.outputs(X).tolist()
    copy.partial_fit(X, y)
    assert [w.tolist() for w in one.get_weights()] == [w.tolist() for w in before]
    assert_equal_training(copy, other.fit(X, y).partial_fit(X, y), X, y)


def test_weights_set_are_the_weights_got_and_copies(both):
    one, other, X, y = both
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape) for w in one.fit(X, y).get_weights()]
    for each in (one, other.fit(X, y)):
        each.set_weights(weights)
    for given, got in zip(weights, one.get_weights(), strict=True):
        assert given.tobytes() == got.tobytes()
        got[...] = 7
    assert one.outputs(X) == pytest.approx(other.outputs(X), rel=1e-12)  # the suite's limit
    with pytest.raises(ValueError, match=r"^weights\[0\]: expected shape \(\d, \d\), got \(1, 1\)"):
        one.set_weights([np.zeros((1, 1)), *weights[1:]])


def test_float32_is_refused():
    classifier = PythonClassifier(build=circle.build_python)
    with pytest.raises(ValueError, match="^dtype must be 'float64' in pure Python, got 'float32'$"):
        classifier.fit(*table(d=2))
    with pytest.raises(NotFittedError):
        classifier.predict(table(d=2)[0])


def test_no_builder_is_refused():
    message = "^build must be a builder for PythonClassifier, which has no default network$"
    with pytest.raises(ValueError, match=message):
        PythonClassifier(dtype="float64").fit(*table(d=2))
