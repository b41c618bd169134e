"""The problem to be certified: one training, specified completely, or one phase of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from datasets import Dataset, Policy
from experiments.certified.formulas import formulas_of
from experiments.certified.loss_functions import LOSSES
from experiments.certified.stored import Formulas
from experiments.harness.experiment import Experiment
from experiments.harness.phases import Before, How, Phase, Stage
from frameworks.draws import Draws, Dropped, StepStream
from frameworks.errors import RequestError
from frameworks.program import Parts, Program
from frameworks.spec import Spec

__all__ = ["TRANSFORMER", "Problem"]

TRANSFORMER = (
    "Embedding, PositionEmbedding, Residual(LayerNorm, SelfAttention), "
    "Residual(LayerNorm, Dense, ReLU, Dense), LayerNorm, Dense"
)
_KNOWN = {
    "hidden": ("", "identity", "sigmoid", "relu", "tanh"),
    "output": ("identity", "sigmoid"),
    "loss": ("", *LOSSES),
    "optimizer": ("gradient descent", "adam"),
    "algorithm": (
        *("", "adversarial training"),
        *("contrastive divergence", "persistent contrastive divergence"),
    ),
    "network": ("", TRANSFORMER),
}


@dataclass(frozen=True)
class Problem:
    """A training on exact inputs: data as loaded and initial weights as drawn, both float64.

    Certified is the loss in exact arithmetic from there on, with every number of the spec taken as
    its exact float64 value. What is drawn on the way, such as noise and masks, is exact as well.
    """

    experiment: Experiment
    data: Dataset
    formulas: Formulas
    spec: Spec
    seed: int = 0
    stage: Stage | None = None  # if it is one of several phases

    @classmethod
    def load(
        cls,
        experiment: Experiment,
        policy: Policy,
        data_dir: str | None = None,
        epochs: int | None = None,
    ) -> "Problem":
        """Return an experiment's problem on the data that the policy finds, perhaps shortened."""
        for phase in experiment.all_phases:
            formulas = formulas_of(experiment, phase.spec)
            for name, known in _KNOWN.items():
                if (found := getattr(formulas, name)) not in known:
                    raise RequestError(f"{experiment.name}: {name} {found!r} cannot be certified")
        spec, formulas = experiment.spec, formulas_of(experiment)
        spec = replace(spec, epochs=epochs or spec.epochs)
        return cls(experiment, experiment.load(policy, data_dir), formulas, spec)

    @property
    def name(self) -> str:
        """The experiment and its data."""
        return f"{self.experiment.name}, {self.data.source}"

    @property
    def first(self) -> int | None:
        """How many of the first epochs are certified; None: all."""
        return self.experiment.certified_epochs.get(self.data.source)

    def at(self, phase: Phase, before: Before) -> "Problem":
        """Return the problem of a phase; `before` holds the trainings of those before it."""
        if not self.experiment.phases:
            return self
        how = How("float64", self.seed, self.spec.epochs, limit=None)
        stage = self.experiment.stage(phase, _Unrounded(**vars(self.data)), before, how)
        spec = replace(stage.blueprint.spec, epochs=stage.epochs)
        formulas = formulas_of(self.experiment, phase.spec)
        return replace(
            self, data=stage.data, formulas=formulas, spec=spec, seed=stage.seed, stage=stage
        )

    @property
    def parts(self) -> Parts | Program:
        """What scratch builds: only what is drawn for it is used, and how it is laid out."""
        return self.experiment.blueprint.builders["scratch"](spec=self.spec)

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """The weights before the first step, in the canonical layout."""
        if self.stage is not None and self.stage.weights is not None:
            return self.stage.weights
        return self.parts.initial_weights(self.spec, Draws(self.seed).weights)

    @property
    def draws_weights(self) -> bool:
        """Whether it starts from weights that are drawn, and not from those of earlier phases."""
        return self.stage is None or self.stage.phase.weights is None

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows to train on, X and y."""
        return self.stage.rows if self.stage else (self.data.X_train, self.data.y_train)

    @property
    def held_out(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The rows to measure after every epoch, X and y; None if there are none."""
        return self.stage.held_out if self.stage else None

    def orders(self) -> Iterator[tuple[np.ndarray, str]]:
        """Yield the order (n,) of the rows for each epoch, and the digest of all orders so far."""
        draws, spec, n = Draws(self.seed), self.spec, len(self.rows[0])
        for order in draws.orders(n, spec.batch_size, spec.epochs, spec.shuffle):
            yield np.arange(n) if order is None else order, draws.orders_sha256

    def steps(self, seed: int | None = None) -> StepStream:
        """Return what draws for each step, as float64; from the problem's seed by default."""
        layers = [w for w in self.weights if w.ndim > 1] if self.formulas.dropout else []
        dropped = [
            Dropped(rate, W.shape[:1])
            for rate, W in zip(self.formulas.dropout, layers, strict=True)
        ]
        draw = getattr(self.parts, "draws", None)
        own = draw and partial(draw, self.spec)
        return StepStream(Draws(self.seed if seed is None else seed), "float64", dropped, own)

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


class _Unrounded(Dataset):
    """Data whose features may be of any precision: one phase's features are the next one's rows."""

    def __post_init__(self) -> None:
        pass
