"""What an optimizer of scratch, and its schedule, say of themselves."""

from collections.abc import Callable
from typing import Any

import scratch
from frameworks.live.stating import Entry, facts, given, own_kind
from frameworks.recordings.trace import Facts
from scratch import schedules

__all__ = ["optimizer_facts", "schedule_facts", "set_fact"]

Entries = dict[str, Entry]


def optimizer_facts(optimizer: Any) -> list[Facts]:
    """Return the facts of the optimizer inside all wrappers, and of the wrappers."""
    entries: Entries = {}
    while hasattr(optimizer, "optimizer"):
        entries |= _wrapped(optimizer)
        optimizer = optimizer.optimizer
    kind = _kind(optimizer)
    if kind in _READERS:
        entries |= _READERS[kind](optimizer)
    if hasattr(optimizer, "eta"):  # a user's own may have a rate by another name, or none
        entries = {"learning_rate": (optimizer.eta, f"learning_rate={optimizer.eta!r}"), **entries}
    if kind == "adam" and "decoupled_decay" in entries:
        kind = "adamw"
    return [facts(kind, entries)]


def _kind(optimizer: Any) -> str:
    """Return the kind whose step the optimizer takes; a user's own step has a name of its own."""
    classes = type(optimizer).__mro__
    owner = next(cls for cls in classes if "step" in vars(cls))
    if not owner.__module__.startswith("scratch."):
        return own_kind(type(optimizer))
    return next(cls for cls in classes if cls.__module__.startswith("scratch.")).__name__.lower()


def _wrapped(wrapper: Any) -> Entries:
    """Return what one wrapper says."""
    name = type(wrapper).__name__
    if isinstance(wrapper, scratch.Scheduled):
        return {"learning_rate": (wrapper.schedule(0), repr(wrapper.schedule))}
    if isinstance(wrapper, scratch.ClipNorm):
        entries: Entries = {"clip_global_norm": (wrapper.limit, f"ClipNorm({wrapper.limit})")}
        if wrapper.epsilon:
            entries["clip_epsilon"] = wrapper.epsilon, f"epsilon={wrapper.epsilon}"
        return entries
    if isinstance(wrapper, scratch.ClipEachNorm):
        return {"clip_norm": (wrapper.limit, f"ClipEachNorm({wrapper.limit})")}
    if isinstance(wrapper, scratch.ClipValue):
        return {"clip_value": (wrapper.limit, f"ClipValue({wrapper.limit})")}
    if isinstance(wrapper, scratch.CoupledWeightDecay):
        return _decay("coupled_decay", wrapper)
    if isinstance(wrapper, scratch.DecoupledWeightDecay):
        return _decay("decoupled_decay", wrapper)
    return {name: (True, name)}


def _decay(name: str, wrapper: Any) -> Entries:
    entries: Entries = {name: (wrapper.weight_decay, f"weight_decay={wrapper.weight_decay}")}
    if wrapper.mask is not None:
        entries["not_decayed"] = ("masked",), "mask"
    return entries


def _sgd(optimizer: Any) -> Entries:
    entries = given(optimizer, momentum="mu")
    if optimizer.mu:
        entries |= given(optimizer, nesterov="nesterov", dampening="tau")
        entries |= given(optimizer, rate_in_velocity="rate_in_velocity")
    return entries


def _adam(optimizer: Any) -> Entries:
    entries = given(optimizer, beta_1="beta_1", beta_2="beta_2", epsilon="epsilon")
    where = ("before" if optimizer.epsilon_hat else "after") + " the bias correction"
    entries |= {f"correction_{name}": entries[name] for name in ("beta_1", "beta_2")}
    entries["amsgrad"] = False, "no AMSGrad"
    return entries | {"place": (where, f"epsilon_hat={optimizer.epsilon_hat}")}


def _root(optimizer: Any) -> Entries:
    where = ("inside" if optimizer.epsilon_in_root else "outside") + " the root"
    return {"place": (where, f"epsilon_in_root={optimizer.epsilon_in_root}")}


