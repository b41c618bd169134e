"""The Boltzmann machine of three implementations, held against scikit-learn's and itself."""

import os
import pickle
from functools import cache, wraps

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline

import frameworks
from experiments import rbm
from frameworks import WeightFileError
from frameworks.draws import Draws

from .parity import distance

NAMES = ("Scratch", "Keras", "PyTorch")
REAL_DATA = os.environ.get("LOCKSTEP_DATA", "")
ROWS = 88  # nine batches; the last has 8 rows, and ten chains
EXACT = 1e-12  # of sums in another order, after up to 7,190 updates; 9e-14 was measured
X = rbm.load().X_train


def make(name, build=None, **parameters):
    build = build or getattr(rbm, f"build_{name.lower()}")
    parameters = {"epochs": 3, "batch_size": 10, "dtype": "float64", "random_state": 1} | parameters
    return getattr(frameworks, f"{name}FeatureLearner")(build, **parameters)


@cache
def trained(name):
    return make(name).fit(X[:ROWS])


def drawing_as_scikit_learn(build, random_state):
    """Let a program take its uniform numbers from a RandomState, in scikit-learn's order."""

    def draws(spec, rng, n):
        visible = random_state.uniform(size=(spec.batch_size, spec.inputs))
        hidden = random_state.uniform(size=(spec.batch_size, spec.outputs))
        return {"visible": visible, "hidden": hidden, "flips": np.zeros((n, spec.inputs))}

    @wraps(build)
    def build_drawing(spec=rbm.SPEC):
        return build(spec)._replace(draws=draws)

    return build_drawing


def assert_learns_as_scikit_learn(name, rows, epochs):
    spec, seed = rbm.SPEC, 7
    theirs = BernoulliRBM(
        spec.outputs, learning_rate=spec.learning_rate, n_iter=epochs, random_state=seed
    ).fit(rows)
    random_state = np.random.RandomState(seed)
    weights = [
        random_state.normal(0, 0.01, (spec.outputs, spec.inputs)).T,
        np.zeros(spec.outputs),
        np.zeros(spec.inputs),
    ]
    build = drawing_as_scikit_learn(getattr(rbm, f"build_{name.lower()}"), random_state)
    ours = make(name, build, epochs=epochs).fit(rows, initial_weights=weights)
    expected = theirs.components_.T, theirs.intercept_hidden_, theirs.intercept_visible_
    for a, b in zip(ours.get_weights(), expected, strict=True):
        assert distance(a, b) <= EXACT
    chain, _ = ours.get_states()
    np.testing.assert_array_equal(chain, theirs.h_samples_)
    assert distance(ours.transform(rows), theirs.transform(rows)) <= EXACT


@pytest.mark.parametrize("name", NAMES)
def test_weights_chains_and_features_are_those_of_scikit_learn(name):
    assert_learns_as_scikit_learn(name, X[:ROWS], epochs=3)


@pytest.mark.skipif(
    not REAL_DATA, reason="long: all updates are compared where LOCKSTEP_DATA is set"
)
@pytest.mark.parametrize("name", NAMES)
def test_all_7190_updates_are_those_of_scikit_learn(name):
    assert_learns_as_scikit_learn(name, X, rbm.SPEC.epochs)


@pytest.mark.parametrize("name", ["Keras", "PyTorch"])
def test_the_gradient_of_free_energies_is_the_papers_update(name):
    ours, theirs = trained("Scratch"), trained(name)
    assert ours.draws_sha256_ == theirs.draws_sha256_ != ""
    for value in ("loss", "free_energy_gap"):
        a, b = ([record[value] for record in each.history_] for each in (ours, theirs))
        assert distance(a, b) <= EXACT
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert distance(a, b) <= EXACT
    np.testing.assert_array_equal(*(each.get_states()[0] for each in (ours, theirs)))
    assert distance(*([each.evaluate(X[:50])["loss"]] for each in (ours, theirs))) <= EXACT


