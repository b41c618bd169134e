"""What a layer of `scratch` computes, as an equation: one entry for each kind of layer.

An entry is a function of the layer, the expression x of its input, and the number k that its
weights carry. It returns the expression of the output, and before it the lines that define what
occurs there, in the notation of `mathml`. A layer that a page defines itself has no entry; it is
shown as a function with its name.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from scratch import Layer
from scratch import layers as kinds
from scratch.branches import Identity

__all__ = ["Computed", "computed", "factor", "is_known", "keeps"]


class Computed(NamedTuple):
    """The output of a layer as an expression, what defines its parts, and a word about them."""

    expression: str
    lines: tuple[str, ...] = ()
    note: str = ""


Entry = Callable[[Any, str, int], Computed]


def computed(layer: Layer, x: str, k: int) -> Computed:
    r"""Return the output of a layer for an input x; k is the number of its weights.

    >>> computed(kinds.Dense(2, 3), "X", 1).expression
    'X W_{1} + b_{1}'
    >>> print(computed(kinds.Tanh(), "X W_{1} + b_{1}", 1).expression)
    \op{tanh}(X W_{1} + b_{1})
    """
    entry = _ENTRIES.get(type(layer), _named(type(layer).__name__, "a layer of this page"))
    return entry(layer, x, k)


def is_known(layer: Layer) -> bool:
    """Return whether a layer has an equation of its own here."""
    return type(layer) in _ENTRIES


def keeps(layer: Layer) -> bool:
    """Return whether a layer returns its input as it is, so that no equation needs it."""
    return isinstance(layer, Identity | kinds.Masking) or getattr(layer, "rate", None) == 0


def factor(x: str) -> str:
    """Return an expression that can be multiplied: a sum gets brackets.

    >>> factor("a + b"), factor("σ(a + b)")
    ('(a + b)', 'σ(a + b)')
    """
    depth = 0
    for sign in x:
        depth += (sign in "({[") - (sign in ")}]")
        if sign in "+-" and depth == 0:
            return f"({x})"
    return x


def _named(name: str, note: str = "") -> Entry:
    function = name if len(name) == 1 else rf"\op{{{name}}}"
    said = f"{name}: {note}" if note and "=" not in note else note
    return lambda layer, x, k: Computed(f"{function}({x})", note=said)


def _bias(layer: Layer, k: int, without: int = 1, gates: str = "") -> str:
    which = f"^{{{gates}}}" if gates else ""
    return f" + b_{{{k}}}{which}" if len(layer.params) > without else ""


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _dense(layer: kinds.Dense, x: str, k: int) -> Computed:
    return Computed(f"{x} W_{{{k}}}{_bias(layer, k)}")


def _convolution(layer: Any, x: str, k: int) -> Computed:
    windows, axes = layer.windows, layer.W.ndim - 2
    said = [f"∗: cross-correlation, kernels of {_size(layer.W.shape[:axes])}"]
    for name in ("stride", "dilation"):
        value = getattr(windows, name)[:axes]
        said += [f"{name} {_size(value)}"] * any(each != 1 for each in value)
    if windows.padding != "valid":
        said.append("padded with zeros")
    return Computed(f"{x} ∗ W_{{{k}}}{_bias(layer, k)}", note=", ".join(said))


def _transposed(layer: Any, x: str, k: int) -> Computed:
    note = "∗ᵀ: the adjoint of a cross-correlation: every pixel lays its kernel on the output"
    return Computed(f"{x} ∗^T W_{{{k}}}{_bias(layer, k)}", note=note)


def _pool(name: str, axes: int) -> Entry:
    def entry(layer: Any, x: str, k: int) -> Computed:
        size, stride = _size(layer.size[:axes]), _size(layer.stride[:axes])
        apart = "" if stride == size else f", stride {stride}"
        return Computed(rf"\op{{{name}}}({x})", note=f"{name}: over windows of {size}{apart}")

    return entry


def _reshape(layer: kinds.Reshape, x: str, k: int) -> Computed:
    return Computed(rf"\op{{reshape}}({x})", note=f"reshape: every row as {_size(layer.shape)}")


def _dropout(layer: kinds.Dropout, x: str, k: int) -> Computed:
    note = f"M: 1 with probability {1 - layer.rate:.3g}, else 0; only in training"
    return Computed(rf"\frac{{1}}{{{1 - layer.rate:.3g}}} M ⊙ {factor(x)}", note=note)


def _standardized(of: str) -> Entry:
    def entry(layer: Any, x: str, k: int) -> Computed:
        note = f"μ, σ²: mean and variance of {of}; ε = {layer.epsilon:.3g}"
        x_hat = rf"\frac{{{x} - μ}}{{\sqrt{{σ^2 + ε}}}}"
        return Computed(rf"γ_{{{k}}} ⊙ {x_hat} + β_{{{k}}}", note=note)

    return entry


def _rms_norm(layer: kinds.RMSNorm, x: str, k: int) -> Computed:
    root = rf"\sqrt{{\op{{mean}}({x}^2) + ε}}"
    note = f"mean: over every row; ε = {layer.epsilon:.3g}"
    return Computed(rf"γ_{{{k}}} ⊙ \frac{{{x}}}{{{root}}}", note=note)


def _embedding(layer: kinds.Embedding, x: str, k: int) -> Computed:
    return Computed(f"W_{{{k}}}[{x}]", note=f"W[{x}]: for every token its row of W")


def _position(layer: kinds.PositionEmbedding, x: str, k: int) -> Computed:
    return Computed(f"{x} + P_{{{k}}}", note="P: a row for every place in the sequence")


def _attention(layer: kinds.SelfAttention, x: str, k: int) -> Computed:
    biased, width = len(layer.params) == 8, len(layer.params[0]) // layer.heads
    parts = [f"{x} W_{{{k}}}^{{{n}}}" + (f" + b_{{{k}}}^{{{n}}}" if biased else "") for n in "qkv"]
    only = "; −∞ for later steps before the softmax" if layer.causal else ""
    lines = (
        f"q, k, v = {', '.join(parts)}",
        rf"H_j = \op{{softmax}}(\frac{{q_j k_j^T}}{{\sqrt{{{width}}}}}) v_j",
    )
    heads = {1: "H_1", 2: "[H_1, H_2]"}.get(layer.heads, f"[H_1, …, H_{{{layer.heads}}}]")
    joined = f"{heads} W_{{{k}}}^o" + (f" + b_{{{k}}}^o" if biased else "")
    return Computed(joined, lines, f"qⱼ, kⱼ, vⱼ: {width} columns for each head j{only}")


def _gates(layer: Layer, k: int, which: str, state: str = "h_{t-1}") -> str:
    """Return what a recurrent layer's gates weigh: the input of a step, and the state before it."""
    bias = _bias(layer, k, without=2, gates=which)
    up = f"^{{{which}}}" if which else ""
    return f"x_t W_{{{k}}}{up} + {state} U_{{{k}}}{up}{bias}"


