"""What PyTorch's stock hooks do: align it with Keras, and show the gradients of a step."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from frameworks.pytorch.layouts import BatchNorm, running_statistics

__all__ = [
    "EarlyStopping",
    *("noting_gradients", "step_rate", "use_biased_running_variance"),
    *("tracks_biased_variance", "use_epsilon_hat", "use_one_bias", "use_rate"),
]


def use_epsilon_hat(optimizer: Adam) -> Adam:
    """Make PyTorch's Adam interpret its `eps` as ε̂, as Keras does; return the optimizer.

    PyTorch divides by √v̂ + ε with v̂ = v/(1−β₂ᵗ); Keras by √v + ε̂, before the correction. The two
    are equal at step t for ε = ε̂ / √(1−β₂ᵗ), which is set here before each step.
    Source: Kingma and Ba, ICLR 2015, the end of section 2.
    """
    epsilon_hat = [group["eps"] for group in optimizer.param_groups]

    def rescale(optimizer: Optimizer, args: object, kwargs: object) -> None:
        for group, eps in zip(optimizer.param_groups, epsilon_hat, strict=True):
            t = 1 + _steps(optimizer, group)
            group["eps"] = eps / math.sqrt(1 - group["betas"][1] ** t)

    optimizer.epsilon_hat = epsilon_hat  # type: ignore[attr-defined]  # for `optimizer_facts`
    optimizer.register_step_pre_hook(rescale)
    return optimizer


class EarlyStopping:
    """The loop's own early stopping, as every user of PyTorch writes it: the rule is Keras'.

    Training ends after `patience` epochs in a row whose validation loss was not below the best.
    """

    def __init__(self, patience: int) -> None:
        self.patience, self.best, self.waited = patience, math.inf, 0
        self.best_state: dict[str, Any] | None = None

    def stop(self, loss: float, network: nn.Module) -> bool:
        """Take note of an epoch's loss and of the network; return whether to stop."""
        if self.best_state is None or loss < self.best:
            self.best, self.best_state = loss, deepcopy(network.state_dict())
            self.waited = 0
            return False
        self.waited += 1
        return self.waited >= self.patience

    def restore(self, network: nn.Module) -> None:
        """Give the network the weights of its best epoch."""
        if self.best_state is not None:
            network.load_state_dict(self.best_state)


def step_rate(start: float, factor: float, size: int) -> Callable[[int], float]:
    """Return η(k) = start · factor^⌊k/size⌋, as Keras' `ExponentialDecay(staircase=True)`."""
    return lambda k: start * factor ** (k // size)


def use_rate(optimizer: Adam, rate: Callable[[int], float]) -> Adam:
    """Set η = rate(k) before step k = 0, 1, 2, ... of PyTorch's Adam; return the optimizer.

    k is the optimizer's own step count, as in Keras, so it continues when training continues.
    PyTorch's schedulers count the calls of their own `step`, separately from the optimizer.
    """

    def set_rate(optimizer: Optimizer, args: object, kwargs: object) -> None:
        k = max(_steps(optimizer, group) for group in optimizer.param_groups)
        for group in optimizer.param_groups:
            group["lr"] = rate(k)

    def require_count(optimizer: Optimizer, args: object, kwargs: object) -> None:
        for group in optimizer.param_groups:
            moved = any(p.grad is not None for p in group["params"])
            if moved and not _steps(optimizer, group):
                raise TypeError(
                    f"use_rate: {type(optimizer).__name__} does not count its steps, as Adam does; "
                    "let a scheduler step in optimizer.register_step_post_hook instead"
                )

    optimizer.rate = rate  # type: ignore[attr-defined]  # for `stock_optimizer`
    optimizer.register_step_pre_hook(set_rate)
    optimizer.register_step_post_hook(require_count)
    return optimizer


def _steps(optimizer: Optimizer, group: dict[str, Any]) -> int:
    """Return how many steps a group has taken: those without a gradient, as if frozen, count none.

    0 where the optimizer does not count them.
    """
    states = (optimizer.state.get(p, {}) for p in group["params"])
    return max((int(state["step"]) for state in states if "step" in state), default=0)


@contextmanager
def noting_gradients(note: Callable[[Optimizer], None]) -> Iterator[None]:
    """Call `note` in each step of any optimizer, when the gradients are those that it goes by.

    That is when its own hooks have been called, or where it is given a closure, which may clear and
    compute them, after the closure's first call.
    """
    met, handles = list[Optimizer](), list[RemovableHandle]()

    def noting(optimizer: Optimizer, closure: Callable[[], Any]) -> Callable[[], Any]:
        called = False

        def wrapped() -> Any:
            nonlocal called
            value = closure()
            if not called:
                note(optimizer)
            called = True
            return value

        return wrapped

    def before(optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        given = [*args[1:], *kwargs.values()]
        if not any(callable(each) for each in given):
            note(optimizer)
            return None
        own = [noting(optimizer, each) if callable(each) else each for each in given]
        first = len(args) - 1
        return (args[0], *own[:first]), dict(zip(kwargs, own[first:], strict=True))

    def meet(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if optimizer not in met:
            met.append(optimizer)
            handles.append(optimizer.register_step_pre_hook(before))

    handles.append(register_optimizer_step_pre_hook(meet))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def use_biased_running_variance(network: nn.Module) -> nn.Module:
    """Make every BatchNorm of a network track the biased variance, as Keras does; return it.

    PyTorch normalizes a batch with σ² = 1/m Σ (x − μ)², over the m numbers of a channel, but moves
    the running variance towards m/(m − 1) σ² by `momentum`, or by 1/t in step t where that is None.
    The difference of the two, momentum · σ²/(m − 1), is subtracted after each step. The m numbers
    are those of one process: a SyncBatchNorm of several is not corrected rightly.
    """
    for module in network.modules():
        if isinstance(module, BatchNorm) and running_statistics(module):
            module.register_forward_hook(_correct)
    return network


def tracks_biased_variance(module: nn.Module) -> bool:
    """Return whether `use_biased_running_variance` was applied to a BatchNorm."""
    return _correct in module._forward_hooks.values()


def _correct(module: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
    if not module.training:
        return
    x = inputs[0].detach().transpose(0, 1).flatten(1)  # (d, m)
    variance = x.var(1, correction=0)
    momentum = module.momentum
    if momentum is None:
        momentum = 1 / int(module.num_batches_tracked)
    # .data: backward still needs the buffer that autograd knows
    module.running_var.data.sub_(variance, alpha=momentum / (x.shape[1] - 1))


def use_one_bias(network: nn.Module) -> nn.Module:
    """Freeze the second bias of every recurrent module at zero: Keras has one; return the network.

    PyTorch adds two biases, which have one gradient. Trained both, their sum moves twice as far.
    """
    for module in network.modules():
        if isinstance(module, nn.RNNBase | nn.RNNCellBase):
            for name, parameter in module.named_parameters(recurse=False):
                if name.startswith("bias_hh"):
                    nn.init.zeros_(parameter).requires_grad_(False)
    return network
