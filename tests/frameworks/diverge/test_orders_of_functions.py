"""Functions in a row whose order is no difference, and those whose order is one."""

import numpy as np
import pytest

from frameworks.diverge import walk
from frameworks.diverge.first_batch import returned
from frameworks.diverge.layers import arranged_otherwise
from frameworks.draws import Draws, Dropped, StepStream
from frameworks.probe import LayerOutput

from .toy import side


def layers_of(implementation, names):
    def change(parts):
        if implementation == "scratch":
            import scratch

            made = {
                "relu": scratch.ReLU,
                "tanh": scratch.Tanh,
                "drop": lambda: scratch.Dropout(0.25),
            }
            first, _, last = parts.network.layers
            return parts._replace(
                network=scratch.Sequential(first, *(made[name]() for name in names), last)
            )
        from torch import nn

        made = {"relu": nn.ReLU, "tanh": nn.Tanh, "drop": lambda: nn.Dropout(0.25)}
        first, _, last = parts.network
        return parts._replace(network=nn.Sequential(first, *(made[name]() for name in names), last))

    return change


def walked(ours, theirs):
    return walk(
        side("scratch", layers_of("scratch", ours)), side("pytorch", layers_of("pytorch", theirs))
    )


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("function", ["relu", "tanh"])
def test_a_dropout_before_a_function_is_one_behind_it_if_zero_stays_zero_and_scale_is_kept(
    function, order
):
    found = walked(*[[function, "drop"], ["drop", function]][::order])
    assert found.parts == (function == "tanh")
    said = any("written differently, but what follows agrees" in note for note in found.notes)
    assert said == (function == "relu")


@pytest.mark.parametrize("theirs", [["drop", "tanh"], ["drop"], ["relu"], ["drop", "drop"]])
def test_another_function_beside_them_is_found(theirs):
    found = walked(["relu", "drop"], theirs)
    assert found.parts
    assert found.findings[0].level == "forward"


def test_an_activation_that_stands_elsewhere_is_not_called_missing():
    found = walked(["relu", "drop"], ["drop", "tanh"])
    assert found.findings[0].cause is None
    missing = walked(["relu", "drop"], ["drop", "drop"])
    assert "has no activation there" in str(missing.findings[0].cause)


@pytest.mark.parametrize(("kind", "same", "passed_over"), [
    ("embedding", True, {0}), ("embedding", False, set()), ("position embedding", True, set()),
])  # fmt: skip
def test_vectors_of_positions_may_be_added_in_their_layer_or_behind_it(kind, same, passed_over):
    rng = np.random.default_rng(0)
    x, vectors = rng.normal(size=(6, 5, 4)), rng.normal(size=(5, 4))
    given = x + vectors
    ours = LayerOutput("position embedding", "P", given, 1, x)
    theirs = LayerOutput(kind, "P", vectors, 1, np.arange(5.0))
    dense = [LayerOutput("dense", "", 2 * z, 2, z) for z in (given, given if same else 1 + given)]
    found = arranged_otherwise([ours, dense[0]], [theirs, dense[1]], 1e-12)
    assert found == passed_over


@pytest.mark.parametrize(("kind", "weights"), [("dropout", 0), ("dense", 2)])
def test_a_function_before_a_flatten_returns_what_it_returns_behind_it(kind, weights):
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 3))
    both = (LayerOutput(kind, "", z, weights) for z in (images, images.reshape(6, -1)))
    x, y = returned(*both)
    assert np.array_equal(x, y) == (weights == 0)


def test_masks_before_a_flatten_are_the_draws_of_those_behind_it():
    found = []
    for shape in ((4, 4, 3), (48,), (47,)):
        draws = Draws(0)
        StepStream(draws, "float64", [Dropped(0.25, shape)])(6)
        found.append(draws.draws_sha256)
    assert found[0] == found[1] != found[2]
