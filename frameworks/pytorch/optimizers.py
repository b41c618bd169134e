"""A page's optimizer: others of its kind, and whether its step can be taken alone."""

import inspect
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from frameworks.program import name_of
from frameworks.pytorch.hooks import use_epsilon_hat

__all__ = ["is_own", "require_step_alone", "stock_optimizer", "without_options"]


def stock_optimizer(optimizer: Any, **options: Any) -> tuple[Any, LambdaLR | None]:
    """Return an optimizer of the same kind, parameters and learning rates, without hooks.

    A rate set by `use_rate` becomes a stock scheduler, to be stepped after each step; otherwise the
    scheduler is None.
    """
    rate = getattr(optimizer, "rate", None)
    groups = [
        {"params": group["params"], "lr": group["lr"] if rate is None else 1.0}
        for group in optimizer.param_groups
    ]  # of 1, which LambdaLR multiplies by η(k)
    stock = type(optimizer)(groups, **{name: x for name, x in options.items() if name != "lr"})
    return stock, rate and LambdaLR(stock, rate)


def without_options(optimizer: Optimizer) -> Optimizer:
    """Give one of PyTorch's optimizers its kind's default options, but for its rates; return it.

    Schedules stay, whatever steps them, and so does whether it maximizes, as the loss is meant to
    be, or is AMSGrad, a kind of its own; ε is the framework's own again (see `use_epsilon_hat`),
    and so is what it begins with, as Adagrad with its accumulator. One of another class is left as
    it is.
    """
    if is_own(optimizer):
        return optimizer
    kind: Any = type(optimizer)
    made = kind(
        [{"params": group["params"], "lr": group["lr"]} for group in optimizer.param_groups]
    )
    optimizer.state.clear()
    optimizer.state.update(made.state)
    owns = [optimizer.defaults, *optimizer.param_groups]
    for own, stock in zip(owns, [made.defaults, *made.param_groups], strict=True):
        kept = ("params", "lr", "maximize", "amsgrad")
        own.update({name: x for name, x in stock.items() if name not in kept})
    hooks = optimizer._optimizer_step_pre_hooks
    for key, hook in [*hooks.items()]:
        if getattr(hook, "__qualname__", "").startswith(f"{use_epsilon_hat.__qualname__}."):
            del hooks[key]
    return optimizer


def is_own(optimizer: Optimizer) -> bool:
    """Return whether an optimizer is of a class that is none of PyTorch's."""
    return not type(optimizer).__module__.startswith("torch.")


def require_step_alone(build: Any, optimizer: Optimizer) -> None:
    """Raise TypeError for an optimizer whose step needs a closure, and so several passes."""
    # of the class: a scheduler puts a function in the place of the method
    _, *given = inspect.signature(type(optimizer).step).parameters.values()
    if any(x.default is x.empty and x.kind is x.POSITIONAL_OR_KEYWORD for x in given):
        raise TypeError(
            f"build: {name_of(build)} has {type(optimizer).__name__} as its optimizer, whose step "
            "needs a closure; return a Program, whose own step calls it with one"
        )
