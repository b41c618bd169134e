"""Functions that are written differently agree if all that follows does, and hide no mistake."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from frameworks.live.forward import compare_layers
from frameworks.live.rewritten import rewritten
from frameworks.recordings.trace import Facts
from lockstep import diverge

from .hand_made import layer_trace, pair_of
from .modules import training

pytestmark = pytest.mark.slow


class Between(nn.Module):
    """Two dense layers with a function between them, and one after."""

    def __init__(self, function, after=torch.tanh):
        super().__init__()
        self.first, self.last, self.out = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.function, self.after = function, after

    def forward(self, x):
        return self.out(self.after(self.last(self.function(self.first(x)))))


class Gate(nn.Module):
    """A gate that goes around the layer that comes next."""

    def __init__(self, function, out=None):
        super().__init__()
        self.gate, self.value, self.out = nn.Linear(6, 8), nn.Linear(6, 8), out or nn.Linear(8, 3)
        self.function = function

    def forward(self, x):
        gate = self.function(self.gate(x))
        return self.out(gate * self.value(x))


def report(a, b, dtype="float64"):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, 6)), rng.integers(0, 3, 16)
    return diverge(training(a), training(b), X, y, steps=3, batch_size=8, dtype=dtype)


def softmax_of_masked(x):
    return F.softmax(x.masked_fill(torch.arange(8) > 5, -torch.inf), -1)


def softmax_of_added(x):
    mask = torch.zeros(8, dtype=x.dtype).masked_fill(torch.arange(8) > 5, -torch.inf)
    return F.softmax(x + mask, -1)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(lambda z: z * torch.sigmoid(z), F.silu), (F.silu, lambda z: z * torch.sigmoid(z)),
     (lambda z: torch.tanh(z) * 0.5 * z, lambda z: torch.tanh(z) * (z * 0.5)),
     (softmax_of_masked, softmax_of_added)],
    ids=["swish", "swish, the other way round", "scaled earlier", "mask"],
)  # fmt: skip
def test_functions_of_which_the_same_follows_agree_and_are_named(ours, theirs):
    found = report(Between(ours), Between(theirs))
    assert found.same
    assert any(note.startswith("written differently, but what") for note in found.notes)


def test_scores_that_both_mask_by_infinity_are_equal():
    assert report(Between(softmax_of_masked), Between(softmax_of_masked)).same


def test_a_mask_that_only_one_side_has_is_the_place():
    assert report(Between(softmax_of_masked), Between(lambda z: F.softmax(z, -1))).place == (
        "masked_fill after first"
    )


def test_a_mistake_after_functions_that_are_written_differently_is_the_place():
    found = report(Between(F.silu), Between(lambda z: z * torch.sigmoid(z), after=F.relu))
    assert (found.level, found.place) == ("forward", "tanh after last / relu after last")
    assert found.cause == (
        "the first pytorch applies a tanh in tanh after last, the second pytorch a ReLU in relu "
        "after last"
    )


@pytest.mark.parametrize("order", [1, -1])
def test_what_one_side_alone_has_is_named_from_its_first_layer_to_its_last(order):
    found = report(*[Between(lambda z: torch.sigmoid(torch.cos(z))), Between(lambda z: z)][::order])
    who = "first" if order == 1 else "second"
    said = f"cos after first to sigmoid after first, which only the {who} pytorch has"
    assert said in " ".join(str(found).split())


@pytest.mark.parametrize("out", [None, nn.Identity()])
def test_a_mistake_in_a_gate_is_the_place_though_the_layer_beside_it_agrees(out):
    found = report(Gate(torch.sigmoid, out), Gate(torch.tanh, out))
    assert found.place == "sigmoid after gate / tanh after gate"
    assert not any(note.startswith("written differently") for note in found.notes)


def test_a_part_of_a_function_is_no_cause():
    found = report(Between(F.silu), Between(lambda z: z * F.hardsigmoid(z)))
    assert found.place == "silu after first / hard sigmoid after first"
    assert not found.cause


class Padded(nn.Module):
    """An LSTM whose last real step is read: of a packed sequence, or of all steps."""

    def __init__(self, packed, by_length=False):
        super().__init__()
        self.packed, self.by_length = packed, by_length
        self.embedding, self.lstm, self.out = nn.Embedding(9, 4), nn.LSTM(4, 5), nn.Linear(5, 3)

    def forward(self, tokens):
        x, lengths = self.embedding(tokens.T), (tokens != 0).sum(dim=1)
        if self.by_length:
            lengths, order = lengths.sort(descending=True)
            x = nn.utils.rnn.pack_padded_sequence(x[:, order], lengths)
            return self.out(self.lstm(x)[1][0][0][order.argsort()])
        if self.packed:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            return self.out(self.lstm(x)[1][0][0])
        return self.out(self.lstm(x)[0][lengths - 1, torch.arange(len(tokens))])


@pytest.mark.parametrize("longest", [4, 6])
@pytest.mark.parametrize("other", [Padded(False), Padded(True, by_length=True)])
def test_padding_that_is_packed_not_read_or_sorted_is_no_difference(longest, other):
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 9, size=(16, 6))
    tokens[np.arange(6) >= rng.integers(1, longest + 1, size=(16, 1))] = 0
    sides = training(Padded(True)), training(other)
    report = diverge(*sides, tokens, rng.integers(0, 3, 16), steps=3, batch_size=16)
    assert report.same, str(report)


class Scaled(nn.Module):
    """Scores of a batch against each other, scaled before or after the product."""

    def __init__(self, early, masked):
        super().__init__()
        self.first, self.out = nn.Linear(6, 8), nn.Linear(8, 3)
        self.early, self.masked = early, masked

    def forward(self, x):
        q = self.first(x)
        scores = (q * 0.5) @ q.T if self.early else (q @ q.T) * 0.5
        if self.masked:
            scores = scores.masked_fill(torch.eye(len(x), dtype=torch.bool), -torch.inf)
        return self.out(F.softmax(scores, -1) @ q)


def test_no_product_is_said_to_lack_where_both_multiply_as_often():
    assert report(Scaled(True, True), Scaled(False, True)).same
    found = report(Scaled(False, True), Scaled(True, False))
    assert (found.level, found.cause) == ("forward", None)


def test_in_float32_too_a_mistake_is_the_place_and_lone_functions_are_not():
    found = report(Between(F.silu), Between(lambda z: z * torch.sigmoid(z), F.relu), "float32")
    assert found.place == "tanh after last / relu after last"


def test_in_float32_too_one_side_may_have_many_functions_more():
    def gelu(z):
        return 0.5 * z * (1 + torch.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z**3)))

    assert report(Between(gelu), Between(lambda z: F.gelu(z, approximate="tanh")), "float32").same


def test_a_normalization_that_changes_nothing_in_evaluation_excuses_no_training():
    """At first, running statistics are 0 and 1: a ReLU may stand on either side of them."""
    one = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    other = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 3))
    assert report(one, other).cause == (
        "the second pytorch has a ReLU (layer 1) before layer 2, the first pytorch has none before "
        "layer 1"
    )


@pytest.mark.parametrize("kept", [[2, 0, 1], [0, 0, 1]])
def test_ends_of_two_directions_may_be_those_of_sorted_rows_and_of_no_others(kept):
    rng = np.random.default_rng(0)
    x, steps, kernel = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 6)), np.ones((2, 2))
    ends = np.hstack([steps[:, -1, :3], steps[:, 0, 3:]])
    sides = [
        layer_trace(name, Facts("bidirectional"), (given,), output, (kernel,))
        for name, given, output in (("a", x, steps), ("b", x, ends[kept]))
    ]
    pair = pair_of(*(replace(each, outputs=(np.ones(3),)) for each in sides))
    found = [replace(each, found=replace(each.found, limit=1e-12)) for each in compare_layers(pair)]
    assert [each.place for each in rewritten(pair, found)] == ["here"] * 2 * (kept == [2, 0, 1])


@pytest.mark.parametrize("whole", [True, False])
def test_columns_that_are_sorted_one_by_one_are_other_rows(whole):
    rng = np.random.default_rng(0)
    X, rows = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    other = rows[[2, 0, 3, 1]] if whole else np.column_stack([rng.permutation(c) for c in rows.T])
    sides = [layer_trace(name, Facts("dense"), (X,), output, (np.ones((3, 5)),))
             for name, output in (("a", rows), ("b", other))]  # fmt: skip
    pair = pair_of(*(replace(each, outputs=(np.ones(3),)) for each in sides))
    found = [replace(each, found=replace(each.found, limit=1e-12)) for each in compare_layers(pair)]
    assert bool(rewritten(pair, found)) == whole


class Cropped(nn.Module):
    """A convolution whose output is cropped, between two layers."""

    def __init__(self, middle, start=0, end=0, after=torch.tanh):
        super().__init__()
        self.first, self.middle, self.out = nn.Conv1d(2, 4, 1), middle, nn.Linear(4, 3)
        self.start, self.end, self.after = start, end, after

    def forward(self, x):
        x = self.middle(self.first(x))
        x = x[..., self.start : x.shape[-1] - self.end]
        return self.out(self.after(x).mean(-1))


def of_sequences(a, b):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, 2, 9)), rng.integers(0, 3, 16)
    return diverge(training(a), training(b), X, y, steps=3, batch_size=8)


def transposed(**options):
    return nn.ConvTranspose1d(4, 4, 3, stride=2, **options)


CROPPED = {
    "transposed": (transposed(padding=1), transposed(), 1, 1),
    "at the end": (transposed(padding=1, output_padding=1), transposed(), 1, 0),
    "convolution": (nn.Conv1d(4, 4, 3), nn.Conv1d(4, 4, 3, padding=2), 2, 2),
}


@pytest.mark.parametrize(("ours", "theirs", "start", "end"), CROPPED.values(), ids=CROPPED)
def test_an_output_that_is_cropped_is_no_difference(ours, theirs, start, end):
    pair = Cropped(ours), Cropped(theirs, start, end)
    for found in (of_sequences(*pair), of_sequences(*pair[::-1])):
        assert found.same, str(found)


def test_an_output_that_is_cropped_hides_no_mistake_after_it():
    found = of_sequences(Cropped(transposed(padding=1)), Cropped(transposed(), 1, 1, after=F.relu))
    assert found.place == "tanh after middle / relu after middle"
    assert found.cause is not None


def test_an_output_that_is_not_cropped_as_it_should_be_is_the_place():
    assert of_sequences(Cropped(transposed(padding=1)), Cropped(transposed())).place == "middle"


CASTS = {
    "to": lambda x: x.to(torch.bfloat16).to(x.dtype),
    "bfloat16": lambda x: x.bfloat16().type_as(x),
}


@pytest.mark.parametrize("name", CASTS)
def test_a_cast_that_rounds_is_the_place_and_one_that_does_not_is_none(name):
    X, y = np.random.default_rng(0).normal(size=(16, 6)), np.zeros(16, int)

    def side(function):
        return training(Between(function))

    found = diverge(side(CASTS[name]), side(lambda x: x), X, y, steps=2, batch_size=8)
    assert found.cause == (
        "the first pytorch has a cast to bfloat16 before last, the second pytorch has none before "
        "last"
    )
    equal = side(CASTS["to"]), side(CASTS["bfloat16"])
    assert diverge(*equal, X, y, steps=2, batch_size=8).same
    equal = side(lambda x: x.to(x.dtype)), side(lambda x: x)
    assert diverge(*equal, X, y, steps=2, batch_size=8).same


class Masking(nn.Module):
    """Attention over token ids, of which 0 is padding; `queries`: those of padding are masked."""

    def __init__(self, queries=False, slope=0.0):
        super().__init__()
        self.embedding, self.key, self.out = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.queries, self.slope = queries, slope

    def forward(self, ids):
        x, padding = self.embedding(ids), ids == 0
        scores = (x @ self.key(x).transpose(1, 2)).masked_fill(padding[:, None], -1e9)
        if self.queries:
            scores = scores.masked_fill(padding[..., None], -1e9)
        mixed = F.leaky_relu(scores.softmax(-1) @ x, self.slope) * ~padding[..., None]
        return self.out(mixed.sum(1))


def test_a_mask_of_queries_that_are_padding_is_no_cause_of_what_differs_behind_it():
    rng = np.random.default_rng(0)
    ids, y = rng.integers(1, 9, (16, 5)), rng.integers(0, 3, 16)
    ids[np.arange(5) >= rng.integers(2, 6, 16)[:, None]] = 0

    for order in (1, -1):

        def compared(other, turned=order, **loss):
            sides = [training(Masking()), training(other, **loss)][::turned]
            return diverge(*sides, ids, y, steps=2, batch_size=8)

        assert compared(Masking(queries=True)).same
        smooth = compared(Masking(queries=True), loss=nn.CrossEntropyLoss(label_smoothing=0.1))
        assert (smooth.level, "label_smoothing" in smooth.cause) == ("loss", True)
        sloping = compared(Masking(queries=True, slope=0.5))
        assert (sloping.level, "negative_slope" in sloping.cause) == ("forward", True)
        assert "negative_slope=0.5" in compared(Masking(slope=0.5)).cause


class Positions(nn.Module):
    """Tokens and positions, and their mean: of both together, or of each."""

    def __init__(self, mean_of_weights, scale=1.0):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(9, 4), nn.Embedding(5, 4)
        self.out, self.mean_of_weights, self.scale = nn.Linear(4, 3), mean_of_weights, scale

    def forward(self, x):
        if self.mean_of_weights:
            h = self.tokens(x).mean(1) + self.scale * self.positions.weight.mean(0)
        else:
            h = (self.tokens(x) + self.positions(torch.arange(5))).mean(1)
        return self.out(h)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_mean_of_an_embeddings_vectors_may_be_taken_by_itself(scale, order):
    rng = np.random.default_rng(0)
    sides = [Positions(False), Positions(True, scale)][::order]
    tokens, labels = rng.integers(0, 9, (16, 5)), rng.integers(0, 3, 16)
    report = diverge(*map(training, sides), tokens, labels, steps=3, batch_size=8)
    assert report.same == (scale == 1), str(report)


class Normalized(nn.Module):
    """A layer normalization, whose scale and shift may be applied by a function of both."""

    def __init__(self, fused, value=1):
        super().__init__()
        self.first, self.norm, self.out = nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3)
        self.fused, self.value = fused, value
        nn.init.normal_(self.norm.weight)

    def forward(self, x):
        h, norm = self.first(x), self.norm
        if self.fused:
            centred = F.layer_norm(h, (8,))
            return self.out(torch.addcmul(norm.bias, centred, norm.weight, value=self.value))
        return self.out(norm(h))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("value", [1, 2])
def test_a_sum_and_a_product_in_one_function_are_these_two(value, order):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, 6)), rng.integers(0, 3, 16)
    sides = [Normalized(False), Normalized(True, value)][::order]
    report = diverge(*map(training, sides), X, y, steps=3, batch_size=8)
    assert report.same == (value == 1), str(report)
