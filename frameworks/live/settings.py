"""The settings in which two sides differ in meaning, each in its framework's own words."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from frameworks.console import counted
from frameworks.live.correspondence import place_of
from frameworks.live.pairs import Pair, joined
from frameworks.live.wording import in_words, spoken
from frameworks.recordings.trace import Facts, Trace

__all__ = ["Setting", "differing", "differing_settings", "same_kind", "without_effect"]

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """A setting in which two sides differ, in each framework's own words."""

    place: str  # "conv1 / conv2d", "loss", "optimizer", "schedule"
    name: str  # in plain words
    a: str
    b: str
    fact: str = ""  # its name in the facts; "" where the kinds themselves differ
    equal: bool = False  # written differently, but equal in meaning with what else differs


def differing_settings(pair: Pair) -> list[Setting]:
    """Return what differs: of layers, the loss, the optimizer and the schedule."""
    return [*_layers(pair), *_limits(pair), *_loss(pair), *_optimizer(pair), *_schedule(pair)]


def without_effect(settings: Iterable[Setting], steps: int) -> str:
    """Say, of two trainings that agree, which settings differ all the same; "" if none does.

    A schedule, a limit of gradients or of weights, or the weight of a class that acts in no step
    that was taken may act in a later one; a precision may act in the original.
    """
    places: dict[tuple[str, str, str], list[str]] = {}
    for row in filter(_may_act, settings):
        places.setdefault((row.name, row.a, row.b), []).append(row.place)
    idle: list[str] = []
    for (name, _, _), found in places.items():
        few = [f"{place}: {name}" for place in found]
        idle += few if len(few) <= _NAMED else [f"{name} of {len(few)} layers"]
    taken = f"{counted(steps, 'step')}: {', '.join(idle)}"
    return f"settings that differ made no difference in {taken}" if idle else ""


_NAMED = 3  # layers that differ alike; of more, the number is said
_IF_SET = (  # limits, stated only where they are set
    *("top", "bottom", "threshold", "min", "max", "largest_norm"),
)
_IF_SET_OF_WEIGHTS = ("_constraint", "_penalty", "_parametrization")


def _may_act(row: Setting) -> bool:
    """Return whether a setting differs that may act elsewhere.

    A layer's, if both sides state it: what is read of one side alone, numbers tell. Some settings
    are stated only where they are set.
    """
    if row.equal or not row.fact:
        return row.place == "schedule" and not row.equal
    if row.place.startswith(("loss", "optimizer", "schedule")) or row.fact in _IF_SET:
        return True
    return row.fact.endswith(_IF_SET_OF_WEIGHTS) or _UNSTATED not in (row.a, row.b)


def differing(x: Facts, y: Facts) -> list[str]:
    """Return the names of the facts that differ; of different kinds, none.

    What one side does not state is not set there. Numbers are equal to the last place but a few:
    1 − 0.05 is 0.95.
    """
    if not same_kind(x, y):
        return []
    names = dict.fromkeys([*x.values, *y.values])
    return [name for name in names if _differs(name, x.values, y.values)]


def same_kind(x: Facts, y: Facts) -> bool:
    """Return whether two facts are of one kind.

    AdamW is Adam with a decay of its own; a recurrent layer takes the steps of its cell.
    """
    kinds = {x.kind.removesuffix(" cell"), y.kind.removesuffix(" cell")}
    return len(kinds) == 1 or kinds == {"adam", "adamw"}


def _differs(name: str, x: Values, y: Values) -> bool:
    may_be_unstated = name in _MAY_BE_UNSTATED or name.startswith("attribute_")
    if may_be_unstated and (name not in x or name not in y):
        return False
    if name == "place" and not x.get("epsilon") and not y.get("epsilon"):
        return False
    return not _equal(x.get(name), y.get(name))


_UNSTATED = "not set"
_MAY_BE_UNSTATED = "return_sequences", "first_rates", "dim", "dtype", "precision", "other"


def _equal(x: Any, y: Any) -> bool:
    if isinstance(x, tuple) and isinstance(y, tuple):
        return len(x) == len(y) and all(map(_equal, x, y))
    if _is_number(x) and _is_number(y):
        return math.isclose(x, y, rel_tol=1e-14)  # 1 − 0.01 is not the 0.99 of the other side
    return bool(x == y)


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _rows(
    place: str, x: Facts, y: Facts, skipped: Mapping[str, bool] | None = None
) -> Iterator[Setting]:
    """Yield what differs between two facts; `skipped` names what is equal in meaning after all."""
    if not same_kind(x, y):
        yield Setting(place, "kind", x.kind, y.kind)
    for name in differing(x, y):
        words = [in_words(each, name, _UNSTATED) for each in (x, y)]
        equal = (skipped or {}).get(name, False)
        yield Setting(place, spoken(name), words[0], words[1], name, equal)


