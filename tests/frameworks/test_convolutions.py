"""Convolutions of every kind in lockstep: 200 steps of Adam are one computation."""

from functools import cache
from itertools import permutations

import numpy as np
import pytest

import frameworks
from frameworks.probe import open_training

from .cases import NAMES
from .convolutions import BUILDERS, K, data
from .parity import distance

LIMIT = 1e-12  # the suite's own for float64; 4e-15 was measured for losses, 2e-14 for weights


def make(name, network, epochs=40):
    parameters = {"epochs": epochs, "batch_size": 5, "dtype": "float64", "random_state": 1}
    return getattr(frameworks, name)(BUILDERS[network][name], **parameters)


@cache
def trained(name, network):
    return make(name, network).fit(*data(network))


@pytest.mark.parametrize("network", BUILDERS)
@pytest.mark.parametrize("name", NAMES[1:])
def test_training_is_the_one_of_scratch(name, network):
    ours, theirs = trained(NAMES[0], network), trained(name, network)
    assert ours.draws_sha256_ == theirs.draws_sha256_ != ""
    losses = [[record["loss"] for record in each.history_] for each in (ours, theirs)]
    assert losses[0][-1] < losses[0][0]
    assert distance(*losses) <= LIMIT
    assert [r["accuracy"] for r in ours.history_] == [r["accuracy"] for r in theirs.history_]
    X, _ = data(network)
    for kind, get in {
        "weights": lambda each: each.get_weights(),
        "states": lambda each: each.get_states(),
        "outputs": lambda each: [each.outputs(X)],
    }.items():
        assert len(get(ours)) == len(get(theirs)) > 0, kind
        for i, (a, b) in enumerate(zip(get(ours), get(theirs), strict=True)):
            assert distance(a, b) <= LIMIT, f"{kind}[{i}]"


@pytest.mark.parametrize("network", BUILDERS)
@pytest.mark.parametrize(("writer", "reader"), [*permutations(NAMES, 2)])
def test_a_file_of_weights_predicts_the_same_elsewhere(writer, reader, network, tmp_path):
    model, path = trained(writer, network), tmp_path / "weights.safetensors"
    model.save_weights(path)
    loaded = make(reader, network).load_weights(path)
    for kind in ("get_weights", "get_states"):
        for a, b in zip(getattr(model, kind)(), getattr(loaded, kind)(), strict=True):
            assert a.tobytes() == b.tobytes()
    X, _ = data(network)
    assert distance(loaded.outputs(X), model.outputs(X)) <= LIMIT


@pytest.mark.parametrize("network", BUILDERS)
@pytest.mark.parametrize("name", NAMES[1:])
def test_layers_correspond_one_to_one(name, network):
    found = []
    for each in (NAMES[0], name):
        adapter = open_training(make(each, network), *data(network), classes=np.arange(K)).adapter
        layers = adapter.layer_outputs(data(network)[0], training=True)
        found.append([layer for layer in layers if layer.kind != "concatenation"])
    ours, theirs = found
    assert [(layer.kind, layer.weights) for layer in ours] == [
        (layer.kind, layer.weights) for layer in theirs
    ]
    for a, b in zip(ours, theirs, strict=True):
        assert distance(a.values, b.values) <= LIMIT, a.kind
