"""Certified losses of programs, phases, dropout and attention: scratch's, in more digits."""

import json
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from experiments.certified import extended
from experiments.certified.certificate import certify, recipe_of
from experiments.certified.lre import digits
from experiments.certified.problem import Problem
from experiments.certified.programs import PROGRAMS, AdversarialTraining
from experiments.certified.session import difference
from experiments.harness.records.models import SpecNumbers
from experiments.registry import find_experiment
from frameworks.errors import RequestError
from frameworks.program import StepBatch
from scratch import SGD

from ..planting import load, train
from .small_pages import NARROW, narrow

experiment_of = cache(narrow)


@cache
def certified(name):
    return certify(Problem.load(experiment_of(name), "stand-in"))


@pytest.mark.parametrize("name", NARROW)
def test_scratch_trains_what_is_certified_and_has_its_digits(name):
    page, exact = experiment_of(name), certified(name)
    record = train(page, "scratch").record
    pairs = zip(
        [*record.history.loss, record.test.loss], [*exact.loss, exact.test_loss], strict=True
    )
    assert min(digits(q, c) for q, c in pairs) > 13.5  # 53 bits are 15.95; 14.2 was the fewest
    trained = [phase.epochs for phase in record.phases]
    assert exact.trained == trained
    assert exact.batch_order(trained or [record.epochs]) == (record.digests.batch_order or "")
    assert exact.digests.initial_weights == record.digests.initial_weights
    spec = SpecNumbers.model_validate_json(json.dumps(asdict(page.spec_for(load(page)))))
    assert exact.spec_changed(spec) == ""
    assert exact.digits >= 16


def test_early_stopping_ends_a_phase_before_its_last_epoch():
    _, stopped, *_ = certified("regularisation").trained
    assert 2 < stopped < 12


@pytest.mark.parametrize("name", ["gan", "rbm", "dbn"])
def test_three_steps_in_longdouble_are_those_of_the_page_in_longdouble(name):
    small = Problem.load(experiment_of(name), "stand-in")
    small = small.at(small.experiment.all_phases[0], {})
    # By gradient descent: scratch's Adam has its corrections in float64.
    plain = small.formulas.model_copy(update={"optimizer": "gradient descent"})
    small = replace(small, formulas=plain)
    ours, theirs = PROGRAMS[small.formulas.algorithm](small), small.parts
    weights = iter(small.weights)
    for network in theirs.networks:
        network.set_weights([next(weights) for _ in network.weights])
        network.bind(np.longdouble)
    for optimizer in theirs.optimizers:
        optimizer.step = SGD(small.spec.learning_rate).step
    draw = small.steps()
    X = small.data.X_train[:10].astype(np.longdouble)
    for _ in range(3):
        loss = theirs.step(StepBatch(X, X), draw(10).named)["loss"]
        assert float(ours.step(X, X)) == pytest.approx(loss, rel=1e-15)  # theirs is a float64
    expected = [w for network in theirs.networks for w in network.weights]
    for own, other in zip(ours.weights, expected, strict=True):
        assert own.dtype == other.dtype == np.longdouble
        # 2**-64 is 5e-20; three steps of sums of up to 784 products, in another order
        assert np.abs(own - other).max() <= 1e-17 * np.abs(other).max()


def test_masks_of_dropout_divide_by_one_minus_the_rate_exactly():
    small = Problem.load(experiment_of("regularisation"), "stand-in")
    dropout = small.at(small.experiment.phases[-1], {})
    mask, _ = extended.NetworkTraining(dropout).masks(5)
    rate = np.longdouble(dropout.spec.drop_inputs)
    assert mask.dtype == np.longdouble
    assert set(np.unique(mask)) == {0, 1 / (1 - rate)}
    assert 1 / (1 - rate) != np.longdouble(1 / (1 - float(rate)))  # as float64 has it


def test_a_step_that_is_not_the_algorithms_misses_the_digits(monkeypatch):
    def swapped(self, X, y, good=AdversarialTraining.step):
        self.G[0] *= 1 + 1e-9
        return good(self, X, y)

    monkeypatch.setattr(AdversarialTraining, "step", swapped)
    wrong = certify(Problem.load(experiment_of("gan"), "stand-in"))
    loss = train(experiment_of("gan"), "scratch").record.history.loss[-1]
    assert digits(loss, wrong.loss[-1]) < 12 < digits(loss, certified("gan").loss[-1])


def test_a_shorter_check_compares_the_first_phase_and_the_first_epochs():
    whole = certified("transfer")
    short = certify(Problem.load(experiment_of("transfer"), "stand-in", epochs=2))
    assert (short.trained, whole.trained) == ([2, 2, 2], [4, 4, 4])
    assert difference(whole, short) == ""
    wrong = whole.model_copy(update={"loss": [whole.loss[0], "0.7", *whole.loss[2:]]})
    assert difference(wrong, short).startswith("epoch 2: 0.7 is stored")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": "digits"}, "the phases were 0 to 4, "),
        ({"batch_order": ["ff"]}, "0 to 4: other batches are drawn"),
    ],
)
def test_another_phase_is_another_certificate(changed, says):
    stored = certified("transfer")
    first, *others = stored.phases
    other = stored.model_copy(update={"phases": [first.model_copy(update=changed), *others]})
    assert difference(stored, other).startswith(f"phases differ: {says}")


@pytest.mark.parametrize(
    ("name", "epochs", "trained"), [("dbn", 6, [4, 2]), ("sorting_transformer", 1, [])]
)
def test_only_the_first_epochs_are_computed_where_the_page_says_so(name, epochs, trained):
    page = replace(
        experiment_of(name), certified_epochs=dict.fromkeys(("real", "stand-in"), epochs)
    )
    first, whole = certify(Problem.load(page, "stand-in")), certified(name)
    assert (first.loss, first.trained) == (whole.loss[:epochs], trained)
    assert first.test_loss is None
    assert (first.phases, first.digests) == (whole.phases, whole.digests)
    assert difference(first, first) == ""


def without(field, value):
    """Return gan's experiment whose scratch program has another value of a field."""
    page = find_experiment("gan")

    def build_scratch(spec=page.spec):
        return page.blueprint.builders["scratch"](spec)._replace(**{field: value})

    return replace(page, builders=[build_scratch])


@pytest.mark.parametrize(
    ("algorithm", "says"),
    [
        ("", "gan: a program with a step of its own can only be certified if it names its `algo"),
        ("annealing", "gan: algorithm 'annealing' cannot be certified"),
    ],
)
def test_a_program_of_no_known_algorithm_is_refused(algorithm, says):
    with pytest.raises(RequestError, match=says):
        Problem.load(without("algorithm", algorithm), "stand-in")


def test_recipe_needs_no_training():
    problem = Problem.load(experiment_of("dbn"), "stand-in")
    assert recipe_of(problem).phases == certified("dbn").phases
