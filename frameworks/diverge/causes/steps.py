"""Why an optimizer may take a different step on equal gradients, or a loop another step."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from frameworks.diverge.causes.augmentation import other_augmentation
from frameworks.diverge.causes.identify import Identified
from frameworks.diverge.causes.loops import other_batches, other_rows
from frameworks.diverge.causes.optimizers import say_difference
from frameworks.diverge.causes.reported import other_report
from frameworks.diverge.causes.steps_seen import StepsSeen, steps_seen
from frameworks.diverge.causes.taken import Taken, predict, taken_by, with_values
from frameworks.diverge.differences import difference
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES", "OF_PROGRAMS", "divides_by_zero"]

_CLIPPED = 1e-6  # what PyTorch adds to a norm
_CLOSE = 1e-4  # relative: so near its limit a norm may be on either side
_NAMED = 4  # of the steps whose rates differ
_PART = 1e-2  # what is named explains all but a hundredth of the difference
_RATE = 1e-7  # relative: a rate is a quotient of differences of weights, which lose digits


def not_moved(evidence: Evidence) -> str | None:
    """θ' = θ for all weights that differ."""
    if evidence.parting is None:
        return None
    a, b = evidence.parting.a, evidence.parting.b
    still = [
        i
        for i in evidence.arrays
        if np.array_equal(b.before[i], b.after[i]) and not np.array_equal(a.before[i], a.after[i])
    ]
    if not still or "loss" in evidence.found.where or accumulated(evidence):
        return None
    rest = [i for i in evidence.arrays if i not in still]
    apart = (difference("", a.after[i], b.after[i], None).error for i in rest)
    if evidence.parted.intersection(rest) or any(x > _PART * evidence.found.error for x in apart):
        return None  # something else moves them otherwise
    if len(still) == len(evidence.arrays):
        number = None if evidence.step is None else evidence.step.difference.step
        at = f" at step {number}, as if the step were skipped" if number else ""
        return f"no weight moves in {evidence.names[1]}{at}"
    which = ", ".join(f"weights.{i}" for i in still)
    later = [pair.b for pair in evidence.history[1:]] if evidence.level == "step" else []
    if any(not np.array_equal(step.before[i], step.after[i]) for step in later for i in still):
        return f"{evidence.names[1]} does not move {which} in its first step"
    return f"{evidence.names[1]} does not move {which}: frozen, or left out"


def accumulated(evidence: Evidence) -> str | None:
    """Every m-th step is taken, on the sum or the mean of the last m gradients."""
    seen = steps_seen(evidence)
    if seen is None or seen.ours is None:
        return None
    moves = np.flatnonzero(seen.b.moved.any(axis=1))
    m = int(moves[0]) + 1 if len(moves) else 0
    if m < 2 or not np.array_equal(moves, np.arange(m - 1, len(seen.b.moved), m)):
        return None
    whole = len(seen.b.moved) // m * m
    groups = seen.b.gradients[:whole].reshape(-1, m, seen.b.gradients.shape[1])
    for words, g in (("sum", groups.sum(axis=1)), ("mean", groups.mean(axis=1))):
        taken = replace(
            seen.b,
            before=seen.b.before[m - 1 : whole : m],
            after=seen.b.after[m - 1 : whole : m],
            gradients=g,
            norms=np.sqrt((g * g).sum(axis=1)),
        )
        if _follows(taken, predict(seen.ours.facts, taken), seen.limit):
            name = evidence.names[1]
            return f"{name} takes one step for every {m} batches, on the {words} of their gradients"
    return None


def other_optimizer(evidence: Evidence) -> str | None:
    """The steps of both sides follow from optimizers whose settings differ."""
    if evidence.names[0] > evidence.names[1]:
        return None  # it treats both alike
    seen = steps_seen(evidence)
    if seen is None or seen.ours is None or seen.theirs is None:
        return None
    if seen.ours.rates or seen.theirs.rates:
        return None
    return say_difference(evidence, seen.ours, seen.theirs, seen.b, seen.limit)


