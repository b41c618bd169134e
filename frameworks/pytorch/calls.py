"""One call of a leaf module or of a function of PyTorch, and what it is given."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from frameworks.live.model import Written

__all__ = [
    "Call",
    "Watched",
    "arguments_of",
    "array_of",
    "autocast_dtype",
    "has_tensor",
    "is_leaf",
    "is_transformed",
    "stock_name",
    "tensors_in",
]

_CONTAINERS = nn.Sequential, nn.ModuleList, nn.ModuleDict
_POOLING = ("input", "kernel_size", "stride", "padding")
_DROPOUT = ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
_NAMES = {  # of the arguments of functions that do not tell
    **{f"max_pool{n}d": (*_POOLING, "dilation", "ceil_mode") for n in (1, 2, 3)},
    **{f"avg_pool{n}d": (*_POOLING, "ceil_mode", "count_include_pad") for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": ("input", "output_size")
       for kind in ("avg", "max") for n in (1, 2, 3)},
    **{f"conv{n}d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
       for n in (1, 2, 3)},
    **dict.fromkeys(("cat", "concat", "concatenate", "stack"), ("tensors", "dim")),
    **dict.fromkeys((*_DROPOUT, *(f"{name}_" for name in _DROPOUT)), ("input", "p", "training")),
    **dict.fromkeys(("softmax", "log_softmax"), ("input", "dim")),
    **dict.fromkeys(("mean", "sum", "amax", "amin"), ("input", "dim", "keepdim")),
    **dict.fromkeys(("clamp", "clamp_", "clip", "clip_"), ("input", "min", "max")),
    **dict.fromkeys(("add", "sub", "mul", "div"), ("input", "other")),
}  # fmt: skip


@dataclass
class Call:
    """One call of a leaf module or of a function, with copies of what went in and came out."""

    path: str  # of the module; "" for a function
    module: nn.Module | None
    name: str  # of the function; "" for a module
    arguments: Mapping[str, Any]  # of the function, without tensors
    inputs: list[torch.Tensor]
    parameters: list[nn.Parameter]  # that the function takes
    output: torch.Tensor | None = None  # the first tensor of the output
    tokens: list[int] = field(default_factory=list)  # identify the inputs
    made: list[int] = field(default_factory=list)  # identify the tensors of the output
    first: torch.Tensor | None = None  # of these, itself
    others: list[torch.Tensor] = field(default_factory=list)
    autocast: str = ""  # the dtype that it casts to, where the call is in it
    several: bool = False  # whether the output was more than one tensor
    packed: bool = False  # whether it was a packed sequence, which `output` has unpacked
    transposed: frozenset[int] = frozenset()  # the parameters, by id, that it was given so

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output; () without one."""
        return () if self.output is None else tuple(self.output.shape)


@dataclass
class Watched:
    """One forward pass: its calls, and what identifies the tensors that went in and came out."""

    calls: list[Call] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    outputs: list[torch.Tensor] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)  # alive, so that no two have the same id
    written: Written | None = None  # what stays as PyTorch has it, channels first


def autocast_dtype() -> str:
    """Return the dtype to which autocast casts here, on any device; "" outside of it."""
    enabled = (kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.is_autocast_enabled(kind))
    kind = next(enabled, None)
    return "" if kind is None else str(torch.get_autocast_dtype(kind)).removeprefix("torch.")


def is_leaf(module: nn.Module) -> bool:
    """Return whether a module is one of PyTorch's own layers, or the user's with its `forward`."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    place = getattr(type(module).forward, "__module__", None) or ""  # none where it is generated
    own = place.startswith("torch.nn.modules.")
    return own and not isinstance(module, _CONTAINERS) and not list(module.children())


def is_transformed(tensors: Iterable[torch.Tensor]) -> bool:
    """Return whether `torch.func` runs on one of them, as `vmap` does: it shows no numbers."""
    # Nothing public tells.
    return any(map(torch._C._functorch.is_functorch_wrapped_tensor, tensors))


def stock_name(module: nn.Module) -> str:
    """Return the name of a module's class; of PyTorch's own, from which a user's is derived."""
    classes = type(module).__mro__
    return next(each.__name__ for each in classes if each.__module__.startswith("torch."))


def array_of(x: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array; bfloat16, which NumPy does not have, as float32."""
    return (x.float() if x.dtype is torch.bfloat16 else x).numpy()


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Yield all tensors in nested tuples, lists and mappings, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, PackedSequence):
        yield value.data
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors_in(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from tensors_in(each)


def arguments_of(func: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments that are no tensors, by name, or else by position."""
    names = _NAMES.get(getattr(func, "__name__", "")) or _parameters(func)
    known = dict(zip(names, args, strict=False))
    rest = {str(i): each for i, each in enumerate(args[len(known) :], len(known))}
    named = {**known, **rest, **kwargs}
    return {name: value for name, value in named.items() if not has_tensor(value)}


@lru_cache(maxsize=1024)
def _parameters(func: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's positional parameters, up to one that takes the rest.

    Nothing of those that do not tell. Cached: this takes longer than many a function.
    """
    try:
        every = inspect.signature(func).parameters.values()
    except (ValueError, TypeError):  # a built-in function
        return ()
    some = takewhile(lambda each: each.kind is not inspect.Parameter.VAR_POSITIONAL, every)
    return tuple(each.name for each in some)


def has_tensor(value: Any) -> bool:
    """Return whether there is a tensor in nested tuples, lists and mappings."""
    return next(tensors_in([value]), None) is not None
