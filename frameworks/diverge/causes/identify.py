"""Which optimizer took the steps that were seen: what it says of itself, or one that is near to it.

First the optimizer is asked. If its steps do not follow from what it says, one choice of its form
is exchanged (where ε is added, what is corrected, whether the decay is coupled), then one number,
then two numbers at once are fitted to all steps (Gauss and Newton's method). Few weights suffice
for that; the result is confirmed on all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from frameworks.diverge.causes.taken import Taken, predict, with_values
from frameworks.diverge.differences import difference
from frameworks.recordings.trace import Facts
from frameworks.spec import float32

__all__ = ["Identified", "identify"]

Array = np.ndarray
_SOME = 600  # weights that numbers are fitted to
_ITERATIONS = 10
_FIRST = 4  # steps
_PLACES = {
    "adam": ("before the bias correction", "after the bias correction", "inside the root"),
    "rmsprop": ("inside the root", "outside the root"),
    "adagrad": ("inside the root", "outside the root"),
}
_FREE = {  # numbers, and what each starts from if the facts do not have it
    "learning_rate": 1e-3,
    "momentum": 0.0,
    "dampening": 0.0,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "rho": 0.9,
    "epsilon": 1e-7,
    "start": 0.0,
    "coupled_decay": 0.0,
    "decoupled_decay": 0.0,
}
_BELOW_1 = "momentum", "dampening", "beta_1", "beta_2", "rho"


@dataclass(frozen=True)
class Identified:
    """An optimizer from which the steps of a side follow, and the factors of η at each of them."""

    facts: Facts
    rates: list[float] | None = None  # None: η is constant

    def etas(self, steps: int) -> list[float]:
        """Return η at each of so many steps."""
        eta = float(self.facts.values["learning_rate"])  # type: ignore[arg-type]
        return [eta * rate for rate in self.rates or [1.0] * steps]


def identify(taken: Taken, asked: Sequence[Facts], limit: float) -> Identified | None:
    """Return the optimizer that took these steps; None if none is found.

    `asked`: what the optimizers of this side and of the other say of themselves. `limit`: by how
    much a step may differ from the one that was seen, relative to the largest movement.
    """
    known = [facts for facts in asked if predict(facts, taken.some(1)) is not None]
    few = taken.some(_SOME)

    def follows(facts: Facts, rates: list[float] | None = None) -> bool:
        return _near(few, predict(facts, few, rates=rates), limit) and _near(
            taken, predict(facts, taken, rates=rates), limit
        )

    every = [*known, *(form for facts in known for form in _forms(facts))]
    for facts in every:
        if follows(facts):
            return Identified(facts)
    for facts in every:
        rates = _rates(few, facts)
        if rates is None or not follows(facts, rates):
            continue
        if np.ptp(rates) > limit * max(rates):
            return Identified(facts, rates)
        eta = float(facts.values["learning_rate"]) * rates[0]  # type: ignore[arg-type]
        constant = with_values(facts, learning_rate=eta)
        return Identified(_rounded(constant, ["learning_rate"], follows))
    if len(taken.moved) > _FIRST:
        return None  # a number that is always wrong shows earlier
    for count in (1, 2):
        for facts in every if count == 1 else known:
            for names in combinations(_free(facts), count):
                fitted = _fit(few, facts, names, limit)
                if fitted is not None and follows(fitted):
                    return Identified(_rounded(fitted, names, follows))
    return None


def _near(taken: Taken, predicted: Array | None, limit: float) -> bool:
    """Return whether predicted weights are those that were seen."""
    if predicted is None or not np.isfinite(predicted).all():
        return False
    moved, seen = predicted - taken.before, taken.moved
    return bool(difference("", moved, seen, None).error <= limit)


def _rates(taken: Taken, facts: Facts) -> list[float] | None:
    """Return the factor of η at each step, if what is seen is a multiple of what is predicted."""
    predicted = predict(facts, taken)
    if predicted is None:
        return None
    moved = predicted - taken.before
    squares = (moved * moved).sum(axis=1)
    if not np.isfinite(squares).all() or not squares.all():
        return None
    rates: list[float] = ((moved * taken.moved).sum(axis=1) / squares).tolist()
    return rates


def _forms(facts: Facts) -> Iterator[Facts]:
    """Yield the facts with one choice exchanged that is often made wrongly."""
    values, kind = facts.values, facts.kind.removesuffix("w")
    for place in _PLACES.get(kind, ()):
        if place != values.get("place"):
            yield with_values(facts, place=place)
    if kind == "adam":
        for corrects in ((False, False), (False, True), (True, False)):
            yield with_values(facts, corrects=corrects)
        for first in (0, 2):
            yield with_values(facts, first=first)
        swapped = {"beta_1": values["beta_2"], "beta_2": values["beta_1"]}
        corrections = {f"correction_{name}": value for name, value in swapped.items()}
        yield with_values(facts, **swapped, **corrections)
        yield with_values(facts, amsgrad=not values.get("amsgrad"))
    if kind == "sgd":
        for name in ("nesterov", "rate_in_velocity"):
            yield with_values(facts, **{name: not values.get(name)})
        yield with_values(facts, dampening=values.get("momentum", 0.0))
        yield with_values(facts, dampening=values.get("momentum", 0.0), damps_first=True)
    if kind == "rmsprop":
        yield with_values(facts, centered=not values.get("centered"))
    yield from _other_decays(facts)


def _other_decays(facts: Facts) -> Iterator[Facts]:
    coupled, decoupled = (facts.values.get(f"{n}_decay", 0.0) for n in ("coupled", "decoupled"))
    if coupled or decoupled:
        yield with_values(facts, coupled_decay=decoupled, decoupled_decay=coupled)
        yield with_values(facts, coupled_decay=0.0, decoupled_decay=0.0)
        for some in ("kernels", "biases"):
            yield with_values(facts, decays=some)


def _free(facts: Facts) -> list[str]:
    """Return the numbers that an optimizer of this kind has, and decays."""
    has = [name for name in _FREE if name in facts.values or name.endswith("_decay")]
    return [*has, "clip_global_norm", "clip_value"]


def _fit(taken: Taken, facts: Facts, names: Sequence[str], limit: float) -> Facts | None:
    """Fit some numbers to all steps, starting from the facts; None if that does not converge."""
    starts = {
        "clip_global_norm": 0.5 * float(taken.norms.min()),
        "clip_value": 0.5 * float(np.abs(taken.gradients).max()),
    }
    x = np.array([facts.values.get(name) or (_FREE | starts)[name] for name in names], float)
    size = float(np.abs(taken.moved).max()) or 1.0

    def residual(x: Array) -> Array:
        values: dict[str, float] = dict(zip(names, x.tolist(), strict=True))
        both = {f"correction_{n}": values[n] for n in ("beta_1", "beta_2") if n in values}
        predicted = predict(with_values(facts, **values, **both), taken)
        assert predicted is not None
        return np.nan_to_num((predicted - taken.after).ravel() / size, nan=1e3, posinf=1e3)

    x, r = _descend(residual, names, x, 0.1 * limit)
    if float(np.abs(r).max()) > limit:
        return None
    values = dict(zip(names, x.tolist(), strict=True))
    both = {f"correction_{n}": values[n] for n in ("beta_1", "beta_2") if n in values}
    return with_values(facts, **values, **both)


def _descend(
    residual: Callable[[Array], Array], names: Sequence[str], x: Array, enough: float
) -> tuple[Array, Array]:
    """Return the numbers that Gauss and Newton's method ends at, and their residual."""
    r = residual(x)
    for _ in range(_ITERATIONS):
        steps = np.array([1e-6 * abs(v) or 1e-6 for v in x])
        J = np.stack([(residual(x + h) - r) / h.sum() for h in np.diag(steps)], axis=1)
        if float(np.abs(r).max()) <= enough or not np.isfinite(J).all():
            break
        down = np.linalg.lstsq(J, r, rcond=None)[0]
        tried = (_inside(names, x, x - down / 2**k) for k in range(5))
        better = next(((y, s) for y in tried if (s := residual(y)) @ s < r @ r), None)
        if better is None:
            break
        x, r = better
    return x, r


def _inside(names: Sequence[str], old: Array, new: Array) -> Array:
    """Keep numbers where they make sense: at most halfway to a border at a time."""
    both = list(zip(names, old, strict=True))
    lowest = np.array([0.0 if n.endswith("decay") else o / 2 for n, o in both])
    highest = np.array([(o + 1) / 2 if n in _BELOW_1 else 100 * abs(o) + 1 for n, o in both])
    return np.clip(np.nan_to_num(new), lowest, highest)


def _rounded(facts: Facts, names: Sequence[str], follows: Callable[[Facts], bool]) -> Facts:
    """Return fitted numbers as somebody may have written them, if the steps follow from those."""
    for name in names:
        value = float(facts.values[name])  # type: ignore[arg-type]
        for digits in range(1, 8):
            short = float(f"{value:.{digits}g}")
            written = (with_values(facts, **{name: each}) for each in (short, float32(short)))
            if found := next((each for each in written if follows(each)), None):
                facts = found
                break
    return facts