def other_rates(evidence: Evidence) -> str | None:
    """The steps of both sides follow from one optimizer, whose learning rates differ by step."""
    if evidence.names[0] > evidence.names[1]:
        return None  # it treats both alike
    if evidence.step is not None and evidence.step.gradients.parted:
        return None  # gradients of another size move as far as another rate
    seen = steps_seen(evidence)
    if seen is None or seen.ours is None or seen.theirs is None:
        return None
    steps = len(seen.a.moved)
    theirs = with_values(seen.ours.facts, learning_rate=seen.theirs.facts.values["learning_rate"])
    if not _follows(seen.b, predict(theirs, seen.b, rates=seen.theirs.rates), seen.limit):
        return None  # another setting differs as well
    x, y = (np.array(each.etas(steps)) for each in (seen.ours, seen.theirs))
    changes = ~np.isclose(y / x, 1, rtol=_RATE, atol=0)
    if not changes.any():
        return None
    names = evidence.names
    for ahead, behind, its, others in ((*names, x, y), (*names[::-1], y, x)):
        vary = all(np.ptp(each) > _RATE * each.max() for each in (its, others))
        if vary and steps > 2 and np.allclose(its[:-1], others[1:], rtol=_RATE, atol=0):
            return f"the learning rates of {ahead} are one step ahead of those of {behind}"
    said = _clips(names, seen, y / x) or _rates_apart(names, y / x, changes)
    for slow, fast in ((seen.ours, seen.b), (seen.theirs, seen.a)):
        twice = predict(slow.facts, fast, rates=slow.rates, twice=[steps - 1])
        if _follows(fast, twice, seen.limit):
            return f"{said}, or that step is taken twice"
    return said


def _clips(names: tuple[str, str], seen: StepsSeen, ratio: np.ndarray) -> str | None:
    """Say which side clips its gradients' norms, if each step is as long as one limit allows.

    Where the steps of a side are shorter by one factor, so is its learning rate. Where all are of
    one length, gradients of any norm may be scaled to it.
    """
    for name, its, taken in ((names[1], ratio, seen.b), (names[0], 1 / ratio, seen.a)):
        clipped = its < 1 - _RATE
        if clipped.sum() < 2 or np.ptp(its[clipped]) <= _RATE:
            continue
        for added in (0.0, _CLIPPED):  # to the norm, so that it is not divided by zero
            limits = its[clipped] * (taken.norms[clipped] + added)
            if np.ptp(limits) > _RATE * limits[0]:
                continue
            free = ~clipped & np.isclose(its, 1, rtol=_RATE, atol=0)
            if (clipped | free).all() and (taken.norms[free] <= limits[0] * (1 + _CLOSE)).all():
                limit = as_number(float(limits[0]))
                if free.any():
                    return f"{name} clips the norm of its gradients at {limit}"
                return f"{name} scales its gradients to a norm of {limit}, as clipping does"
    return None


def _rates_apart(names: tuple[str, str], ratio: np.ndarray, changes: np.ndarray) -> str:
    """Say by which factor the steps differ: one, as of a rate, or another at each of them."""
    k, steps = int(changes.argmax()), len(ratio)
    slow, fast = names if ratio[k] > 1 else names[::-1]
    times = ratio if ratio[k] > 1 else 1 / ratio
    if np.allclose(times[k:], times[k], rtol=_RATE, atol=0):
        since = f"at step {k + 1}" if k + 1 == steps else f"from step {k + 1} on"
        factor = as_number(times[k])
        factor = f"{times[k]:.10g}" if factor == "1" else factor  # in the digits that tell
        return f"the learning rate of {fast} is {factor} times that of {slow} {since}"
    found = [f"{as_number(times[i])} at step {i + 1}" for i in np.flatnonzero(changes)]
    more = [f"and so on, at {len(found)} of {steps} steps"] if len(found) > _NAMED else []
    return (
        f"the steps of {fast} are longer than those of {slow} by factors that vary: "
        f"{', '.join(found[:_NAMED] + more)}: another schedule, or gradients that are scaled"
    )


def other_loop(evidence: Evidence) -> str | None:
    """Side a's optimizer, on other gradients than those of the step, or without its memory."""
    seen = steps_seen(evidence)
    if seen is None or seen.ours is None or len(seen.b.moved) < 2:
        return None
    if seen.theirs is not None and seen.theirs.rates is None:
        return None  # another optimizer explains every step
    facts, rates = seen.ours.facts, seen.ours.rates
    if _follows(seen.b, predict(facts, seen.b, rates=rates), seen.limit):
        return None  # the unmodified formula explains it as well
    doubled = [*(rates or [1.0] * len(seen.b.moved))]
    doubled[-1] *= 2
    if _follows(seen.b, predict(facts, seen.b, rates=doubled), seen.limit):
        return None  # without a memory, a step that is taken twice is one at twice the rate
    for words, predicted in _loops(seen.ours, seen.b):
        if _follows(seen.b, predicted, seen.limit):
            return f"in {evidence.names[1]} {words}"
    return None


