"""An experiment's network as a row of layers: shapes and numbers of parameters."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets import Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.page_code import named
from experiments.harness.report.trained import Trained
from frameworks.errors import RequestError
from frameworks.program import Parts, Program
from frameworks.spec import Shape
from frameworks.spec_values import as_setting
from scratch import Loss, Sequential

__all__ = ["Diagram", "Layer", "diagram", "drawn"]

_DRAWN = 6  # the most neurons drawn per layer
_STEP, _WIDTH, _HEIGHT = 16, 118, 146


@dataclass(frozen=True)
class Layer:
    """One column of the diagram; positions are in its own units."""

    x: int
    name: str
    shape: str
    parameters: int
    neurons: list[float]  # the heights at which neurons are drawn; none for images
    abbreviated: bool  # it has more neurons than are drawn
    connected: bool  # every neuron to all of the previous layer


@dataclass(frozen=True)
class Diagram:
    """The layers in order, and what trains them."""

    layers: list[Layer]
    parameters: int
    loss: str
    optimizer: str
    width: int
    height: int = _HEIGHT

    @property
    def words(self) -> str:
        """The text alternative."""
        steps = [f"{layer.name} {layer.shape}" for layer in self.layers]
        return f"Network: {', then '.join(steps)}; {self.parameters:,} parameters"


def drawn(trained: Trained) -> tuple[Diagram | None, str]:
    """Return the diagram of an experiment, or None and why there is none.

    What no worker has finished a training with is not built: see `Trained.not_built`.
    """
    page = trained.experiment
    if page is None or "scratch" not in page.blueprint.builders:
        return None, ""
    if why := trained.not_built:
        return None, why
    try:
        with named(f"build_scratch() of {page.name} failed", page.source):
            changed = page.changed(as_setting(trained.head.setting))
            return diagram(changed, trained.data), ""
    except RequestError as error:
        return None, str(error)


def diagram(page: Experiment, data: Dataset | None = None) -> Diagram | None:
    """Return the diagram of the network of a page's scratch builder; None if it is in no order.

    `data`: what it is trained on; None if it is unavailable.
    """
    spec = page.spec if data is None else page.spec_for(data)
    parts = page.blueprint.builders["scratch"](spec=spec)
    return _draw(parts, spec.inputs) if isinstance(parts.network, Sequential) else None


def _draw(parts: Parts | Program, inputs: Shape) -> Diagram:
    shape = inputs if isinstance(inputs, tuple) else (inputs,)
    layers, x = [_column(0, "input", shape, 0, False)], np.zeros((1, *shape))
    for layer in parts.network.layers:
        before, x = x.shape, layer.forward(x)
        name, parameters = type(layer).__name__, sum(p.size for p in layer.params)
        if parameters == 0 and x.shape == before and len(layers) > 1:  # an activation
            last = layers.pop()
            layers.append(Layer(**(vars(last) | {"name": f"{last.name} + {name}"})))
        else:
            layers.append(_column(len(layers), name, x.shape[1:], parameters, name == "Dense"))
    return Diagram(
        layers,
        sum(layer.parameters for layer in layers),
        type(parts.loss).__name__ if isinstance(parts.loss, Loss) else "in its own step",
        "; ".join(dict.fromkeys(map(_optimizer, parts.optimizers))),
        _WIDTH * len(layers),
    )


def _optimizer(optimizer: Any) -> str:
    """Return an optimizer's name, followed by the wrapper's if it has one."""
    name, inner = type(optimizer).__name__, getattr(optimizer, "optimizer", None)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()  # TrainOnly is "train only"
    return f"{_optimizer(inner)}, {words}" if inner else name


def _column(
    place: int, name: str, shape: tuple[int, ...], parameters: int, connected: bool
) -> Layer:
    drawn = min(shape[0], _DRAWN) if len(shape) == 1 else 0
    top = (_HEIGHT - 44 - (drawn - 1) * _STEP) / 2
    return Layer(
        x=_WIDTH * place + _WIDTH // 2,
        name=name,
        shape=" × ".join(map(str, shape)),
        parameters=parameters,
        neurons=[top + i * _STEP for i in range(drawn)],
        abbreviated=len(shape) == 1 and shape[0] > drawn,
        connected=connected,
    )