def _states(layer: Any, lines: list[str]) -> Computed:
    """Return the states that a recurrent layer passes on."""
    first, output = ("last", "h_1") if layer.reverse else ("first", "h_T")
    said = f"xₜ: step t of the input, the {first} one read first; the state begins at 0"
    return Computed("h" if layer.return_sequences else output, tuple(lines), said)


def _simple_rnn(layer: kinds.SimpleRNN, x: str, k: int) -> Computed:
    return _states(layer, [rf"h_t = \op{{tanh}}({_gates(layer, k, '')})"])


def _lstm(layer: kinds.LSTM, x: str, k: int) -> Computed:
    lines = [
        f"i, f, o = σ({_gates(layer, k, 'i,f,o')})",
        rf"g = \op{{tanh}}({_gates(layer, k, 'g')})",
        "c_t = f ⊙ c_{t-1} + i ⊙ g",
        r"h_t = o ⊙ \op{tanh}(c_t)",
    ]
    return _states(layer, lines)


def _gru(layer: kinds.GRU, x: str, k: int) -> Computed:
    new = f"x_t W_{{{k}}}^g + b_{{{k}}}^g + r ⊙ (h_{{t-1}} U_{{{k}}}^g + {{b′}}_{{{k}}}^g)"
    if not layer.reset_after:
        new = _gates(layer, k, "g", "(r ⊙ h_{t-1})")
    lines = [
        f"z, r = σ({_gates(layer, k, 'z,r')})",
        rf"g = \op{{tanh}}({new})",
        "h_t = z ⊙ h_{t-1} + (1 - z) ⊙ g",
    ]
    return _states(layer, lines)


