"""What the loss does not read, as padding, is no difference and hides none, whatever marks it."""

import keras
import numpy as np
import pytest
import torch
from keras import layers as L
from torch import nn

from frameworks.keras.live.live_model import KerasLive
from frameworks.live.model import Rows
from frameworks.live.unread import _unread as unread
from frameworks.live.unread import with_unread
from frameworks.recordings import read_trace
from frameworks.recordings.trace import Facts, LayerTrace
from lockstep import Training, diverge, record

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(2, 7, 24)
TOKENS, y = RNG.integers(2, 9, (24, 6)), RNG.integers(0, 3, 24)
SMOOTH = nn.CrossEntropyLoss(label_smoothing=0.1)
OPTIONS = {"steps": 3, "batch_size": 8}


def padded(index):
    return np.where(np.arange(6) < LENGTHS[:, None], TOKENS, index)


class Attending(nn.Module):
    """A block of attention over tokens, and what is read of it: the mean of the real steps or one.

    The rest has no effect: `queries` that are padding are masked, too, what attention returns for
    it is `zeroed`, or later steps are hidden (`causal`) where the last one is read.
    """

    def __init__(self, index=0, first=True, queries=False, zeroed=False, causal=False, read=None):
        super().__init__()
        self.embedding, self.out = nn.Embedding(9, 4), nn.Linear(4, 3)
        self.query, self.key = nn.Linear(4, 4), nn.Linear(4, 4)
        self.inner, self.norm, self.active = nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU()
        self.index, self.first, self.read = index, first, read
        self.queries, self.zeroed, self.causal = queries, zeroed, causal

    def forward(self, tokens):
        x, padding = self.embedding(tokens), tokens == self.index
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        scores = scores.masked_fill(padding[:, None], -1e9)
        if self.queries:
            scores = scores.masked_fill(padding[..., None], -1e9)
        if self.causal:
            scores = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), -1e9)
        mixed, real = scores.softmax(-1) @ x, (~padding).to(x.dtype)[..., None]
        if self.zeroed:
            mixed = mixed * real
        if not self.first:  # as where batch_first=False
            mixed, x, real = (each.transpose(0, 1) for each in (mixed, x, real))
        x = self.norm(x + self.active(self.inner(x + mixed)))
        steps = 1 if self.first else 0
        if self.read is not None:
            return self.out(x.select(steps, self.read))
        return self.out((x * real).sum(steps) / real.sum(steps))


def slope(model):
    model.active = nn.LeakyReLU(0.5)
    return training(model)


def epsilon(model):
    model.norm = nn.LayerNorm(4, eps=0.25)
    return training(model)


SLIPS = {
    "label_smoothing": ("loss", lambda model: training(model, loss=SMOOTH)),
    "eps": ("forward", epsilon),
    "leaky ReLU": ("forward", slope),
}
HARMLESS = [  # every two of: the token that is padding, where steps stand, what is masked
    {"index": 0, "first": True, "queries": True},
    {"index": 0, "first": False, "zeroed": True},
    {"index": 1, "first": True, "zeroed": True},
    {"index": 1, "first": False, "queries": True},
    {"index": -1, "causal": True, "read": -1},
]


@pytest.mark.parametrize("differing", HARMLESS, ids=str)
def test_what_is_not_read_hides_no_other_difference(differing):
    same = {key: differing[key] for key in ("index", "first", "read") if key in differing}
    X = TOKENS if differing["index"] < 0 else padded(differing["index"])
    for order in (1, -1):
        sides = [training(Attending(**same)), training(Attending(**differing))]
        report = diverge(*sides[::order], X, y, **OPTIONS)
        assert report.same, str(report)
        assert any("reads nothing" in note for note in report.notes)
        for words, (level, slip) in SLIPS.items():
            sides = [training(Attending(**same)), slip(Attending(**differing))]
            report = diverge(*sides[::order], X, y, **OPTIONS)
            assert report.level == level, str(report)
            assert words in str(report.cause), str(report)


@pytest.mark.parametrize("read", [0, -1])
def test_a_mask_is_the_place_where_what_it_hides_is_read(read):
    sides = [training(Attending(-1, causal=each, read=read)) for each in (True, False)]
    report = diverge(*sides, TOKENS, y, **OPTIONS)
    assert report.same == (read == -1), str(report)


