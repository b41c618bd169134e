"""The front door: train two models in lockstep, and say where they first differ."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from frameworks.console import progress_bar
from frameworks.global_numbers import ONE_AT_A_TIME
from frameworks.live.comparison import Comparison
from frameworks.live.data import NO_DATA, data_of
from frameworks.live.model import Training
from frameworks.live.report import Report
from frameworks.live.request import Request, open_side
from frameworks.live.tracing import draw_course
from frameworks.recordings import write_trace

__all__ = ["assert_same_training", "diverge", "record"]

Side = Training | str | PathLike[str]


def diverge(
    a: Side,
    b: Side,
    X: Any = None,
    y: Any = None,
    *,
    inputs: Any = None,
    steps: int = 200,
    batch_size: int = 32,
    weights: str | None = "a",
    mapping: Mapping[str, str] | None = None,
    dtype: str = "float64",
    sample_weight: Any = None,
    seed: int = 0,
    limits: Mapping[str, float] | None = None,
    ignore: Collection[str] = (),
    losses_equal: bool = False,
    explain_all: bool = False,
) -> Report:
    """Train two models in lockstep, and report where they first differ.

    Copies are trained: the models, their optimizers and all global state stay as they are. Both
    start from the weights of one (`weights="a"` or "b"), or each from its own (None). They take the
    same steps on the same batches, which `seed` draws (whole ones: the rows left over at the end of
    an epoch are not used), with the same dropout masks. A side may be the path of a recording; the
    other then takes the recorded steps in the recorded dtype. Two recordings need no X.

    X and y are arrays (n, ...). A list of arrays is several inputs, or several targets; without y
    the inputs are the targets. A tuple (y_a, y_b) gives each side its own form of the targets; with
    one y, PyTorch's losses of numbers and steps of the user's own take its shape as it is, (n,) or
    (n, 1), and may broadcast it. `inputs` gives each its own form of X, as an array or by a
    function: `inputs=(None, to_tokens)`. `mapping` names layers or weights that correspond where
    kind and order do not tell: {"dense_2": "fc"}. `limits` replaces those of levels: {"trajectory":
    1e-10}. `ignore` leaves out layers, weights and settings, by names that one of the two has. With
    `losses_equal=True` a loss that is written differently, but moves the weights alike, counts as a
    difference. With `explain_all=True` the remedy of each proven cause is applied to a copy of b,
    and the comparison goes on to the next difference. Threads that compare wait for each other.
    RequestError says in one sentence why two trainings cannot be compared.
    """
    recorded = [isinstance(side, str | PathLike) for side in (a, b)]
    data = NO_DATA if all(recorded) and X is None else data_of(X, y, sample_weight, inputs)
    request = Request(
        steps, batch_size, dtype, seed, weights, mapping, limits, ignore, losses_equal
    )
    request.check(None if any(recorded) else data.rows)
    with ONE_AT_A_TIME, progress_bar() as report:
        return Comparison((a, b), data, request, report).run(explain_all)


def assert_same_training(a: Side, b: Side, X: Any = None, y: Any = None, **options: Any) -> None:
    """Raise AssertionError, with the report, unless two trainings are the same.

    The arguments are those of `diverge`.
    """
    report = diverge(a, b, X, y, **options)
    if not report.same:
        raise AssertionError(f"\n{report}")


def record(
    training: Training,
    X: Any,
    y: Any = None,
    *,
    path: str | PathLike[str],
    steps: int = 200,
    batch_size: int = 32,
    dtype: str = "float64",
    sample_weight: Any = None,
    seed: int = 0,
) -> None:
    """Train a copy of a model, and write what it did to a file, for `diverge` to compare with.

    The arguments are those of `diverge`.
    """
    data = data_of(X, y, sample_weight, None)
    Request(steps, batch_size, dtype, seed).check(data.rows)
    course = draw_course(data.rows, batch_size, steps, seed)
    with ONE_AT_A_TIME, progress_bar() as report:
        side = open_side(training, 0, data, course, dtype)
        trace = replace(side.trace(dtype, report), layers=side.layers_as_read(dtype))
    write_trace(trace, Path(path))
