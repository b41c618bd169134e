"""The certified losses: two methods agree that share nothing, and what is stored is theirs."""

import json
from dataclasses import asdict, dataclass, replace

import numpy as np
import pytest

from experiments import mnist
from experiments.certified import extended, multiprecision
from experiments.certified.certificate import certify, expected_digits, recipe_of
from experiments.certified.loss_functions import LOSSES
from experiments.certified.problem import Problem
from experiments.certified.session import certified_experiments, difference
from experiments.certified.stored import FOLDER, Certificate, find
from experiments.registry import find_experiment
from frameworks.errors import RequestError
from scratch import (
    SGD,
    ClipNorm,
    Dense,
    Dropout,
    LayerNorm,
    LeakyReLU,
    ReLU,
    Scheduled,
    Sequential,
    Sigmoid,
    SklearnEarlyStopping,
    TrainOnly,
)

from ..command import REAL_DATA


@dataclass(frozen=True)
class Halved(mnist.Numbers):
    """A learning rate that falls, besides."""

    halve_every: int = 5


def problem(experiment, epochs, rows=None, columns=slice(None), numbers=None, **spec):
    """Return an experiment's problem, cut down to what fifty digits have time for."""
    whole = Problem.load(find_experiment(experiment), "stand-in")
    data, d = whole.data, len(whole.data.feature_names[columns])
    cut = replace(
        data,
        X_train=np.ascontiguousarray(data.X_train[:rows, columns]),
        y_train=data.y_train[:rows],
        X_test=np.ascontiguousarray(data.X_test[:rows, columns]),
        y_test=data.y_test[:rows],
        feature_names=data.feature_names[columns],
    )
    own = numbers(**asdict(whole.spec)) if numbers else whole.spec
    return replace(whole, data=cut, spec=replace(own, inputs=d, epochs=epochs, **spec))


# Every loss and optimizer but the perceptron rule, the last batch of churn and mnist not full.
CUT_DOWN = {
    "perceptron": {"epochs": 300},
    "xor": {"epochs": 200},
    "circle": {"epochs": 10},
    "churn": {"epochs": 4, "rows": 95},
    "mnist": {"epochs": 4, "rows": 20, "columns": slice(200, 240), "hidden": (8,)}
    | {"batch_size": 7, "numbers": Halved},
}


def by_mpmath(small):
    return replace(small, formulas=small.formulas.model_copy(update={"method": "mpmath"}))


def with_mpmath(experiment):
    """Return the certificate of a problem that is cut down, made with mpmath."""
    return certify(by_mpmath(problem(experiment, **CUT_DOWN[experiment])))


@pytest.mark.parametrize("experiment", CUT_DOWN)
def test_longdouble_has_the_digits_of_mpmath_that_the_error_of_float64_promises(experiment):
    worst = with_mpmath(experiment).worst_error
    expected = expected_digits(64, worst["float64"])
    assert expected >= 16
    assert worst["longdouble"] < 10.0**-expected


def test_one_rounding_through_float64_costs_longdouble_its_digits(monkeypatch):
    def rounded(a, y):
        loss, da = stock(a, y)
        return loss, da.astype(np.float64).astype(a.dtype)

    stock = LOSSES["sum of squares"]
    monkeypatch.setitem(LOSSES, "sum of squares", rounded)
    worst = with_mpmath("xor").worst_error
    assert worst["longdouble"] > 10.0 ** -expected_digits(64, worst["float64"])


def test_fifty_digits_are_enough_for_the_ones_that_are_kept():
    short = problem("xor", epochs=200)
    fifty, seventy = (multiprecision.Training(short, digits) for digits in (50, 70))
    for order, _ in short.orders():
        assert fifty.write(fifty.epoch(order)) == seventy.write(seventy.epoch(order))
    assert fifty.write(fifty.test_loss()) == seventy.write(seventy.test_loss())


@pytest.mark.parametrize("experiment", ["mnist_cnn", "mnist_perceptron", "sorting_transformer"])
def test_longdouble_gradient_is_that_of_the_layers_in_longdouble(experiment):
    small = problem(experiment, epochs=1, rows=3)
    training = extended.NetworkTraining(small)
    X, y = small.data.X_train, small.data.y_train
    loss, grads = training.gradient(X, y)
    network, criterion, *_ = small.experiment.blueprint.builders["scratch"]()
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

    whole = Problem.load(find_experiment("mnist_cnn"), "stand-in")
    rate = StepRate(1.0, factor=0.5, size=whole.spec.halve_every)
    steps = (1, 1_875, 1_876, 3_750, 3_751, 7_500)
    assert [0.5 ** whole.halvings(t) for t in steps] == [rate(t - 1) for t in steps]


def stored():
    files = sorted(path.stem for path in FOLDER.glob("*.json"))
    return [tuple(name.split("-", 1)) for name in files]


def has_stand_in(experiment):
    """Tell whether an experiment has other data than those that come with the suite."""
    return experiment.load("stand-in", None).source == "stand-in"


def test_every_experiment_that_says_so_is_certified_on_all_its_data():
    known = certified_experiments()
    expected = {(name, "real") for name in known}
    expected |= {(name, "stand-in") for name in known if has_stand_in(known[name])}
    assert set(stored()) == expected
    assert len(known) >= 14