def _loops(ours: Identified, taken: Taken) -> Iterator[tuple[str, np.ndarray | None]]:
    """Yield what loops make of an optimizer."""
    facts, rates, g = ours.facts, ours.rates, taken.gradients
    ways = {
        "gradients add up from step to step, as without zero_grad": np.cumsum(g, axis=0),
        "every step uses the gradient of the previous step": np.concatenate([g[:1], g[:-1]]),
        "every step comes before the gradient of its batch": np.concatenate([0 * g[:1], g[:-1]]),
        "every step uses the first gradient": np.repeat(g[:1], len(g), axis=0),
    }
    for words, changed in ways.items():
        norms = np.sqrt((changed * changed).sum(axis=1))
        moved = replace(taken, gradients=changed, norms=norms)
        yield words, predict(facts, moved, rates=rates)
    last = len(g) - 1
    acts: dict[str, dict[str, Any]] = {
        "loses its memory at every step": {"resets": range(1, last + 1)},
        f"loses its memory before step {last + 1}": {"resets": [last]},
        "acts twice on every gradient": {"twice": range(last + 1)},
        f"acts twice on the gradient of step {last + 1}": {"twice": [last]},
        "does not count its steps": {"counts": False},
    }
    for words, options in acts.items():
        yield f"the optimizer {words}", predict(facts, taken, rates=rates, **options)


def other_group(evidence: Evidence) -> str | None:
    """Some weights move r times as far: at every step, or first at the last one."""
    seen, pair = steps_seen(evidence), evidence.parting
    if seen is None or seen.ours is None or pair is None or "loss" in evidence.found.where:
        return None
    predicted = predict(seen.ours.facts, seen.b, rates=seen.ours.rates)
    if predicted is None:
        return None
    x, y = predicted - seen.b.before, seen.b.moved
    ends = np.cumsum([pair.a.before[i].size for i in evidence.arrays])
    here = 0 if evidence.level == "step" else -1
    off = np.split(np.abs(y - x)[here] > seen.limit * np.abs(y[here]).max(), ends[:-1])
    apart = [bool(each.any()) for each in off]
    some = [i for i, differs in zip(evidence.arrays, apart, strict=True) if differs]
    if all(apart) or not evidence.parted.intersection(evidence.arrays) <= {*some}:
        return None
    group = np.repeat(apart, [each.size for each in off])
    ratio = _factors(x[:, group], y[:, group])
    r, before = float(ratio[-1, 0]), ratio[:-1]
    z = x * np.where(group, ratio, 1)
    left, gap = (difference("", each, y, None).error for each in (z, x))
    if not r or left > max(seen.limit, _PART * gap):
        return None
    if difference("", z[here], y[here], None).error > seen.limit:
        return None
    since = ""
    if here and np.allclose(before, 1, rtol=_RATE, atol=0):
        since = f" at step {len(ratio)}"
    elif not len(before) or not np.allclose(before, r, rtol=_RATE, atol=0):
        return None  # another factor at each step is no rate
    which = f"the learning rate of {', '.join(f'weights.{i}' for i in some)}"
    said = evidence.say_times(which, r) or evidence.swapped.say_times(which, 1 / r)
    return said and said + since


def _factors(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return y / x (T, 1) where x moves most in each of T steps; 1 where nothing moves."""
    most = np.abs(x).argmax(axis=1)[:, None]
    a, b = (np.take_along_axis(each, most, axis=1) for each in (x, y))
    found: np.ndarray = np.divide(b, a, out=np.ones_like(a), where=a != 0)
    return found


def _follows(taken: Taken, predicted: np.ndarray | None, limit: float) -> bool:
    if predicted is None or not np.isfinite(predicted).all():
        return False
    return difference("", predicted - taken.before, taken.moved, None).error <= limit


def divides_by_zero(evidence: Evidence) -> str | None:
    """θ' is not a number where, and only where, the gradient is 0: 0/0, as without an ε."""
    both, step = taken_by(evidence), evidence.parting
    if both is None or step is None:
        return None
    a, b = both
    if not (np.isfinite(a.after).all() and np.isfinite(b.gradients[0]).all()):
        return None
    if not np.array_equal(~np.isfinite(b.after[0]), b.gradients[0] == 0):
        return None
    return f"{evidence.names[1]} divides 0 by zero in the first step, where the gradient is 0"


def rounded_to_float32(evidence: Evidence) -> str | None:
    """θ' = float32(θ)."""
    if evidence.parting is None or evidence.a.side.dtype != "float64":
        return None
    a, b = (
        np.concatenate([np.ravel(w) for w in step.after])
        for step in (evidence.parting.a, evidence.parting.b)
    )
    if evidence.rounded(a, b):
        return f"every weight of {evidence.names[1]} is exactly representable in float32"
    return None


HYPOTHESES: tuple[Hypothesis, ...] = (
    other_augmentation,
    rounded_to_float32,
    other_report,
    accumulated,
    other_rows,
    other_loop,
    not_moved,
    other_optimizer,
    other_rates,
    other_group,
    other_batches,
)

OF_PROGRAMS: tuple[Hypothesis, ...] = tuple(  # whose steps may not be taken on other rows
    each for each in HYPOTHESES if each not in (other_rows, other_batches)
)
