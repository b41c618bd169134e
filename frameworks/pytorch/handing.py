"""The randomness of a live module: masks that are handed over, all else drawn from one seed.

Works for `nn.Dropout` and `F.dropout` alike, since a module calls the function. A call beyond those
of one forward pass in training mode, as in a step that runs the model twice, has no mask and draws
one itself. While it is active, `x.float()` and new tensors have the dtype of the comparison.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from frameworks.draws import Dropped
from frameworks.pytorch.orientation import AS_IT_IS, Orientation

__all__ = ["Handed", "handing"]

_DROPOUT = {F.dropout, torch.dropout}
_OTHERS = {
    *(F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout),
    *(torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout),
}


class Handed(TorchFunctionMode):
    """Gives the calls of dropout that drop their masks, in order, and switches other noise off."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.orientations: Sequence[Orientation] = ()  # of what each call drops from
        self.masks: Sequence[np.ndarray] | None = None  # None: nothing is dropped
        self.off: set[str] = set()  # names of other dropout that was met
        self.seed = 0  # of all other random numbers
        self.drew = False  # whether any were drawn
        self.in_autocast = False  # whether anything ran in it
        self.start()

    def start(self) -> None:
        """Begin a forward pass."""
        self.found: list[tuple[float, tuple[int, ...]]] = []
        self.read: list[int] = []  # identifies what each of them drops from

    def remarks(self) -> list[str]:
        """Say what runs otherwise than in the user's own training."""
        found = [f"{name} drops nothing: its masks cannot be handed over"
                 for name in sorted(self.off)]  # fmt: skip
        if self.drew:
            found.append("random numbers are drawn beside dropout: the same ones in every run")
        if self.in_autocast:
            found.append(f"autocast leaves {str(self.dtype).removeprefix('torch.')} as it is")
        return found

    def dropped(self) -> list[Dropped]:
        """Return what the calls since `start` drop of a row, in canonical layout."""
        found = []
        for k, (rate, shape) in enumerate(self.found):
            canonical = self._orientation(k).to_canonical(np.empty(shape, bool))
            found.append(Dropped(rate, canonical.shape[1:]))
        return found

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self.in_autocast |= torch.is_autocast_enabled("cpu")
        if func in _DROPOUT:
            return self._drop(*args, **kwargs)
        if func in _OTHERS:
            self.off.add(func.__name__)
            return args[0] if args else kwargs["input"]
        if func is torch.Tensor.float:
            return args[0].to(self.dtype)
        return func(*self._in_dtype(args), **self._in_dtype(kwargs))

    def _in_dtype(self, given: Any) -> Any:
        """Return arguments that ask for the dtype of the comparison instead of float32."""
        if isinstance(given, dict):
            return {k: self.dtype if v is torch.float32 else v for k, v in given.items()}
        return tuple(self.dtype if v is torch.float32 else v for v in given)

    def _drop(
        self, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        if not training or p == 0:
            return input
        number = len(self.found)
        self.found.append((float(p), tuple(input.shape)))
        self.read.append(id(input))
        if self.masks is None:
            return input
        if number < len(self.masks):
            own = self._orientation(number).from_canonical(np.asarray(self.masks[number]))
            if own.shape == input.shape:
                return input * torch.from_numpy(own).to(input.dtype)
        return F.dropout(input, p)

    def _orientation(self, number: int) -> Orientation:
        return self.orientations[number] if number < len(self.orientations) else AS_IT_IS


@contextmanager
def handing(handed: Handed) -> Iterator[None]:
    """Run forward passes with handed masks; what is drawn all the same is that of `handed.seed`.

    The user's random state and default dtype are restored.
    """
    before, fast = torch.get_default_dtype(), torch.backends.mha.get_fastpath_enabled()
    torch.set_default_dtype(handed.dtype)
    torch.backends.mha.set_fastpath_enabled(False)  # it would hide the layers inside
    handed.start()
    try:
        with torch.random.fork_rng(devices=[]), handed:
            torch.manual_seed(handed.seed)
            start = torch.get_rng_state()
            yield
            if not torch.equal(start, torch.get_rng_state()):
                handed.drew = True
    finally:
        torch.set_default_dtype(before)
        torch.backends.mha.set_fastpath_enabled(fast)
