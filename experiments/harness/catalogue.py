"""`lockstep list`: what there is, without loading any framework."""

import json
from dataclasses import asdict
from typing import Any

from experiments.harness.implementations import IMPLEMENTATIONS
from experiments.registry import EXPERIMENTS, page

__all__ = ["show"]


def show(as_json: bool) -> None:
    """Print the experiments and the implementations."""
    experiments = [_experiment(name) for name in EXPERIMENTS]
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
        print(f"{'':<{width}}{each['network']}, {epochs}, {each['data']}\n")
    for implementation in implementations:
        packages = implementation["packages"] or "Python's standard library"
        print(f"{implementation['name']:<{width}}{implementation['missing'] or packages}")


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