def test_before_a_head_of_zeros_nothing_tells_what_is_read():
    sides = [Attending(-1, causal=causal) for causal in (True, False)]
    for side in sides:
        nn.init.zeros_(side.out.weight)
    report = diverge(*map(training, sides), TOKENS, y, **OPTIONS)
    assert (report.level, "masked_fill" in report.place) == ("forward", True), str(report)


@pytest.mark.parametrize(("other", "cause"), [("silu", ""), ("relu", "a ReLU in relu")])
def test_behind_a_layer_of_zeros_what_enters_it_tells(other, cause):
    functions = {
        "product": lambda z: z * z.sigmoid(),
        "silu": nn.functional.silu,
        "relu": nn.functional.relu,
    }

    class Residual(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.first, self.inner, self.last, self.out = (nn.Linear(4, n) for n in (4, 4, 4, 3))
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)
            self.name = name

        def forward(self, x):
            x = self.first(x)
            return self.out(x + self.last(functions[self.name](self.inner(x))))

    X = np.random.default_rng(1).normal(size=(24, 4))
    begun = "product" if other == "silu" else "silu"
    for sides in ((begun, other), (other, begun)):
        report = diverge(*(training(Residual(name)) for name in sides), X, y, **OPTIONS)
        assert report.level == ("forward" if cause else ""), str(report)
        assert cause in str(report.cause), str(report)


@pytest.mark.parametrize("kind", [np.zeros_like, np.ones_like])
def test_an_input_of_zeros_is_no_padding(kind):
    class Types(nn.Module):
        def __init__(self, eps):
            super().__init__()
            self.types, self.norm, self.out = nn.Embedding(2, 4), nn.LayerNorm(4, eps), Attending()

        def forward(self, tokens, types):
            x = self.norm(self.out.embedding(tokens) + self.types(types))
            return self.out.out(x.mean(1))

    sides = [training(Types(eps)) for eps in (1e-5, 1e-3)]
    report = diverge(*sides, [TOKENS, kind(TOKENS)], y, **OPTIONS)
    assert "eps" in str(report.cause), str(report)
    assert not any("reads nothing" in note for note in report.notes)


def test_steps_that_are_not_computed_at_all_are_those_that_are_not_read():
    """The last block for the token that is read alone, and the layers on the real steps alone."""

    class Reading(Attending):
        def forward(self, tokens):
            x = self.norm(self.embedding(tokens))
            if self.zeroed:
                x = x[:, :1]
            return self.out(self.active(self.inner(x))[:, 0])

    for slip, same in ((training, True), (SLIPS["label_smoothing"][1], False)):
        sides = training(Reading()), slip(Reading(zeroed=True))
        report = diverge(*sides, TOKENS, y, **OPTIONS)
        assert report.same == same, str(report)
        assert report.level in ("", "loss")


def run_packed(rnn, x, tokens):
    """Return the outputs of the real steps, zeros for the others, and the states."""
    lengths = (tokens != 0).sum(1)
    x = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
    z, states = rnn(x)
    return nn.utils.rnn.pad_packed_sequence(z, True, total_length=6)[0], states


class Tagging(nn.Module):
    """An output for each step; the states of an LSTM at padding are zeros, or go on."""

    def __init__(self, packed):
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(9, 4), nn.LSTM(4, 4, batch_first=True)
        self.out, self.packed = nn.Linear(4, 9), packed

    def forward(self, tokens):
        x = self.embedding(tokens)
        z, _ = run_packed(self.rnn, x, tokens) if self.packed else self.rnn(x)
        return self.out(z)


def test_outputs_that_the_loss_leaves_out_are_not_compared():
    def tagged(packed, ignored=0):
        def loss(outputs, targets):
            return nn.functional.cross_entropy(outputs.mT, targets, ignore_index=ignored)

        return training(Tagging(packed), loss=loss)

    X = padded(0)
    for packed in (True, False):
        report = diverge(tagged(packed), tagged(not packed), X, X, **OPTIONS)
        assert report.same, str(report)
        assert any("differ in rnn" in note and "outputs" in note for note in report.notes)
        report = diverge(tagged(packed, -100), tagged(not packed, -100), X, X, **OPTIONS)
        assert report.level == "forward", str(report)


