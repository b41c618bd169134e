"""What a training loop may do with its gradients and steps instead of what it says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from frameworks.live.descent import Descent, Weights

__all__ = ["Mistake", "mistakes"]

Values = Mapping[str, Any]

_LIMITS = (0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)  # of clipping, as anybody would ask for
_DECAYS = (0.1, 0.05, 0.01, 0.005, 0.004, 1e-3, 5e-4, 1e-4, 1e-5, 0.5, 0.25)
_DIGITS = 6  # a number that a user wrote has no more


@dataclass(frozen=True)
class Mistake:
    """A mistake, and the steps that would be taken with it.

    Mistakes of one family are the same in other words; if two families explain the steps, the
    numbers cannot tell, and neither is named.
    """

    says: str
    family: str
    descent: Descent


def mistakes(stated: Descent, taken: Sequence[Weights]) -> Iterator[Mistake]:
    """Yield what a side could do, given the steps it took."""
    yield from _of_order(stated)
    yield from _of_rate(stated, taken)
    yield from _of_clipping(stated)
    yield from _of_decay(stated)
    yield from _of_counting(stated)
    yield from _of_freezing(stated, taken)


def _of_order(stated: Descent) -> Iterator[Mistake]:
    """Yield gradients of other steps than their own."""
    g = list(stated.gradients)
    if len(g) < 2:
        return
    running: list[Weights] = []
    for each in g:
        before = running[-1] if running else [np.zeros_like(a) for a in each]
        running.append([a + b for a, b in zip(before, each, strict=True)])
    ways = {
        "gradients add up from step to step, as without zero_grad": running,
        "every step uses the gradient of the previous step": [g[0], *g[:-1]],
        "every step uses the first gradient": [g[0]] * len(g),
    }
    for says, changed in ways.items():
        yield Mistake(says, says, replace(stated, gradients=changed))


def _of_rate(stated: Descent, taken: Sequence[Weights]) -> Iterator[Mistake]:
    """Yield another learning rate, fitted to the first step; −1 times it is the wrong sign."""
    computed = stated.weights()
    if computed is None:
        return
    expected, seen = (
        np.concatenate([(w - s).ravel() for w, s in zip(after[0], stated.start, strict=True)])
        for after in (computed, taken)
    )
    if not expected.any() or not np.isfinite(seen).all():
        return
    largest = int(np.abs(expected).argmax())
    r = float(f"{seen[largest] / expected[largest]:.{_DIGITS}g}")
    if r in (0.0, 1.0):
        return
    if r == -1:
        says = "the steps go up the gradient, not down"
    else:
        says = f"the learning rate is {r:g} times the one that is stated"
    family = "rate"
    decays = any(stated.optimizer[0].values.get(f"{how}_decay") for how in ("coupled", "decoupled"))
    if r == 2 and _is_plain(stated) and not decays:
        says = f"every step is taken twice, or {says}: plain gradient descent cannot tell"
        family = "twice"
    eta = "learning_rate"
    yield Mistake(says, family, _changed(stated, lambda values: {eta: r * values[eta]}))


def _changed(
    stated: Descent, change: Callable[[Values], Mapping[str, Any]], without: str = ""
) -> Descent:
    """Return a descent whose groups all state something else."""
    found = []
    for facts in stated.optimizer:
        values = {**facts.values, **change(facts.values)}
        values.pop(without, None)
        found.append(replace(facts, values=values))
    return replace(stated, optimizer=found)


def _setting(stated: Descent, **settings: Any) -> Descent:
    return _changed(stated, lambda values: settings)


def _without(stated: Descent, name: str) -> Descent:
    return _changed(stated, lambda values: {}, without=name)


_CLIPS = {
    "clip_global_norm": "the norm of the whole gradient is clipped at",
    "clip_norm": "the norm of each weight's gradient is clipped at",
    "clip_value": "each element of the gradient is clipped at ±",
}


def _of_clipping(stated: Descent) -> Iterator[Mistake]:
    """Yield clipping that is not stated, with the ε of PyTorch's function and without."""
    for name, words in _CLIPS.items():
        if name in stated.optimizer[0].values:
            says = "the gradient is not clipped, though that is stated"
            yield Mistake(says, "no clip", _without(stated, name))
            continue
        for limit in _LIMITS:
            clipped = _setting(stated, **{name: limit})
            yield Mistake(f"{words} {limit:g}", f"{name} {limit}", clipped)
            if name == "clip_global_norm":
                clipped = _setting(clipped, clip_epsilon=1e-6)
                yield Mistake(f"{words} {limit:g}", f"{name} {limit}", clipped)


