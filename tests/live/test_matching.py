"""Which layers and weights correspond: by kind and order, by shape, or as the user says."""

from dataclasses import replace

import numpy as np
import pytest

from frameworks.errors import RequestError
from frameworks.live.correspondence import Network, WeightPair
from frameworks.live.matching import match
from frameworks.live.settling import settle
from frameworks.live.weight_matching import hand_over
from frameworks.recordings.trace import Facts, LayerTrace, Weight


def network(name, *layers):
    """Return a network of layers (path, kind, shapes of the weights)."""
    weights, traces = [], []
    for path, kind, *shapes in layers:
        start = len(weights)
        weights += [
            Weight(f"{path}.{k}", np.full(s, start + k + 1.0)) for k, s in enumerate(shapes)
        ]
        traces.append(
            LayerTrace(
                path,
                Facts(kind),
                tuple(range(start, len(weights))),
                rearranges=kind == "rearrangement",
            )
        )
    return Network(name, traces, weights, [])


def paths(a, b, found):
    return [(a.layers[i].path, b.layers[j].path) for i, j in found.layers]


def test_layers_correspond_by_kind_in_the_order_of_running():
    a = network("a", ("conv", "convolution", (3, 3, 1, 4), (4,)), ("", "relu"),
                ("flat", "rearrangement"), ("fc", "dense", (36, 2), (2,)))  # fmt: skip
    b = network("b", ("0", "convolution", (3, 3, 1, 4), (4,)), ("1", "relu"),
                ("2", "dropout"), ("3", "dense", (36, 2), (2,)))  # fmt: skip
    found = match(a, b)
    assert paths(a, b, found) == [("conv", "0"), ("", "1"), ("fc", "3")]
    assert found.only == ([], [2])
    assert found.weights == [WeightPair((k,), (k,)) for k in range(4)]


def test_branches_that_run_in_another_order_correspond_by_shape():
    wide, narrow = (3, 3, 4, 8), (1, 1, 4, 8)
    a = network("a", ("main", "convolution", wide), ("short", "convolution", narrow))
    b = network("b", ("short", "convolution", narrow), ("main", "convolution", wide))
    assert paths(a, b, match(a, b)) == [("main", "main"), ("short", "short")]


def test_names_decide_which_of_equal_layers_has_no_counterpart():
    square = (1, 4, 4)
    a = network("a", ("s0", "convolution", square), ("s1", "convolution", square))
    rest = ("r.0", "convolution", square), ("s.1", "convolution", square)
    b = network("b", ("s.0", "convolution", square), *rest)
    assert paths(a, b, match(a, b)) == [("s0", "s.0"), ("s1", "s.1")]


def test_names_do_not_decide_where_some_of_the_layers_have_others():
    square = (4, 4)
    a = network("a", *[(name, "dense", square) for name in ("left", "right", "last")])
    b = network("b", *[(name, "dense", square) for name in ("right", "left", "end")])
    found = match(a, b)
    assert paths(a, b, found) == [("left", "right"), ("right", "left"), ("last", "end")]
    said = "left is taken to correspond to right, as they run in this order, though both sides have"
    assert any(said in note for note in found.notes)


@pytest.mark.parametrize("other", ["concatenation", "relu", "pad"])
def test_a_dropout_corresponds_to_no_layer_of_another_kind(other):
    a, b = network("a", ("x", "dropout")), network("b", ("x", other))
    assert match(a, b).layers == []
    assert match(a, b).only == ([0], [0])


def test_embeddings_of_several_inputs_correspond_by_what_they_read():
    names, table, tokens = "pqr", (5, 8), np.arange(3)
    networks = [
        network(side, *[(name, "embedding", table) for name in names]) for side in ("a", "b")
    ]
    for x, order in zip(networks, ((0, 1, 2), (2, 0, 1)), strict=True):
        x.layers[:] = [
            replace(layer, inputs=(tokens + k,), output=tokens + k + 0.5)
            for layer, k in zip(x.layers, order, strict=True)
        ]
    assert paths(*networks, match(*networks)) == [("p", "q"), ("q", "r"), ("r", "p")]


def test_two_biases_correspond_to_the_one_that_is_their_sum():
    kernels = (4, 20), (5, 20)
    one = network("one", ("lstm", "lstm", *kernels, (20,)))
    two = network("two", ("rnn", "lstm", *kernels, (20,), (20,)))
    for a, b in ((one, two), (two, one)):
        found = match(a, b)
        assert "two has two biases where the other has one: their sum is compared" in found.notes
        values = [[w.values for w in x.weights] for x in (a, b)]
        new = hand_over(found, *values)
        totals = [sum(x[2:]) for x in (values[0], new)]
        np.testing.assert_array_equal(*totals)


