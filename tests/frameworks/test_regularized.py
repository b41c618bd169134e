"""Dropout and batch normalization in lockstep: equal masks, equal states, one computation."""

import pickle
from functools import cache, partial

import numpy as np
import pytest
import torch

import frameworks
from frameworks.estimator import LockstepEstimator
from frameworks.probe import open_training
from scratch import Batch

from .cases import NAMES
from .parity import distance
from .regularized import (
    AFTER,
    BUILDERS,
    DENSE,
    FLAT,
    RATE,
    WIDTH,
    data,
    dense_pytorch,
    dense_scratch,
    pytorch_optimizer,
)

pytestmark = pytest.mark.slow

OPTIONS = {
    "dropout": {},
    "batch normalization": {"rate": None, "norm": True},
    "both": {"norm": True},
    "neither": {"rate": None},
}
LIMIT = 1e-12  # the suite's own for float64; 2e-15 was measured


def make(name, network="dense", option="dropout", **parameters):
    build = partial(BUILDERS[network][name], **OPTIONS[option])
    parameters = {"epochs": 4, "batch_size": 5, "dtype": "float64", "random_state": 1, **parameters}
    return getattr(frameworks, name)(build, **parameters)


@cache
def trained(name, network, option):
    return make(name, network, option).fit(*data(network))


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("network", BUILDERS)
@pytest.mark.parametrize("name", NAMES[1:])
def test_training_is_the_one_of_scratch(name, network, option):
    ours, theirs = trained(NAMES[0], network, option), trained(name, network, option)
    assert ours.orders_sha256_ == theirs.orders_sha256_
    assert ours.draws_sha256_ == theirs.draws_sha256_
    losses = [[record["loss"] for record in each.history_] for each in (ours, theirs)]
    assert distance(*losses) <= LIMIT
    assert [r["accuracy"] for r in ours.history_] == [r["accuracy"] for r in theirs.history_]
    X, _ = data(network)
    for kind, get in {
        "weights": lambda each: each.get_weights(),
        "states": lambda each: each.get_states(),
        "outputs": lambda each: [each.outputs(X)],
    }.items():
        assert len(get(ours)) == len(get(theirs)), kind
        for i, (a, b) in enumerate(zip(get(ours), get(theirs), strict=True)):
            assert distance(a, b) <= LIMIT, f"{kind}[{i}]"


@pytest.mark.parametrize("network", BUILDERS)
@pytest.mark.parametrize("name", NAMES)
def test_masks_are_drawn_anew_for_another_seed_and_only_where_there_is_dropout(name, network):
    X, y = data(network)
    one = trained(name, network, "dropout")
    other = make(name, network, random_state=2).fit(X, y)
    assert "" != one.draws_sha256_ != other.draws_sha256_ != ""
    weights = one.initial_weights_
    # the same batches and weights, and nothing else that is random
    neither = make(name, network, "neither").fit(X, y, initial_weights=weights)
    assert neither.orders_sha256_ == one.orders_sha256_
    assert neither.draws_sha256_ == ""
    assert all(
        np.any(a != b) for a, b in zip(one.get_weights(), neither.get_weights(), strict=True)
    )


@pytest.mark.parametrize("name", NAMES)
def test_masks_are_those_of_the_third_stream(name):
    """One step of gradient descent by hand, on the loss's mean over the rows."""
    X, y = data()
    X, y = X[:5], y[:5]
    model = make(name, epochs=1).fit(X, y)
    rng = np.random.default_rng(np.random.SeedSequence(1).spawn(3)[2])
    W, b, V, c = model.initial_weights_
    masks = [(rng.random((5, d)) >= rate) / (1 - rate) for d, rate in ((5, 0.1875), (7, 0.375))]
    z = np.tanh(X * masks[0] @ W + b) * masks[1] @ V + c
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(5), y]).mean()
    assert model.history_[0]["loss"] == pytest.approx(loss, rel=1e-14)  # sums of seven terms
    assert model.outputs(X) != pytest.approx(z)


