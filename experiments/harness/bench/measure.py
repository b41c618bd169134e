"""Time the variants of one experiment in turn, in workers of their own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from experiments.harness.bench.flops import Flops, count_flops
from experiments.harness.bench.variants import Variant
from experiments.harness.workers.cell import Cell
from experiments.harness.workers.processes import CellFailed, Worker
from experiments.registry import page
from frameworks.errors import RequestError

__all__ = ["Measured", "default_steps", "measure"]

_PRODUCT = 2048  # rows and columns of the matrices whose product shows what the machine can do
_OPERATIONS = 1.5e10  # of the timed steps, where their number was not given


@dataclass
class Measured:
    """The timings of one experiment, the first round apart."""

    experiment: str
    note: str  # which data
    flops: Flops  # of a step
    timings: dict[str, list[dict[str, Any]]]  # of each variant, a round after the other
    whole: dict[str, float] = field(default_factory=dict)  # seconds of the first round
    unavailable: dict[str, str] = field(default_factory=dict)
    limit: list[float] = field(default_factory=list)  # operations a second of a matrix product


def default_steps(experiment: str) -> int:
    """Return a number of steps that takes about a second: 1,000, or fewer of the larger ones."""
    spec = page(experiment).SPEC
    flops = count_flops(page(experiment).build_scratch(), spec.batch_size, spec.inputs)
    return int(min(1_000, max(40, _OPERATIONS // flops.step)))


def measure(
    cells: list[tuple[Variant, Cell]],
    steps: int,
    rounds: int,
    note: str,
    advance: Callable[[str], None],
) -> Measured:
    """Time each cell `rounds` times; a first round, in which all warm up, is kept apart.

    `advance(name)` is called before each. Raises RequestError if one cannot be timed.
    """
    cell = cells[0][1]
    names = {variant.implementation for variant, _ in cells} | {"scratch"}
    workers = {name: Worker(name, cell.threads) for name in sorted(names)}
    measured = Measured(cell.experiment, note, Flops(0, 0, 0), {v.name: [] for v, _ in cells})
    try:
        for turn in range(rounds + 1):
            _time_limit(workers["scratch"], cell.dtype, measured)
            for variant, each in cells:
                advance(variant.name)
                if variant.name not in measured.unavailable:
                    job = {"cell": each.to_json(), "variant": variant.name, "steps": steps}
                    _keep(measured, variant.name, _run(workers[variant.implementation], job), turn)
    finally:
        for worker in workers.values():
            worker.close()
    return measured


def _run(worker: Worker, job: dict[str, Any]) -> Any:
    try:
        return worker.run(job)
    except CellFailed as error:
        raise RequestError(f"{job['cell']['experiment']}, {job['variant']}: {error}") from error


def _time_limit(worker: Worker, dtype: str, measured: Measured) -> None:
    seconds = worker.run({"product": _PRODUCT, "dtype": dtype})
    measured.limit.append(2 * _PRODUCT**3 / seconds)


def _keep(measured: Measured, name: str, timing: dict[str, Any], turn: int) -> None:
    if "unavailable" in timing:
        measured.unavailable[name] = timing["unavailable"]
        del measured.timings[name]
        return
    if turn == 0:
        measured.whole[name] = timing["whole"]
        experiment = measured.experiment
        measured.flops = count_flops(
            page(experiment).build_scratch(), timing["rows_per_step"], page(experiment).SPEC.inputs
        )
    else:
        measured.timings[name].append(timing)