def test_both_directions_of_a_recurrent_layer_have_their_biases():
    way = (4, 20), (5, 20), (20,)
    one = network("one", ("b", "bidirectional", *way, *way))
    two = network("two", ("b", "bidirectional", *way, (20,), *way, (20,)))
    assert [pair.b for pair in match(one, two).weights] == [
        (0,), (1,), (2, 3), (4,), (5,), (6, 7)
    ]  # fmt: skip


def test_weights_of_unlike_layers_correspond_by_shape_and_that_is_noted():
    a = network("a", ("own", "dense", (2, 3)))
    b = network("b", ("", "rearrangement", (2, 3)))
    found = match(a, b)
    assert found.weights == [WeightPair((0,), (0,))]
    assert found.notes == ["own.0 is taken to correspond to .0, by its shape"]


def test_weights_of_one_side_alone_are_named():
    a = network("a", ("fc", "dense", (2, 3), (3,)), ("norm", "layer normalization", (7,)))
    b = network("b", ("fc", "dense", (2, 3)))
    assert "only a has fc.1, norm.0" in match(a, b).notes


def test_it_is_said_where_both_sides_have_weights_of_their_own():
    a = network("a", ("qkv", "dense", (2, 6)), ("fc", "dense", (2, 3)))
    b = network("b", ("att", "attention", (2, 2), (2, 2), (2, 2)), ("fc", "dense", (2, 3)))
    (note,) = [each for each in match(a, b).notes if "keep their own numbers" in each]
    assert note.startswith("each side has weights without a counterpart")
    assert "if qkv.0 holds 3 kernels like att.0 side by side" in note
    assert not any("keep their own" in each for each in match(a, a).notes)


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 1, 2, 3)])
def test_a_convolution_of_single_positions_has_the_kernel_of_a_dense_layer(shape):
    a, b = network("a", ("fc", "dense", (2, 3))), network("b", ("conv", "convolution", shape))
    assert match(a, b).weights == match(b, a).weights == [WeightPair((0,), (0,))]
    assert match(a, b, {"fc": "conv"}).layers == [(0, 0)]
    wide = network("b", ("conv", "convolution", (2, 2, 3)))
    assert match(a, wide).weights == []


def test_a_mapping_goes_before_order_and_kind():
    a = network("a", ("x", "dense", (2, 2)), ("y", "dense", (2, 2)))
    b = network("b", ("x", "dense", (2, 2)), ("y", "dense", (2, 2)))
    crossed = match(a, b, {"x": "y"})
    assert paths(a, b, crossed) == [("x", "y"), ("y", "x")]
    by_weight = match(a, b, {"x.0": "y.0"})
    assert WeightPair((0,), (1,)) in by_weight.weights


def test_layers_that_do_not_fit_are_refused_by_both_names():
    a, b = network("a", ("fc", "dense", (2, 3))), network("b", ("lin", "dense", (2, 4)))
    words = r"a's fc and b's lin do not fit: fc.0 is \(2, 3\), lin.0 is \(2, 4\)"
    with pytest.raises(RequestError, match=words) as refused:
        match(a, b)
    assert "side by side" not in str(refused.value)


def test_a_kernel_that_may_be_several_side_by_side_is_refused_with_what_helps():
    a = network("a", ("qkv", "dense", (2, 6)))
    b = network("b", ("q", "dense", (2, 2)), ("k", "dense", (2, 2)), ("v", "dense", (2, 2)))
    for sides in ((a, b), (b, a)):
        with pytest.raises(RequestError, match=r"if qkv.0 holds 3 kernels .* on both sides"):
            match(*sides)


def test_names_that_are_not_there_are_refused_with_the_nearest():
    a, b = network("a", ("fc", "dense", (2, 3))), network("b", ("linear", "dense", (2, 3)))
    with pytest.raises(RequestError, match="did you mean 'linear'"):
        match(a, b, {"fc": "liner"})


def test_a_separable_convolution_has_the_kernels_of_two_convolutions():
    a = network("a", ("both", "separable convolution", (3, 3, 5, 1), (1, 1, 5, 8), (8,)))
    each = ("deep", "convolution", (3, 3, 1, 5)), ("point", "convolution", (1, 1, 5, 8), (8,))
    b = network("b", *each)
    assert match(a, b).weights == [WeightPair((k,), (k,)) for k in range(3)]