def _bidirectional(layer: kinds.Bidirectional, x: str, k: int) -> Computed:
    lines = computed(layer.layers[0], x, k).lines
    ends = ("h^→", "h^←") if layer.layers[0].return_sequences else ("h_T^→", "h_1^←")
    note = "→ reads from the first step to the last, ← from the last to the first, each with its W"
    return Computed(f"[{', '.join(ends)}]", lines, note)


_ENTRIES: dict[type[Layer], Entry] = {
    kinds.Dense: _dense,
    **dict.fromkeys((kinds.Conv1D, kinds.Conv2D, kinds.DepthwiseConv2D), _convolution),
    **dict.fromkeys((kinds.Conv1DTranspose, kinds.Conv2DTranspose), _transposed),
    kinds.MaxPool1D: _pool("maxpool", 1),
    kinds.MaxPool2D: _pool("maxpool", 2),
    kinds.AveragePool1D: _pool("avgpool", 1),
    kinds.AveragePool2D: _pool("avgpool", 2),
    kinds.GlobalMaxPool: _named("max", "over all places, for every channel"),
    kinds.GlobalAveragePool: _named("mean", "over all places, for every channel"),
    kinds.NearestUpsample1D: _named("upsample", "every step repeated"),
    kinds.NearestUpsample2D: _named("upsample", "every pixel repeated"),
    kinds.LinearUpsample1D: _named("upsample", "straight lines between the steps"),
    kinds.BilinearUpsample2D: _named("upsample", "straight lines between the pixels"),
    **dict.fromkeys((kinds.ZeroPadding1D, kinds.ZeroPadding2D), _named("pad", "zeros around it")),
    kinds.Flatten: _named("flatten", "all numbers of an image in one row"),
    kinds.Reshape: _reshape,
    kinds.Dropout: _dropout,
    kinds.BatchNorm: _standardized("every channel over the batch"),
    kinds.LayerNorm: _standardized("every row"),
    kinds.GroupNorm: _standardized("every group of channels of an image"),
    kinds.RMSNorm: _rms_norm,
    kinds.Embedding: _embedding,
    kinds.PositionEmbedding: _position,
    kinds.SelfAttention: _attention,
    kinds.SimpleRNN: _simple_rnn,
    kinds.LSTM: _lstm,
    kinds.GRU: _gru,
    kinds.Bidirectional: _bidirectional,
    kinds.Sigmoid: _named("σ", "σ(z) = 1 / (1 + e⁻ᶻ)"),
    kinds.Tanh: _named("tanh"),
    kinds.ReLU: _named("ReLU", "ReLU(z) = max(z, 0)"),
    kinds.LeakyReLU: lambda layer, x, k: Computed(
        rf"\op{{LeakyReLU}}({x})", note=f"LeakyReLU(z) = z where z > 0, else {layer.slope:.3g} z"
    ),
    kinds.Step: lambda layer, x, k: Computed(
        rf"\op{{step}}({x})", note=f"step(z) = 1 where z > {layer.threshold:.3g}, else 0"
    ),
    kinds.ELU: _named("ELU", "ELU(z) = z where z > 0, else α (eᶻ − 1)"),
    kinds.SELU: _named("SELU", "SELU(z) = λ z where z > 0, else λ α (eᶻ − 1)"),
    kinds.GELU: _named("GELU", "GELU(z) = z Φ(z), Φ the normal distribution"),
    kinds.SiLU: _named("SiLU", "SiLU(z) = z σ(z)"),
    kinds.Mish: _named("Mish", "Mish(z) = z tanh(log(1 + eᶻ))"),
    kinds.Softplus: _named("softplus", "softplus(z) = log(1 + eᶻ)"),
    kinds.HardSigmoid: _named("hardsigmoid", "z/6 + 1/2, held between 0 and 1"),
    kinds.HardSwish: _named("hardswish", "hardswish(z) = z hardsigmoid(z)"),
    kinds.Softmax: _named("softmax", "softmax(z)ₖ = exp zₖ / Σⱼ exp zⱼ"),
    kinds.LogSoftmax: _named("logsoftmax", "logsoftmax(z)ₖ = zₖ − log Σⱼ exp zⱼ"),
}
