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
    for each in experiments:
        print(f"{each['name']:<12}{each['question']}")
        print(f"{'':<12}{each['network']}, {each['spec']['epochs']} epochs, data: {each['data']}\n")
    for implementation in implementations:
        print(
            f"{implementation['name']:<12}{implementation['missing'] or implementation['packages']}"
        )


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
