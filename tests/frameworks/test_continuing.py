"""Training on: partial_fit, and classifiers that were pickled, copied or cloned."""

import pickle
from copy import copy, deepcopy

import numpy as np
import pytest
from sklearn.base import clone

import frameworks
import scratch
from frameworks import Parts, ScratchClassifier
from frameworks.default_network import DenseSpec, build_scratch

from .cases import SMALL, table


def theta(classifier):
    return b"".join(w.tobytes() for w in classifier.get_weights())


def losses(classifier):
    return [record["loss"] for record in classifier.history_]


@pytest.mark.parametrize("weighted", [False, True])
def test_three_calls_of_partial_fit_are_a_fit_of_three_epochs(make, weighted):
    X, y = table(3)
    w = np.linspace(0.5, 2, len(X)) if weighted else None
    fitted, partial = make(epochs=3).fit(X, y, w), make()
    for _ in range(3):
        assert partial.partial_fit(X, y, sample_weight=w) is partial
    assert theta(partial) == theta(fitted)
    assert losses(partial) == losses(fitted)
    assert partial.orders_sha256_ == fitted.orders_sha256_


def test_partial_fit_goes_on_from_a_fit(make):
    X, y = table()
    assert theta(make(epochs=2).fit(X, y).partial_fit(X, y)) == theta(make(epochs=3).fit(X, y))


def test_partial_fit_takes_batches_that_lack_a_class(make):
    X, y = table(3)
    classifier = make().partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    before = theta(classifier)
    classifier.partial_fit(X[y == 2], y[y == 2])
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert theta(classifier) != before


def test_batch_size_and_weights_may_change_between_calls(make):
    X, y = table()
    classifier = make(batch_size=8).partial_fit(X, y)
    first = classifier.get_weights()
    classifier.set_params(batch_size=10**30).partial_fit(X, y)  # all rows
    # Adam's first steps are close to the learning rate: three batches move further than one
    moved = [np.abs(a - b).max() for a, b in zip(first, classifier.initial_weights_, strict=True)]
    moves = [np.abs(a - b).max() for a, b in zip(first, classifier.get_weights(), strict=True)]
    assert max(moves) < 0.02 < max(moved)
    weighted = deepcopy(classifier).partial_fit(X, y, sample_weight=np.arange(21))
    assert theta(weighted) != theta(classifier.partial_fit(X, y))


def test_tensorflow_compiles_once_for_any_number_of_rows_and_batch_size():
    X, y = table(3)
    ours = frameworks.KerasClassifier(**SMALL, dtype="float64")
    scratchs = ScratchClassifier(**SMALL, dtype="float64")
    compiled = []
    for rows, batch_size in (21, 8), (9, 8), (20, 5), (4, 30):
        for each in (ours, scratchs):
            each.set_params(batch_size=batch_size).partial_fit(X[:rows], y[:rows], [0, 1, 2])
        compiled.append(ours._adapter._compiled)
    assert all(each is compiled[0] for each in compiled)
    for own, other in zip(ours.get_weights(), scratchs.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-12)  # the design's limit


@pytest.mark.parametrize(
    ("dtype", "copied"),
    [
        ("float32", lambda c: pickle.loads(pickle.dumps(c))),
        ("float64", deepcopy),
        ("float32", copy),
    ],
    ids=["pickle", "deepcopy", "copy"],
)
def test_a_copy_predicts_and_goes_on_as_the_original_does(make, dtype, copied):
    X, y = table(3)
    original = make(dtype=dtype).fit(X, y)
    other = copied(original)
    assert theta(other) == theta(original)
    assert other.outputs(X).tobytes() == original.outputs(X).tobytes()
    assert other.predict(X).tolist() == original.predict(X).tolist()
    assert other.history_ == original.history_
    for _ in range(2):
        other.partial_fit(X, y)
    assert theta(other) != theta(original)
    for _ in range(2):
        original.partial_fit(X, y)
    assert theta(other) == theta(original)
    assert losses(other) == losses(original)


def test_parameters_set_after_the_fit_do_not_change_what_is_pickled(make):
    X, y = table()
    original = make().fit(X, y)
    original.set_params(dtype="float64", hidden=(9,), learning_rate=1.0)
    other = pickle.loads(pickle.dumps(original))
    assert theta(other) == theta(original)
    assert other.outputs(X).dtype == original.outputs(X).dtype == np.float32
    with pytest.raises(ValueError, match=r"^hidden: training goes on with \(4,\), as it began"):
        other.partial_fit(X, y)


SEED = np.random.default_rng(0)
WARM = {**SMALL, "warm_start": True, "epochs": 1}


@pytest.mark.parametrize("goes_on", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("parameter", "value", "began"),
    [
        ("learning_rate", 0.5, "0.01"),
        ("hidden", (5,), r"\(4,\)"),
        ("activation", "tanh", "'relu'"),
        ("dtype", "float64", "'float32'"),
        ("random_state", SEED, "0"),
        ("build", build_scratch, "None"),
    ],
)
def test_what_a_trained_network_cannot_take_any_more_is_refused_by_name(
    parameter, value, began, goes_on
):
    X, y = table()
    classifier = ScratchClassifier(**WARM).fit(X, y)
    before = theta(classifier)
    message = f"^{parameter}: training goes on with {began}, as it began, and cannot change to "
    with pytest.raises(ValueError, match=message):
        getattr(classifier.set_params(**{parameter: value}), goes_on)(X, y)
    assert theta(classifier) == before


