"""What one side computes on its first batch."""

from functools import cached_property

import numpy as np

from frameworks.diverge.side import Side, Step, take, take_step
from frameworks.errors import RequestError, first_line
from frameworks.probe import LayerOutput, Opened, undisturbed
from frameworks.program import Program, Watched, loss_of
from scratch import Batch

__all__ = ["First"]

_SHORTER = 0.9  # weights are that in a second look


class First:
    """What one side computes on its first batch, at `opened.initial_weights`: lazily and once."""

    def __init__(
        self, side: Side, opened: Opened | None = None, batch: Batch | None = None
    ) -> None:
        self.side = side
        self.opened = opened or side.open()[1]
        first = self.opened.orders[0]
        self.batch = batch or take(self.opened.batch, first, 0, side.batch_size)

    @cached_property
    def layers(self) -> list[LayerOutput]:
        """The layers' outputs in evaluation mode; RequestError if their shapes do not fit."""
        try:
            return self.opened.adapter.layer_outputs(self.batch.X)
        except Exception as error:  # of the framework's own kind
            network = f"the network of {self.side.blueprint.name} in {self.side.implementation}"
            shape, why = self.batch.X.shape[1:], first_line(error)
            raise RequestError(f"{network} fails on rows of shape {shape}: {why}") from error

    @cached_property
    def training_layers(self) -> list[LayerOutput]:
        """The layers' outputs in training mode."""
        with undisturbed(self.opened.adapter):
            return self.opened.adapter.layer_outputs(self.batch.X, training=True)

    @cached_property
    def networks(self) -> list[tuple[str, list[LayerOutput]]]:
        """The name of every network, " of the generator", and its layers' outputs for the rows.

        A single network has no name; one that fails on the rows has no outputs: see `failures`.
        """
        if not self._others:
            return [("", self.layers)]
        outputs = [self.layers, *([] if isinstance(x, str) else x for x in self._others)]
        return [(f" of {name}", x) for name, x in zip(self.names, outputs, strict=True)]

    @cached_property
    def names(self) -> list[str]:
        """What the networks are called: "the generator"; a single one is "the network"."""
        parts = self.opened.adapter.parts
        if len(parts.networks) == 1:
            return ["the network"]
        own = getattr(parts, "names", ())
        return [f"the {name}" for name in own] or [
            f"network {i}" for i in range(1, len(parts.networks) + 1)
        ]

    @property
    def failures(self) -> dict[int, str]:
        """Why networks fail on the rows, by number: they may take other inputs, such as a code."""
        return {i: why for i, why in enumerate(self._others, 1) if isinstance(why, str)}

    @cached_property
    def _others(self) -> list[list[LayerOutput] | str]:
        """For each network after the first, its layers' outputs for the rows, or why it fails."""
        adapter = self.opened.adapter
        found: list[list[LayerOutput] | str] = []
        for i in range(1, len(adapter.parts.networks)):
            try:
                found.append(adapter.layer_outputs(self.batch.X, network=i))
            except Exception as error:  # noqa: BLE001 - of the framework's own kind
                found.append(first_line(error))
        return found

    @cached_property
    def watched(self) -> Watched | None:
        """What is seen of the first step of a program; None for a network."""
        program = self.opened.adapter.program
        return program.watched(self.batch) if program else None

    @cached_property
    def weights_of(self) -> list[list[int]]:
        """The numbers of the weight arrays of each network."""
        counts = self.opened.adapter.weights_of_networks()
        ends = np.cumsum(counts)
        return [[*range(end - count, end)] for end, count in zip(ends, counts, strict=True)]

    @cached_property
    def in_order_of_updates(self) -> list[list[int]]:
        """The numbers of the weight arrays, network by network, as a step updates them."""
        own = self.weights_of
        order = () if self.watched is None else self.watched.order
        rest = [i for i in range(len(own)) if i not in order]
        return [own[i] for i in (*order, *rest)]

    @cached_property
    def outputs(self) -> np.ndarray:
        """The network's outputs (n, ...), from which predictions are made."""
        adapter, weights = self.opened.adapter, self.opened.initial_weights
        outputs = adapter.outputs(self.batch.X)
        adapter.set_weights(weights)  # in case the evaluation changes them: `result` reports that
        return outputs

    @cached_property
    def loss_and_gradients(self) -> tuple[float, list[np.ndarray]]:
        """The loss, and its gradient for every weight array."""
        if self.watched is not None:
            return loss_of(self.watched.values), self.watched.gradients
        with undisturbed(self.opened.adapter):
            return self.opened.adapter.loss_and_gradients(self.batch)

    @cached_property
    def gradients_again(self) -> list[np.ndarray]:
        """The gradients in the second step, at other weights, and on other rows if there are any.

        What changes from step to step, or with the gradients, is another there. The rows are as
        many: a sum over them is the same multiple of their mean.
        """
        _, opened = self.side.open()
        take_step(opened, self.batch, self.side.batch_size)
        order, n = opened.orders[0], len(self.batch.X)
        rows = take(opened.batch, order, n, n)
        opened.adapter.set_weights([_SHORTER * w for w in opened.initial_weights])
        return opened.adapter.loss_and_gradients(rows if len(rows.X) == n else self.batch)[1]

    @cached_property
    def gradient_terms(self) -> list[float]:
        """For each weight array, the largest element of Σᵢ |gᵢ|; its gradient is Σᵢ gᵢ over rows.

        Where the terms cancel, rounding is relative to them, not to their sum. Where a row's
        gradient depends on the other rows, or on chance, the largest gradient of the layer stands
        for them: a bias before a batch normalization has a gradient of 0, its kernel has not. The
        same holds for the bias of attention's keys, which adds the same to all scores of a query.
        """
        kinds = {layer.kind for layer in self.layers}
        whole = isinstance(self.opened.adapter.parts, Program)  # its step is one of many rows
        if whole or kinds & {"batch normalization", "dropout", "attention"}:
            return self.gradients_of_layers
        rows = [take(self.batch, None, i, 1) for i in range(len(self.batch.X))]
        each = [self.opened.adapter.loss_and_gradients(row)[1] for row in rows]
        sums = [sum(of_rows) for of_rows in zip(*each, strict=True)]
        own = self.loss_and_gradients[1]
        square = sum(float(np.vdot(s, s)) for s in sums)
        share = sum(float(np.vdot(g, s)) for g, s in zip(own, sums, strict=True)) / (square or 1.0)
        terms = (sum(np.abs(g) for g in of_rows) for of_rows in zip(*each, strict=True))
        return [abs(share) * float(np.max(t)) for t in terms]  # 1/n of it, if the loss is a mean

    @cached_property
    def gradients_of_layers(self) -> list[float]:
        """For each weight array, the largest gradient in its layer."""
        largest = [float(np.abs(g).max(initial=0)) for g in self.loss_and_gradients[1]]
        counts = [layer.weights for layer in self.layers]
        if sum(counts) != len(largest):
            return [max(largest)] * len(largest)
        of_layers, start = [], 0
        for count in counts:
            mine = largest[start : start + count]
            of_layers += [max(mine, default=0.0)] * count
            start += count
        return of_layers

    @cached_property
    def step(self) -> Step:
        """The first optimizer step."""
        _, opened = self.side.open()  # a new one: this one keeps its weights
        return take_step(opened, self.batch, self.side.batch_size)
