"""Which formulas a page's network is made of, read from what its builder for scratch returns."""

import scratch
from experiments.certified.stored import Formulas
from experiments.harness.experiment import Experiment
from frameworks.errors import RequestError

__all__ = ["formulas_of"]

_ACTIVATIONS = {scratch.Sigmoid: "sigmoid", scratch.ReLU: "relu"}
_LOSSES = {
    scratch.HalfSquaredError: "half the sum of squares",
    scratch.SumSquaredError: "sum of squares",
    scratch.MeanSquaredError: "mean of squares",
    scratch.BinaryCrossEntropy: "binary cross-entropy",
    scratch.CategoricalCrossEntropy: "categorical cross-entropy",
    scratch.PerceptronLoss: "perceptron criterion",
}
_OPTIMIZERS = {scratch.SGD: "gradient descent", scratch.Adam: "adam"}


def formulas_of(experiment: Experiment) -> Formulas:
    """Return an experiment's formulas; RequestError if one of them cannot be certified."""
    parts = experiment.blueprint.builders["scratch"]()
    optimizer = parts.optimizer
    while hasattr(optimizer, "optimizer"):  # on a schedule, for example
        optimizer = optimizer.optimizer
    activations = [_ACTIVATIONS.get(type(layer), "") for layer in parts.network.layers]
    *hidden, output = _between_weights(parts.network.layers, activations)
    known = {type(parts.loss): _LOSSES, type(optimizer): _OPTIMIZERS}
    for kind, names in known.items():
        if kind not in names:
            raise RequestError(f"{experiment.name}: {kind.__name__} cannot be certified")
    if len({*hidden}) > 1:
        raise RequestError(f"{experiment.name}: hidden layers with one activation can be certified")
    return Formulas(
        hidden=hidden[0] if hidden else "",
        output=output or "identity",
        loss=_LOSSES[type(parts.loss)],
        optimizer=_OPTIMIZERS[type(optimizer)],
        method=experiment.certified or "mpmath",
    )


def _between_weights(layers: list, activations: list[str]) -> list[str]:
    """Return the activation behind each layer that has weights; an empty string for none."""
    found: list[str] = []
    for layer, activation in zip(layers, activations, strict=True):
        if layer.params:
            found.append("")
        elif activation:
            found[-1] = activation
    return found
