"""What a module runs: every call of a leaf module or of a function, in the order of the calls.

Leaves are seen through forward hooks. What runs between them (`F.relu`, `torch.cat`, `x + y`,
views) is seen through a `TorchFunctionMode`, which sees the outermost function of each call only.
Of what `torch.func` transforms, as by `vmap`, the leaves are known, but no numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from torch.overrides import TorchFunctionMode

from frameworks.pytorch.calls import (
    Call,
    Watched,
    arguments_of,
    autocast_dtype,
    has_tensor,
    is_leaf,
    is_transformed,
    tensors_in,
)

__all__ = ["gradients_of_calls", "watch"]

_TRANSPOSING = {"T", "mT", "t", "transpose", "swapaxes", "swapdims", "permute", "adjoint"}


def _sum_and_product(x: torch.Tensor, y: Any, z: Any, *, value: float = 1) -> torch.Tensor:
    return x + (y * z if value == 1 else value * y * z)


_MADE_OF = {"addcmul": _sum_and_product}


class _Functions(TorchFunctionMode):
    """Notes the functions that run outside of leaf modules."""

    def __init__(
        self, watched: Watched, network: nn.Module, added: Mapping[int, torch.Tensor]
    ) -> None:
        super().__init__()
        self.watched, self.inside = watched, 0  # how many leaves are running
        self._added = added
        self._recurrent = {
            id(p): (path, module)
            for path, module in network.named_modules()
            if isinstance(module, nn.RNNBase | nn.RNNCellBase) and not is_leaf(module)
            for p in module.parameters(recurse=False)
        }
        # Matrices that are a parameter, perhaps transposed; by id, for which they are kept.
        self.matrices: dict[int, tuple[nn.Parameter, bool]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        given = [] if self.inside else list(tensors_in((args, kwargs)))
        name = getattr(func, "__name__", "")
        if not given or is_transformed(given):
            return func(*args, **kwargs)
        if name in _MADE_OF and "out" not in kwargs:
            with self:  # as what it is made of
                return _MADE_OF[name](*args, **kwargs)
        if name == "__get__" or name.endswith("_like") or name.startswith("new_"):
            output = func(*args, **kwargs)
            self._follow(given, getattr(getattr(func, "__self__", None), "__name__", ""), output)
            return output
        own = self._of_recurrent(given, args)
        if own is not None:
            return self.finish(own, func(*args, **kwargs))
        known = [self.matrices.get(id(each), (each, False)) for each in given]
        arguments = arguments_of(func, args, kwargs)
        call = Call("", None, name, arguments, *_split([each for each, _ in known]))
        call.transposed = frozenset(id(each) for each, transposed in known if transposed)
        self.start(call, [each for each, _ in known])
        output = func(*args, **kwargs)
        if not self._follow(given, name, output) and has_tensor(output):
            return self.finish(call, output)
        return output

    def _of_recurrent(self, given: list[torch.Tensor], args: Any) -> Call | None:
        """Return the call of a recurrent module whose own `forward` is the user's, if it is one.

        A first state of zeros is left out, as where none is given. None for packed sequences.
        """
        path, module = self._recurrent.get(id(given[-1]), ("", None))
        if module is None or any(not x.is_floating_point() for x in tensors_in(args[:2])):
            return None
        x, *states = (each for each in given if not isinstance(each, nn.Parameter))
        read = [x, *(h for h in states if h.any())]
        return self.start(Call(path, module, "", {}, *_split(read)), read)

    def _follow(self, given: list[torch.Tensor], name: str, output: Any) -> bool:
        """Return whether this only reads a matrix that is a parameter, and remember the output."""
        p, before = self.matrices.get(id(given[0]), (given[0], False))
        if len(given) > 1 or not isinstance(p, nn.Parameter) or p.ndim != 2 or output is p:
            return False
        if not isinstance(output, torch.Tensor) or output.dtype != p.dtype:
            return False
        several = output.ndim == 3 and len(output) > 1 and not before
        if several and name in ("view", "reshape", "unflatten"):
            self.matrices[id(output)] = p, False  # its rows or columns as those of several heads
            self.watched.kept.append(output)
            return True
        likely = before != (name in _TRANSPOSING)  # where the matrix is symmetric
        for transposed in (likely, not likely):
            if torch.equal(output.detach(), p.detach().T if transposed else p.detach()):
                self.matrices[id(output)] = p, transposed
                self.watched.kept.append(output)
                return True
        return False

    def start(self, call: Call, given: list[torch.Tensor]) -> Call:
        """Copy what goes in, before a call that works in place overwrites it."""
        call.autocast = autocast_dtype()
        inputs = [each for each in given if not isinstance(each, nn.Parameter)]
        call.tokens = [id(each) for each in inputs]
        self.watched.kept += inputs
        return call

    def finish(self, call: Call, output: Any) -> Any:
        """Note a call, with a copy of the first tensor of its output; return what it returns."""
        made = list(tensors_in(output))
        if is_transformed(made):
            self.watched.calls.append(call)
            return output
        call.made, call.several = [id(each) for each in made], not isinstance(output, torch.Tensor)
        if isinstance(output, tuple) and output and isinstance(output[0], PackedSequence):
            call.packed, call.output = True, _unpacked(output[0], call.module)
        elif made and not isinstance(output, PackedSequence):
            call.output = made[0].detach().clone()
        self.watched.kept += made
        self.watched.calls.append(call)
        more = self._added.get(len(self.watched.calls) - 1)
        output = output if more is None else _plus(output, more, call.name)
        returned = [*tensors_in(output)]
        call.first, call.others = next(iter(returned), None), returned[1:]
        return output


def _plus(output: Any, more: torch.Tensor, name: str) -> Any:
    """Return what a call returns with something added to its first tensor."""
    if isinstance(output, tuple):
        first, *rest = output
        return (_plus(first, more, name), *rest)
    in_place = name.endswith("_") and not name.endswith("__")
    return output.add_(more) if in_place else output + more


def _unpacked(packed: PackedSequence, module: Any) -> torch.Tensor:
    """Return the padded sequences, at the padding with each row's last output once more."""
    batch_first = getattr(module, "batch_first", False)
    padded, lengths = pad_packed_sequence(packed, batch_first=batch_first)
    rows = padded.detach() if batch_first else padded.detach().transpose(0, 1)
    steps = torch.minimum(torch.arange(rows.shape[1]), lengths[:, None] - 1)
    repeated = rows[torch.arange(len(rows))[:, None], steps]
    return repeated if batch_first else repeated.transpose(0, 1)


