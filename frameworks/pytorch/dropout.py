"""PyTorch's dropout modules with masks that were drawn in NumPy."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from frameworks.draws import Dropped
from frameworks.global_numbers import ONE_AT_A_TIME, drawn_by
from frameworks.masks import Masks

__all__ = [
    *("DropoutModules", "channels_first", "nothing_else_drawn", "random_numbers_kept"),
    "takes_images",
]

# The modules that return images (n, c, h, w) or sequences (n, c, t), and those that keep a layout.
_IMAGES = (
    *(nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Upsample),
    *(nn.BatchNorm2d, nn.BatchNorm3d),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
)
_ELEMENTWISE = (
    *(
        nn.ReLU,
        nn.ReLU6,
        nn.LeakyReLU,
        nn.Sigmoid,
        nn.Tanh,
        nn.GELU,
        nn.SiLU,
        nn.ELU,
        nn.SELU,
        nn.Softplus,
    ),
    *(nn.Mish, nn.Hardsigmoid, nn.Hardswish, nn.Dropout, nn.BatchNorm1d, nn.SyncBatchNorm),
    *(nn.GroupNorm, nn.ZeroPad1d, nn.ZeroPad2d),
)


def channels_first(module: nn.Module, before: bool) -> bool:
    """Return whether a module's outputs are (n, c, ...); `before`: whether its inputs are.

    The outputs of other modules are taken as they are.
    """
    return isinstance(module, _IMAGES) or (before and isinstance(module, _ELEMENTWISE))


def takes_images(module: nn.Module) -> bool:
    """Return whether a module's inputs are images, and so (n, c, h, w)."""
    return isinstance(module, _IMAGES)


class DropoutModules:
    """All `nn.Dropout` of some networks, which are given the masks of each step.

    The modules stay the stock ones. During its call a module is in evaluation mode, so that it
    draws nothing and returns what it is given; a stock hook, before all others, applies the mask.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self.masks = Masks()
        self._first: list[bool] = []  # for each call: whether its input is (n, c, ...)
        self._paused: tuple[nn.Dropout, torch.Tensor] | None = None  # during a call; with its mask
        modules = [module for network in networks for module in network.modules()]
        self.modules = [module for module in modules if type(module) is nn.Dropout]
        for module in self.modules:
            module.register_forward_pre_hook(self._pause)
            module.register_forward_hook(self._apply, prepend=True)

    def release(self) -> None:
        """Leave the modules as they were before, for good."""
        for module in self.modules:
            for hooks in (module._forward_pre_hooks, module._forward_hooks):
                own = [key for key, hook in hooks.items() if getattr(hook, "__self__", 0) is self]
                for key in own:
                    del hooks[key]

    def find(self, network: nn.Module, X: torch.Tensor) -> list[Dropped]:
        """Return what each call of a dropout module drops of rows like X, channels last."""
        self._first, first = [], False
        if not self.modules:
            return []

        def follow(module: nn.Module, inputs: Any, output: Any) -> None:
            nonlocal first
            if type(module) is nn.Dropout:
                self._first.append(first)
            first = channels_first(module, first)

        leaves = [m for m in network.modules() if not list(m.children())]
        hooks = [module.register_forward_hook(follow) for module in leaves]
        try:
            with torch.inference_mode(), self.masks.noting() as found:
                network.eval()(X)
        finally:
            for hook in hooks:
                hook.remove()
        for i, each in enumerate(found):
            self._first[i] = self._first[i] and len(each.shape) > 1
            if self._first[i]:
                found[i] = Dropped(each.rate, (*each.shape[1:], each.shape[0]))
        return found

    @contextmanager
    def handed(self, masks: Sequence[np.ndarray]) -> Iterator[None]:
        """Use these masks, channels last, in the next forward pass; none in evaluation mode."""
        tensors = map(torch.from_numpy, masks)
        pairs = zip(tensors, self._first if masks else (), strict=True)
        with self.masks.handed([m.movedim(-1, 1) if first else m for m, first in pairs]):
            yield

    def _pause(self, module: nn.Dropout, inputs: tuple[torch.Tensor]) -> None:
        (x,) = inputs
        mask = self.masks.take(module.p, x.shape[1:], module.training)
        if mask is not None:
            self._paused = module.eval(), mask

    def _apply(self, module: nn.Dropout, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
        if self._paused is None or self._paused[0] is not module:
            return None
        (_, mask), self._paused = self._paused, None
        module.train()
        return output * mask


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Put PyTorch's random numbers back afterwards.

    They are the process's: other threads that want them wait meanwhile, so that none takes what
    another draws for its own.
    """
    with ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        yield


@contextmanager
def nothing_else_drawn(
    step: Callable[[], Any] | None = None,
    who: str = "the network",
    remedy: str = "use nn.Dropout modules, not functions or the dropout of recurrent and attention "
    "modules",
) -> Iterator[None]:
    """Raise RuntimeError if PyTorch draws random numbers in this context.

    `step`: as in `none_drawn`, so that what another thread draws meanwhile does not count.
    """
    with random_numbers_kept():
        before = _state()
        yield
        if _state() != before and (step is None or drawn_by(step, _state)):
            raise RuntimeError(
                f"{who} draws random numbers of its own, which other implementations cannot "
                f"reproduce: {remedy}"
            )


def _state() -> bytes:
    return torch.get_rng_state().numpy().tobytes()
