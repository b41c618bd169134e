"""Causes in a layer: each is confirmed where it is planted, and nowhere else."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import scratch
from frameworks.diverge.differences import difference
from frameworks.live.correspondence import Matching
from frameworks.live.pairs import Compared, Pair
from frameworks.live.proofs import Proof
from frameworks.live.reference import layer_output
from frameworks.recordings.trace import Facts, LayerTrace, Trace, Weight
from tests.live.hand_made import both_ways, forward_proof, layer_trace, trace, with_values

RNG = np.random.default_rng(2)
X, IMAGES, SEQUENCES = (
    RNG.normal(size=(6, 4)),
    RNG.normal(size=(3, 5, 6, 2)),
    RNG.normal(size=(3, 5, 4)),
)
W, B = RNG.normal(size=(4, 4)), RNG.normal(size=4)
KERNEL, K_BIAS = RNG.normal(size=(3, 3, 2, 2)), RNG.normal(size=2)
GAMMA, BETA = RNG.uniform(1, 2, 4), RNG.normal(size=4)
MEAN, VARIANCE = RNG.normal(size=4), RNG.uniform(1, 2, 4)
Array = np.ndarray


def t(x: Array) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(x))


DENSE = with_values(Facts("dense"), units=4, bias=True)
NORM = with_values(
    Facts("batch normalization"), epsilon=1e-3, keep=0.75, scale=True, shift=True, unbiased=False
)
CONV = with_values(
    Facts("convolution"),
    kernel=(3, 3),
    stride=(1, 1),
    dilation=(1, 1),
    filters=2,
    groups=1,
    bias=True,
    padding=((0, 0), (0, 0)),
)
RELU, GELU = Facts("relu"), Facts("gelu", {"approximate": False, "constant": 0.5**0.5},
                                  {"approximate": "approximate=False"})  # fmt: skip
LSTM = with_values(
    Facts("lstm"), units=4, activation="tanh", recurrent_activation="sigmoid", biases=1
)


def dense(x: Array = X, w: Array = W, b: Array = B) -> Array:
    return F.linear(t(x), t(w.T), t(b)).numpy()


def conv(
    kernel: Array = KERNEL, bias: Array = K_BIAS, images: Array = IMAGES, **options: Any
) -> Array:
    z = F.conv2d(
        t(images.transpose(0, 3, 1, 2)), t(kernel.transpose(3, 2, 0, 1)), t(bias), **options
    )
    return z.numpy().transpose(0, 2, 3, 1)


def norm(training: bool, epsilon: float = 1e-3) -> Array:
    mean, variance = t(MEAN), t(VARIANCE)
    return F.batch_norm(t(X), mean, variance, t(GAMMA), t(BETA), training, 0.25, epsilon).numpy()


def pair(
    facts: Facts,
    theirs: Facts,
    outputs: tuple[Array, Array],
    inputs: Array = X,
    weights: Sequence[Array] = (),
    states: Sequence[Array] = (),
) -> tuple[Trace, Trace]:
    """Return the traces of one layer, as keras and pytorch have it."""
    ours = layer_trace("keras", facts, [inputs], outputs[0], weights, states)
    return ours, layer_trace("pytorch", theirs, [inputs], outputs[1], weights, states)


SETTINGS = {
    "ε": (
        pair(NORM, with_values(NORM, epsilon=1e-5), (norm(False), norm(False, 1e-5)),
             weights=[GAMMA, BETA], states=[MEAN, VARIANCE]),
        ("epsilon",),
        "keras has epsilon=0.001 in here, pytorch epsilon=1e-05 in here",
    ),
    "padding": (
        pair(CONV, with_values(CONV, padding=((1, 1), (1, 1))), (conv(), conv(padding=1)),
             IMAGES, [KERNEL, K_BIAS]),
        ("padding",),
        "keras has padding=((0, 0), (0, 0)) in here; pytorch padding=((1, 1), (1, 1)) in here",
    ),
    "slope": (
        pair(*(with_values(Facts("leaky relu"), slope=s) for s in (0.25, 0.5)),
             (F.leaky_relu(t(X), 0.25).numpy(), F.leaky_relu(t(X), 0.5).numpy())),
        ("slope",),
        "keras has slope=0.25 in here, pytorch slope=0.5 in here",
    ),
    "factor": (
        pair(*(with_values(Facts("product"), other=k) for k in (2, 3)), (2 * X, 3 * X)),
        ("other",),
        "keras computes with 2 in here, pytorch with 3 in here",
    ),
    "summand": (
        pair(*(with_values(Facts("sum"), other=k) for k in (2, 3)), (X + 2, X + 3)),
        ("other",),
        "keras computes with 2 in here, pytorch with 3 in here",
    ),
    "limit": (
        pair(*(with_values(Facts("clamp"), min=-0.5, max=k) for k in (0.5, 0.75)),
             (X.clip(-0.5, 0.5), X.clip(-0.5, 0.75))),
        ("max",),
        "keras has max=0.5 in here, pytorch max=0.75 in here",
    ),
    "approximation": (
        pair(*(with_values(Facts("gelu"), approximate=a, constant=c)
               for a, c in ((False, 0.5**0.5), (True, 0.044715))),
             (F.gelu(t(X)).numpy(), F.gelu(t(X), approximate="tanh").numpy())),
        ("approximate", "constant"),
        None,
    ),
    "kind": (
        pair(RELU, GELU, (F.relu(t(X)).numpy(), F.gelu(t(X)).numpy())),
        ("kind",),
        "keras applies a ReLU in here, pytorch a GELU in here",
    ),
    "axis": (
        pair(*(with_values(Facts("softmax"), axis=axis) for axis in (-1, 0)),
             (F.softmax(t(X), -1).numpy(), F.softmax(t(X), 0).numpy())),
        ("axis",),
        "keras has axis=-1 in here, pytorch axis=0 in here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_whose_exchange_explains_a_layer_are_the_cause(name: str) -> None:
    (a, b), settings, sentence = SETTINGS[name]
    (cause,) = forward_proof(a, b).causes
    assert (cause.settings, cause.odd) == (settings, None)
    assert sentence in (None, cause.sentence)


def test_a_layer_without_a_bias_is_the_cause() -> None:
    a = layer_trace("keras", DENSE, [X], dense(), [W, B])
    b = layer_trace("pytorch", with_values(DENSE, bias=False), [X], X @ W, [W])
    (cause,) = forward_proof(a, b).causes
    assert cause.settings == ("bias",)
    assert cause.sentence == "keras has bias=True in here, pytorch bias=False in here"


def test_dropout_at_another_rate_is_the_cause() -> None:
    kept = RNG.random(X.shape) > 0.5
    facts = [with_values(Facts("dropout"), rate=rate) for rate in (0.5, 0.25)]
    outputs = kept * X / 0.5, kept * X / 0.75
    (cause,) = forward_proof(*pair(facts[0], facts[1], outputs), training=True).causes
    assert cause.settings == ("rate",)
    assert [(c.place, c.name, c.value) for c in cause.remedy] == [("here", "rate", 0.5)]


def test_a_mask_that_one_side_has_is_the_cause() -> None:
    """An embedding that masks tokens is before an LSTM, whose weights are the same."""
    tokens = np.array([[1, 2, 0, 0, 0], [1, 1, 1, 1, 0], [2, 1, 2, 1, 2]])
    weights = [RNG.normal(size=s) for s in ((4, 16), (4, 16), (16,))]
    cell = torch.nn.LSTM(4, 4, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for p, w in zip(cell.parameters(), [weights[0].T, weights[1].T, weights[2]], strict=False):
            p.copy_(t(w))
        cell.bias_hh_l0.zero_()
        every = cell(t(SEQUENCES))[0].numpy()
        lengths = torch.tensor((tokens != 0).sum(axis=1))
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            t(SEQUENCES), lengths, batch_first=True, enforce_sorted=False
        )
        last = cell(packed)[1][0][0].numpy()
    facts = with_values(LSTM, return_sequences=False)
    traces = []
    for name, masked, output in (("keras", {"masked": 0}, last), ("pytorch", {}, every[:, -1])):
        found = layer_trace(name, facts, [SEQUENCES], output, weights)
        before = LayerTrace("tokens", Facts("embedding", masked), (), (), (tokens,), SEQUENCES)
        traces.append(replace(found, layers=[before, *found.layers]))
    (cause,) = forward_proof(*traces).causes
    assert cause.sentence == (
        "keras skips the steps that are padding in here, pytorch reads every step in here"
    )


# Mistakes: what a layer does instead of what it says.
def lstm(x: Array, reverse: bool = False) -> Array:
    cell = torch.nn.LSTM(4, 4, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for p, w in zip(cell.parameters(), LSTM_WEIGHTS, strict=False):
            p.copy_(t(w.T))
        cell.bias_hh_l0.zero_()
        return cell(t(x[:, ::-1] if reverse else x))[0].numpy()[:, :: -1 if reverse else 1]


LSTM_WEIGHTS = [RNG.normal(size=s) for s in ((4, 16), (4, 16), (16,))]
Planted = tuple[Facts, Array, Array, Array, list[Array], list[Array], str]
PLANTED: dict[str, Planted] = {
    "transposed": (
        DENSE, X, dense(), dense(w=W.T), [W, B], [], "uses the kernel transposed",
    ),
    "no bias": (DENSE, X, dense(), X @ W, [W, B], [], "leaves out the bias"),
    "bias twice": (DENSE, X, dense(), dense(b=2 * B), [W, B], [], "adds the bias twice"),
    "turned": (
        CONV, IMAGES, conv(), conv(KERNEL[::-1, ::-1]), [KERNEL, K_BIAS], [],
        "turns the kernel by 180°",
    ),
    "sides": (
        CONV, IMAGES, conv(), conv(KERNEL.swapaxes(0, 1)), [KERNEL, K_BIAS], [],
        "exchanges the kernel's height and width",
    ),
    "input channels": (
        CONV, IMAGES, conv(), conv(KERNEL[:, :, ::-1]), [KERNEL, K_BIAS], [],
        "reverses the kernel's input channels",
    ),
    "running statistics": (
        with_values(NORM, statistics="batch"), X, norm(True), norm(False), [GAMMA, BETA],
        [MEAN, VARIANCE], "normalizes with the running statistics",
    ),
    "batch statistics": (
        NORM, X, norm(False), norm(True), [GAMMA, BETA], [MEAN, VARIANCE],
        "normalizes with the batch statistics",
    ),
    "another ε": (
        NORM, X, norm(False), norm(False, 1e-5), [GAMMA, BETA], [MEAN, VARIANCE],
        "does not use epsilon=0.001, but an ε of 1e-05",
    ),
    "no activation": (RELU, X, np.maximum(X, 0), X, [], [], "returns its input unchanged"),
    "another activation": (RELU, X, np.maximum(X, 0), np.tanh(X), [], [], "computes a tanh"),
    "backwards": (
        LSTM, SEQUENCES, lstm(SEQUENCES), lstm(SEQUENCES, reverse=True),
        [*LSTM_WEIGHTS], [], "reads the sequences backwards",
    ),
    "time first": (
        LSTM, SEQUENCES, lstm(SEQUENCES), lstm(SEQUENCES.swapaxes(0, 1)).swapaxes(0, 1),
        [*LSTM_WEIGHTS], [], "takes rows for steps, (t, n, d) for (n, t, d),",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_mistake_in_a_layer_is_named_and_its_side_is_odd(name: str) -> None:
    facts, inputs, right, wrong, weights, states, sentence = PLANTED[name]
    proof = forward_proof(*pair(facts, facts, (right, wrong), inputs, weights, states))
    assert [cause.sentence for cause in proof.causes] == [f"pytorch {sentence} in here"]
    assert proof.odd == "pytorch"


def negatives() -> Iterator[tuple[str, str, Array]]:
    rng = np.random.default_rng(9)
    for name, (_, _, right, wrong, *_) in PLANTED.items():
        yield f"{name}, not quite", name, wrong * (1 + 1e-6 * rng.normal(size=wrong.shape))
        yield f"{name}, half of it", name, (right + wrong) / 2
        mixed = wrong.copy()
        mixed[0] = right[0]
        yield f"{name}, but for one row", name, mixed
        yield f"{name}, twice as large", name, 2 * wrong
        yield f"{name}, and 1", name, wrong + 1
    for one, two in combinations(PLANTED, 2):
        same = PLANTED[one][2], PLANTED[two][2]
        if same[0].shape == same[1].shape and np.array_equal(*same):
            between = (PLANTED[one][3] + PLANTED[two][3]) / 2
            if not np.allclose(between, same[0]):  # as no bias and two of them do: that is one bias
                yield f"between {one} and {two}", one, between


NEGATIVES = list(negatives())


@pytest.mark.parametrize("case", NEGATIVES, ids=[name for name, _, _ in NEGATIVES])
def test_what_explains_only_a_part_of_a_layer_is_not_named(case: tuple[str, str, Array]) -> None:
    _, name, output = case
    facts, inputs, right, _, weights, states, _ = PLANTED[name]
    proof = forward_proof(*pair(facts, facts, (right, output), inputs, weights, states))
    assert proof == Proof(odd="pytorch")


def test_there_are_enough_false_causes() -> None:
    assert len(NEGATIVES) >= 60


def test_a_symmetric_kernel_is_no_evidence_that_it_is_transposed() -> None:
    symmetric = W + W.T
    right = dense(w=symmetric)
    a, b = pair(DENSE, DENSE, (right, right + 1e-3), weights=[symmetric, B])
    assert forward_proof(a, b) == Proof(odd="pytorch")


def test_two_mistakes_that_are_the_same_in_numbers_are_not_told_apart() -> None:
    """Where every input is positive, a ReLU and no activation return the same."""
    positive, facts = np.abs(X), Facts("sigmoid")
    right = torch.sigmoid(t(positive)).numpy()
    assert forward_proof(*pair(facts, facts, (right, positive), positive)) == Proof(odd="pytorch")


def test_settings_that_differ_but_explain_nothing_are_not_the_cause() -> None:
    other = with_values(NORM, epsilon=1e-5)
    weights, states = [GAMMA, BETA], [MEAN, VARIANCE]
    output = norm(False, 1e-5) + 1e-3
    proof = forward_proof(*pair(NORM, other, (norm(False), output), weights=weights, states=states))
    assert proof == Proof(odd="pytorch")


def test_layers_that_scratch_does_not_have_have_no_proof() -> None:
    unknown = Facts("spectral normalization")
    assert forward_proof(*pair(unknown, unknown, (X, 2 * X))) == Proof()


def test_a_layer_of_ones_own_that_transposes_its_kernel_is_named_but_says_nothing() -> None:
    a, b = pair(DENSE, Facts("MyDense"), (dense(), dense(w=W.T)), weights=[W, B])
    (cause,) = forward_proof(a, b).causes
    assert cause.sentence == "pytorch uses the kernel transposed in here"


# What stands between two layers.
def chain(name: str, *calls: tuple[str, Facts, Array, Array]) -> Trace:
    layers = [LayerTrace(p, f, (), (), (x,), z, (x,), z) for p, f, x, z in calls]
    return trace(name, layers=layers)


def between(a: Trace, b: Trace, only: tuple[list[int], list[int]]) -> Proof:
    x, y = (each.layers[-1].output for each in (a, b))
    assert x is not None
    assert y is not None

    place = len(a.layers) - 1, len(b.layers) - 1
    matching = Matching(layers=[(0, 0), place], only=only)
    found = Compared("here", difference("here (dense)", x, y, 1e-12), place, between=True)
    return both_ways(Pair(a, b, (a.framework, b.framework), matching), "forward", found)


def test_an_activation_that_one_side_lacks_is_the_cause() -> None:
    z = dense()
    active = np.maximum(z, 0)
    a = chain(
        "keras", ("first", DENSE, X, z), ("act", RELU, z, active), ("last", DENSE, active, active)
    )
    b = chain("pytorch", ("fc1", DENSE, X, z), ("fc2", DENSE, z, z))
    (cause,) = between(a, b, ([1], [])).causes
    assert cause.sentence == "keras has a ReLU (act) before last, pytorch has none before fc2"


def test_no_layer_is_said_to_be_missing_before_layers_that_compute_different_things() -> None:
    z = dense()
    square, total = Facts("square"), Facts("reduction")
    a = chain("keras", ("first", DENSE, X, z), ("sq", square, z, z**2), ("last", total, z**2, z))
    b = chain("pytorch", ("fc1", DENSE, X, z), ("pow", Facts("pow"), z, z**2))
    assert between(a, b, ([1], [])).causes == ()


def padded_first(sides: Sequence[tuple[int, int]], **settings: Any) -> tuple[Trace, Trace]:
    """Return a convolution that pads itself, as keras has it, and one behind a layer that does."""
    window = {"kernel": (2,), "stride": (1,), "filters": 4, "groups": 1, "bias": False}
    own = with_values(Facts("convolution"), **window, dilation=(2,), padding=((2, 0),))
    after = with_values(own, padding=((0, 0),), **settings)
    kernel = RNG.normal(size=(2, 4, 4))
    wide = np.pad(SEQUENCES, ((0, 0), *sides, (0, 0)))

    def traced(name: str, facts: Facts, x: Array, *before: LayerTrace) -> Trace:
        z = layer_output(facts, [kernel], [], (x,))
        conv = LayerTrace("conv", facts, (0,), (), (x,), z, (x,), z)
        weights = [Weight("conv.kernel", kernel)]
        first = LayerTrace("first", DENSE, (), (), (), SEQUENCES, (), SEQUENCES)
        return trace(name, layers=[first, *before, conv], weights=weights)

    pad = LayerTrace("", Facts("pad"), (), (), (SEQUENCES,), wide, (SEQUENCES,), wide)
    return traced("keras", own, SEQUENCES), traced("pytorch", after, wide, pad)


PADDED: dict[str, tuple[tuple[Trace, Trace], str]] = {
    "on the wrong side": (
        padded_first([(0, 2)]),
        "keras has padding=((2, 0),) in conv; pytorch padding=((0, 0),) after a pad by (0, 2) in "
        "conv",
    ),
    "with another dilation": (
        padded_first([(1, 0)], dilation=(1,)),
        "keras has dilation=(2,) and padding=((2, 0),) in conv; pytorch has dilation=(1,) and "
        "padding=((0, 0),) after a pad by (1, 0) in conv",
    ),
}


@pytest.mark.parametrize("name", PADDED)
def test_zeros_before_a_convolution_are_compared_with_those_of_the_other_one(name: str) -> None:
    (a, b), sentence = PADDED[name]
    assert [cause.sentence for cause in between(a, b, ([], [1])).causes] == [sentence]


def test_an_activation_before_the_second_of_two_inputs_is_found_missing() -> None:
    z, active, total = dense(), np.maximum(dense(), 0), Facts("sum")

    def add(path: str, x: Array) -> LayerTrace:
        return LayerTrace(path, total, (), (), (X, x), X + x, (X, x), X + x)

    act = LayerTrace("act", RELU, (), (), (z,), active, (z,), active)
    a = trace("keras", layers=[*chain("", ("first", DENSE, X, z)).layers, add("add", z)])
    b = trace("pytorch", layers=[*chain("", ("fc", DENSE, X, z)).layers, act, add("plus", active)])
    (cause,) = between(a, b, ([], [1])).causes
    assert cause.sentence == "pytorch has a ReLU (act) before plus, keras has none before add"


def joining(name: str, kind: str, *taken: int) -> Trace:
    """Return two dense layers of X, and what joins the outputs of some layers."""
    outputs = dense(), dense(w=W.T)
    layers = chain("", ("one", DENSE, X, outputs[0]), ("two", DENSE, X, outputs[1])).layers
    x = tuple(outputs[k] for k in taken)
    z = np.concatenate(x, axis=1)
    return trace(name, layers=[*layers, LayerTrace("join", Facts(kind), (), (), x, z, x, z)])


JOINED: dict[str, tuple[str, tuple[int, ...], str | None]] = {
    "the other order": (
        "concatenation",
        (1, 0),
        "keras gives join the outputs of one and two; pytorch gives join the outputs of "
        "two (keras's two) and one (keras's one)",
    ),
    "one layer twice": (
        "concatenation",
        (0, 0),
        "keras gives join the outputs of one and two; pytorch gives join the outputs of "
        "one and one (keras's one)",
    ),
    "a sum in the other order": ("sum", (1, 0), None),
    "the same": ("concatenation", (0, 1), None),
}


@pytest.mark.parametrize("name", JOINED)
def test_other_layers_before_a_layer_are_named_with_their_counterparts(name: str) -> None:
    kind, taken, sentence = JOINED[name]
    a, b = joining("keras", kind, 0, 1), joining("pytorch", kind, *taken)
    x, y = (each.layers[-1].output for each in (a, b))
    assert x is not None
    assert y is not None
    found = Compared("join", difference("join", x, y, 1e-12), (2, 2), between=True)
    matching = Matching(layers=[(k, k) for k in range(3)])
    proof = both_ways(Pair(a, b, ("keras", "pytorch"), matching), "forward", found)
    assert [cause.sentence for cause in proof.causes] == [sentence] * (sentence is not None)


def test_one_layer_for_two_towers_is_told_from_two_layers() -> None:
    other = RNG.normal(size=W.shape)

    def towers(name: str, *kernels: Array, uses: tuple[int, int]) -> Trace:
        calls = [(f"enc{k}", X + i, (X + i) @ kernels[k]) for i, k in enumerate(uses)]
        facts = with_values(DENSE, bias=False)
        layers = [LayerTrace(path, facts, (k,), (), (x,), z, (x,), z)
                  for (path, x, z), k in zip(calls, uses, strict=True)]  # fmt: skip
        weights = [Weight(f"enc{k}.kernel", w) for k, w in enumerate(kernels)]
        return trace(name, layers=layers, weights=weights)

    a = towers("keras", W, uses=(0, 0))
    b = towers("pytorch", W, other, uses=(0, 1))
    (cause,) = forward_proof(a, b).causes
    assert cause.sentence == "keras uses enc0 again, pytorch has weights of its own in enc1"
    assert forward_proof(a, towers("pytorch", other, uses=(0, 0))).causes == ()


def test_the_weights_of_an_embedding_at_the_end_are_told_from_own_ones() -> None:
    tokens, table, own = np.array([[0.0], [2.0], [1.0]]), RNG.normal(size=(4, 3)), W[:3, :4]

    def language_model(name: str, *weights: Array) -> Trace:
        kernel = weights[0].T if len(weights) == 1 else weights[1]
        x = weights[0][tokens.astype(int)[:, 0]]
        z = x @ kernel
        embedding = LayerTrace("e", Facts("embedding"), (0,), (), (tokens,), x, (tokens,), x)
        facts = with_values(DENSE, bias=False)
        out = LayerTrace("out", facts, (len(weights) - 1,), (), (x,), z, (x,), z)
        names = ("e.table", "out.kernel")
        held = [Weight(name, w) for name, w in zip(names, weights, strict=False)]
        return trace(name, layers=[embedding, out], weights=held)

    a, b = language_model("keras", table), language_model("pytorch", table, own)
    (cause,) = forward_proof(a, b).causes
    assert cause.sentence == (
        "keras uses the weights of e in out, pytorch has weights of its own in out"
    )


SQUARE = RNG.normal(size=(60, 4))  # of as many rows as a flattened image has features
ORDERS: dict[str, tuple[Array, Array, str | None]] = {
    "flattened otherwise": (
        IMAGES.reshape(3, -1),
        IMAGES.transpose(0, 3, 1, 2).reshape(3, -1),
        "keras and pytorch give last / fc2 the same features in another order, as images "
        "flattened otherwise have them",
    ),
    "time and rows exchanged": (
        SEQUENCES,
        SEQUENCES.swapaxes(0, 1),
        "keras and pytorch give last / fc2 rows and steps exchanged, (n, t, d) and (t, n, d)",
    ),
    "backwards": (
        SEQUENCES,
        SEQUENCES[:, ::-1],
        "keras and pytorch give last / fc2 the steps of the sequences in opposite orders",
    ),
    "transposed images": (
        IMAGES,
        IMAGES.swapaxes(1, 2),
        "keras and pytorch give last / fc2 the height and the width of the images exchanged",
    ),
    "other numbers": (X, X + 1, None),
    "rows in another order": (X, X[::-1], None),
    "features of some rows in another order": (X, np.vstack([X[:3], 2 * X[3:, ::-1]]), None),
    "the same numbers": (X, X, None),
}


def reading(name: str, path: str, x: Array, scale: float = 1.0) -> Trace:
    """Return a trace whose last layer, of one kind and weights for each shape, reads x."""
    facts, weights = {
        2: (DENSE, [SQUARE[: x.shape[1]], B]),
        3: (with_values(LSTM, return_sequences=True), LSTM_WEIGHTS),
        4: (CONV, [KERNEL, K_BIAS]),
    }[x.ndim]
    own = [scale * w for w in weights]
    z = layer_output(facts, own, [], (x,))
    before = LayerTrace("first", DENSE, (), (), (X,), X, (X,), X)
    layer = LayerTrace(path, facts, tuple(range(len(own))), (), (x,), z, (x,), z)
    held = [Weight(f"{path}.{k}", w) for k, w in enumerate(own)]
    return trace(name, layers=[before, layer], weights=held)


@pytest.mark.parametrize("name", ORDERS)
def test_numbers_in_another_order_are_named_if_they_are_the_same_numbers(name: str) -> None:
    x, y, sentence = ORDERS[name]
    proof = between(reading("keras", "last", x), reading("pytorch", "fc2", y), ([], []))
    assert [cause.sentence for cause in proof.causes] == [sentence] * (sentence is not None)


@pytest.mark.parametrize("name", ORDERS)
def test_another_order_is_no_cause_where_the_layer_behind_it_computes_something_else(
    name: str,
) -> None:
    x, y, _ = ORDERS[name]
    proof = between(reading("keras", "last", x), reading("pytorch", "fc2", y, 0.5), ([], []))
    assert not proof.causes


@pytest.mark.parametrize("name", ["time and rows exchanged", "backwards", "transposed images"])
def test_another_order_is_no_cause_where_what_is_returned_is_in_it_too(name: str) -> None:
    """A layer that treats every step alike: what follows may take the steps in that order."""
    x, y, _ = ORDERS[name]
    a = chain("keras", ("first", DENSE, X, X), ("last", DENSE, x, 2 * x))
    b = chain("pytorch", ("fc1", DENSE, X, X), ("fc2", DENSE, y, 2 * y))
    assert not between(a, b, ([], [])).causes


# How a sequence is read.
def both_directions(x: Array) -> Array:
    return np.concatenate([lstm(x), lstm(x, reverse=True)], axis=-1)


BOTH = with_values(
    Facts("bidirectional"),
    units=4,
    activation="tanh",
    recurrent_activation="sigmoid",
    biases=1,
    cell="lstm",
    joined="side by side",
)


@pytest.mark.parametrize("step", [-1, 0])
def test_the_last_step_of_both_directions_is_not_the_last_state_of_both(step) -> None:
    """It is the cause where it is the last step that a layer behind is given, and no other."""
    whole = both_directions(SEQUENCES)
    ends = np.concatenate([whole[:, -1, :4], whole[:, 0, 4:]], axis=1)
    weights = [*LSTM_WEIGHTS, *LSTM_WEIGHTS]
    a = layer_trace("keras", with_values(BOTH, return_sequences=False), [SEQUENCES], ends, weights)
    b = layer_trace("pytorch", BOTH, [SEQUENCES], whole, weights)
    b.layers.append(LayerTrace("out", Facts("dense"), inputs=(whole[:, step],)))
    pair = Pair(a, b, ("keras", "pytorch"), Matching([(0, 0)]))
    found = Compared("here", difference("here (lstm)", ends, whole[:, step], 1e-12), (0, 0))
    said = [cause.sentence for cause in both_ways(pair, "forward", found).causes]
    last = (
        "keras takes the last state of both directions of here; pytorch the last step of here, "
        "where the backward direction has read one step"
    )
    assert said == ([last] if step == -1 else [])


def test_a_layer_whose_output_is_taken_time_first_is_named() -> None:
    tokens, vectors = np.array([[0, 1, 2], [2, 1, 0]]), RNG.normal(size=(3, 4))
    z = vectors[tokens]
    facts = with_values(Facts("embedding"), tokens=3, units=4)
    a, b = pair(facts, facts, (z, np.ascontiguousarray(z.swapaxes(0, 1))), tokens, [vectors])
    proof = forward_proof(a, b)
    assert [cause.sentence for cause in proof.causes] == [
        "in pytorch the layers after here take the steps first, (t, n, d), "
        "in keras those after here the rows, (n, t, d)"
    ]


def test_a_reset_gate_in_another_place_is_the_cause_though_the_biases_differ_too() -> None:
    gru = with_values(Facts("gru"), units=4, activation="tanh", recurrent_activation="sigmoid")
    old, new = (
        with_values(gru, reset_after=after, biases=1 + after, return_sequences=True)
        for after in (False, True)
    )
    weights = [RNG.normal(size=s) for s in ((4, 12), (4, 12), (12,))]
    outputs = []
    for after in (False, True):
        layer = scratch.GRU(4, 4, reset_after=after, return_sequences=True)
        given = [*weights, np.zeros(12)][: len(layer.params)]
        layer.attach(given, [np.zeros_like(w) for w in given])
        outputs.append(layer.forward(SEQUENCES))
    a = layer_trace("keras", old, [SEQUENCES], outputs[0], weights)
    b = layer_trace("pytorch", new, [SEQUENCES], outputs[1], [*weights, np.zeros(12)])
    (cause,) = forward_proof(a, b).causes
    assert cause.settings == ("reset_after",)
