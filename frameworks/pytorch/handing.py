"""The randomness of a live module: masks that are handed over, all else drawn from one seed.

Works for `nn.Dropout` and `F.dropout` alike, since a module calls the function. A call beyond those
of one forward pass in training mode, as in a step that runs the model twice, has no mask and draws
one itself. While it is active, `x.float()` and new tensors have the dtype of the comparison.

A checkpoint (`torch.utils.checkpoint`) runs its calls again in the backward pass, from the random
state in which they first ran. Every call moves that state, which so tells the call it repeats.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from frameworks.draws import Dropped
from frameworks.errors import RequestError
from frameworks.global_numbers import global_numbers, seed_global_numbers, set_global_numbers
from frameworks.masks import alpha_dropped
from frameworks.pytorch.calls import autocast_dtype, tensors_in
from frameworks.pytorch.orientation import AS_IT_IS, Orientation

__all__ = ["Handed", "handing"]

_BACKWARD = {torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad}
_ALPHA_OF_CHANNELS = {
    F.feature_alpha_dropout,
    torch.feature_alpha_dropout,
    torch.feature_alpha_dropout_,
}
_ALPHA = {F.alpha_dropout, torch.alpha_dropout, torch.alpha_dropout_, *_ALPHA_OF_CHANNELS}
_OF_CHANNELS = {
    *(F.dropout1d, F.dropout2d, F.dropout3d, torch.feature_dropout, torch.feature_dropout_),
    *_ALPHA_OF_CHANNELS,
}
_IN_PLACE = {
    torch.dropout_,
    torch.alpha_dropout_,
    torch.feature_dropout_,
    torch.feature_alpha_dropout_,
}
_DROPOUT = {F.dropout, torch.dropout, torch.dropout_, *_ALPHA, *_OF_CHANNELS}
_IN_EVALUATION_BY_DEFAULT = {F.alpha_dropout, F.feature_alpha_dropout}
_UNBATCHED = {F.dropout1d: 2, F.dropout3d: 4}  # axes of what they take for one row alone
_SCALING = {torch._amp_foreach_non_finite_check_and_unscale_, torch._amp_update_scale_}

_Drop = tuple[float, tuple[int, ...]]  # the rate, and the shape of what is drawn


def _random_state() -> bytes:
    """Return what identifies the state of PyTorch's random numbers."""
    return sha256(torch.get_rng_state().numpy().tobytes()).digest()


class Handed(TorchFunctionMode):
    """Gives the calls of dropout that drop their masks, in order."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.orientations: Sequence[Orientation] = ()  # of what each call drops from
        self.masks: Sequence[np.ndarray] | None = None  # None: nothing is dropped
        self.rates: Sequence[float] = ()  # for which they are drawn
        self.changed = False  # whether a call had another rate than its mask
        self.seed = 0  # of all other random numbers
        self.drew = False  # whether any were drawn
        self.autocast = ""  # the dtype to which anything was cast by it
        self.originals: Mapping[int, str] = {}  # weights of the user's own model, by identity
        self.start()

    def start(self) -> None:
        """Begin a forward pass."""
        self.found: list[_Drop] = []
        self.read: list[int] = []  # identifies what each of them drops from
        self._numbers: dict[tuple[bytes, _Drop], int] = {}  # by the random state before each
        self._left = _random_state()  # by the latest call, or at the start

    def remarks(self) -> list[str]:
        """Say what runs otherwise than in the user's own training."""
        found = []
        if self.changed:
            found.append("dropout whose rate changes draws masks of its own: the same in every run")
        if self.drew:
            found.append("random numbers are drawn beside dropout: the same ones in every run")
        if self.autocast:
            found.append(f"autocast leaves {str(self.dtype).removeprefix('torch.')} as it is")
        return found

    def dropped(self) -> list[Dropped]:
        """Return what the calls since `start` drop of a row, in canonical layout."""
        found, self.rates = [], [rate for rate, _ in self.found]
        for k, (rate, shape) in enumerate(self.found):
            canonical = self._orientation(k, shape).to_canonical(np.empty(shape, bool))
            found.append(Dropped(rate, canonical.shape[1:]))
        return found

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self._refuse_originals((*args, *kwargs.values()))
        self.autocast = self.autocast or autocast_dtype()
        if func in _DROPOUT:
            return self._drop(func, *args, **kwargs)
        if func is torch.Tensor.float:
            return args[0].to(self.dtype)
        if func in _SCALING:
            return _in_float32(func, *args, **kwargs)
        if func in _BACKWARD:
            with _entered_in(self, tensors_in(args[0])):
                return func(*args, **kwargs)
        return func(*self._in_dtype(args), **self._in_dtype(kwargs))

    def _refuse_originals(self, given: Iterable[Any]) -> None:
        """Raise RequestError for a function of weights of the user's own model, not of the copy."""
        for x in given:
            if isinstance(x, list | tuple):
                self._refuse_originals(x)
            elif id(x) in self.originals:
                raise RequestError(
                    f"the training of a copy uses {self.originals[id(x)]} of the PyTorch model "
                    "itself, which something reaches in a way that cannot be copied, such as a "
                    "registry in a class: let the model reach it by its own attributes"
                )

    def _in_dtype(self, given: Any) -> Any:
        """Return arguments that ask for the dtype of the comparison instead of float32."""
        if isinstance(given, dict):
            return {k: self.dtype if v is torch.float32 else v for k, v in given.items()}
        return tuple(self.dtype if v is torch.float32 else v for v in given)

    def _drop(
        self,
        func: Callable[..., torch.Tensor],
        input: torch.Tensor,
        p: float = 0.5,
        training: bool | None = None,
        inplace: bool = False,
        train: bool | None = None,  # as the functions of `torch` itself call it
    ) -> torch.Tensor:
        named = training if train is None else train
        if not (func not in _IN_EVALUATION_BY_DEFAULT if named is None else named) or p == 0:
            return input
        shape = _drawn(func, tuple(input.shape))
        number = self._number(input, (float(p), shape))
        if self.masks is None:
            return input
        changed = number < len(self.rates) and p != self.rates[number]
        self.changed |= changed
        if number < len(self.masks) and not changed:
            orientation = self._orientation(number, shape)
            own = orientation.from_canonical(np.asarray(self.masks[number]))
            if own.shape == shape:
                mask = torch.from_numpy(own).to(input.dtype)
                alpha = func in _ALPHA
                dropped = alpha_dropped(input, torch.sign(mask), p) if alpha else input * mask
                return input.copy_(dropped) if inplace or func in _IN_PLACE else dropped
        return func(input, p, True, *([True] if inplace else []))

    def _number(self, input: torch.Tensor, drop: _Drop) -> int:
        """Return the number of a call: a new one, or that of the call which it repeats."""
        state = _random_state()
        number = self._numbers.setdefault((state, drop), len(self.found))
        torch.rand(())  # the next call starts from another state
        if number == len(self.found):
            self.found.append(drop)
            self.read.append(id(input))
            self.note_draws(state)
            self._left = _random_state()
        return number

    def note_draws(self, state: bytes) -> None:
        """Note whether anything but dropout has drawn, in this state, since its latest call."""
        self.drew |= state != self._left

    def _orientation(self, number: int, shape: tuple[int, ...]) -> Orientation:
        own = self.orientations[number] if number < len(self.orientations) else AS_IT_IS
        of_all = own.features is None or len(own.features) == shape[-1]
        return own if of_all else AS_IT_IS  # of one number for all features


