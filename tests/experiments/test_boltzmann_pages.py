"""The pages of Boltzmann machines: what their features are worth, and that weights go on."""

import os

import numpy as np
import pytest

import frameworks
from datasets import load_shifted_digits
from experiments import dbn, rbm
from experiments.dbn import FIRST, machine_in_keras, machine_in_pytorch, machine_in_scratch
from experiments.harness.workers.probing import probe
from frameworks import Program, ScratchFeatureLearner
from frameworks.agreement.nudge import nudged
from frameworks.agreement.variants import KerasSigmoid, with_keras_sigmoid

from ..frameworks.parity import distance
from .planting import train

REAL_DATA = os.environ.get("LOCKSTEP_DATA", "")
needs_real_data = pytest.mark.skipif(not REAL_DATA, reason="needs the real data: set LOCKSTEP_DATA")
EXACT = 1e-12  # of sums in another order; 1e-14 was measured
MACHINES = {
    "Scratch": machine_in_scratch,
    "Keras": machine_in_keras,
    "PyTorch": machine_in_pytorch,
}


def test_shifted_digits_are_each_digit_and_its_four_shifts_by_a_pixel():
    data = load_shifted_digits()
    X = np.vstack([data.X_train, data.X_test]).reshape(-1, 8, 8)
    rows, counts = np.unique(X.reshape(len(X), -1), axis=0, return_counts=True)
    images = load_digits_in_0_to_1()
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    for down, right in ((0, 0), (1, 0), (0, 1), (0, -1), (-1, 0)):
        shifted = padded[:, 1 + down : 9 + down, 1 + right : 9 + right].reshape(len(images), 64)
        known = {row.tobytes() for row in rows}
        assert {row.tobytes() for row in np.ascontiguousarray(shifted)} <= known
    assert counts.sum() == 5 * len(images)
    assert (X.min(), X.max()) == (0, 1)


def load_digits_in_0_to_1():
    from sklearn.datasets import load_digits

    return load_digits().images / 16


@pytest.fixture(scope="module")
def machines():
    """Give a small machine of each implementation, trained on 28 rows."""
    found, X = {}, load_shifted_digits().X_train[:28]
    for name, build in MACHINES.items():

        def built(spec=FIRST, build=build):
            return build(spec)

        learner = getattr(frameworks, f"{name}FeatureLearner")
        made = learner(built, epochs=2, batch_size=10, dtype="float64", random_state=0)
        found[name] = made.fit(X)
    return found


@pytest.mark.parametrize("name", ["Keras", "PyTorch"])
def test_contrastive_divergence_is_the_gradient_of_free_energies(machines, name):
    ours, theirs = machines["Scratch"], machines[name]
    assert ours.draws_sha256_ == theirs.draws_sha256_ != ""
    assert distance(*([r["loss"] for r in each.history_] for each in (ours, theirs))) <= EXACT
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert distance(a, b) <= EXACT


def test_the_classifier_begins_with_the_machines_weights(machines):
    first = machines["Scratch"]
    before = {"first machine": first, "second machine": first}
    W1, b1, W2, b2, W3, b3 = dbn.unrolled(dbn.SPEC, np.random.default_rng(0), before)
    W, c, _ = first.get_weights()
    for found, expected in ((W1, W), (W2, W), (b1, c), (b2, c)):
        np.testing.assert_array_equal(found, expected)
    assert (W3.shape, b3.shape, W3.any(), b3.any()) == ((256, 10), (10,), True, False)


def test_all_phases_are_recorded_with_their_figures():
    record = train(dbn.EXPERIMENT, "scratch", epochs=5, limit=60).record
    names = [phase.name for phase in record.phases]
    assert names == ["first machine", "second machine", "without the machines", "pre-trained"]
    assert [phase.epochs for phase in record.phases] == [1, 1, 5, 5]
    assert [phase.test.accuracy is None for phase in record.phases] == [True, True, False, False]
    assert record.test.accuracy == record.phases[-1].test.accuracy
    assert len(record.history.loss) == 12


def test_a_nudged_program_is_another_by_rounding_alone():
    X, options = load_shifted_digits().X_train[:28], {"epochs": 2, "batch_size": 10}
    trained = [
        ScratchFeatureLearner(build, dtype="float32", random_state=0, **options).fit(X)
        for build in (rbm.build_scratch, nudged(rbm.build_scratch, 1), nudged(rbm.build_scratch, 2))
    ]
    losses = [[record["loss"] for record in each.history_] for each in trained]
    pairs = [distance(losses[i], losses[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert all(0 < pair < 1e-5 for pair in pairs)  # six steps, each of some 2⁻²³


def test_the_control_of_a_sigmoid_leaves_machines_as_they_are():
    build = with_keras_sigmoid(dbn.build_scratch)
    machine, classifier = build(spec=FIRST), build(spec=dbn.SPEC)
    assert isinstance(machine, Program)
    assert sum(isinstance(each, KerasSigmoid) for each in classifier.network.layers) == 2


def test_features_of_one_class_have_one_answer():
    data = load_shifted_digits()
    learner = ScratchFeatureLearner(rbm.build_scratch, epochs=1, batch_size=10).fit(
        data.X_train[:20]
    )
    found = probe(learner, data, data.X_train[:20], np.full(20, 3))
    assert set(found.predictions) == {3}
    assert found.figures["accuracy"] == (data.y_test == 3).mean()


@needs_real_data
def test_features_are_worth_more_than_pixels():
    data, spec = rbm.load(), rbm.SPEC
    options = {"epochs": spec.epochs, "batch_size": spec.batch_size, "dtype": "float64"}
    learner = ScratchFeatureLearner(rbm.build_scratch, random_state=0, **options)
    learner.fit(data.X_train)
    found = probe(learner, data, data.X_train, data.y_train).figures
    low, high = rbm.EXPERIMENT.band["real"]
    assert low <= found["accuracy"] <= high
    assert 0.77 <= found["accuracy_on_inputs"] <= 0.79
    assert 18 < learner.evaluate(data.X_test)["loss"] < 20


@needs_real_data
def test_machines_on_unlabelled_images_lower_the_error():
    from experiments.harness.cell import Cell
    from experiments.harness.phases import Course

    page = dbn.EXPERIMENT
    data = page.load("real", REAL_DATA)
    cell = Cell("dbn", "float32", 0, "scratch", 50, None, "real", REAL_DATA, 1, "lockstep")
    course = Course(page, data, cell)
    list(course.train())
    without, pretrained = (
        estimator.evaluate(data.X_test, data.y_test)["accuracy"]
        for estimator in course.estimators[2:]
    )
    low, high = page.band["real"]
    assert low <= pretrained <= high
    assert pretrained - without > 0.025
