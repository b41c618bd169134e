"""Why a step of a page's own may differ, whatever it computes: scaled, or what is left is added."""

from collections.abc import Iterator

import numpy as np

from frameworks.diverge.evidence import Evidence, as_number

__all__ = ["add_up", "scaled"]


def scaled(evidence: Evidence) -> str | None:
    """L' = r L, where the gradients of the network that it trains are r times as large, too.

    Where neither gradients nor updates differ, the value is only reported, and no other number
    shows where an r comes from: it has to be one of known origin.
    """
    a, b = evidence.a, evidence.b
    x, y = (float(value) for value in evidence.pair)
    if a.watched is None or b.watched is None or not x or not np.isfinite([x, y]).all():
        return None
    name, position = evidence.found.where, evidence.item.position
    which = "the loss" if name == "loss" else f"the value {name}"
    updated = a.in_order_of_updates[min(position, len(a.watched.order) - 1)]
    ours, theirs = ([side.loss_and_gradients[1][i] for i in updated] for side in (a, b))
    if all(map(evidence.matches, ours, theirs)):
        for r, words in _known(evidence):
            if evidence.matches(r * x, y) and (said := evidence.say_times(which, r)):
                return f"{said}{words}; the gradients are equal: it is only reported"
        return None
    r = y / x
    every = all(evidence.matches(r * g, h) for g, h in zip(ours, theirs, strict=True))
    if not every or as_number(r) == "1":
        return None
    said = evidence.say_times(which, r)
    return None if said is None else f"{said}, and so {_verb(a.names, updated, evidence)}"


def _verb(names: list[str], updated: list[int], evidence: Evidence) -> str:
    if len(names) == 1:
        return "are all gradients"
    network = next(i for i, own in enumerate(evidence.a.weights_of) if own == updated)
    return f"is every gradient of {names[network]}"


def _known(evidence: Evidence) -> Iterator[tuple[float, str]]:
    """Yield factors between two ways to report the same, and where they come from."""
    X = evidence.a.batch.X
    n, d, k = len(X), X[0].size, evidence.a.outputs[0].size
    for r, what in ((d, "inputs"), (k, "outputs"), (n, "rows"), (n * k, "rows and outputs")):
        if r > 1:
            yield r, f", as a sum over the {what} is of their mean"
    yield 2.0, ""
    yield -1.0, ""


def add_up(evidence: Evidence) -> str | None:
    """G' = Σ g of all steps so far, in one network: its gradients are never reset."""
    pairs = evidence.history
    if len(pairs) < 2 or any(pair.gradients is None for pair in pairs):
        return None
    name = evidence.names[1]
    for i in evidence.arrays:
        steps = [pair.gradients[0][i] for pair in pairs if pair.gradients is not None]
        given = pairs[-1].gradients[1][i]  # type: ignore[index]  # not None, by the line above
        if not evidence.matches(np.sum(steps, axis=0), given):
            return None
        if evidence.matches(steps[-1], given):
            return None
    return f"in {name} gradients add up from step to step, as without zero_grad"
