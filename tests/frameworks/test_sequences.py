"""Recurrent networks and attention in lockstep: 200 steps of Adam are one computation."""

from functools import cache

import pytest

import frameworks

from .cases import NAMES
from .parity import distance
from .sequences import BUILDERS, data

KEY_BIAS = 8  # its place among the transformer's weights
LIMIT = 1e-12  # the suite's own for float64; 1e-14 was measured


@cache
def trained(name, network):
    parameters = {"epochs": 40, "batch_size": 5, "dtype": "float64", "random_state": 1}
    model = getattr(frameworks, name)(BUILDERS[network][name], **parameters)
    return model.fit(*data(network))


@pytest.mark.parametrize("network", BUILDERS)
@pytest.mark.parametrize("name", NAMES[1:])
def test_training_is_the_one_of_scratch(name, network):
    ours, theirs = trained(NAMES[0], network), trained(name, network)
    losses = [[record["loss"] for record in each.history_] for each in (ours, theirs)]
    assert losses[0][-1] < losses[0][0]
    assert distance(*losses) <= LIMIT
    assert [r["accuracy"] for r in ours.history_] == [r["accuracy"] for r in theirs.history_]
    pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
    for i, (a, b) in enumerate(pairs):
        # the keys' bias has no effect and the true gradient 0: Adam steps by what rounding leaves
        limit = 1e-9 if (network, i) == ("transformer", KEY_BIAS) else LIMIT
        assert distance(a, b) <= limit, f"weights[{i}]"
    X, _ = data(network)
    assert distance(ours.outputs(X), theirs.outputs(X)) <= LIMIT
