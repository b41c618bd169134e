"""The formulas of a page's training, read from what its scratch builder returns."""

from collections.abc import Iterable
from typing import Any

import numpy as np

import scratch
from experiments.certified.stored import Formulas
from experiments.harness.experiment import Experiment
from frameworks.errors import RequestError
from frameworks.probe import kind_of
from frameworks.program import Parts, Program
from frameworks.scratch.walking import leaves
from frameworks.spec import Spec

__all__ = ["formulas_of"]

_ACTIVATIONS = {"sigmoid", "relu", "leaky relu", "tanh", "softmax", "step"}
_STACKED = {"dense", "convolution", "max pooling", "dropout", "rearrangement", *_ACTIVATIONS}
_LOSSES = {
    scratch.HalfSquaredError: "half the sum of squares",
    scratch.SumSquaredError: "sum of squares",
    scratch.MeanSquaredError: "mean of squares",
    scratch.BinaryCrossEntropy: "binary cross-entropy",
    scratch.CategoricalCrossEntropy: "categorical cross-entropy",
    scratch.PerceptronLoss: "perceptron criterion",
}


def formulas_of(experiment: Experiment, spec: Spec | None = None) -> Formulas:
    """Return the formulas of an experiment, or of a phase with its own spec, by name.

    Those that are not known have their class names. Raises RequestError for a page without
    build_scratch, and for a program that does not name its algorithm.
    """
    build = experiment.blueprint.builders.get("scratch")
    if build is None:
        raise RequestError(f"{experiment.name}: only what scratch builds can be certified")
    parts: Parts | Program = build(spec=spec or experiment.spec)
    algorithm = parts.algorithm if isinstance(parts, Program) else ""
    if isinstance(parts, Program) and not algorithm:
        raise RequestError(
            f"{experiment.name}: a program with a step of its own can only be certified if it "
            "names its `algorithm`"
        )
    hidden, output = _activations(parts.networks)
    dropout = _dropout(experiment, parts.network)
    return Formulas(
        hidden=hidden,
        output=output,
        loss="" if isinstance(parts, Program) else _loss(parts.loss),
        optimizer=_either(map(_optimizer, parts.optimizers)),
        method=experiment.certified or "mpmath",
        algorithm=algorithm,
        network="" if algorithm else _arrangement(parts.network),
        dropout=dropout,
        frozen=_frozen(experiment, parts),
        patience=_patience(experiment, parts.stopping),
    )


def _activations(networks: Iterable[Any]) -> tuple[str, str]:
    """Return the activations of the hidden layers, and those of the output layers."""
    hidden, outputs = [], []
    for network in networks:
        found: list[str] = []  # the activation after each layer with weights
        for layer in leaves(network):
            if layer.params:
                found.append("identity")
            elif found and (kind := kind_of(layer)) in _ACTIVATIONS:
                found[-1] = kind
        *inner, output = found
        arranged = _arrangement(network)  # most of its layers have none
        hidden += [f for f in inner if f != "identity"] if arranged else inner
        outputs.append(output)
    return _either(hidden), _either(outputs)


def _arrangement(network: Any) -> str:
    """Return the layers of a network by name; "" for a stack of dense and convolutional ones."""
    stacked = all(kind_of(layer) in _STACKED for layer in network.layers)
    return "" if stacked else ", ".join(map(_in_words, network.layers))


def _in_words(layer: Any) -> str:
    inner, name = getattr(layer, "layers", None), type(layer).__name__
    return name if inner is None else f"{name}({', '.join(map(_in_words, inner))})"


def _loss(loss: Any) -> str:
    if isinstance(loss, scratch.SequenceLoss) and (loss.ignore, loss.over) == (-1, "real"):
        return f"{_loss(loss.loss)} of tokens"
    return _LOSSES.get(type(loss), type(loss).__name__)


def _optimizer(optimizer: Any) -> str:
    if isinstance(optimizer, scratch.TrainOnly):
        optimizer = optimizer.optimizer
    if isinstance(optimizer, scratch.Scheduled):
        schedule = optimizer.schedule
        if isinstance(schedule, scratch.StepRate) and schedule.factor == 0.5:
            optimizer = optimizer.optimizer
    if type(optimizer) is scratch.SGD and not optimizer.mu:
        return "gradient descent"
    if type(optimizer) is scratch.Adam and optimizer.epsilon_hat:
        return "adam"
    return type(optimizer).__name__


def _dropout(experiment: Experiment, network: Any) -> list[float]:
    """Return the rate at which the inputs of each layer with weights are dropped; [] if none is."""
    before: list[list[float]] = [[]]  # the rates of the dropout layers before each of them
    for layer in leaves(network):
        if type(layer) is scratch.Dropout:
            before[-1].append(layer.rate)
        elif layer.params:
            before.append([])
    *before, after = before
    if not any((*before, after)):
        return []
    if after or any(len(rates) != 1 for rates in before):
        raise RequestError(
            f"{experiment.name}: dropout can only be certified once before each layer with weights"
        )
    return [rate for (rate,) in before]


def _frozen(experiment: Experiment, parts: Parts | Program) -> list[int]:
    """Return the numbers of the weights that the optimizer leaves as they are."""
    optimizer, *_ = parts.optimizers
    if not isinstance(optimizer, scratch.TrainOnly):
        return []
    ends = np.cumsum([0, *(w.size for w in parts.network.weights)])
    trained = [
        np.isin(np.arange(start, end), optimizer.trained)
        for start, end in zip(ends[:-1], ends[1:], strict=True)
    ]
    if any(each.any() != each.all() for each in trained):
        raise RequestError(f"{experiment.name}: weights frozen in part cannot be certified")
    return [i for i, each in enumerate(trained) if not each.any()]


def _patience(experiment: Experiment, stopping: Any) -> int:
    """Return the patience of Keras' early stopping, at least 1; 0 if there is none."""
    if stopping is None:
        return 0
    if type(stopping) is not scratch.KerasEarlyStopping or stopping.least:
        name = type(stopping).__name__
        raise RequestError(f"{experiment.name}: early stopping {name!r} cannot be certified")
    return max(1, stopping.patience)


def _either(names: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(names))
