"""One layer that holds several side by side is what the several are, in whatever they are split."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras import layers as L
from keras import ops
from torch import nn

from frameworks.errors import RequestError
from frameworks.live.parts import Parts
from lockstep import Training, diverge, record

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
D, HEADS, STEPS = 8, 2, 5
X, y = RNG.normal(size=(16, STEPS, D)), RNG.normal(size=(16, STEPS, 3))
IMAGES, OF_IMAGES = RNG.normal(size=(16, 3, 6, 6)), RNG.normal(size=(16, 2))


def heads(x, count=HEADS):
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def per_head(x):
    return x.unflatten(-1, (HEADS, 3, -1)).permute(3, 0, 2, 1, 4)


PACKED = {  # what a layer of queries, keys and values returns, as these, head by head
    "chunk": lambda x: [heads(part) for part in x.chunk(3, -1)],
    "slices": lambda x: [heads(x[..., k * D : (k + 1) * D]) for k in range(3)],
    "reshape": lambda x: x.reshape(len(x), STEPS, 3, HEADS, -1).permute(2, 0, 3, 1, 4),
    "reshape, heads first": per_head,
    "chunk of heads": lambda x: heads(x).chunk(3, -1),
}


class Attention(nn.Module):
    """Queries, keys and values by one layer, or by three."""

    def __init__(self, packed="", bias=True, scale=None):
        super().__init__()
        self.packed, self.scale = packed, scale
        if packed:
            self.qkv = nn.Linear(D, 3 * D, bias=bias)
        else:
            self.a, self.b, self.c = (nn.Linear(D, D, bias=bias) for _ in range(3))
        self.proj = nn.Linear(D, D)

    def forward(self, x):
        if self.packed:
            q, k, v = PACKED[self.packed](self.qkv(x))
        else:
            q, k, v = (heads(layer(x)) for layer in (self.a, self.b, self.c))
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        return self.proj(z.transpose(1, 2).flatten(2))


class Blocks(nn.Module):
    """Blocks of attention and a hidden layer, some times as wide as its input."""

    def __init__(self, *packed, times=4, **options):
        super().__init__()
        self.blocks = nn.ModuleList(Attention(each, **options) for each in packed)
        self.wide, self.out = nn.Linear(D, times * D), nn.Linear(times * D, 3)

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        return self.out(F.relu(self.wide(x)))


def training(model, optimizer=torch.optim.SGD, **options):
    made = optimizer(model.parameters(), lr=2**-4, **options)
    return Training(model, loss=nn.MSELoss(), optimizer=made)


def compared(a, b, rows=X, targets=y, **options):
    return diverge(a, b, rows, targets, steps=3, batch_size=8, **options)


@pytest.mark.parametrize("start", ["a", "b"])
@pytest.mark.parametrize("way", PACKED)
def test_queries_keys_and_values_of_one_layer_are_those_of_three(way, start):
    one, three = Blocks(way, way), Blocks("", "")
    report = compared(training(one), training(three), weights=start)
    assert report.same, str(report)
    note = "blocks.1.qkv of the first pytorch holds 3 layers side by side that the second pytorch"
    assert any(note in each for each in report.notes)
    assert all(each.verdict == "same" for each in report.levels)


def test_a_hidden_layer_three_times_as_wide_is_no_three_layers():
    report = compared(training(Blocks("chunk", times=3)), training(Blocks("", times=3)))
    assert report.same, str(report)
    assert not any("wide" in note for note in report.notes)


@pytest.mark.parametrize("turned", [False, True])
def test_where_each_side_has_one_block_of_each_kind_nothing_is_named_as_the_cause(turned):
    sides = [training(Blocks("chunk", "")), training(Blocks("", "chunk"))]
    report = compared(*(sides[::-1] if turned else sides))
    assert not report.same  # a stated limit: they are paired by their shapes
    assert not report.causes, str(report)


def test_whichever_of_the_three_runs_first_is_told_by_what_follows():
    class Turned(Attention):
        def forward(self, x):
            v, k, q = (heads(layer(x)) for layer in (self.a, self.b, self.c))
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.proj(z.transpose(1, 2).flatten(2))

    turned = Blocks("", "")
    turned.blocks = nn.ModuleList([Turned(), Turned()])
    report = compared(training(turned), training(Blocks("chunk", "chunk")))
    assert report.same, str(report)


def in_keras(packed):
    x = inputs = L.Input((STEPS, D))
    if packed:
        parts = ops.split(L.Dense(3 * D)(x), 3, axis=-1)
        q, k, v = (ops.transpose(ops.reshape(each, (-1, STEPS, HEADS, D // HEADS)), (0, 2, 1, 3))
                   for each in parts)  # fmt: skip
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / (D // HEADS) ** 0.5
        causal = np.triu(np.full((STEPS, STEPS), -np.inf), 1)
        z = ops.matmul(ops.softmax(scores + causal), v)
        z = L.Dense(D)(ops.reshape(ops.transpose(z, (0, 2, 1, 3)), (-1, STEPS, D)))
    else:
        z = L.MultiHeadAttention(HEADS, D // HEADS)(x, x, use_causal_mask=True)
    out = L.Dense(3)(L.Dense(4 * D, activation="relu")(x + z))
    model = keras.Model(inputs, out)
    model.compile(keras.optimizers.SGD(2**-4), "mse")
    return Training(model)


@pytest.mark.parametrize(("packed", "way"), [(True, ""), (False, "chunk"), (False, "reshape")])
def test_so_they_are_across_frameworks_and_in_a_layer_of_attention(packed, way):
    report = compared(in_keras(packed), training(Blocks(way)))
    assert report.same, str(report)


class FewerKeys(nn.Module):
    """More heads of queries than of keys and values."""

    def __init__(self, packed):
        super().__init__()
        self.packed, widths = packed, (D, D // 2, D // 2)
        self.parts = nn.ModuleList(nn.Linear(D, w) for w in ([sum(widths)] if packed else widths))
        self.widths, self.out = widths, nn.Linear(D, 3)

    def forward(self, x):
        if self.packed:
            q, k, v = self.parts[0](x).split(self.widths, -1)
        else:
            q, k, v = (layer(x) for layer in self.parts)
        k, v = (heads(each, 1).expand(-1, HEADS, -1, -1) for each in (k, v))
        return self.out(F.scaled_dot_product_attention(heads(q), k, v).transpose(1, 2).flatten(2))


class Gated(nn.Module):
    """Two convolutions of one image, of which one is a gate."""

    def __init__(self, packed):
        super().__init__()
        widths = [8] if packed else [4, 4]
        self.parts = nn.ModuleList(nn.Conv2d(3, w, 3, padding=1) for w in widths)
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        parts = self.parts[0](x).chunk(2, 1) if len(self.parts) == 1 else [f(x) for f in self.parts]
        return self.out((torch.tanh(parts[0]) * torch.sigmoid(parts[1])).mean((2, 3)))


class OwnKernel(nn.Module):
    """Three products with kernels of one's own, (d_in, d_out), or one."""

    def __init__(self, packed):
        super().__init__()
        widths = [3 * D] if packed else [D, D, D]
        self.kernels = nn.ParameterList(0.3 * torch.randn(D, w) for w in widths)
        self.biases = nn.ParameterList(torch.randn(w) for w in widths)
        self.out = nn.Linear(D, 3)

    def forward(self, x):
        rows = x.flatten(0, 1)
        found = [torch.addmm(b, rows, k) for b, k in zip(self.biases, self.kernels, strict=True)]
        q, k, v = (heads(each.unflatten(0, x.shape[:2]))
                   for each in (found[0].chunk(3, -1) if len(found) == 1 else found))  # fmt: skip
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("one_first", [True, False])
@pytest.mark.parametrize("kind", [FewerKeys, Gated, OwnKernel])
def test_so_are_fewer_keys_gates_and_products_with_kernels_of_ones_own(kind, one_first):
    data = (IMAGES, OF_IMAGES) if kind is Gated else (X, y)
    report = compared(training(kind(one_first)), training(kind(not one_first)), *data)
    assert report.same, str(report)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_recording_is_compared_so_too(tmp_path, dtype):
    options = {"steps": 3, "batch_size": 8, "dtype": dtype}
    for name, packed in (("one", "chunk"), ("three", "")):
        record(training(Blocks(packed), torch.optim.Adam), X, y, path=tmp_path / name, **options)
    for name, packed in (("one", ""), ("three", "reshape")):
        live = training(Blocks(packed), torch.optim.Adam)
        assert diverge(tmp_path / name, live, X, y).same
        assert diverge(live, tmp_path / name, X, y).same