def _drawn(func: Callable[..., Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of what a call of dropout draws for an input of this shape."""
    if func not in _OF_CHANNELS:
        return shape
    kept = 1 if len(shape) == _UNBATCHED.get(func) else 2
    return (*shape[:kept], *[1] * (len(shape) - kept))


def _in_float32(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call what scales gradients with the scale, and all that is no gradient, in float32.

    It takes no other, and the scaler's own float32 has become the dtype of the comparison.
    """
    singles = {
        id(x): x.float() for x in args if isinstance(x, torch.Tensor) and x.is_floating_point()
    }
    found = func(*(singles.get(id(x), x) for x in args), **kwargs)
    for x in args:
        if id(x) in singles:
            x.copy_(singles[id(x)])
    return next((x for x in args if singles.get(id(x)) is found), found)


@contextmanager
def _entered_in(mode: TorchFunctionMode, roots: Iterable[torch.Tensor]) -> Iterator[None]:
    """Enter a mode anew in each node of a backward pass, which leaves it behind."""

    def enter(_: Any) -> None:
        mode.__enter__()  # the engine itself restores the modes after every node

    left = [root.grad_fn for root in roots]
    nodes: set[Any] = set()
    while left:
        node = left.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            left += [following for following, _ in node.next_functions]
    handles = [node.register_prehook(enter) for node in nodes]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def handing(handed: Handed) -> Iterator[None]:
    """Run forward passes with handed masks; what is drawn all the same is that of `handed.seed`.

    The user's random state and default dtype are restored.
    """
    before, fast = torch.get_default_dtype(), torch.backends.mha.get_fastpath_enabled()
    torch.set_default_dtype(handed.dtype)
    torch.backends.mha.set_fastpath_enabled(False)  # it would hide the layers inside
    try:
        with torch.random.fork_rng(devices=[]), handed:
            _seed(handed.seed)
            with _seeded_globally(handed):
                handed.start()
                yield
                handed.note_draws(_random_state())
    finally:
        torch.set_default_dtype(before)
        torch.backends.mha.set_fastpath_enabled(fast)


def _seed(seed: int) -> None:
    """Begin PyTorch's random numbers, on every device that is there, with a seed.

    `torch.manual_seed` also remembers the stack for each kind of device that is not there, which
    takes longer than a pass of a small model.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


@contextmanager
def _seeded_globally(handed: Handed) -> Iterator[None]:
    """Let the global numbers of Python and NumPy be those of `handed.seed`, and restore them."""
    before = global_numbers()
    seed_global_numbers(handed.seed)
    start = global_numbers()
    try:
        yield
        handed.drew |= start != global_numbers()
    finally:
        set_global_numbers(before)