def _rmsprop(optimizer: Any) -> Entries:
    entries = given(optimizer, rho="rho", epsilon="epsilon", centered="centered", momentum="mu")
    if optimizer.mu:
        entries |= given(optimizer, rate_in_velocity="rate_in_velocity")
    return entries | _root(optimizer)


def _adagrad(optimizer: Any) -> Entries:
    return given(optimizer, epsilon="epsilon", start="start") | _root(optimizer)


_READERS: dict[str, Callable[[Any], Entries]] = {
    "sgd": _sgd,
    "adam": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}


def schedule_facts(scheduler: Any, step_on: str = "batch") -> Facts | None:
    """Return the facts of a schedule, or of a scheduled optimizer's; None if there is none."""
    while hasattr(scheduler, "optimizer"):
        if isinstance(scheduler, scratch.Scheduled):
            return schedule_facts(scheduler.schedule, "batch" if scheduler.every == 1 else "epoch")
        scheduler = scheduler.optimizer
    read = _SCHEDULES.get(type(scheduler))
    if read is None:
        return None
    kind, entries = read(scheduler)
    counts = "epochs" if step_on == "epoch" else "batches"
    return facts(kind, {"counts": (counts, f"every {step_on}"), **entries})


def _step_rate(schedule: Any) -> tuple[str, Entries]:
    stairs = schedule.size != 1
    entries = given(schedule, start="start", factor="factor", size="size")
    return "exponential", entries | {"staircase": (stairs, "StepRate")}


def _exponential(schedule: Any) -> tuple[str, Entries]:
    entries = given(schedule, start="start", factor="factor", size="size")
    return "exponential", entries | {"staircase": (False, "ExponentialRate")}


def _inverse_time(schedule: Any) -> tuple[str, Entries]:
    entries = given(schedule, start="start", decay="decay", size="size")
    return "inverse time", entries | {"staircase": (False, "InverseTimeRate")}


def _piecewise(schedule: Any) -> tuple[str, Entries]:
    begins = tuple(b + 1 for b in schedule.boundaries)
    said = f"boundaries={list(schedule.boundaries)}, inclusive"
    rates = tuple(schedule.values)
    return "piecewise constant", {"begins": (begins, said), "rates": (rates, f"values={rates}")}


def _cosine(schedule: Any) -> tuple[str, Entries]:
    entries = given(schedule, start="start", size="size", end="end")
    return "cosine", entries | {"returns": (False, "stays at its end")}


_SCHEDULES: dict[type, Callable[[Any], tuple[str, Entries]]] = {
    schedules.StepRate: _step_rate,
    schedules.ExponentialRate: _exponential,
    schedules.InverseTimeRate: _inverse_time,
    schedules.PiecewiseConstantRate: _piecewise,
    schedules.CosineRate: _cosine,
}
_ATTRIBUTES = {
    "learning_rate": "eta",
    "momentum": "mu",
    "dampening": "tau",
    "keep": "momentum",
    "clip_epsilon": "epsilon",
    "divisor": "",
}


def set_fact(thing: Any, name: str, value: Any) -> bool:
    """Set a fact of a layer, a loss or an optimizer by its canonical name; return if it could be.

    Of a wrapped optimizer it is set where it lies.
    """
    if name == "place" and hasattr(thing, "epsilon_hat"):
        thing.epsilon_hat = value == "before the bias correction"
        return True
    if name == "place" and hasattr(thing, "epsilon_in_root"):
        thing.epsilon_in_root = value == "inside the root"
        return True
    own = _ATTRIBUTES.get(name, name)
    if name.endswith("_decay") and hasattr(thing, "weight_decay"):
        own = "weight_decay"
    if own and own in vars(thing):
        setattr(thing, own, value)
        return True
    return hasattr(thing, "optimizer") and set_fact(thing.optimizer, name, value)
