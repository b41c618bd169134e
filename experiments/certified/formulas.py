"""The formulas of a page's network, read from what its scratch builder returns."""

from typing import Any

import scratch
from experiments.certified.stored import Formulas
from experiments.harness.experiment import Experiment
from frameworks.errors import RequestError
from frameworks.probe import kind_of
from frameworks.program import Parts, Program

__all__ = ["formulas_of"]

_ACTIVATIONS = {"sigmoid", "relu", "leaky relu", "tanh", "softmax", "step"}
_LOSSES = {
    scratch.HalfSquaredError: "half the sum of squares",
    scratch.SumSquaredError: "sum of squares",
    scratch.MeanSquaredError: "mean of squares",
    scratch.BinaryCrossEntropy: "binary cross-entropy",
    scratch.CategoricalCrossEntropy: "categorical cross-entropy",
    scratch.PerceptronLoss: "perceptron criterion",
}


def formulas_of(experiment: Experiment) -> Formulas:
    """Return an experiment's formulas by name; those that are not known, by their class names.

    Raises RequestError for a page without build_scratch.
    """
    build = experiment.blueprint.builders.get("scratch")
    if build is None:
        raise RequestError(f"{experiment.name}: only what scratch builds can be certified")
    parts: Parts | Program = build()
    if isinstance(parts, Program):
        raise RequestError(
            f"{experiment.name}: only a network with a loss and an optimizer can be certified, not "
            "a program with a step of its own"
        )
    network, loss, optimizer, *_ = parts
    found: list[str] = []  # the activation after each layer with weights
    for layer in network.layers:
        if layer.params:
            found.append("")
        elif (kind := kind_of(layer)) in _ACTIVATIONS:
            found[-1] = kind
    *hidden, output = found
    return Formulas(
        hidden=" or ".join(dict.fromkeys(each or "identity" for each in hidden)),
        output=output or "identity",
        loss=_LOSSES.get(type(loss), type(loss).__name__),
        optimizer=_name(optimizer),
        method=experiment.certified or "mpmath",
    )


def _name(optimizer: Any) -> str:
    if isinstance(optimizer, scratch.Scheduled):
        schedule = optimizer.schedule
        if isinstance(schedule, scratch.StepRate) and schedule.factor == 0.5:
            optimizer = optimizer.optimizer
    if type(optimizer) is scratch.SGD and not optimizer.mu:
        return "gradient descent"
    if type(optimizer) is scratch.Adam and optimizer.epsilon_hat:
        return "adam"
    return type(optimizer).__name__
