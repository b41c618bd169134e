"""What a plain PyTorch function says of itself, from its name and the arguments of a call."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from frameworks.live.stating import facts
from frameworks.probe import kind_of
from frameworks.pytorch.facts.layers import layer_facts
from frameworks.recordings.trace import Facts, Value

__all__ = ["function_facts"]

_REARRANGEMENTS = (
    *("flatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze", "contiguous"),
    *("movedim", "moveaxis", "swapaxes", "swapdims", "t", "clone", "view_as", "reshape_as"),
    *("unflatten", "expand", "to", "type", "double", "float", "detach", "ravel", "adjoint"),
    *("half", "bfloat16", "type_as"),
)
_MODULES: dict[str, Any] = {
    "relu": nn.ReLU,
    "relu_": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "leaky_relu_": nn.LeakyReLU,
    "elu": nn.ELU,
    "celu": nn.CELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "sigmoid": nn.Sigmoid,
    "sigmoid_": nn.Sigmoid,
    "tanh": nn.Tanh,
    "tanh_": nn.Tanh,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "softmax": nn.Softmax,
    "log_softmax": nn.LogSoftmax,
    "logsigmoid": nn.LogSigmoid,
    "hardtanh": nn.Hardtanh,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "hardshrink": nn.Hardshrink,
    "softshrink": nn.Softshrink,
    "tanhshrink": nn.Tanhshrink,
    "glu": nn.GLU,
    "dropout": nn.Dropout,
    "dropout1d": nn.Dropout1d,
    "dropout2d": nn.Dropout2d,
    "dropout3d": nn.Dropout3d,
    "dropout_": nn.Dropout,
    **dict.fromkeys(("alpha_dropout", "alpha_dropout_"), nn.AlphaDropout),
    **dict.fromkeys(("feature_dropout", "feature_dropout_"), nn.Dropout2d),
    **dict.fromkeys(("feature_alpha_dropout", "feature_alpha_dropout_"), nn.FeatureAlphaDropout),
    **{f"max_pool{n}d": getattr(nn, f"MaxPool{n}d") for n in (1, 2, 3)},
    **{f"avg_pool{n}d": getattr(nn, f"AvgPool{n}d") for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": getattr(nn, f"AdaptiveAvgPool{n}d") for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": getattr(nn, f"AdaptiveMaxPool{n}d") for n in (1, 2, 3)},
}
_KINDS = {
    **dict.fromkeys(("add", "add_", "__add__", "__radd__", "__iadd__"), "sum"),
    **dict.fromkeys(("mul", "mul_", "__mul__", "__rmul__", "multiply"), "product"),
    **dict.fromkeys(("sub", "__sub__", "__rsub__", "subtract"), "difference"),
    **dict.fromkeys(("cat", "concat", "concatenate"), "concatenation"),
    **dict.fromkeys(("matmul", "__matmul__", "bmm", "mm"), "matrix product"),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "convolution"),
    "linear": "dense",
    "embedding": "embedding",
    "layer_norm": "layer normalization",
    "batch_norm": "batch normalization",
    **dict.fromkeys(("clamp", "clamp_", "clip", "clip_"), "clamp"),
    "mean": "mean",
    "sum": "sum over an axis",
    "amax": "maximum over an axis",
    "scaled_dot_product_attention": "attention product",
}
_CONVOLUTIONS: dict[str, Callable[..., nn.Module]] = {
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv3d": nn.Conv3d,
}
_LEFT_OUT = ("training", "train", "inplace", "input", "_stacklevel", "return_indices", "dtype")


def function_facts(
    name: str,
    arguments: Mapping[str, Any],
    input_shape: tuple[int, ...] | None = None,
    parameters: Sequence[tuple[int, ...]] = (),
) -> Facts:
    """Return the facts of a call: of `F.relu`, `torch.cat`, or a tensor's method.

    `name` is the function's `__name__`; `arguments` are those that are no tensors, by their names.
    `input_shape` is the canonical shape of one row, `parameters` has the shapes of what is given
    besides, parameters or what is computed from them. Of a function that is a module's, too, the
    facts are the module's, so that both are stated alike.
    """
    own = {k: v for k, v in arguments.items() if k not in _LEFT_OUT and v is not None}
    if name in _MODULES:
        return layer_facts(_MODULES[name](**own), input_shape)
    if name == "layer_norm" and "normalized_shape" in own:
        options = {"elementwise_affine": bool(parameters), "bias": len(parameters) > 1}
        return layer_facts(nn.LayerNorm(**own, **options), input_shape)
    if name == "group_norm" and "num_groups" in own and input_shape:
        norm = nn.GroupNorm(num_channels=input_shape[-1], affine=bool(parameters), **own)
        return layer_facts(norm, input_shape)
    if name in _CONVOLUTIONS and any(len(shape) > 2 for shape in parameters):
        return layer_facts(_convolution(name, parameters, own), input_shape)
    if name in _REARRANGEMENTS:
        return facts("rearrangement", {})
    kind = _KINDS.get(name) or kind_of(type(name, (), {})())
    stated = {k: v for k, v in own.items() if isinstance(v, bool | int | float | str | tuple)}
    return facts(kind, {k: (_in_plain(v), f"{k}={v!r}") for k, v in stated.items()})


def _convolution(
    name: str, parameters: Sequence[tuple[int, ...]], own: Mapping[str, Any]
) -> nn.Module:
    """Return the module that computes a convolution with parameters of these shapes."""
    (filters, channels, *kernel), *bias = sorted(parameters, key=len, reverse=True)
    wide = channels * own.get("groups", 1)
    options = {"bias": bool(bias), "device": "meta", **own}
    return _CONVOLUTIONS[name](wide, filters, tuple(kernel), **options)


def _in_plain(value: Any) -> Value:
    """Return a value that a recording can hold: of x[:, -1], whose slices it cannot, the words."""
    if isinstance(value, tuple):
        return tuple(map(_in_plain, value))
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