def test_what_training_can_take_takes_effect_when_it_goes_on():
    X, y = table()
    classifier = ScratchClassifier(**WARM).fit(X, y)
    twin = deepcopy(classifier).fit(X, y)
    same = {"hidden": [4], "epochs": 2, "batch_size": 5, "class_weight": {0: 2.0}}
    assert classifier.set_params(**same).fit(X, y).n_iter_ == 3
    assert classifier.history_[1]["loss"] != twin.history_[1]["loss"]
    classifier.set_params(warm_start=False, learning_rate=0.5)
    assert classifier.fit(X, y).n_iter_ == 2


def test_a_builders_number_cannot_change_when_training_goes_on():
    X, y = table(3)
    classifier = ScratchClassifier(build_nested, epochs=1, warm_start=True, random_state=SEED)
    classifier.fit(X, y).set_params(spec=STATEFUL).fit(X, y)
    assert classifier.n_iter_ == 2
    message = "^spec__learning_rate: training goes on with 0.0625, as it began, and cannot change"
    with pytest.raises(ValueError, match=message):
        classifier.set_params(spec__learning_rate=0.5).fit(X, y)


def test_a_warm_start_from_loaded_weights_keeps_to_the_same_rule(tmp_path):
    X, y = table()
    saved, loaded = ScratchClassifier(**SMALL).fit(X, y), ScratchClassifier(**WARM)
    saved.save_weights(tmp_path / "weights")
    loaded.load_weights(tmp_path / "weights").set_params(learning_rate=0.5)
    with pytest.raises(ValueError, match="^learning_rate: training goes on with 0.01, as it began"):
        loaded.fit(X, y)
    loaded.set_params(learning_rate=0.01).fit(X, y)
    anew = ScratchClassifier(**WARM).fit(X, y, initial_weights=saved.get_weights())
    assert theta(loaded) == theta(anew)


def test_a_copy_shares_the_parameters_and_nothing_that_training_changes():
    random_state, (X, y) = np.random.RandomState(0), table()
    original = ScratchClassifier(**{**WARM, "random_state": random_state}).fit(X, y)
    other = copy(original).fit(X, y)
    assert other.random_state is random_state
    assert (original.n_iter_, other.n_iter_) == (1, 2)


def test_a_clone_is_not_fitted_and_trains_to_the_same_weights(make):
    X, y = table()
    original = make().fit(X, y)
    other = clone(original)
    assert not hasattr(other, "classes_")
    assert other.get_params() == original.get_params()
    assert theta(other.fit(X, y)) == theta(original)


def test_parameters_are_kept_as_they_are_given(make):
    parameters = {"hidden": [5], "epochs": 2, "dtype": "float64", "random_state": 3}
    assert make(**parameters).get_params().items() >= parameters.items()
    assert make().set_params(**parameters).get_params() == make(**parameters).get_params()


STATEFUL = DenseSpec(inputs=3, outputs=3, hidden=(4,), learning_rate=0.0625)


def build_stateful(spec=STATEFUL):
    network = scratch.Sequential(
        scratch.Dense(3, 4),
        scratch.BatchNorm.keras(4),
        scratch.ReLU(),
        scratch.Dropout(0.5, np.random.default_rng(0)),
        scratch.Dense(4, 3),
    )
    optimizer = scratch.SGD(spec.learning_rate)
    return Parts(network, scratch.CategoricalCrossEntropy(), optimizer, stateful_weights)


def build_nested(spec=STATEFUL):
    inner = scratch.Sequential(scratch.Dense(4, 4), scratch.BatchNorm.keras(4))
    network = scratch.Sequential(
        scratch.Dense(3, 4), scratch.Residual(inner, scratch.ReLU()), scratch.Dense(4, 3)
    )
    optimizer = scratch.SGD(spec.learning_rate)
    return Parts(network, scratch.CategoricalCrossEntropy(), optimizer, nested_weights)


def nested_weights(spec, rng):
    shapes = (3, 4), 4, (4, 4), 4, 4, 4, (4, 3), 3
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize(
    "copied", [lambda c: pickle.loads(pickle.dumps(c)), deepcopy], ids=["pickle", "deepcopy"]
)
def test_a_copy_keeps_what_layers_of_inner_networks_keep(copied):
    X, y = table(3)
    original = ScratchClassifier(build_nested, epochs=3, batch_size=8, random_state=0).fit(X, y)
    other = copied(original)
    assert other.outputs(X).tobytes() == original.outputs(X).tobytes()
    assert theta(other.partial_fit(X, y)) == theta(original.partial_fit(X, y))
    assert other.outputs(X).tobytes() == original.outputs(X).tobytes()


def stateful_weights(spec, rng):
    shapes = (3, 4), 4, 4, 4, (4, 3), 3
    return [rng.normal(size=shape) for shape in shapes]


def test_a_copy_keeps_what_layers_keep_besides_their_weights():
    """Running means, and the generator of dropout."""
    X, y = table(3)
    original = ScratchClassifier(build_stateful, epochs=3, batch_size=8, random_state=0).fit(X, y)
    other = pickle.loads(pickle.dumps(original))
    assert other.outputs(X).tobytes() == original.outputs(X).tobytes()
    assert theta(other.partial_fit(X, y)) == theta(original.partial_fit(X, y))
    assert other.outputs(X).tobytes() == original.outputs(X).tobytes()