@pytest.mark.parametrize("change", ["scale", "optimizer"])
def test_what_differs_is_found_as_if_there_were_three(change):
    scale, rate = (0.4, {}) if change == "scale" else (None, {"momentum": 0.5})
    one, three = Blocks("chunk", "chunk", scale=scale), Blocks("", "")
    report = compared(training(one, **rate), training(three))
    assert not report.same
    assert report.level == ("forward" if change == "scale" else "trajectory")
    if change == "scale":
        assert "attention product after blocks.0" in report.place
    else:
        assert [cause.settings for cause in report.causes] == [("momentum",)]


class PartlyPacked(nn.Module):
    """Queries, and keys with values; or all three by one layer."""

    def __init__(self, widths, scale=None):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(D, k * D) for k in widths)
        self.proj, self.scale = nn.Linear(D, 3), scale

    def forward(self, x):
        q, k, v = map(heads, torch.cat([f(x) for f in self.parts], -1).split(D, -1))
        z = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return self.proj(z.transpose(1, 2).flatten(2))


@pytest.mark.parametrize(("one", "other"), [((1, 2), (3,)), ((3,), (1, 2)), ((1, 2), (2, 1))])
def test_what_both_sides_hold_in_part_together_is_taken_apart_on_both(one, other):
    report = compared(training(PartlyPacked(one)), training(PartlyPacked(other)))
    assert report.same == ((1, 2) != one or (2, 1) != other), str(report)
    report = compared(training(PartlyPacked(one)), training(PartlyPacked(other, scale=0.25)))
    assert not report.same


