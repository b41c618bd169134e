"""What the user asks for, and the cells and records' heads that follow from it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from datasets import Dataset, Policy
from experiments.harness.cell import Cell
from experiments.harness.environment import environment, source_digest
from experiments.harness.errors import RequestError, choose
from experiments.harness.implementations import IMPLEMENTATIONS
from experiments.harness.noise_floor import check_floor
from experiments.harness.store import RUNS, SCHEMA, Store
from experiments.harness.variants import variants
from experiments.registry import EXPERIMENTS, page

__all__ = ["Plan", "Request", "plan"]


@dataclass(frozen=True)
class Request:
    """The options of `lockstep run`."""

    experiments: Sequence[str] = ()  # none: all
    implementations: Sequence[str] = ()  # none: all
    dtype: str = "float64"
    seeds: int = 1
    epochs: int | None = None  # None: the experiment's own
    limit: int | None = None
    policy: Policy = "auto"
    data_dir: str | None = None
    threads: int = 1
    native: bool = False  # each framework's own defaults, nothing aligned
    floor: int = 0  # trainings to be nudged, by which float32 is judged
    out: Path | None = None  # None: a folder under runs/ that follows from all of this

    def __post_init__(self) -> None:
        for name in ("seeds", "epochs", "limit", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RequestError(f"{name}: expected 1 or more, got {value}")
        choose("dtype", self.dtype, ("float64", "float32"))
        choose("data", self.policy, get_args(Policy))

    @property
    def kind(self) -> str:
        """What sets a run's trainings apart from others': "native float32", for example."""
        return f"native {self.dtype}" if self.native else self.dtype


@dataclass(frozen=True)
class Plan:
    """A run: its folder, its data, and each cell with what its record says before training."""

    store: Store
    heads: dict[Cell, dict[str, Any]]
    notes: dict[str, str]  # one line for each experiment: which data is used, and why

    def missing(self) -> dict[Cell, dict[str, Any]]:
        """Return the cells without a finished record; RequestError if one is of another run."""
        missing = {}
        for cell, head in self.heads.items():
            record = self.store.load(cell.key)
            if record is None or record["status"] == "failed":
                missing[cell] = head
            elif record["fingerprint"] != head["fingerprint"]:
                differs = next(name for name in _IDENTITY if record.get(name) != head[name])
                raise RequestError(
                    f"{self.store.folder}: holds {cell.key} with another {differs}; "
                    "choose another folder with --out, or delete this one"
                )
        return missing


def plan(request: Request) -> Plan:
    """Check a request, load its data once to see which it is, and lay out the cells."""
    check_floor(request.floor)
    experiments = _choose("experiment", request.experiments, EXPERIMENTS)
    implementations = _choose("implementation", request.implementations, IMPLEMENTATIONS)
    heads, notes = {}, {}
    for experiment in experiments:
        able = _able(experiment, implementations, request)
        if request.experiments and not able:
            there_are = ", ".join(_able(experiment, IMPLEMENTATIONS, request))
            raise RequestError(
                f"{experiment} has no {' or '.join(implementations)} builder for {request.kind}; "
                f"there are: {there_are}"
            )
        if not able:
            continue
        data = page(experiment).load(request.policy, request.data_dir)
        notes[experiment] = data.note
        for cell in _cells(request, data, experiment, able):
            heads[cell] = _head(cell, data)
    if not heads:
        raise RequestError(
            f"no experiment has a {' or '.join(implementations)} builder for {request.kind}"
        )
    together = "".join(sorted(head["fingerprint"] for head in heads.values()))
    kind = request.kind.replace(" ", "-")
    name = f"{kind}-{sha256(together.encode()).hexdigest()[:8]}"
    return Plan(Store(request.out or RUNS / name), heads, notes)


def _choose(kind: str, names: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return the known ones that were asked for, in their own order; all if none was named."""
    asked = {choose(kind, name, known) for name in names}
    return [name for name in known if not asked or name in asked]


def _able(experiment: str, implementations: Iterable[str], request: Request) -> list[str]:
    """Return the implementations in which an experiment is written, and that can train it so."""
    return [
        name
        for name in implementations
        if IMPLEMENTATIONS[name].trains(page(experiment), request.dtype, request.native)
    ]


def _cells(request: Request, data: Dataset, experiment: str, able: list[str]) -> Iterator[Cell]:
    """Yield an experiment's cells: for each seed the implementations, then what judges them."""
    first = Cell(
        experiment=experiment,
        dtype=request.dtype,
        seed=0,
        implementation="scratch",
        epochs=request.epochs or page(experiment).SPEC.epochs,
        limit=request.limit,
        policy=data.source,  # what was found now is what every worker loads
        data_dir=request.data_dir,
        threads=request.threads,
        mode="native" if request.native else "lockstep",
    )
    judged = request.dtype == "float32" and not request.native and len(able) > 1
    beside = variants(page(experiment), able, request.floor) if judged else []
    for seed in range(request.seeds):
        for implementation in able:
            yield replace(first, seed=seed, implementation=implementation)
        for mode in beside:
            yield replace(first, seed=seed, mode=mode)


# What makes a result this one and no other. Records with the same values are interchangeable.
_IDENTITY = (
    "experiment",
    "implementation",
    "mode",
    "dtype",
    "seed",
    "data",
    "spec",
    "limit",
    "environment",
    "source_sha256",
)


def _head(cell: Cell, data: Dataset) -> dict[str, Any]:
    """Return what a cell's record says before its training."""
    spec = replace(page(cell.experiment).SPEC, epochs=cell.epochs)
    head = {
        "experiment": cell.experiment,
        "implementation": cell.implementation,
        "mode": cell.mode,
        "dtype": cell.dtype,
        "seed": cell.seed,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
        "spec": asdict(spec),
        "epochs": cell.epochs,
        "limit": cell.limit,
        "acceptance": _acceptance(cell, data),
        "environment": environment(cell.threads),
        "source_sha256": source_digest(cell.experiment),
    }
    head = json.loads(json.dumps(head))  # as it will be read back: tuples are lists
    identity = json.dumps([head[name] for name in _IDENTITY], sort_keys=True)
    fingerprint = sha256(identity.encode()).hexdigest()
    return {"schema": SCHEMA, "key": cell.key, "fingerprint": fingerprint, **head}


def _acceptance(cell: Cell, data: Dataset) -> list[float] | None:
    """Return the band in which the test accuracy is expected; None for a shortened training."""
    as_published = cell.mode == "lockstep" and cell.limit is None
    whole = as_published and cell.epochs == page(cell.experiment).SPEC.epochs
    return page(cell.experiment).ACCURACY.get(data.source) if whole else None
