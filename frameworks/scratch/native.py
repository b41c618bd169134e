"""scratch as its users write it (see `frameworks.native`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np

import scratch
from frameworks.native import Report, Trained, require_outputs
from frameworks.program import Builder
from frameworks.scratch.walking import leaves
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, TrainOnly
from scratch.optimizers.optimizer import Wrapper

__all__ = ["train", "with_defaults"]


def train(
    build: Builder, spec: Spec, seed: int, data: Batch, task: Task, report: Report
) -> Trained:
    """Train with scratch's own loop: Glorot weights, and one generator for all random numbers."""
    rng, parts, n = np.random.default_rng(seed), build(spec=spec), len(data.X)
    network, optimizer = parts.network, with_defaults(parts.optimizer)
    network.bind(data.X.dtype)
    with _as_made(network, optimizer):
        network.initialize(rng)
    first = network.predict(data.X[: spec.batch_size])
    require_outputs(build, first, task.outputs_of_row(spec.outputs, data.X.shape[1:]))
    initial_weights = [w.copy() for w in network.weights]
    for layer in leaves(network):
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
    own, loss = is_own(optimizer), parts.loss.forward
    return Trained(history, initial_weights, weights, threshold, outputs, loss, own)


@contextmanager
def _as_made(network: scratch.Sequential, optimizer: Any) -> Iterator[None]:
    """Leave what frozen weights and a page's own layers were made with, but for arrays of zeros.

    The latter where a layer has no `initialize`. As in the frameworks, whose rules are for their
    own layers: a learned scale may begin with ones, and fixed features are the page's. Of an array
    that is trained in part, the frozen elements stay, zeros too: they are pruned.
    """
    own = [layer for layer in leaves(network)
           if type(layer).initialize is scratch.Layer.initialize
           and not type(layer).__module__.startswith("scratch.")]  # fmt: skip
    made = [(p, p.copy(), True) for layer in own for p in layer.params if p.any()]
    if isinstance(optimizer, TrainOnly):
        moved = optimizer.only_trained([np.ones_like(p) for p in network.params])
        pairs = zip(network.params, moved, strict=True)
        made += [(p, p.copy(), m == 0) for p, m in pairs if p.any() or m.any()]
    yield
    for p, values, kept in made:
        np.copyto(p, values, where=kept)


def with_defaults(optimizer: Any) -> Any:
    """Return an optimizer of the same kind and learning rate, with the page's wrappers.

    They set its schedule, what it trains and how gradients are clipped. A weight decay is an option
    of the kind in the frameworks, and left out like the others, but for AdamW's, which is its kind.
    One of a class that is none of scratch's is left as it is.
    """
    if type(optimizer) is scratch.AdamW:
        return scratch.AdamW(optimizer.eta)
    if type(optimizer) in (scratch.CoupledWeightDecay, scratch.DecoupledWeightDecay):
        return with_defaults(optimizer.optimizer)
    if isinstance(optimizer, Wrapper):
        kept = copy(optimizer)
        kept.optimizer = with_defaults(optimizer.optimizer)
        return kept
    if is_own(optimizer):
        return optimizer
    if isinstance(optimizer, scratch.LAMB):
        return scratch.LAMB(optimizer.eta, sizes=optimizer.sizes)
    return type(optimizer)(optimizer.eta)


def is_own(optimizer: Any) -> bool:
    """Return whether an optimizer, in its wrappers, is of a class that is none of scratch's."""
    while isinstance(optimizer, Wrapper):
        optimizer = optimizer.optimizer
    return not type(optimizer).__module__.startswith("scratch.")