def test_a_recording_says_what_its_loss_does_not_read(tmp_path):
    X = padded(1)
    sides = [training(Attending(1)), SLIPS["label_smoothing"][1](Attending(1, queries=True))]
    torch.manual_seed(0)
    sides[1].model.load_state_dict(sides[0].model.state_dict())
    for name, side in zip("ab", sides, strict=True):
        record(side, X, y, path=tmp_path / f"{name}.trace", **OPTIONS)
    layers = read_trace(tmp_path / "a.trace").layers
    assert any(layer.unread is not None and layer.unread.any() for layer in layers)
    report = diverge(tmp_path / "a.trace", tmp_path / "b.trace")
    assert (report.level, "label_smoothing" in str(report.cause)) == ("loss", True), str(report)


@pytest.mark.parametrize("mode", ["circular", "reflect"])
def test_what_is_no_maximum_on_one_side_is_read_all_the_same(mode):
    def side(mode):
        conv = nn.Conv2d(3, 1, 3, padding=1, padding_mode=mode)
        return training(
            nn.Sequential(conv, nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(1, 3))
        )

    images = np.random.default_rng(2).normal(size=(24, 3, 8, 8))
    for sides in (("zeros", mode), (mode, "zeros")):
        report = diverge(*map(side, sides), images, y, **OPTIONS)
        assert (report.level, report.place) == ("forward", "layer 0"), str(report)
        assert not any("reads nothing" in note for note in report.notes)


class States(nn.Module):
    """A recurrent layer of which the last state is read, and the outputs where they are real."""

    def __init__(self, packed):
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(9, 4), nn.GRU(4, 4, batch_first=True)
        self.out, self.packed = nn.Linear(8, 3), packed

    def forward(self, tokens):
        x, real = self.embedding(tokens), (tokens != 0).double()[..., None]
        z, state = run_packed(self.rnn, x, tokens) if self.packed else self.rnn(x)
        return self.out(torch.cat([(z * real).sum(1), state[-1]], 1))


def test_a_layer_is_read_by_its_states_too():
    for packed in (True, False):
        sides = training(States(packed)), training(States(not packed))
        report = diverge(*sides, padded(0), y, **OPTIONS)
        assert (report.level, report.place) == ("forward", "rnn"), str(report)


class Truncated(nn.Module):
    """Two pieces of a sequence, of which the second learns nothing of the first."""

    def __init__(self, factor):
        super().__init__()
        self.first, self.rnn = nn.Linear(4, 4), nn.GRU(4, 4, batch_first=True)
        self.out, self.factor = nn.Linear(4, 3), factor

    def forward(self, x):
        x = self.first(x)
        begun = x * torch.tensor([self.factor] * 3 + [1.0] * 3)[:, None]
        _, state = self.rnn(begun[:, :3])
        return self.out(self.rnn(begun[:, 3:], state.detach())[0][:, -1])


def test_what_is_detached_is_read():
    X = np.random.default_rng(1).normal(size=(24, 6, 4))
    for factors in ((1.0, 1.5), (1.5, 1.0)):
        report = diverge(*(training(Truncated(f)) for f in factors), X, y, **OPTIONS)
        assert (report.level, report.place) == ("forward", "product after first"), str(report)


@pytest.mark.parametrize("order", [1, -1])
def test_one_step_that_is_read_tells_no_mask_from_another(order):
    class Last(Attending):
        def __init__(self, masked):
            super().__init__()
            self.attention, self.masked = nn.MultiheadAttention(4, 1, batch_first=True), masked

        def forward(self, tokens):
            x, padding = self.embedding(tokens), tokens == 0
            mask = padding if self.masked else None
            x = x + self.attention(x, x, x, key_padding_mask=mask, need_weights=False)[0]
            return self.out(x[torch.arange(len(x)), (~padding).sum(1) - 1])

    sides = [training(Last(masked)) for masked in (True, False)]
    report = diverge(*sides[::order], padded(0), y, **OPTIONS)
    assert (report.level, report.place) == ("forward", "attention"), str(report)
    assert "later" not in str(report.cause), str(report)


