"""The levels of the whole training: trajectory, and result."""

from typing import Any

from frameworks.diverge.differences import Difference
from frameworks.diverge.evidence import Epochs
from frameworks.diverge.findings import Walk
from frameworks.diverge.floor import distance, floor_of
from frameworks.diverge.levels import Item, names_of
from frameworks.diverge.result import Result, compare_results
from frameworks.diverge.side import First, Report, shorten
from frameworks.diverge.trajectory import Parting, epochs_apart, find_step

__all__ = ["whole_training"]


def whole_training(done: Walk, a: First, b: First, report: Report, floor: int) -> None:
    """Train both, and compare the epochs, then the results."""
    if a.side.dtype == "float32":
        done.floor = floor_of(done.a, floor, done.steps, report)
    (ours, x), (theirs, y) = done.a.open(), done.b.open()
    x, y = (shorten(opened, done.steps, done.a.batch_size) for opened in (x, y))
    epochs: list[tuple[Item, Difference]] = []
    limits = done.limits
    for each in epochs_apart(x, y, done.a.batch_size, None if limits is None else limits.loss):
        report("epochs", len(epochs) + 1, len(x.orders))
        epochs.append((Item(each.where, None, None), each))
        if each.parted:
            reached = Epochs(each.epoch or 0, float(each.values[1]), y.adapter.get_weights())
            _epoch_parts(done, a, b, epochs, reached, report)
            return
    done.keep("trajectory", epochs, a=a, b=b)
    results = Result.of(done.a, ours, x), Result.of(done.b, theirs, y)
    if done.floor is not None:
        done.distance = distance(_losses(epochs, 0), _losses(epochs, 1), results)
    found = [
        (Item(each.where, None, None, i), each)
        for i, each in enumerate(compare_results(*results, names_of(a), limits))
    ]
    first = next((each for _, each in found if each.parted), None)
    if first is None or not first.where.endswith("at the end"):
        done.keep("result", found, a=a, b=b, results=results)
        return
    last = len(x.orders)
    reached = Epochs(last, _losses(epochs, 1)[-1], results[1].weights)
    loss = abs(_losses(epochs, 0)[-1])
    step = find_step(done.a, done.b, done.steps, last, loss, report, done.floor)
    proof = {"results": results, "epochs": reached, **_proof(step)}
    done.keep("result", found, a=a, b=b, **proof)


def _epoch_parts(
    done: Walk,
    a: First,
    b: First,
    epochs: list[tuple[Item, Difference]],
    reached: Epochs,
    report: Report,
) -> None:
    """Find the step at which an epoch parts, or keep the epoch if no step does."""
    loss = abs(_losses(epochs, 0)[-1])
    step = find_step(done.a, done.b, done.steps, reached.epoch, loss, report, done.floor)
    if step is None:
        done.keep("trajectory", epochs, a=a, b=b, epochs=reached)
        return
    found = [*epochs[:-1], (Item(step.difference.where, None, None), step.difference)]
    done.keep("trajectory", found, a=a, b=b, epoch=epochs[-1][1], **_proof(step))


def _proof(step: Parting | None) -> dict[str, Any]:
    """Return what the first step that parts says of the cause."""
    if step is None:
        return {}
    return {"step": step.difference, "history": step.history, "gradients": step.gradients}


def _losses(epochs: list[tuple[Item, Difference]], side: int) -> list[float]:
    """Return the losses of one side, 0 or 1."""
    return [float(each.values[side]) for _, each in epochs]
