"""scratch as its users write it (see `frameworks.native`)."""

from copy import copy
from typing import Any

import numpy as np

import scratch
from frameworks.native import Report, Trained
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch
from scratch.optimizers.optimizer import Wrapper

__all__ = ["train", "with_defaults"]


def train(
    build: Builder, spec: Spec, seed: int, data: Batch, task: Task, report: Report
) -> Trained:
    """Train with scratch's own loop: Glorot weights, and one generator for all random numbers."""
    rng, parts, n = np.random.default_rng(seed), build(spec=spec), len(data.X)
    network, optimizer = parts.network, with_defaults(parts.optimizer)
    network.bind(data.X.dtype)
    initial_weights = [w.copy() for w in network.initialize(rng).weights]
    for layer in network.layers:
        if isinstance(layer, scratch.Dropout) and layer.rng is None:
            layer.rng = rng
    orders = (rng.permutation(n) if spec.shuffle else None for _ in range(spec.epochs))
    threshold, history = task.threshold(parts.logits), []
    epochs = scratch.iter_epochs(
        *(network, parts.loss, optimizer, data, orders, spec.batch_size),
        count=threshold is not None,
    )
    for result in epochs:
        history.append(result)
        report(len(history), result.loss)
    weights, outputs = network.weights, network.predict
    return Trained(history, initial_weights, weights, threshold, outputs, parts.loss.forward)


def with_defaults(optimizer: Any) -> Any:
    """Return an optimizer of the same kind and learning rate or schedule, otherwise default."""
    if isinstance(optimizer, scratch.Scheduled):
        inner = with_defaults(optimizer.optimizer)
        return scratch.Scheduled(optimizer.schedule, inner, every=optimizer.every)
    if isinstance(optimizer, scratch.TrainOnly):  # which weights are trained is the page's
        only = copy(optimizer)
        only.optimizer = with_defaults(optimizer.optimizer)
        return only
    if isinstance(optimizer, Wrapper):  # clipping, for example
        return with_defaults(optimizer.optimizer)
    if isinstance(optimizer, scratch.LAMB):
        return scratch.LAMB(optimizer.eta, sizes=optimizer.sizes)
    return type(optimizer)(optimizer.eta)