@pytest.mark.parametrize(("experiment", "source"), stored())
def test_stored_certificate_is_whole_and_for_the_training_as_it_is_now(experiment, source):
    certificate, page = find(experiment, source), find_experiment(experiment)
    if source == "real" and has_stand_in(page) and not REAL_DATA:
        pytest.skip(f"the real {experiment} data are needed: set LOCKSTEP_DATA to their folder")
    now = Problem.load(page, source, REAL_DATA or None)
    recipe = recipe_of(now)
    whole = sum(certificate.trained) or certificate.epochs
    assert len(certificate.loss) == min(whole, now.first or whole)
    assert (certificate.test_loss is None) == (now.first is not None)
    assert certificate.epochs == now.spec.epochs
    assert certificate.digits >= 16
    results = certificate.model_dump(exclude=set(type(recipe).model_fields))
    assert difference(certificate, Certificate(**dict(recipe), **results)) == ""
    assert certificate.model == now.formulas  # the method, too


def with_parts(experiment, **changed):
    """Return an experiment whose scratch builder returns other parts."""

    def build_scratch(spec=experiment.spec):
        return experiment.blueprint.builders["scratch"](spec)._replace(**changed)

    return replace(experiment, builders=(build_scratch,))


LEAKY = Sequential(Dense(3, 4), LeakyReLU(0.1), Dense(4, 1), Sigmoid())
NORMED = Sequential(Dense(3, 4), LayerNorm(4, epsilon=1e-3), Dense(4, 1), Sigmoid())
DROPPED = Sequential(Dense(3, 4), Dropout(0.5), Sigmoid(), Dropout(0.5), Dense(4, 1), Sigmoid())
TWO_KINDS = Sequential(Dense(3, 4), ReLU(), Dense(4, 4), Sigmoid(), Dense(4, 1), Sigmoid())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"network": LEAKY}, "hidden 'leaky relu'"),
        ({"network": NORMED}, "network 'Dense, LayerNorm, Dense, Sigmoid'"),
        ({"network": TWO_KINDS}, "hidden 'relu or sigmoid'"),
        ({"optimizer": SGD(1.0, momentum=0.5)}, "optimizer 'SGD'"),
        ({"optimizer": ClipNorm(1.0, SGD(1.0))}, "optimizer 'ClipNorm'"),
        ({"optimizer": Scheduled(lambda k: 1 / (k + 1), SGD(1.0))}, "optimizer 'Scheduled'"),
    ],
)
def test_what_is_computed_by_no_formula_here_is_refused_by_name(changed, reason):
    experiment = with_parts(find_experiment("xor"), **changed)
    with pytest.raises(RequestError, match=f"xor: {reason} cannot be certified"):
        Problem.load(experiment, "stand-in")


PART = TrainOnly(np.arange(21) > 2, SGD(1.0))  # not all of the first array


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"network": DROPPED}, "dropout can only be certified once before each layer"),
        ({"optimizer": PART}, "weights frozen in part cannot be certified"),
        ({"stopping": SklearnEarlyStopping()}, "early stopping 'SklearnEarlyStopping' cannot be"),
    ],
)
def test_what_is_known_only_in_part_is_refused(changed, reason):
    experiment = with_parts(find_experiment("xor"), **changed)
    with pytest.raises(RequestError, match=f"xor: {reason}"):
        Problem.load(experiment, "stand-in")


def test_a_page_without_scratch_or_without_the_numbers_is_refused():
    circle = find_experiment("circle")
    with pytest.raises(RequestError, match="circle: only what scratch builds can be certified"):
        Problem.load(replace(circle, builders=circle.builders[2:]), "stand-in")
    adam = with_parts(circle, optimizer=find_experiment("churn").builders[0]().optimizer)
    with pytest.raises(RequestError, match="circle: to be certified, its spec needs a beta_1"):
        certify(Problem.load(adam, "stand-in"))


def test_mpmath_computes_dense_layers_only():
    small = by_mpmath(problem("mnist_cnn", epochs=1, rows=3))
    with pytest.raises(RequestError, match="mpmath computes dense layers; take longdouble"):
        certify(small)


ALTERED = {
    "fewer digits": (lambda v: v | {"digits": 1, "loss": ["1.0"] * 1500}, "digits: "),
    "no number": (lambda v: v | {"loss": ["nan", *v["loss"][1:]]}, r"loss\.0: "),
    "epochs cut off": (lambda v: v | {"loss": v["loss"][:9]}, "expected those of 1500 epochs"),
    "epochs added": (lambda v: v | {"loss": v["loss"] * 2}, "expected those of 1500 epochs"),
    "epochs in words": (lambda v: v | {"spec": v["spec"] | {"epochs": "9"}}, "a whole number"),
    "of another": (lambda v: v | {"experiment": "circle"}, "it is that of circle"),
}


@pytest.mark.parametrize("case", ALTERED)
def test_an_altered_certificate_is_refused_before_anything_is_held_against_it(tmp_path, case):
    alter, says = ALTERED[case]
    stored = json.loads((FOLDER / "xor-real.json").read_text())
    (tmp_path / "xor-real.json").write_text(json.dumps(alter(stored)))
    with pytest.raises(RequestError, match=rf"xor-real.json: is no certificate \(.*{says}"):
        find("xor", "real", tmp_path)
