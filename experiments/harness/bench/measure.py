"""Time the variants of one experiment in turn, in workers of their own; refuse other work."""

from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

from experiments.harness.bench.flops import Flops
from experiments.harness.bench.timing import Timing
from experiments.harness.bench.variants import VARIANTS, Variant
from experiments.harness.cell import Cell
from experiments.harness.workers.processes import CellFailed, Worker
from frameworks.agreement.distances import relative_error
from frameworks.console import Advance
from frameworks.errors import RequestError

__all__ = ["Cells", "Measured", "measure"]

Cells = list[tuple[Variant, Cell]]

_PRODUCT = 2048  # rows and columns of the matrices whose product shows what the machine can do

# The mean loss of a training may be this far from the reference's, relatively. In float32 training
# may amplify rounding to more: then float64 shows whether the work is the same.
_LIMITS = {"float64": 1e-9, "float32": 1e-4}


@dataclass
class Measured:
    """The timings of one experiment, the first round apart."""

    experiment: str
    note: str  # which data
    steps: int  # that each training was asked for
    flops: Flops | None  # of a step
    uncounted: str = ""  # why there are none
    part: str = ""  # what is timed of an experiment that has several phases
    reference: str = "scratch"  # whose times the others' are divided by
    unavailable: dict[str, str] = field(default_factory=dict)  # why, by name
    timings: dict[str, list[Timing]] = field(default_factory=dict)  # a round after the other
    whole: dict[str, float] = field(default_factory=dict)  # seconds of the first round
    limit: list[float] = field(default_factory=list)  # operations a second of a matrix product


def measure(
    measured: Measured, cells: Cells, rounds: int, advance: Advance, timeout: float
) -> Measured:
    """Time each cell `rounds` times; a first round, in which all warm up, is kept apart.

    Raises RequestError if one cannot be timed, or not within `timeout` seconds, or trained to
    another loss than the reference.
    """
    bench, total = _Bench(measured, cells, timeout), len(cells) * (rounds + 1)
    try:
        for turn in range(rounds + 1):
            measured.limit.append(bench.limit())
            for i, (variant, cell) in enumerate(cells, turn * len(cells)):
                advance(f"{measured.experiment} {variant.name}", i, total)
                if variant.name in measured.unavailable or not (
                    timing := bench.time(variant, cell)
                ):
                    continue
                if turn:
                    measured.timings.setdefault(variant.name, []).append(timing)
                else:
                    measured.whole[variant.name] = timing.whole
    finally:
        bench.close()
    return measured


class _Bench:
    """A worker for each family of variants, and the losses that all are held against."""

    def __init__(self, measured: Measured, cells: Cells, timeout: float) -> None:
        self._measured, self._cells, self._timeout = measured, cells, timeout
        self._workers: dict[str, Worker] = {}
        self._references: dict[tuple[bool, str], tuple[str, float]] = {}
        self._same_in_float64: set[str] = set()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers.values():
            worker.close()

    def limit(self) -> float:
        """Return the operations a second of a large matrix product."""
        job = {"product": _PRODUCT, "dtype": self._cells[0][1].dtype}
        return 2 * _PRODUCT**3 / self._run(VARIANTS["scratch"], job)

    def time(self, variant: Variant, cell: Cell) -> Timing | None:
        """Time one training; None, and the reason is noted, if it cannot be had."""
        answer = self._ask(variant, cell, variant=variant.name)
        if "unavailable" in answer:
            self._measured.unavailable[variant.name] = answer["unavailable"]
            return None
        timing = Timing(**answer)
        if not variant.peer.own_draws:  # else it looks by itself whether the work was the same
            self._check(variant, cell, timing)
        return timing

    def _check(self, variant: Variant, cell: Cell, timing: Timing) -> None:
        """Raise RequestError unless the mean losses of a training are the reference's."""
        whose, expected = self._expected(variant.peer.stock_epsilon, cell.dtype)
        losses = [loss for loss in (timing.loss, timing.plain_loss) if loss is not None]
        other = [x for x in losses if not relative_error(x, expected) < _LIMITS[cell.dtype]]
        if other and cell.dtype == "float32" and all(map(isfinite, losses)):
            if variant.name not in self._same_in_float64:
                self.time(variant, replace(cell, dtype="float64"))
                self._same_in_float64.add(variant.name)
        elif other:
            raise RequestError(
                f"{cell.experiment}, {variant.name}: other work was timed: "
                f"a mean training loss of {other[0]}, where {whose} has {expected}"
            )

    def _expected(self, stock_epsilon: bool, dtype: str) -> tuple[str, float]:
        """Return the loss that a training is to come to, and whose it is."""
        key = stock_epsilon, dtype
        if key not in self._references:
            self._references[key] = self._reference(stock_epsilon, dtype)
        return self._references[key]

    def _reference(self, stock_epsilon: bool, dtype: str) -> tuple[str, float]:
        """Train scratch's plain loop; where it cannot be had, the first that is timed instead."""
        cell = replace(self._cells[0][1], implementation="scratch", dtype=dtype)
        answer = self._ask(VARIANTS["scratch"], cell, stock_epsilon=stock_epsilon)
        if "loss" in answer:
            return "scratch", answer["loss"]
        first, cell = next(
            (variant, cell)
            for variant, cell in self._cells
            if variant.peer.stock_epsilon == stock_epsilon and not variant.peer.own_draws
            if variant.name not in self._measured.unavailable
        )
        answer = self._ask(first, replace(cell, dtype=dtype), variant=first.name)
        return first.name, answer["loss"]

    def _ask(self, whom: Variant, cell: Cell, **what: Any) -> dict[str, Any]:
        return self._run(whom, {"cell": asdict(cell), "steps": self._measured.steps, **what})

    def _run(self, variant: Variant, job: dict[str, Any]) -> Any:
        if variant.process not in self._workers:
            name, threads = variant.backend.name, self._cells[0][1].threads
            self._workers[variant.process] = Worker(name, threads, variant.peer.variables)
        try:
            return self._workers[variant.process].run(job, timeout=self._timeout)
        except CellFailed as error:
            raise RequestError(f"{self._measured.experiment}, {variant.name}: {error}") from error