def test_queries_keys_and_values_correspond_by_name_in_whatever_order_they_run():
    square = (4, 4)
    a = network("a", ("att", "attention", square, square, square, square))
    for weight, part in zip(a.weights, ("queries", "keys", "values", "output"), strict=True):
        object.__setattr__(weight, "name", f"att.{part}_kernel")
    parts = ("v_proj", "key", "to.q", "out")
    b = network("b", *((part, "dense", square) for part in parts))
    for found in (match(a, b), match(b, a).swapped):
        partners = {pair.a: pair.b for pair in found.weights}
        assert partners == {(0,): (2,), (1,): (1,), (2,): (0,), (3,): (3,)}
        assert not any("equal shapes" in note for note in found.notes)


def test_it_is_said_where_only_the_order_tells_which_weights_correspond():
    square = (4, 4)
    a = network("a", ("own", "mixture", square, square))
    b = network("b", ("x", "gate", square), ("y", "gate", square))
    assert [note for note in match(a, b).notes if "equal shapes" in note]


def test_unnamed_layers_go_with_queries_keys_values_and_outputs_in_the_order_of_running():
    square = (4, 4)
    a = network("a", ("att", "attention", square, square, square, square))
    for weight, part in zip(a.weights, ("queries", "keys", "values", "output"), strict=True):
        object.__setattr__(weight, "name", f"att.{part}_kernel")
    b = network("b", *((path, "dense", square) for path in ("w", "x", "y", "z")))
    for found in (match(a, b), match(b, a)):
        assert found.weights == [WeightPair((k,), (k,)) for k in range(4)]


def test_layers_of_queries_keys_and_values_correspond_in_every_block_by_what_they_are_called():
    def blocks(name, words, order):
        parts = [*(words[k] for k in order), "out"]
        every = [f"{block}.{part}" for block in (0, 1) for part in parts]
        return network(name, *((path, "dense", (4, 4), (4,)) for path in every))

    a = blocks("a", ("query", "key", "value"), (0, 1, 2))
    b = blocks("b", ("to_q", "to_k", "to_v"), (2, 0, 1))
    words = {"query": "to_q", "key": "to_k", "value": "to_v", "out": "out"}
    for x, y, found in ((a, b, match(a, b)), (a, b, match(b, a).swapped)):
        assert sorted(paths(x, y, found)) == sorted(
            (f"{block}.{ours}", f"{block}.{theirs}")
            for block in (0, 1) for ours, theirs in words.items()
        )  # fmt: skip


def test_a_state_that_no_layer_has_goes_with_the_weight_that_it_is_a_part_of():
    def normalized(*names):
        plain = network("", *(("", "dense", (4, 4)) for _ in names))
        weights = [Weight(name, np.ones((4, 4))) for name in names]
        states = [Weight(f"{name}.u", np.ones(4)) for name in sorted(names)]
        return replace(plain, weights=weights, states=states)

    assert match(normalized("f", "g"), normalized("g", "f")).states == [(0, 1), (1, 0)]
    assert match(normalized("f", "g"), normalized("x", "y")).states == [(0, 0), (1, 1)]


def test_it_is_said_of_branches_of_one_input_that_only_their_order_tells_them_apart():
    def branches(*names):
        plain = network("", *((name, "dense", (4, 4)) for name in (*names, "out")))
        x, z = np.ones((2, 4)), np.zeros((2, 4))
        layers = [replace(each, inputs=(z if each.path == "out" else x,)) for each in plain.layers]
        return replace(plain, layers=layers)

    def guessed(a, b, **mapping):
        others = [replace(weight, values=-weight.values) for weight in b.weights]
        a = replace(a, outputs=(np.ones(2),))
        b = replace(b, weights=others, outputs=(np.zeros(2),))
        found = settle((a, b), mapping, lambda matching: (a, b), alike=1e-9)
        assert bool(found.guessed) == bool(found.notes)
        return found.notes

    a = branches("dense", "dense_1")
    (said,) = guessed(a, branches("g", "f"))
    assert said.startswith("dense, dense_1 read the same numbers")
    assert guessed(a, branches("g", "f"), dense="f", dense_1="g") == []
    assert guessed(branches("f", "g"), branches("g", "f")) == []
