"""The problem to be certified: one training, specified completely."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from datasets import Dataset, Policy
from experiments.certified.formulas import formulas_of
from experiments.certified.loss_functions import LOSSES
from experiments.certified.stored import Formulas, Recipe
from experiments.harness.experiment import Experiment
from experiments.harness.records.arrays import digest
from frameworks.draws import Draws
from frameworks.errors import RequestError
from frameworks.spec import Spec

__all__ = ["Problem"]


_KNOWN = {
    "hidden": ("", "identity", "sigmoid", "relu"),
    "output": ("identity", "sigmoid"),
    "loss": LOSSES,
    "optimizer": ("gradient descent", "adam"),
}


@dataclass(frozen=True)
class Problem:
    """A training on exact inputs: data as loaded and initial weights as drawn, both float64.

    Certified is the loss in exact arithmetic from there on, with every number of the spec taken as
    its exact float64 value.
    """

    experiment: Experiment
    data: Dataset
    formulas: Formulas
    spec: Spec
    seed: int = 0

    @classmethod
    def load(
        cls,
        experiment: Experiment,
        policy: Policy,
        data_dir: str | None = None,
        epochs: int | None = None,
    ) -> "Problem":
        """Return an experiment's problem on the data that the policy finds, perhaps shortened."""
        spec, formulas = experiment.spec, formulas_of(experiment)
        for name, known in _KNOWN.items():
            if (found := getattr(formulas, name)) not in known:
                raise RequestError(f"{experiment.name}: {name} {found!r} cannot be certified")
        spec = replace(spec, epochs=epochs or spec.epochs)
        return cls(experiment, experiment.load(policy, data_dir), formulas, spec)

    @property
    def name(self) -> str:
        """The experiment and its data."""
        return f"{self.experiment.name}, {self.data.source}"

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """The weights before the first step, in the canonical layout."""
        parts = self.experiment.blueprint.builders["scratch"](spec=self.spec)
        return parts.initial_weights(self.spec, Draws(self.seed).weights)

    def orders(self) -> Iterator[tuple[np.ndarray, str]]:
        """Yield the order (n,) of the rows for each epoch, and the digest of all orders so far."""
        draws, spec, n = Draws(self.seed), self.spec, len(self.data.X_train)
        for order in draws.orders(n, spec.batch_size, spec.epochs, spec.shuffle):
            yield np.arange(n) if order is None else order, draws.orders_sha256

    def recipe(self) -> Recipe:
        """Return everything that determines the losses."""
        data, orders = self.data, [so_far for _, so_far in self.orders()]
        digests = {
            "initial_weights": digest(*self.weights),
            "batch_order": orders if any(orders) else [],
        }
        values = {
            "experiment": self.experiment.name,
            "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
            "spec": asdict(self.spec),
            "seed": self.seed,
            "digests": digests,
            "model": self.formulas.model_dump(),
        }
        return Recipe.model_validate_json(json.dumps(values))

    def number(self, name: str) -> Any:
        """Return a number of the page's spec; RequestError if the spec does not have it."""
        if not hasattr(self.spec, name):
            raise RequestError(f"{self.experiment.name}: to be certified, its spec needs a {name}")
        return getattr(self.spec, name)

    def halvings(self, t: int) -> int:
        """Return how often the learning rate has been halved before step t = 1, 2, ..."""
        every = getattr(self.spec, "halve_every", 0)
        return (t - 1) // every if every else 0

    def batches(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """Cut an order into batches; the last one holds the remaining rows."""
        for start in range(0, len(order), self.spec.batch_size):
            yield order[start : start + self.spec.batch_size]
