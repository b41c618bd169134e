"""What a PyTorch optimizer says of itself, for each of its parameter groups."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch.optim import Optimizer

from frameworks.live.stating import Entry, facts, given, number, own_kind
from frameworks.recordings.trace import Facts

__all__ = ["optimizer_facts"]

Entries = dict[str, Entry]
Group = Mapping[str, Any]

_BEFORE, _AFTER = "before the bias correction", "after the bias correction"
_OUTSIDE = "outside the root"


def optimizer_facts(optimizer: Optimizer) -> list[Facts]:
    """Return the facts of each parameter group."""
    hats = getattr(optimizer, "epsilon_hat", [None] * len(optimizer.param_groups))
    pairs = zip(optimizer.param_groups, hats, strict=True)
    return [_group_facts(optimizer, group, hat) for group, hat in pairs]


def _group_facts(optimizer: Optimizer, group: Group, hat: float | None) -> Facts:
    """Return the facts of one group; `hat` is the ε that `use_epsilon_hat` was given, if it was."""
    kind, stock = _kind(optimizer), _stock(optimizer)
    entries = _common(stock, group)
    if stock in _READERS:
        entries |= _READERS[stock](group)
    if callable(rate := vars(optimizer).get("rate")):  # see `use_rate`
        entries["learning_rate"] = number(rate(0)), f"a rate that begins with {number(rate(0))!r}"
    if hat is not None:
        entries["epsilon"] = hat, f"eps={hat!r}"
        entries["place"] = _BEFORE, f"√v + eps, {_BEFORE}"
    if kind in ("adam", "adamw"):
        kind = "adamw" if "decoupled_decay" in entries else "adam"
    return facts(kind, entries)


def _kind(optimizer: Optimizer) -> str:
    """Return the kind whose step the optimizer takes; a user's own step has a name of its own."""
    bases = type(optimizer).__mro__
    owner = next((cls for cls in bases if "step" in vars(cls)), type(optimizer))
    own_step = not owner.__module__.startswith("torch.optim")
    return own_kind(type(optimizer)) if own_step else _stock(optimizer)


def _stock(optimizer: Optimizer) -> str:
    """Return the kind of the optimizer, or of PyTorch's that it is derived from."""
    bases = type(optimizer).__mro__
    stock = (c for c in bases if c.__module__.startswith("torch.optim"))
    return next(stock, type(optimizer)).__name__.lower()


def _said(group: Group, **names: str) -> Entries:
    """Return entries of the settings that the group has under other names."""
    return given(SimpleNamespace(**group), **names)


def _common(kind: str, group: Group) -> Entries:
    entries: Entries = {}
    if "lr" in group:  # a user's own may have a rate by another name, or none
        entries["learning_rate"] = number(group["lr"]), f"lr={number(group['lr'])!r}"
    if decay := group.get("weight_decay"):
        decoupled = kind == "adamw" or group.get("decoupled_weight_decay", False)
        name = "decoupled_decay" if decoupled else "coupled_decay"
        entries[name] = number(decay), f"weight_decay={number(decay)}"
    if group.get("maximize"):
        entries["maximize"] = True, "maximize=True"
    return entries


def _sgd(group: Group) -> Entries:
    if not group["momentum"]:
        return _said(group, momentum="momentum")
    entries = _said(group, momentum="momentum", nesterov="nesterov", dampening="dampening")
    return entries | {"rate_in_velocity": (False, "the learning rate multiplies the velocity")}


def _betas(group: Group) -> Entries:
    said = f"betas={tuple(group['betas'])}"
    return {f"beta_{i}": (number(b), said) for i, b in enumerate(group["betas"], 1)}


def _adam(group: Group) -> Entries:
    entries = _betas(group) | _said(group, epsilon="eps", amsgrad="amsgrad")
    entries |= {f"correction_{n}": entries[n] for n in ("beta_1", "beta_2")}
    return entries | {"place": (_AFTER, f"√v̂ + eps, {_AFTER}")}


def _nadam(group: Group) -> Entries:
    entries = _betas(group) | _said(group, epsilon="eps", momentum_decay="momentum_decay")
    entries["correction_beta_1"] = entries["beta_1"]
    if torch.get_default_dtype() != torch.float64:
        entries["product"] = "float32", "the product of the momenta is kept in float32"
    return entries | {"momentum_base": (0.96, "0.96")}


def _adamax(group: Group) -> Entries:
    entries = _betas(group) | _said(group, epsilon="eps")
    entries["correction_beta_1"] = entries["beta_1"]
    return entries | {"place": ("inside the maximum", "max(β₂ u, |g| + eps)")}


def _rmsprop(group: Group) -> Entries:
    entries = _said(group, rho="alpha", epsilon="eps", centered="centered", momentum="momentum")
    entries["place"] = _OUTSIDE, "√v + eps"
    if group["momentum"]:
        entries["rate_in_velocity"] = False, "the learning rate multiplies the velocity"
    return entries


def _adagrad(group: Group) -> Entries:
    entries = _said(group, epsilon="eps", start="initial_accumulator_value")
    entries["place"] = _OUTSIDE, "√s + eps"
    if group["lr_decay"]:
        entries |= _said(group, rate_decay="lr_decay")
    return entries


def _adadelta(group: Group) -> Entries:
    return _said(group, rho="rho", epsilon="eps")


_READERS: dict[str, Callable[[Group], Entries]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
    "nadam": _nadam,
    "adamax": _adamax,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
}
