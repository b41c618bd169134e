"""What a walk is made of: differences of arrays, and the correspondence of layers."""

import numpy as np
import pytest

from frameworks.diverge.causes.kernels import linear
from frameworks.diverge.differences import difference, not_identical
from frameworks.diverge.layers import align, unmatched, weight_names
from frameworks.probe import LayerOutput, computing


def test_difference_names_the_worst_element():
    found = difference("x", [[1.0, 2.0], [3.0, 8.0]], [[1.0, 2.0], [3.0, 6.0]], 1e-3)
    assert (found.index, found.error, found.values) == ((1, 1), 0.25, ("8", "6"))
    assert found.parted


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_what_is_not_a_number_parts_even_from_itself(nothing):
    found = difference("x", [1.0, nothing], [1.0, nothing], 1.0)
    assert (found.error, found.index, found.parted) == (np.inf, (1,), True)


def test_other_shapes_part():
    assert difference("x", np.ones(3), np.ones((3, 1)), 1.0).parted


def test_identical_means_bytes():
    assert not not_identical("x", np.ones(2), np.ones(2)).parted
    assert not_identical("x", np.ones(2), np.ones(2, np.float32)).parted
    assert not_identical("x", np.zeros(1), np.full(1, -0.0)).parted
    assert not not_identical("x", np.full(2, np.nan), np.full(2, np.nan)).parted


def layers(*kinds):
    return [LayerOutput(kind, kind, np.ones((1, 1))) for kind in kinds]


def test_layers_correspond_in_order_and_a_replaced_one_stands_in_its_place():
    stock = layers("dense", "relu", "dense", "relu", "dense")
    assert align(stock, stock) == [(i, i) for i in range(5)]
    other = layers("dense", "sigmoid", "dense", "relu", "dense")
    assert align(stock, other) == [(i, i) for i in range(5)]


def test_layer_of_one_side_alone_stands_for_nothing():
    stock, more = layers("dense", "relu", "dense"), layers("dense", "relu", "dense", "softmax")
    assert align(stock, more) == [(0, 0), (1, 1), (2, 2)]
    assert unmatched(stock, more) == ([], ["softmax"])


def test_layers_that_only_rearrange_are_left_out():
    X = np.arange(4.0).reshape(1, 4)
    turned = LayerOutput("Turn", "Turn", X[:, ::-1])
    doubled = LayerOutput("Double", "Double", 2 * X)
    assert [each.kind for each in computing(X, [turned, doubled])] == ["Double"]


def test_weights_are_named_by_their_layer():
    found = [LayerOutput("dense", "Dense", None, 2), LayerOutput("dense", "Dense", None, 1)]
    assert list(weight_names(found, 3)) == [
        "weights.0 (kernel of layer 1, dense)",
        "weights.1 (bias of layer 1, dense)",
        "weights.2 (kernel of layer 2, dense)",
    ]


@pytest.mark.parametrize(
    ("X", "W"),
    [((2, 9, 4), (3, 4, 5)), ((2, 36), (3, 4, 5)), ((2, 6, 6, 4), (3, 3, 2, 6))],
    ids=["sequences", "sequences in rows", "groups"],
)
def test_kernels_of_sequences_and_of_groups_have_no_plain_correlation(X, W):
    assert linear(np.ones(X), np.ones(W)) is None
