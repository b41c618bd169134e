"""A page's optimizer: others of its kind, and whether its step can be taken alone."""

import inspect
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from frameworks.errors import RequestError, first_line
from frameworks.program import name_of
from frameworks.pytorch.hooks import use_epsilon_hat

__all__ = ["require_step_alone", "stock_optimizer", "without_options"]


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
    """Give an optimizer its kind's default options, but for its learning rates; return it.

    Schedules stay, whatever steps them, and so does whether it maximizes, as the loss is meant to
    be, or is AMSGrad, a kind of its own; ε is the framework's own again (see `use_epsilon_hat`),
    and so is what it begins with, as Adagrad with its accumulator. RequestError for a class that
    cannot be made so.
    """
    own_groups, hooks = optimizer.param_groups, optimizer._optimizer_step_pre_hooks
    kept = {name: x for name, x in vars(optimizer).items() if name.endswith("_hooks")}
    _make_anew(optimizer)
    for own, stock in zip(own_groups, optimizer.param_groups, strict=True):
        mine = ("params", "lr", "maximize", "amsgrad")
        own.update({name: x for name, x in stock.items() if name not in mine})
    vars(optimizer).update(kept, param_groups=own_groups)
    for key, hook in [*hooks.items()]:
        if getattr(hook, "__qualname__", "").startswith(f"{use_epsilon_hat.__qualname__}."):
            del hooks[key]
    return optimizer


def _make_anew(optimizer: Optimizer) -> None:
    """Initialize an optimizer again, with the learning rates of its groups, and defaults.

    In place, as schedulers, hooks and the class's own methods know it.
    """
    make: Any = type(optimizer)
    if any("lr" not in group for group in optimizer.param_groups):
        raise RequestError(
            f"{make.__name__} has no learning rate in its param_groups, where it is read; let it "
            'keep "lr" there'
        )
    rates = [{"params": group["params"], "lr": group["lr"]} for group in optimizer.param_groups]
    one = len({float(group["lr"]) for group in rates}) == 1
    for options in [{"lr": rates[0]["lr"]}, {}] if one else [{}]:
        try:
            make.__init__(optimizer, rates, **options)
        except Exception as error:  # of whatever kind a class of the page's own raises
            failed = error
        else:
            return
    raise RequestError(
        f"{make.__name__} cannot be made with the page's parameters and defaults "
        f"({first_line(failed)}): let it take them first, and have a default for all else, "
        "or be no optimizer around another"
    ) from failed


def require_step_alone(build: Any, optimizer: Optimizer) -> None:
    """Raise TypeError for an optimizer whose step needs a closure, and so several passes."""
    # of the class: a scheduler puts a function in the place of the method
    _, *given = inspect.signature(type(optimizer).step).parameters.values()
    if any(x.default is x.empty and x.kind is x.POSITIONAL_OR_KEYWORD for x in given):
        raise TypeError(
            f"build: {name_of(build)} has {type(optimizer).__name__} as its optimizer, whose step "
            "needs a closure; return a Program, whose own step calls it with one"
        )