def test_where_no_loss_is_the_same_again_everything_is_read_before_long():
    layers = [LayerTrace("", Facts("dense"), training_output=np.ones((2, 3)))] * 64
    calls = []

    def measure(added):
        calls.append([*added])
        return float(len(calls)), dict.fromkeys(range(64), np.array([[0.0] * 3, [1.0] * 3]))

    found = with_unread(layers, {k: k for k in range(64)}, measure)
    assert [layer.unread.tolist() for layer in found] == [False] * 64
    assert 64 < len(calls) <= 1 + 4 * 50


def test_what_some_numbers_do_not_reach_others_may():
    """A ReLU lets through what was below it, and so all but the padding is read."""
    z = np.array([[-1.0, -2.0], [-1.0, 2.0], [3.0, 4.0]])  # of which the last is padding
    layers = [LayerTrace("", Facts("dense"), training_output=z)]

    def measure(added):
        given = z + added.get(0, 0)
        gradient = np.where(given > 0, 1.0, 0.0) * [[1], [1], [0]]
        return float(np.maximum(given, 0)[:2].sum()), {0: gradient}

    (found,) = with_unread(layers, {0: 0}, measure)
    assert found.unread.tolist() == [[False, False], [False, False], [True, True]]


def test_what_is_far_enough_from_a_margin_is_read_nevertheless():
    """Smaller numbers there change the loss, if larger ones do not."""
    for rows in range(2, 9):
        z = np.linspace(0, 4, rows)[:, None]  # of which the first alone is within the margin
        layers = [LayerTrace("", Facts("dense"), training_output=z)]

        def measure(added, z=z):
            given = z + added.get(0, 0)
            return float(np.maximum(1 - given, 0).sum()), {0: np.where(given < 1, -1.0, 0.0)}

        (found,) = with_unread(layers, {0: 0}, measure)
        assert not found.unread.any()


def test_whole_vectors_without_a_gradient_are_not_read():
    gradient = np.array([[0.0, 0.0], [0.0, 1.0]])
    assert unread(gradient, rearranges=False).tolist() == [[True, True], [False, False]]
    assert unread(gradient, rearranges=True).tolist() == [[True, True], [True, False]]
    assert unread(0 * gradient, rearranges=False).tolist() is True
    assert unread(1 + gradient, rearranges=False).tolist() is False


def test_keras_knows_it_too():
    tokens = L.Input((6,))
    x = L.Embedding(9, 4, mask_zero=True)(tokens)
    x = L.Dense(4, activation="tanh", name="inner")(x)
    model = keras.Model(tokens, L.Dense(3)(L.GlobalAveragePooling1D()(x)))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rows = Rows((padded(0),), (y,))
    layers, _ = KerasLive(Training(model), rows, "float64").trace_layers(rows, with_loss=True)
    expected = np.broadcast_to((padded(0) == 0)[..., None], (24, 6, 4))
    for name in ("inner", "inner.activation"):
        (found,) = (layer.unread for layer in layers if layer.path == name)
        np.testing.assert_array_equal(found, expected)


class TaggingAndNaming(nn.Module):
    """Tags for every step, all of which are read, and a class by the first, which is dropped."""

    def __init__(self, forbids=False):
        super().__init__()
        self.embedding, self.tags, self.out = nn.Embedding(9, 4), nn.Linear(4, 3), nn.Linear(3, 3)
        self.drop, self.forbids = nn.Dropout(0.1), forbids

    def forward(self, tokens):
        tags = self.tags(self.embedding(tokens))
        if self.forbids and not self.training:
            tags = tags.masked_fill(torch.arange(18).view(6, 3) == 4, -1e4)
        return tags, self.out(self.drop(tags)[:, 0])


def test_what_dropout_hands_on_is_read_where_another_reads_it():
    def loss(outputs, targets):
        tags, named = outputs
        cross_entropy = nn.functional.cross_entropy
        return cross_entropy(tags.transpose(1, 2), targets[0]) + cross_entropy(named, targets[1])

    sides = (training(TaggingAndNaming(each), loss=loss) for each in (False, True))
    report = diverge(*sides, TOKENS, [TOKENS % 3, y], **OPTIONS)
    assert (report.same, report.level, report.place) == (False, "forward", "outputs")
