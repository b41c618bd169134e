"""``lockstep list``: what there is, without loading any framework."""

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from experiments.harness.cli.options import AsJson
from experiments.harness.experiment import Experiment, widths
from experiments.harness.records import RUNS
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.backend import Backend
from frameworks.backends import BACKENDS
from frameworks.console import agreeing, counted, spread

if TYPE_CHECKING:
    from experiments.harness.records.runs import LastResult

__all__ = ["list_command"]

_WIDTH = 80


def list_command(as_json: AsJson = False) -> None:
    """Show experiments, each with its last results, and implementations; loads no framework.

    For example:

    lockstep list
    """
    last = _last_results(RUNS)
    if as_json:
        experiments = [_as_json(find_experiment(name), last.get(name)) for name in EXPERIMENTS]
        implementations = [
            {
                "name": backend.name,
                "packages": " ".join(backend.packages),
                "missing": backend.missing(),
                "default": backend.default,
            }
            for backend in BACKENDS.values()
        ]
        print(json.dumps({"experiments": experiments, "implementations": implementations}))
        return
    indent = max(map(len, [*EXPERIMENTS, *BACKENDS])) + 2
    for name in EXPERIMENTS:
        _print(find_experiment(name), last.get(name), indent)
    for backend in BACKENDS.values():
        _print_beside(backend.name, _about(backend), indent)


def _last_results(folder: Path) -> "dict[str, LastResult]":
    """Return the last results by experiment; without any, what reads them is not even loaded."""
    if not any(folder.glob("*/results.json")):
        return {}
    from experiments.harness.records.runs import last_results

    return last_results(folder)


def _print(experiment: Experiment, last: "LastResult | None", indent: int) -> None:
    """Print what an experiment asks, what is trained on which data, and its last results."""
    _print_beside(experiment.name, experiment.question, indent)
    trained = [widths(experiment.spec), counted(experiment.spec.epochs, "epoch"), experiment.data]
    if experiment.long:
        trained.append("long: trained if named, or with --all")
    _print_beside("", ", ".join(trained), indent)
    _print_beside("", _in_words(last) if last else "not run here yet", indent)
    print()


def _in_words(last: "LastResult") -> str:
    """Return last results in words: when, on which data, and what came out."""
    from frameworks.task import find_task

    metric = find_task(last.task).headline
    values = [value for each in last.values.values() for value in each]
    reached = f"{metric.title} {spread(values, metric.form)}" if values else "every training failed"
    pairs = f", {last.agree:,} of {agreeing(last.pairs)}" if last.pairs else ""
    failed = f", {counted(last.failed, 'training')} failed" if values and last.failed else ""
    data = "stand-in" if last.source == "stand-in" else f"{last.source} data"
    return f"{last.date}, {data}, {counted(last.epochs, 'epoch')}: {reached}{pairs}{failed}"


def _as_json(experiment: Experiment, last: "LastResult | None") -> dict[str, Any]:
    return {
        "name": experiment.name,
        "question": experiment.question,
        "task": experiment.task.name,
        "network": widths(experiment.spec),
        "data": experiment.data,
        "spec": asdict(experiment.spec),
        "acceptance": experiment.band,
        "long": experiment.long,
        "last": last and {**asdict(last), experiment.task.headline.name: last.values},
    }


def _about(backend: Backend) -> str:
    packages = backend.missing() or " ".join(backend.packages) or "Python's standard library"
    return packages if backend.default else f"{packages} (trained if --with names it)"


def _print_beside(name: str, text: str, indent: int) -> None:
    """Print a text of 80 columns to the right of a name."""
    space = " " * indent
    print(fill(text, _WIDTH, initial_indent=f"{name:<{indent}}", subsequent_indent=space))
