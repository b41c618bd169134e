"""The certified losses: two methods agree that share nothing, and what is stored is theirs."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.certified import extended, multiprecision
from experiments.certified.certificate import certify, expected_digits
from experiments.certified.loss_functions import LOSSES
from experiments.certified.problem import MODELS, Problem
from experiments.certified.stored import FOLDER, find
from experiments.registry import EXPERIMENTS

from .command import REAL_DATA


def problem(experiment, epochs, rows=None, columns=slice(None), **spec):
    """Return an experiment's problem, cut down to what fifty digits have time for."""
    whole = Problem.load(experiment, "stand-in")
    data, d = whole.data, len(whole.data.feature_names[columns])
    cut = replace(
        data,
        X_train=np.ascontiguousarray(data.X_train[:rows, columns]),
        y_train=data.y_train[:rows],
        X_test=np.ascontiguousarray(data.X_test[:rows, columns]),
        y_test=data.y_test[:rows],
        feature_names=data.feature_names[columns],
    )
    return replace(whole, data=cut, spec=replace(whole.spec, inputs=d, epochs=epochs, **spec))


# Every loss and optimizer but the perceptron rule, the last batch of churn and mnist not full.
CUT_DOWN = {
    "perceptron": {"epochs": 300},
    "xor": {"epochs": 200},
    "circle": {"epochs": 10},
    "churn": {"epochs": 4, "rows": 95},
    "mnist": {"epochs": 4, "rows": 20, "columns": slice(200, 240), "hidden": (8,)}
    | {"batch_size": 7, "halve_every": 5},
}


def with_mpmath(experiment):
    """Return the certificate of a problem that is cut down, made with mpmath."""
    small = problem(experiment, **CUT_DOWN[experiment])
    return certify(replace(small, model=small.model._replace(method="mpmath")))


@pytest.mark.parametrize("experiment", CUT_DOWN)
def test_longdouble_has_the_digits_of_mpmath_that_the_error_of_float64_promises(experiment):
    worst = with_mpmath(experiment)["worst_error"]
    expected = expected_digits(64, worst["float64"])
    assert expected >= 16
    assert worst["longdouble"] < 10.0**-expected


def test_one_rounding_through_float64_costs_longdouble_its_digits(monkeypatch):
    def rounded(a, y):
        loss, da = stock(a, y)
        return loss, da.astype(np.float64).astype(a.dtype)

    stock = LOSSES["sum of squares"]
    monkeypatch.setitem(LOSSES, "sum of squares", rounded)
    worst = with_mpmath("xor")["worst_error"]
    assert worst["longdouble"] > 10.0 ** -expected_digits(64, worst["float64"])


def test_fifty_digits_are_enough_for_the_ones_that_are_kept():
    short = problem("xor", epochs=200)
    fifty, seventy = (multiprecision.Training(short, digits) for digits in (50, 70))
    for order, _ in short.orders():
        assert fifty.write(fifty.epoch(order)) == seventy.write(seventy.epoch(order))
    assert fifty.write(fifty.test_loss()) == seventy.write(seventy.test_loss())


@pytest.mark.parametrize("experiment", ["mnist_cnn", "mnist_perceptron"])
def test_longdouble_gradient_is_that_of_the_layers_in_longdouble(experiment):
    from experiments.registry import page

    small = problem(experiment, epochs=1, rows=3)
    training = extended.Training(small)
    X, y = small.data.X_train, small.data.y_train
    loss, grads = training.gradient(X, y)
    network, criterion, *_ = page(experiment).build_scratch()
    network.set_weights(small.weights)
    network.bind(np.longdouble)
    outputs = network.forward(X.astype(np.longdouble), training=True)
    expected = criterion.forward(outputs, y)
    network.backward_params(criterion.backward())
    assert float(loss) == pytest.approx(expected, rel=1e-15)  # scratch's loss is a float64
    for own, other in zip(grads, network.grads, strict=True):
        assert own.dtype == other.dtype == np.longdouble
        error = np.abs(own - other).max() / np.abs(other).max()
        assert error < 1e-17  # 2**-64 is 5e-20; sums of up to 2,028 products, in another order


def test_learning_rate_is_halved_where_the_layers_halve_theirs():
    from scratch import StepRate

    whole = Problem.load("mnist_cnn", "stand-in")
    rate = StepRate(1.0, factor=0.5, size=whole.spec.halve_every)
    steps = (1, 1_875, 1_876, 3_750, 3_751, 7_500)
    assert [0.5 ** whole.halvings(t) for t in steps] == [rate(t - 1) for t in steps]


def test_every_experiment_has_its_formulas():
    assert tuple(MODELS) == EXPERIMENTS


def stored():
    files = sorted(path.stem for path in FOLDER.glob("*.json"))
    return [tuple(name.split("-", 1)) for name in files]


def test_every_experiment_is_certified_on_all_its_data():
    toys = {(name, "real") for name in ("perceptron", "xor", "circle")}
    tables = {(name, source) for name in EXPERIMENTS[3:] for source in ("real", "stand-in")}
    assert set(stored()) == toys | tables


@pytest.mark.parametrize(("experiment", "source"), stored())
def test_stored_certificate_is_whole_and_for_the_training_as_it_is_now(experiment, source):
    certificate = find(experiment, source)
    if source == "real" and experiment not in EXPERIMENTS[:3] and not REAL_DATA:
        pytest.skip("the real data are not here")
    now = Problem.load(experiment, source, REAL_DATA or None)
    assert len(certificate["loss"]) == now.spec.epochs
    assert certificate["digits"] >= 16
    recipe = now.recipe()
    assert {name: certificate[name] for name in recipe} == recipe
