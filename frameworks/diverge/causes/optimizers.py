"""How two optimizers differ: the fewest settings that turn one's steps into the other's."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import isclose

from frameworks.diverge.causes.identify import Identified
from frameworks.diverge.causes.taken import Taken, predict, with_values
from frameworks.diverge.differences import difference
from frameworks.diverge.evidence import Evidence, as_number
from frameworks.live.rules import rule_of
from frameworks.recordings.trace import Facts
from frameworks.spec import float32

__all__ = ["say_difference", "subsets"]

_AS_WRITTEN = 1e-12  # relative: a number that is computed from the steps is not exact
_KINDS = {
    "sgd": "gradient descent",
    "adam": "Adam",
    "adamw": "Adam",
    "nadam": "NAdam",
    "adamax": "Adamax",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
}
_TOGETHER = {  # settings that are one choice
    "correction_beta_1": "beta_1",
    "correction_beta_2": "beta_2",
    "place": "epsilon",
    "damps_first": "dampening",
    "clip_epsilon": "clip_global_norm",
    "largest": "amsgrad",
}
_DEFAULTS = {
    "first": 1,
    "decays": "all",
    "corrects": (True, True),
    "coupled_decay": 0.0,
    "decoupled_decay": 0.0,
    "momentum": 0.0,
    "dampening": 0.0,
    "nesterov": False,
    "rate_in_velocity": False,
    "amsgrad": False,
    "centered": False,
    "damps_first": False,
    "clip_global_norm": 0.0,
    "clip_value": 0.0,
    "clip_epsilon": 0.0,
    "rate_decay": 0.0,
}
_CORRECTED = {
    (False, False): "no bias correction",
    (True, False): "no bias correction of v",
    (False, True): "no bias correction of m",
    (True, True): "bias corrections of m and v",
}


def say_difference(
    evidence: Evidence, ours: Identified, theirs: Identified, taken: Taken, limit: float
) -> str | None:
    """Say in which settings two optimizers differ, and in no more than explain side b's steps."""
    a, b = ours.facts, theirs.facts
    rule_a, rule_b = rule_of(a), rule_of(b)
    if type(rule_a) is not type(rule_b):
        return evidence.both("uses", _KINDS.get(a.kind, a.kind), _KINDS.get(b.kind, b.kind))
    differing = sorted({_TOGETHER.get(n, n) for n in {**a.values, **b.values} if _differ(a, b, n)})

    def explains(names: Sequence[str]) -> bool:
        predicted = predict(_exchanged(a, b, names), taken, rates=theirs.rates)
        if predicted is None:
            return False
        return difference("", predicted - taken.before, taken.moved, None).error <= limit

    for names in subsets(differing):
        if explains(names):
            return _said(evidence, a, b, names, explains)
    return None


def subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield all choices of some names, the smallest first."""
    for count in range(1, len(names) + 1):
        yield from combinations(names, count)


def _value(facts: Facts, name: str) -> object:
    return facts.values.get(name, _DEFAULTS.get(name))


def _differ(a: Facts, b: Facts, name: str) -> bool:
    return _value(a, name) != _value(b, name)


def _exchanged(a: Facts, b: Facts, names: Sequence[str]) -> Facts:
    """Return side a's facts with some of side b's settings."""
    every = {n for n in {**a.values, **b.values} if _TOGETHER.get(n, n) in names}
    return with_values(
        a, **{name: _value(b, name) for name in every if _value(b, name) is not None}
    )


def _said(
    evidence: Evidence, a: Facts, b: Facts, names: Sequence[str], explains: Callable[..., bool]
) -> str | None:
    if names == ("learning_rate",):
        rates = [float(facts.values["learning_rate"]) for facts in (a, b)]  # type: ignore[arg-type]
        if (ratio := as_number(max(rates) / min(rates))) != "1":
            ours, theirs = evidence.names if rates[0] > rates[1] else evidence.names[::-1]
            return f"the learning rate of {ours} is {ratio} times that of {theirs}"
    kind = _KINDS.get(a.kind, a.kind)
    words = [", ".join(filter(None, (_words(x, y, n) for n in names))) for x, y in ((a, b), (b, a))]
    return evidence.both("uses", *(f"{kind} with {each}" for each in words))


def _words(facts: Facts, other: Facts, name: str) -> str:
    """Say what a setting is, with as many digits as tell it from the other side's."""
    value, there = _value(facts, name), _value(other, name)
    number = _number(value, there)
    if name == "epsilon":
        return f"ε = {number} {_value(facts, 'place')}"
    if name.endswith("_decay"):
        if not value and any(facts.values.get(f"{n}coupled_decay") for n in ("", "de")):
            return ""
        some = _value(facts, "decays")
        of = "" if some == "all" or not value else f" of {some} only"
        return f"a {name.replace('_', ' ')} of {number}{of}" if value else f"no {name[:-6]} decay"
    if name == "corrects":
        return _CORRECTED[value]  # type: ignore[index]
    if name == "first":
        return f"steps that count from {number}"
    if name in ("nesterov", "amsgrad", "centered", "rate_in_velocity"):
        return _FLAGS[name][bool(value)]
    if name == "dampening" and value:
        kept = "" if facts.values.get("damps_first") else ", except in the first step"
        return f"the gradient scaled by 1 − {number}{kept}"
    if name in ("decays", "not_decayed"):
        some = "kernels" if facts.values.get("not_decayed") else _value(facts, "decays")
        return f"a decay of {'all weights' if some == 'all' else f'{some} only'}"
    if name.startswith("clip"):
        what = "each element" if name == "clip_value" else "its norm"
        return f"the gradient clipped: {what} at {number}" if value else "no clipping"
    if name in ("momentum", "dampening") and not value:
        return f"no {name}"
    return f"{_NAMES.get(name, name.replace('_', ' '))} {number}"


_FLAGS = {
    "nesterov": ("classical momentum", "Nesterov's momentum"),
    "amsgrad": ("no AMSGrad", "AMSGrad"),
    "centered": ("an uncentered v", "a centered v"),
    "rate_in_velocity": ("η outside the velocity", "η inside the velocity"),
}
_NAMES = {"beta_1": "β₁ =", "beta_2": "β₂ =", "rho": "ρ =", "start": "sums that start at"}


def _number(value: object, other: object) -> str:
    """Write a number, with more digits or a remark where it is almost the other side's."""
    if not isinstance(value, int | float):
        return str(value)
    short = as_number(float(value))
    if not isinstance(other, int | float) or value == other or as_number(float(other)) != short:
        return short
    meant = float(short)  # and one side rounds it: what else is near it is another number
    for rounded, plain in ((value, other), (other, value)):
        if float32(meant) == rounded != meant and isclose(plain, meant, rel_tol=_AS_WRITTEN):
            return f"{short} ({'' if value == rounded else 'not '}rounded to float32)"
    digits = range(7, 18)
    return next(f"{value:.{n}g}" for n in digits if f"{value:.{n}g}" != f"{other:.{n}g}")