def in_long_double(seed, rows, epochs):
    """Return the losses of all epochs, computed from the equations in numbers of 64 bits."""
    v, drawn, losses = np.longdouble(rows), Draws(seed), []
    W, c, b = map(np.longdouble, rbm.initial_weights(rbm.SPEC, drawn.weights))
    eta, chain = np.longdouble(rbm.SPEC.learning_rate), np.zeros((10, 100), np.longdouble)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def energy(v):
        return -(v * b).sum(axis=1) - np.log(1 + np.exp(v @ W + c)).sum(axis=1)

    for _ in range(epochs):
        total = np.longdouble(0)
        for start in range(0, len(v), 10):
            x = v[start : start + 10]
            u = rbm.draws(rbm.SPEC, drawn.steps, len(x))
            turned = np.where(u["flips"] == 1, 1 - x, x)
            total -= 64 * np.log(sigmoid(energy(turned) - energy(x))).sum()
            dream = np.longdouble(u["visible"] < sigmoid(chain @ W.T + b))
            h, dreamt = sigmoid(x @ W + c), sigmoid(dream @ W + c)
            W = W + eta / len(x) * (x.T @ h - dream.T @ dreamt)
            c = c + eta / len(x) * (h.sum(axis=0) - dreamt.sum(axis=0))
            b = b + eta / len(x) * (x.sum(axis=0) - dream.sum(axis=0))
            chain = np.longdouble(u["hidden"] < dreamt)
        losses.append(total / len(v))
    return losses


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double has no 64 bits here")
@pytest.mark.parametrize("name", NAMES)
def test_losses_are_those_of_a_higher_precision_to_thirteen_digits(name):
    exact = in_long_double(1, X[:ROWS], epochs=3)
    found = [record["loss"] for record in trained(name).history_]
    errors = [abs(a - b) / b for a, b in zip(found, exact, strict=True)]
    assert max(errors) < 1e-13  # 27 steps; 1e-15 was measured


def test_the_pseudo_likelihood_is_scikit_learns_for_the_same_flips():
    ours, draws = trained("Scratch"), rbm.draws(rbm.SPEC, np.random.default_rng(3), 50)
    theirs = BernoulliRBM(rbm.SPEC.outputs)
    W, theirs.intercept_hidden_, theirs.intercept_visible_ = ours.get_weights()
    theirs.components_ = W.T
    program = ours._adapter.parts
    batch, flipped = X[:50], np.abs(X[:50] - draws["flips"])
    (found,) = program.evaluate(frameworks.program.StepBatch(batch, batch), draws).values()
    odds = theirs._free_energy(flipped) - theirs._free_energy(batch)
    expected = -64 * np.log(1 / (1 + np.exp(-odds))).mean()
    assert found == pytest.approx(expected, rel=1e-13)  # a mean of 50 sums of 100 terms


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_goes_on_after_pickling_with_the_same_chains(name):
    parts = make(name).partial_fit(X[:ROWS])
    copy = pickle.loads(pickle.dumps(parts))
    np.testing.assert_array_equal(copy.get_states()[0], parts.get_states()[0])
    assert parts.get_states()[0].any()
    copy.partial_fit(X[:ROWS]).partial_fit(X[:ROWS])
    for a, b in zip(copy.get_weights(), trained(name).get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_evaluating_changes_nothing_and_says_the_same_each_time():
    machine = make("Scratch").partial_fit(X[:ROWS])
    before = [a.tobytes() for a in (*machine.get_weights(), *machine.get_states())]
    first = machine.evaluate(X[:50])
    assert list(first) == ["loss"]
    assert machine.evaluate(X[:50], np.arange(50)) == first  # labels are ignored
    assert [a.tobytes() for a in (*machine.get_weights(), *machine.get_states())] == before


def test_weights_saved_by_one_implementation_are_loaded_by_another(tmp_path):
    ours = trained("Scratch")
    ours.save_weights(tmp_path / "rbm")
    theirs = make("PyTorch").load_weights(tmp_path / "rbm")
    np.testing.assert_array_equal(theirs.get_states()[0], ours.get_states()[0])
    assert distance(theirs.transform(X[:50]), ours.transform(X[:50])) <= EXACT
    with pytest.raises(WeightFileError, match=r"rbm: expected float32, found float64"):
        make("PyTorch", dtype="float32").load_weights(tmp_path / "rbm")


def test_it_is_a_step_of_a_pipeline_and_names_its_features():
    y = rbm.load().y_train[:ROWS]
    pipeline = make_pipeline(make("Scratch", epochs=1), LogisticRegression()).fit(X[:ROWS], y)
    assert pipeline.predict(X[:5]).shape == (5,)
    names = pipeline[0].get_feature_names_out()
    assert (names[0], len(names)) == ("scratchfeaturelearner0", 100)


def test_it_needs_a_builder():
    learner = frameworks.ScratchFeatureLearner()
    with pytest.raises(ValueError, match="build must be a builder, as features have no default"):
        learner.fit(X[:ROWS])