class EveryOther(nn.Module):
    """A gate of two layers, or of one whose columns they are in turn."""

    def __init__(self, packed):
        super().__init__()
        widths = [6] if packed else [3, 3]
        self.parts, self.out = nn.ModuleList(nn.Linear(D, w) for w in widths), nn.Linear(3, 3)

    def forward(self, x):
        z = self.parts[0](x)
        a, b = (z[..., ::2], z[..., 1::2]) if len(self.parts) == 1 else (z, self.parts[1](x))
        return self.out(a * torch.sigmoid(b))


@pytest.mark.parametrize("packed", [True, False])
def test_columns_may_be_taken_in_turn(packed):
    report = compared(training(EveryOther(packed)), training(EveryOther(not packed)))
    assert report.same, str(report)


def test_a_layer_that_a_mapping_names_is_not_taken_apart():
    one, three = training(Blocks("chunk")), training(Blocks(""))
    with pytest.raises(RequestError, match="do not fit"):
        compared(one, three, mapping={"blocks.0.qkv": "blocks.0.a"})
    report = compared(one, three, mapping={"blocks.0.qkv[2]": "blocks.0.c"})
    assert report.same, str(report)


def test_what_is_taken_apart_is_put_together_again():
    columns = (np.array([0, 2]), np.array([1, 3]))
    parts = Parts({1: columns, 2: columns})
    arrays = [RNG.normal(size=shape) for shape in [(2, 3), (3, 4), (4,), (5,)]]
    apart = parts.apart(arrays)
    assert [a.shape for a in apart] == [(2, 3), (3, 2), (3, 2), (2,), (2,), (5,)]
    assert np.array_equal(apart[2], arrays[1][:, [1, 3]])
    assert all(map(np.array_equal, parts.together(apart), arrays))
    assert parts.largest([1.0, 2.0, 3.0, 5.0, 4.0, 0.0]) == [1.0, 3.0, 5.0, 0.0]
