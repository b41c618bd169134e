"""What a PyTorch scheduler says of itself; k counts the calls of its `step`, from 0."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch.optim import lr_scheduler

from frameworks.live.stating import STATED_RATES, Entry, facts, number
from frameworks.recordings.trace import Facts

__all__ = ["schedule_facts"]

Entries = dict[str, Entry]


def schedule_facts(scheduler: Any, step_on: str = "batch") -> Facts | None:
    """Return the facts of a scheduler; None if there is none.

    `step_on` says after what it steps, "batch" or "epoch": it does not know that itself. Rates are
    those of the first parameter group.
    """
    if scheduler is None:
        return None
    name = type(scheduler).__name__
    read = _READERS.get(name)
    kind, entries = (name, {}) if read is None else read(scheduler)
    counts = "epochs" if step_on == "epoch" else "batches"
    stated = {"counts": (counts, f"step() after every {step_on}"), **entries}
    if rates := _first_rates(scheduler):
        stated["first_rates"] = rates, f"{name}, from {rates[0]:.10g} on"
    return facts(kind, stated)


def _first_rates(scheduler: Any) -> tuple[float, ...]:
    """Return the rates of a copy that steps on an optimizer of no weights.

    () on a plateau, and for a user's own that does not name its optimizer.
    """
    own = getattr(scheduler, "optimizer", None)
    if own is None or isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
        return ()
    bare = torch.optim.SGD([{"params": [torch.zeros(1)]} for _ in own.param_groups], lr=1.0)
    for group, settings in zip(bare.param_groups, own.param_groups, strict=True):
        group.update({k: v for k, v in settings.items() if k != "params"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer has not stepped
        copy, rates = deepcopy(scheduler, {id(own): bare}), []
        for _ in range(STATED_RATES):
            rates.append(number(bare.param_groups[0]["lr"]))
            try:
                copy.step()
            except ValueError:  # some schedules have an end
                break
    return tuple(rates)


def _start(scheduler: Any) -> float:
    return number(scheduler.base_lrs[0])


def _began(scheduler: Any) -> Entry:
    return _start(scheduler), f"lr={_start(scheduler):.10g}"


def _step(scheduler: Any) -> tuple[str, Entries]:
    return "exponential", {
        "start": _began(scheduler),
        "factor": (scheduler.gamma, f"gamma={scheduler.gamma}"),
        "size": (scheduler.step_size, f"step_size={scheduler.step_size}"),
        "staircase": (scheduler.step_size != 1, "StepLR"),
    }


def _exponential(scheduler: Any) -> tuple[str, Entries]:
    return "exponential", {
        "start": _began(scheduler),
        "factor": (scheduler.gamma, f"gamma={scheduler.gamma}"),
        "size": (1, "ExponentialLR"),
        "staircase": (False, "ExponentialLR"),
    }


def _milestones(scheduler: Any) -> tuple[str, Entries]:
    """The rate changes at each milestone, once for every time that it is listed."""
    begins = tuple(sorted(scheduler.milestones))
    rates, rate = [_start(scheduler)], _start(scheduler)
    for k in begins:
        rate *= scheduler.gamma ** scheduler.milestones[k]
        rates.append(rate)
    said = f"milestones={list(scheduler.milestones.elements())}"
    return "piecewise constant", {
        "begins": (begins, said),
        "rates": (tuple(rates), f"lr={_start(scheduler):.10g}, gamma={scheduler.gamma}"),
    }


def _constant(scheduler: Any) -> tuple[str, Entries]:
    first = _start(scheduler) * scheduler.factor
    said = f"factor={scheduler.factor}"
    return "piecewise constant", {
        "begins": ((scheduler.total_iters,), f"total_iters={scheduler.total_iters}"),
        "rates": ((first, _start(scheduler)), said),
    }


def _linear(scheduler: Any) -> tuple[str, Entries]:
    start, end = (_start(scheduler) * f for f in (scheduler.start_factor, scheduler.end_factor))
    return "polynomial", {
        "start": (start, f"start_factor={scheduler.start_factor}"),
        "end": (end, f"end_factor={scheduler.end_factor}"),
        "size": (scheduler.total_iters, f"total_iters={scheduler.total_iters}"),
        "power": (1.0, "LinearLR"),
    }


def _polynomial(scheduler: Any) -> tuple[str, Entries]:
    return "polynomial", {
        "start": _began(scheduler),
        "end": (0.0, "ends at 0"),
        "size": (scheduler.total_iters, f"total_iters={scheduler.total_iters}"),
        "power": (float(scheduler.power), f"power={scheduler.power}"),
    }


def _cosine(scheduler: Any) -> tuple[str, Entries]:
    return "cosine", {
        "start": _began(scheduler),
        "end": (float(scheduler.eta_min), f"eta_min={scheduler.eta_min}"),
        "size": (scheduler.T_max, f"T_max={scheduler.T_max}"),
        "returns": (True, "rises again after T_max"),
    }


_READERS: dict[str, Callable[[Any], tuple[str, Entries]]] = {
    "StepLR": _step,
    "ExponentialLR": _exponential,
    "MultiStepLR": _milestones,
    "ConstantLR": _constant,
    "LinearLR": _linear,
    "PolynomialLR": _polynomial,
    "CosineAnnealingLR": _cosine,
}