def _of_decay(stated: Descent) -> Iterator[Mistake]:
    """Yield a decay that is not stated, or none where one is."""
    values = stated.optimizer[0].values
    ways = {"coupled_decay": "through the gradient", "decoupled_decay": "beside the gradient"}
    for name, words in ways.items():
        if name in values:
            says = "the weights do not decay, though a weight decay is stated"
            yield Mistake(says, "no decay", _without(stated, name))
        elif not set(ways) & set(values):
            for decay in _DECAYS:
                says = f"the weights decay by {decay:g}, {words}"
                yield Mistake(
                    says, f"{_family(stated, name)} {decay}", _setting(stated, **{name: decay})
                )


def _family(stated: Descent, name: str) -> str:
    """Return one family for both decays of plain gradient descent, which are the same there."""
    return "decay" if _is_plain(stated) else name


def _is_plain(stated: Descent) -> bool:
    """Return whether a step is −η g and nothing else, or a decay."""
    facts = stated.optimizer[0]
    return facts.kind == "sgd" and not facts.values.get("momentum")


def _of_counting(stated: Descent) -> Iterator[Mistake]:
    """Yield steps that are left out, taken twice, averaged or started anew."""
    g = list(stated.gradients)
    for every in (2, 3, 4):
        if "accumulated" not in stated.optimizer[0].values and len(g) >= 2 * every:
            says = f"the gradients of {every} steps are averaged into one"
            yield Mistake(says, f"mean of {every}", _setting(stated, accumulated=every))
            summed = [[every * a for a in each] for each in g]
            says = f"the gradients of {every} steps are added up into one"
            descent = replace(_setting(stated, accumulated=every), gradients=summed)
            yield Mistake(says, f"sum of {every}", descent)
    yield Mistake("every step is taken twice", "twice", _Repeated(stated))
    if len(g) > 1:
        says = "the optimizer loses its state at every step"
        yield Mistake(says, "no state", _Restarted(stated))


def _of_freezing(stated: Descent, taken: Sequence[Weights]) -> Iterator[Mistake]:
    """Yield weights that never move, though they are trained and have a gradient."""
    still = [
        all(np.array_equal(step[i], start) for step in taken)
        and any(g[i].any() for g in stated.gradients)
        for i, start in enumerate(stated.start)
    ]
    trained = stated.trainable or [True] * len(still)
    frozen = [i for i, each in enumerate(still) if each and trained[i]]
    if not frozen:
        return
    names = ", ".join(stated.names[i] if stated.names else str(i) for i in frozen)
    says = "no weight moves" if len(frozen) == len(still) else f"{names} never moves"
    moved = [is_trained and i not in frozen for i, is_trained in enumerate(trained)]
    yield Mistake(says, "frozen", replace(stated, trainable=moved))


class _Repeated(Descent):
    """A descent that takes every step twice."""

    def __init__(self, stated: Descent) -> None:
        doubled = [g for g in stated.gradients for _ in range(2)]
        vars(self).update(vars(replace(stated, gradients=doubled)))

    def weights(self) -> list[Weights] | None:
        """Return the weights after every second step."""
        found = super().weights()
        return None if found is None else found[1::2]


class _Restarted(Descent):
    """A descent whose optimizer begins anew at every step."""

    def __init__(self, stated: Descent) -> None:
        vars(self).update(vars(stated))

    def weights(self) -> list[Weights] | None:
        """Return the weights after every step, each the first of a descent of its own."""
        theta, found = self.start, []
        for g in self.gradients:
            one = Descent(
                theta, [g], self.optimizer, None, 1, self.groups, self.trainable, self.names
            ).weights()
            if one is None:
                return None
            theta = one[0]
            found.append(theta)
        return found
