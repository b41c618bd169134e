"""A model trained in one implementation predicts the same when another one loads its file."""

from itertools import permutations, product

import numpy as np
import pytest

from experiments.registry import EXPERIMENTS, find_experiment
from frameworks import PyTorchRegressor, ScratchRegressor, WeightFileError
from frameworks.agreement.distances import relative_error
from frameworks.backends import BACKENDS

pytestmark = pytest.mark.slow

NAMES = ("scratch", "keras", "pytorch")
ACTIVATIONS = ("identity", "logistic", "relu", "tanh")
TARGETS = [(0, 1), (300, 6), (250_000, 30_000), (250_000, 30), (1_000_000, 1)]  # mean, deviation
INPUTS = [(0, 1), (1000, 1), (0, 1e-3)]
LENGTHS = {True: (1000, 3), False: (100, 1)}  # rows to train on, where there are, and epochs


def make(experiment, implementation, dtype, epochs=1):
    blueprint = experiment.blueprint
    options = {"epochs": epochs, "batch_size": blueprint.spec.batch_size, "random_state": 0}
    return BACKENDS[implementation].make(blueprint, dtype=dtype, **options)


def distance(experiment, a, b, X):
    """Return how far apart probabilities are; numbers, relative to the largest."""
    if experiment.task.has_answers:
        return float(np.abs(a.predict_proba(X) - b.predict_proba(X)).max())
    return relative_error(a.outputs(X), b.outputs(X))


def different(experiment, a, b, X):
    """Count the answers that are not the same."""
    return int((a.predict(X) != b.predict(X)).sum()) if experiment.task.has_answers else 0


def exchange(name, dtype, folder, torture):
    """Train, save, load and predict; return (a, b, different predictions, distance) by pair."""
    experiment, trained = find_experiment(name), {}
    data, (rows, epochs) = experiment.load("stand-in"), LENGTHS[torture]
    classes = np.arange(len(data.class_names)) if experiment.task.has_answers else None
    for name in NAMES:
        trained[name] = make(experiment, name, dtype, epochs)
        X, y = data.X_train[:rows], data.y_train[:rows]
        list(trained[name].iter_fit(X, y, classes=classes))
        trained[name].save_weights(folder / f"{name}.safetensors")
    found = []
    for a, b in permutations(NAMES, 2):
        loaded = make(experiment, b, dtype).load_weights(folder / f"{a}.safetensors")
        for before, after in zip(trained[a].get_weights(), loaded.get_weights(), strict=True):
            assert before.tobytes() == after.tobytes()
        pair = (experiment, trained[a], loaded, data.X_test)
        found.append((a, b, different(*pair), distance(*pair), len(data.X_test)))
    return found


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_file_predicts_the_same_in_every_other_implementation(
    experiment, tmp_path, torture, figure
):
    found = exchange(experiment, "float64", tmp_path, torture)
    assert [different for _, _, different, _, _ in found] == [0] * 6
    furthest = max(distance for *_, distance, _ in found)
    assert furthest <= 1e-13  # sums in another order: some hundred roundings of 1e-16
    rows = found[0][-1]
    figure(f"{experiment}: 6 ordered pairs, 0 of {6 * rows} predictions different, probabilities "
           f"at most {furthest:.1e} apart")  # fmt: skip


def test_a_file_in_float32_is_exchanged_as_well(tmp_path, torture, figure):
    found = exchange("churn", "float32", tmp_path, torture)
    furthest = max(distance for *_, distance, _ in found)
    assert furthest <= 1e-5  # sums in another order: some roundings of 1e-7
    figure(f"churn, float32: {sum(f[2] for f in found)} of {6 * found[0][-1]} predictions "
           f"different, probabilities at most {furthest:.1e} apart")  # fmt: skip


def loaded_by_others(options, inputs, targets, path):
    """Return which activations load the file of which, in a network of another implementation."""
    X = np.random.default_rng(0).normal(*inputs, size=(100, 3))
    mean, deviation = targets
    y = mean + deviation * np.tanh(2 * (X[:, 0] - X[:, 0].mean()) / X[:, 0].std())
    taken = set()
    for activation in ACTIVATIONS:
        saved = ScratchRegressor(activation=activation, **options)
        saved.fit(X, y).save_weights(path)
        for other in ACTIVATIONS:
            try:
                PyTorchRegressor(activation=other, **options).load_weights(path)
                taken.add((activation, other))
            except WeightFileError:
                continue
    return taken


def test_an_exchange_between_networks_of_other_activations_is_refused(tmp_path, torture, figure):
    """Also where all units lie on one side of their kinks, as targets far from zero leave them."""
    hidden = [(1,), (8,), (16, 8)] if torture else [(8,)]
    inputs, epochs = (INPUTS, 30) if torture else (INPUTS[:1], 10)
    cases = [*product(["float64", "float32"], hidden, inputs, TARGETS)]
    for dtype, widths, X, y in cases:
        options = {"hidden": widths, "dtype": dtype, "epochs": epochs, "learning_rate": 0.3}
        taken = loaded_by_others(options | {"random_state": 0}, X, y, tmp_path / "a")
        assert taken == {(each, each) for each in ACTIVATIONS}, (dtype, widths, X, y)
    equal = len(cases) * len(ACTIVATIONS)
    figure(f"{4 * equal:,} pairs of activations: {equal} equal, loaded; {3 * equal:,} refused")
