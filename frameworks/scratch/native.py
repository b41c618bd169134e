"""scratch as its users write it (see `frameworks.native`)."""

import numpy as np

from frameworks.native import Report, Trained
from frameworks.program import Builder
from frameworks.spec import Spec
from scratch import Batch

__all__ = ["train"]


def train(build: Builder, spec: Spec, seed: int, data: Batch, report: Report) -> Trained:
    """Train with `scratch.train`: Glorot's weights, one generator for all."""
    import scratch

    rng, parts = np.random.default_rng(seed), build(spec)
    network = parts.network
    network.bind(data.X.dtype)
    initial_weights = [w.copy() for w in network.initialize(rng).weights]
    optimizer = type(getattr(parts.optimizer, "optimizer", parts.optimizer))(spec.learning_rate)
    if spec.halve_every:
        rate = scratch.StepRate(spec.learning_rate, factor=0.5, size=spec.halve_every)
        optimizer = scratch.Scheduled(rate, optimizer)
    n = len(data.X)
    orders = (rng.permutation(n) if spec.shuffle else None for _ in range(spec.epochs))
    threshold, history = 0.0 if parts.logits else 0.5, []
    for result in scratch.train(
        network, parts.loss, optimizer, data, orders, spec.batch_size, threshold
    ):
        history.append((result.loss, result.accuracy))
        report(len(history), result.loss)
    return Trained(history, initial_weights, network.weights, network.forward)
