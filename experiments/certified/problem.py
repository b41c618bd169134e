"""What is certified: one training, stated completely, for whoever computes it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from datasets import Dataset, Policy
from experiments.harness.workers.training import digest
from experiments.registry import page
from frameworks import Spec
from frameworks.draws import Draws

__all__ = ["MODELS", "Model", "Problem"]


class Model(NamedTuple):
    """The formulas of an experiment, by name; its page says them in words and in three dialects."""

    hidden: str  # the activation of every hidden layer
    output: str  # "identity" under a loss that starts from logits
    loss: str
    optimizer: str
    method: str  # what it is certified with: "mpmath", or "longdouble" where that takes too long


MODELS = {
    "perceptron": Model("", "sigmoid", "half the sum of squares", "gradient descent", "mpmath"),
    "xor": Model("sigmoid", "sigmoid", "sum of squares", "gradient descent", "mpmath"),
    "circle": Model("sigmoid", "sigmoid", "mean of squares", "gradient descent", "mpmath"),
    "churn": Model("relu", "identity", "binary cross-entropy", "adam", "mpmath"),
    "mnist_perceptron": Model(
        "", "identity", "perceptron criterion", "gradient descent", "longdouble"
    ),
    "mnist": Model("relu", "identity", "categorical cross-entropy", "adam", "longdouble"),
    "mnist_cnn": Model("relu", "identity", "categorical cross-entropy", "adam", "longdouble"),
}


@dataclass(frozen=True)
class Problem:
    """A training on exact inputs: data as loaded and first weights as drawn, both float64.

    Certified is the loss in exact arithmetic from there on, with every number of the spec taken for
    what its float64 is.
    """

    experiment: str
    data: Dataset
    model: Model
    spec: Spec
    seed: int = 0

    @classmethod
    def load(
        cls,
        experiment: str,
        policy: Policy,
        data_dir: str | None = None,
        epochs: int | None = None,
    ) -> "Problem":
        """Return an experiment's problem on the data that the policy finds, or its first epochs."""
        found = page(experiment)
        spec = replace(found.SPEC, epochs=epochs or found.SPEC.epochs)
        return cls(experiment, found.load(policy, data_dir), MODELS[experiment], spec)

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """The weights before the first step, in the canonical layout."""
        return page(self.experiment).initial_weights(self.spec, Draws(self.seed).weights)

    def orders(self) -> Iterator[tuple[np.ndarray, str]]:
        """Yield the order (n,) of the rows for each epoch, and the digest of all orders so far."""
        draws, spec, n = Draws(self.seed), self.spec, len(self.data.X_train)
        for order in draws.orders(n, spec.batch_size, spec.epochs, spec.shuffle):
            yield np.arange(n) if order is None else order, draws.orders_sha256

    def recipe(self) -> dict[str, Any]:
        """Return all that the losses follow from, as JSON has it."""
        data, orders = self.data, [so_far for _, so_far in self.orders()]
        digests = {
            "initial_weights": digest(*self.weights),
            "batch_order": orders if any(orders) else [],  # of all orders so far, for each epoch
        }
        recipe = {
            "experiment": self.experiment,
            "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
            "spec": asdict(self.spec),
            "seed": self.seed,
            "digests": digests,
            "model": self.model._asdict(),
        }
        return json.loads(json.dumps(recipe))  # tuples are lists

    def halvings(self, t: int) -> int:
        """Return how often the learning rate has been halved before step t = 1, 2, ..."""
        return (t - 1) // self.spec.halve_every if self.spec.halve_every else 0

    def batches(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """Cut an order into batches; the last one holds what is left over."""
        for start in range(0, len(order), self.spec.batch_size):
            yield order[start : start + self.spec.batch_size]