def _split(given: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[nn.Parameter]]:
    """Return copies of the tensors, and the parameters among them."""
    parameters = [each for each in given if isinstance(each, nn.Parameter)]
    return (
        [each.detach().clone() for each in given if not isinstance(each, nn.Parameter)],
        parameters,
    )


@contextmanager
def watch(network: nn.Module, added: Mapping[int, torch.Tensor] | None = None) -> Iterator[Watched]:
    """Note all calls of the forward passes in this context.

    `added` has what is added to the outputs of calls, by their positions.
    """
    watched = Watched()
    functions, hooks = _Functions(watched, network, added or {}), []
    pending: list[Call] = []

    def enter(path: str) -> Callable[..., None]:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            functions.inside += 1
            if functions.inside == 1:
                given = list(tensors_in((args, kwargs)))
                given = [] if is_transformed(given) else given
                call = Call(path, module, "", {}, *_split(given))
                pending.append(functions.start(call, given))

        return before

    def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        if functions.inside == 1:
            output = functions.finish(pending.pop(), output)
        functions.inside -= 1
        return output

    for path, module in network.named_modules():
        if is_leaf(module):
            hooks.append(module.register_forward_pre_hook(enter(path), with_kwargs=True))
            hooks.append(module.register_forward_hook(leave, with_kwargs=True))
    try:
        with functions:
            yield watched
    finally:
        for hook in hooks:
            hook.remove()


def gradients_of_calls(loss: torch.Tensor, watched: Watched) -> dict[int, torch.Tensor]:
    """Return the gradients of a loss for the first tensor of what calls return, where it has any.

    A call that returns several of which others are read, as the states of a recurrent layer, is
    taken to be read everywhere, and has a single 1; else nothing is said of packed sequences.
    """
    known = {
        at: call.first
        for at, call in enumerate(watched.calls)
        if call.first is not None and call.first.requires_grad
    }
    others = [(at, x) for at in known for x in watched.calls[at].others if x.requires_grad]
    every = [*known.values(), *(x for _, x in others)]
    found = torch.autograd.grad(loss, every, allow_unused=True)
    read = {at for (at, _), g in zip(others, found[len(known) :], strict=True) if g is not None}
    return {
        at: torch.ones(()) if at in read else g.to_dense() if g.is_sparse else g
        for at, g in zip(known, found[: len(known)], strict=True)
        if at in read or (g is not None and not watched.calls[at].packed)
    }