@pytest.mark.parametrize("network", BUILDERS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_dropped_in_evaluation(name, network):
    model = trained(name, network, "both")
    X, y = data(network)
    first, digest = model.outputs(X), model.draws_sha256_
    model.evaluate(X, y)
    assert model.outputs(X).tobytes() == first.tobytes()
    assert model._draws.draws_sha256 == digest


@pytest.mark.parametrize("option", ["dropout", "both"])
@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_as_if_it_had_never_stopped(name, option):
    X, y = data()
    whole, parts = trained(name, "dense", option), make(name, "dense", option)
    for _ in range(2):
        parts.partial_fit(X, y)
    copy = pickle.loads(pickle.dumps(parts))
    for _ in range(2):
        copy.partial_fit(X, y)
    assert copy.draws_sha256_ == whole.draws_sha256_ != parts.draws_sha256_
    for get in (LockstepEstimator.get_weights, LockstepEstimator.get_states):
        assert [a.tobytes() for a in get(copy)] == [a.tobytes() for a in get(whole)]


@pytest.mark.parametrize("name", NAMES)
def test_measuring_in_between_changes_neither_masks_nor_running_means(name):
    X, y = data("images")
    whole = trained(name, "images", "both")
    measured = make(name, "images", "both").fit(X, y, validation_data=(X, y))
    for get in (LockstepEstimator.get_weights, LockstepEstimator.get_states):
        assert [a.tobytes() for a in get(measured)] == [a.tobytes() for a in get(whole)]


@pytest.mark.parametrize("name", NAMES)
def test_float32_has_the_masks_of_float64(name):
    single = make(name, "images", dtype="float32").fit(*data("images", np.float32))
    assert single.draws_sha256_ == trained(name, "images", "dropout").draws_sha256_
    assert {w.dtype.name for w in single.get_weights()} == {"float32"}


@pytest.mark.parametrize("name", NAMES)
def test_states_are_mean_and_variance_and_can_be_set(name):
    model = make(name, "images", "both").fit(*data("images"))
    assert [a.shape for a in model.get_states()] == [(3,), (3,)]
    states = [np.array([0.5, -1, 2]), np.array([1, 0.25, 4])]
    model.set_states(states)
    assert [a.tolist() for a in model.get_states()] == [a.tolist() for a in states]
    with pytest.raises(ValueError, match=r"^states\[1\]: expected shape \(3,\), got \(4,\)$"):
        model.set_states([np.zeros(3), np.zeros(4)])


@pytest.mark.parametrize("name", NAMES)
def test_running_means_go_through_a_file_into_every_implementation(name, tmp_path):
    ours = trained("ScratchClassifier", "images", "both")
    ours.save_weights(tmp_path / "a")
    theirs = make(name, "images", "both").load_weights(tmp_path / "a")
    assert [a.tobytes() for a in theirs.get_states()] == [a.tobytes() for a in ours.get_states()]
    X, _ = data("images")
    assert distance(theirs.outputs(X), ours.outputs(X)) <= LIMIT


@pytest.mark.parametrize("bytes_ahead", [1, 40 * 60 * 8])  # a batch in a call, and two of them
def test_keras_trains_an_epoch_in_parts_where_its_masks_do_not_fit(monkeypatch, bytes_ahead):
    whole = trained("KerasClassifier", "images", "both")
    monkeypatch.setattr(frameworks.draws, "_BYTES_AHEAD", bytes_ahead)
    parts = make("KerasClassifier", "images", "both").fit(*data("images"))
    assert [a.tobytes() for a in parts.get_weights()] == [a.tobytes() for a in whole.get_weights()]
    assert parts.draws_sha256_ == whole.draws_sha256_
    losses = [[record["loss"] for record in each.history_] for each in (parts, whole)]
    assert distance(*losses) < 1e-15  # the mean of an epoch is a mean of means
    assert [r["accuracy"] for r in parts.history_] == [r["accuracy"] for r in whole.history_]


def test_pytorch_takes_a_mask_for_every_call_of_a_module_that_is_used_twice():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(5, WIDTH), torch.nn.Linear(WIDTH, 3)
            self.drop = torch.nn.Dropout(RATE / 2)

        def forward(self, x):
            return self.last(self.drop(torch.tanh(self.first(self.drop(x)))))

    def twice(spec=DENSE):
        network = Twice()
        parts = dense_pytorch(spec)
        return parts._replace(network=network, optimizer=pytorch_optimizer(spec, network))

    def scratch(spec=DENSE):
        parts = dense_scratch(spec)
        parts.network.layers[3].rate = RATE / 2
        return parts

    numbers = {"epochs": 4, "batch_size": 5, "dtype": "float64", "random_state": 1}
    ours = frameworks.ScratchClassifier(scratch, **numbers).fit(*data())
    theirs = frameworks.PyTorchClassifier(twice, **numbers).fit(*data())
    assert ours.draws_sha256_ == theirs.draws_sha256_
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert distance(a, b) <= LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_a_look_in_training_mode_shows_what_the_next_step_drops(name):
    X, y = data("images")
    opened = open_training(make(name, "images"), X, y, classes=np.arange(3))
    adapter = opened.adapter
    dropped = [x.values for x in adapter.layer_outputs(X, training=True) if x.kind == "dropout"]
    assert [a.shape for a in dropped] == [(23, *AFTER), (23, FLAT)]
    assert all(np.any(a == 0) for a in dropped)
    again = [x.values for x in adapter.layer_outputs(X, training=True) if x.kind == "dropout"]
    assert all(np.array_equal(a, b) for a, b in zip(dropped, again, strict=True))
    loss, gradients = adapter.loss_and_gradients(Batch(X[:5], y[:5]))
    (step,) = adapter.train(Batch(X[:5], y[:5]), [None], 5)
    assert step.loss == pytest.approx(loss, rel=1e-15)
    assert adapter.loss_and_gradients(Batch(X[:5], y[:5]))[0] != pytest.approx(loss)


@pytest.mark.parametrize("name", NAMES[1:])
def test_gradients_under_masks_are_those_of_scratch(name):
    X, y = data("images")
    sides = [
        open_training(make(each, "images", "both"), X, y, classes=np.arange(3)).adapter
        for each in (NAMES[0], name)
    ]
    (a, ours), (b, theirs) = (side.loss_and_gradients(Batch(X, y)) for side in sides)
    assert a == pytest.approx(b, rel=LIMIT)
    assert all(distance(g, h) <= LIMIT for g, h in zip(ours, theirs, strict=True))


def test_a_last_batch_of_a_single_row_is_refused_by_pytorch_with_the_remedy():
    X, y = data("dense")
    alone = make("PyTorchClassifier", option="batch normalization", batch_size=len(X) - 1)
    with pytest.raises(ValueError, match="^batch_size: .* a batch_size that leaves no row alone"):
        alone.fit(X, y)
    make("PyTorchClassifier", option="neither", batch_size=len(X) - 1).fit(X, y)
