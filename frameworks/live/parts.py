"""Weights that are several side by side, and layers that have them, as these."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from frameworks.live.correspondence import Network
from frameworks.recordings.trace import LayerTrace, StepTrace, Trace, Weight

__all__ = ["WHOLE", "Parts"]

Arrays = Sequence[np.ndarray]

_WIDTH = ("units", "filters")  # in the facts


@dataclass(frozen=True)
class Parts:
    """The columns of each part of weights that are several side by side, by their positions."""

    columns: Mapping[int, tuple[np.ndarray, ...]] = field(default_factory=dict)

    def apart(self, arrays: Arrays) -> list[np.ndarray]:
        """Return arrays shaped as the weights, those that are several as these."""
        return [part for k, a in enumerate(arrays) for part in self._split(k, a)]

    def together(self, arrays: Arrays) -> list[np.ndarray]:
        """Return what `apart` was given."""
        left, found = iter(arrays), list[np.ndarray]()
        while (first := next(left, None)) is not None:
            columns = self.columns.get(len(found))
            if columns is not None:
                rest = [first, *(next(left) for _ in columns[1:])]
                first = np.empty((*first.shape[:-1], sum(map(len, columns))), first.dtype)
                for at, part in zip(columns, rest, strict=True):
                    first[..., at] = part
            found.append(first)
        return found

    def largest(self, sizes: Sequence[float]) -> list[float]:
        """Return a number for each weight as it is: the largest of its parts'."""
        left, found = iter(sizes), list[float]()
        while (first := next(left, None)) is not None:
            rest = self.columns.get(len(found), ())[1:]
            found.append(max([first, *(next(left) for _ in rest)]))
        return found

    def _split(self, position: int, a: np.ndarray) -> list[np.ndarray]:
        columns = self.columns.get(position)
        return [a] if columns is None else [a[..., at] for at in columns]

    def weights(self, weights: Sequence[Weight]) -> list[Weight]:
        """Return the weights, those that are several as these: qkv[0].kernel, qkv[1].kernel, ..."""
        return [
            replace(weight, name=name, values=values)
            for k, weight in enumerate(weights)
            for name, values in zip(self._names(k, weight), self._split(k, weight.values),
                                    strict=True)
        ]  # fmt: skip

    def _names(self, position: int, weight: Weight) -> list[str]:
        if position not in self.columns:
            return [weight.name]
        path, dot, part = weight.name.rpartition(".")
        if part not in ("kernel", "bias"):
            path, dot, part = weight.name, "", ""
        return [f"{path}[{k}]{dot}{part}" for k in range(len(self.columns[position]))]

    def layers(self, layers: Sequence[LayerTrace]) -> list[LayerTrace]:
        """Return the layers, those that hold several as these."""
        if not self.columns:
            return [*layers]
        return [part for layer in layers for part in self._parts(layer)]

    def _parts(self, layer: LayerTrace) -> Iterator[LayerTrace]:
        columns = next((self.columns[k] for k in layer.weights if k in self.columns), None)
        if columns is None:
            yield replace(layer, weights=tuple(map(self._start, layer.weights)))
            return
        width = sum(map(len, columns))
        for k, at in enumerate(columns):
            own = {name: len(at) for name, x in layer.facts.values.items()
                   if name in _WIDTH and x == width}  # fmt: skip
            facts = replace(layer.facts, values={**layer.facts.values, **own})
            yield replace(
                layer,
                path=f"{layer.path}[{k}]" if layer.path else "",
                facts=facts,
                weights=tuple(self._start(i) + k for i in layer.weights),
                output=_columns(layer.output, at),
                training_output=_columns(layer.training_output, at),
                unread=_columns(layer.unread, at),
            )

    def _start(self, position: int) -> int:
        """Return where a weight is, or its first part, among all that `apart` returns."""
        return position + sum(len(each) - 1 for k, each in self.columns.items() if k < position)

    def network(self, network: Network) -> Network:
        """Return a network with the layers and weights that are several as these."""
        layers, weights = self.layers(network.layers), self.weights(network.weights)
        return replace(network, layers=layers, weights=weights)

    def trace(self, trace: Trace) -> Trace:
        """Return a trace, but for its layers, with the weights that are several as these."""
        if not self.columns:
            return trace
        shorter = trace.shorter_gradients
        return replace(
            trace,
            weights=self.weights(trace.weights),
            gradients=self.apart(trace.gradients),
            shorter_gradients=None if shorter is None else self.apart(shorter),
            steps=[self._step(step) for step in trace.steps],
            final_weights=self.apart(trace.final_weights),
            kept=tuple(replace(each, weights=self.apart(each.weights)) for each in trace.kept),
        )

    def _step(self, step: StepTrace) -> StepTrace:
        gradients, weights = (None if x is None else self.apart(x)
                              for x in (step.gradients, step.weights))  # fmt: skip
        return replace(step, gradients=gradients, weights=weights)

    def note(self, network: Network, other: str) -> list[str]:
        """Say which layers of a network are compared as several, which the other side has."""
        counts = {
            layer.path or network.weights[k].name: len(self.columns[k])
            for layer in network.layers
            for k in layer.weights
            if k in self.columns
        }
        return [
            f"{path} of {network.name} holds {count} layers side by side that {other} has apart, "
            f"and is compared as {path}[0] to {path}[{count - 1}]"
            for path, count in counts.items()
        ]


WHOLE = Parts()


def _columns(x: np.ndarray | None, at: np.ndarray) -> np.ndarray | None:
    """Return some columns, or the one value that holds for all."""
    return x if x is None or not x.ndim else x[..., at]