def _layers(pair: Pair) -> Iterator[Setting]:
    a, b = pair.a, pair.b
    decays = _decay_alike(pair)
    plain = all(facts.kind == "sgd" for facts in (*a.optimizer, *b.optimizer))
    seen = set()
    for i, j in pair.matching.layers:
        x, y = a.layers[i].facts, b.layers[j].facts
        ours, theirs = place_of(a.layers, i), place_of(b.layers, j)
        place = ours if ours == theirs else f"{ours} / {theirs}"
        alike = {name: decays for name in {*x.values, *y.values} if name.endswith("_decay")}
        alike |= dict.fromkeys(("biases", "recurrent_bias_frozen"), _one_bias_moves(x, y))
        for row in _rows(place, x, y, alike):
            irrelevant = row.fact == "gradient" and plain
            if row not in seen and not irrelevant:
                seen.add(row)
                yield row


def _limits(pair: Pair) -> Iterator[Setting]:
    """Yield what differs in layers that returned their inputs, such as a clamp that met no limit.

    Nothing else corresponds to them, so they are taken in their order.
    """
    traces = pair.a, pair.b
    sides = [
        [k for k, x in enumerate(t.layers) if x.rearranges and any(map(_is_limit, x.facts.values))]
        for t in traces
    ]
    for ks in zip_longest(*sides):
        pairs = list(zip(traces, ks, strict=True))
        x, y = (Facts("") if k is None else trace.layers[k].facts for trace, k in pairs)
        places = [place_of(trace.layers, k) for trace, k in pairs if k is not None]
        names = dict.fromkeys(name for name in (*x.values, *y.values) if _is_limit(name))
        for name in names:
            if _differs(name, x.values, y.values):
                ours, theirs = (in_words(each, name, _UNSTATED) for each in (x, y))
                yield Setting(joined(places[0], places[-1]), spoken(name), ours, theirs, name)


def _is_limit(name: str) -> bool:
    return name in _IF_SET or name.startswith("attribute_")


def _one_bias_moves(x: Facts, y: Facts) -> bool:
    """Return whether one side has one bias, the other two, the second of which is frozen."""
    one, two = sorted((x.values, y.values), key=lambda values: str(values.get("biases")))
    frozen = two.get("recurrent_bias_frozen", False)
    return (one.get("biases"), two.get("biases"), frozen) == (1, 2, True)


def _loss(pair: Pair) -> Iterator[Setting]:
    a, b = pair.a, pair.b
    yield from _rows("loss", a.loss, b.loss, {"takes": _closes(a) and _closes(b)})


_CLOSING = {
    "probabilities": ("softmax", "sigmoid"),
    "log-probabilities": ("log softmax", "log sigmoid"),
}


def _closes(trace: Trace) -> bool:
    """Return whether the model ends in what its loss takes."""
    last = next((x.facts.kind for x in reversed(trace.layers) if not x.rearranges), "")
    takes = str(trace.loss.values.get("takes"))
    every = [kind for kinds in _CLOSING.values() for kind in kinds]
    return last in _CLOSING[takes] if takes in _CLOSING else last not in every


def _optimizer(pair: Pair) -> Iterator[Setting]:
    """Yield what differs in the optimizers, for each pair of groups that share weights."""
    a, b = pair.a, pair.b
    constant = a.schedule is None and b.schedule is None
    alike = {"coupled_decay": _decay_alike(pair)}
    groups = dict.fromkeys(
        (a.weights[each.a[0]].group, b.weights[each.b[0]].group) for each in pair.matching.weights
    ) or {(0, 0): None}
    several = len(a.optimizer) > 1 or len(b.optimizer) > 1
    for i, j in groups:
        if min(i, j) < 0:
            continue
        place = f"optimizer, groups {i + 1} and {j + 1}" if several else "optimizer"
        for row in _rows(place, a.optimizer[i], b.optimizer[j], alike):
            if not (row.fact == "rate_in_velocity" and constant):
                yield row


def _decay_alike(pair: Pair) -> bool:
    """Return whether every weight is pulled to zero alike, by a penalty or by the optimizer.

    A penalty l Σ w² is, for the gradient, a coupled decay of 2 l; in float32, two numbers that it
    rounds to one are equal.
    """
    held = np.float32 if pair.a.dtype == pair.b.dtype == "float32" else float
    return all(
        _equal(float(held(_decay(pair.a, each.a[0]))), float(held(_decay(pair.b, each.b[0]))))
        for each in pair.matching.weights
    )


def _decay(trace: Trace, position: int) -> float:
    weight = trace.weights[position]
    part = weight.name.rsplit(".", 1)[-1]
    layer = next((x for x in trace.layers if position in x.weights), None)
    penalty = 0.0 if layer is None else layer.facts.values.get(f"{part}_decay", 0.0)
    group = trace.optimizer[weight.group].values if weight.group >= 0 else {}
    coupled = group.get("coupled_decay", 0.0)
    return float(penalty) + float(coupled)  # type: ignore[arg-type]


def _schedule(pair: Pair) -> Iterator[Setting]:
    """Yield what differs in the schedules; their first rates only if nothing else says why."""
    x, y = pair.a.schedule, pair.b.schedule
    if x is None or y is None:
        if x is not y:
            words = ["none" if facts is None else facts.kind for facts in (x, y)]
            yield Setting("schedule", "kind", words[0], words[1])
        return
    rows = list(_rows("schedule", x, y))
    others = [row for row in rows if row.fact != "first_rates"]
    yield from others or rows
