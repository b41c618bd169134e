"""`lockstep list`: what there is, without loading any framework."""

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import Any

from experiments.harness.records.last_results import describe_last, last_results
from experiments.registry import EXPERIMENTS, page
from frameworks.backends import IMPLEMENTATIONS

__all__ = ["show"]

RUNS = Path("runs")  # as in `store`, which loads more than the list needs


def show(as_json: bool) -> None:
    """Print the experiments, each with its last results, and the implementations."""
    last = last_results(RUNS)
    experiments = [_experiment(name) | {"last": last.get(name)} for name in EXPERIMENTS]
    implementations = [
        {"name": name, "packages": " ".join(each.packages), "missing": each.missing()}
        for name, each in IMPLEMENTATIONS.items()
    ]
    if as_json:
        print(json.dumps({"experiments": experiments, "implementations": implementations}))
        return
    width = max(map(len, EXPERIMENTS)) + 2
    for each in experiments:
        epochs = f"{each['spec']['epochs']} epoch{'s' if each['spec']['epochs'] > 1 else ''}"
        print(f"{each['name']:<{width}}{each['question']}")
        _print_below(f"{each['network']}, {epochs}, {each['data']}", width)
        _print_below(describe_last(each["last"]) if each["last"] else "not run here yet", width)
        print()
    for implementation in implementations:
        packages = implementation["packages"] or "Python's standard library"
        print(f"{implementation['name']:<{width}}{implementation['missing'] or packages}")


def _print_below(text: str, indent: int) -> None:
    space = " " * indent
    print(fill(text, 80, initial_indent=space, subsequent_indent=space))


def _experiment(name: str) -> dict[str, Any]:
    found = page(name)
    spec = found.SPEC
    return {
        "name": name,
        "question": (found.__doc__ or "").split("\n")[0].partition(": ")[2],
        "network": "-".join(map(str, (spec.inputs, *spec.hidden, spec.outputs))),
        "data": found.DATA,
        "spec": asdict(spec),
        "acceptance": found.ACCURACY,
    }
