"""Phases: the trainings of which an experiment consists, one after the other.

Most experiments are one training. Where one network's weights go on into another's, where rows,
targets or trained weights change on the way, or where variants are to be held against each other,
the page's author writes what differs, and nothing else:

    EXPERIMENT = Experiment(
        ...,
        spec=SPEC,
        phases=(
            Phase("digits 0 to 4", SPEC, data=low_digits),
            Phase("digits 5 to 9", replace(SPEC, frozen=True), data=high_digits, weights=moved),
        ),
    )

Every phase is a training of its own, by the page's own builders: they are called with the phase's
spec, and return a network, a loss and an optimizer, or a program, as always. A new loss, a mask of
trained weights or another optimizer is therefore a line of the builder that asks the spec. What
goes on is said in NumPy, once for all implementations: `data` and `weights` are given the
estimators of the finished phases by name, each implementation its own, and `weights` returns where
to start. (Frozen weights and new layers are told apart there: keep some arrays, draw the others.)

An experiment without phases has one, which is all there is to it. `Course` trains them; its
history is that of all phases, end to end, and so its record, `lockstep run` and the report compare
every epoch of every phase, all weights at the end of each, and the figures of each on its own test
rows. The experiment's outputs, answers and band are those of the last.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from datasets import Dataset
from frameworks.agreement.variants import change
from frameworks.backends import BACKENDS
from frameworks.blueprint import Blueprint
from frameworks.errors import RequestError
from frameworks.spec import Spec
from frameworks.task import Task

if TYPE_CHECKING:
    from experiments.harness.cell import Cell
    from experiments.harness.experiment import Experiment

__all__ = ["Before", "Course", "How", "OnDemand", "Phase", "Stage", "digest_of_phases"]

Before = Mapping[str, Any]  # the estimators of the finished phases, by the phase's name


class How(NamedTuple):
    """How an experiment is trained: what its phases have in common."""

    dtype: str
    seed: int
    epochs: int  # of the longest phase
    limit: int | None  # on the first so many rows of each phase; None: all


@dataclass(frozen=True)
class Phase:
    """One of the trainings of an experiment.

    name : what the report calls it
    spec : the numbers of this training, its epochs and rows per step among them
    data : data(dataset, before) returns the rows and targets of this phase, train and test
    weights : weights(spec, rng, before) returns the arrays it starts from, where they are not all
        drawn anew by the builder's own `initial_weights`
    validate : the share of the training rows, the last of them, that are not trained on, but
        measured after every epoch
    stream : phases with equal numbers draw the same initial weights, orders and other draws
    task : what the network is to do, where it is another task than the experiment's
    """

    name: str
    spec: Spec
    data: Callable[[Dataset, Before], Dataset] = lambda data, before: data
    weights: Callable[[Any, np.random.Generator, Before], list[np.ndarray]] | None = None
    validate: float = 0.0
    stream: int = 0
    task: Task | None = None

    def seed(self, seed: int) -> int:
        """Return the seed of this phase in a training with a seed.

        >>> Phase("first", Spec()).seed(3)
        3
        """
        if not self.stream:
            return seed
        return int(np.random.SeedSequence([seed, self.stream]).generate_state(1)[0])

    def epochs(self, asked: int, of: int) -> int:
        """Return its share of the epochs asked for; `of`: those of the experiment's spec.

        >>> Phase("first", Spec(epochs=10)).epochs(asked=50, of=50)
        10
        >>> Phase("first", Spec(epochs=10)).epochs(asked=2, of=50)
        1
        """
        return max(1, round(self.spec.epochs * asked / of))


@dataclass(frozen=True)
class Stage:
    """A phase that is about to be trained: everything it starts from."""

    phase: Phase
    blueprint: Blueprint  # with the numbers of the phase, on its data
    data: Dataset
    epochs: int
    seed: int
    limit: int | None
    weights: list[np.ndarray] | None  # None: drawn

    @property
    def classes(self) -> np.ndarray | None:
        """All labels; None where there are none."""
        answers = self.blueprint.task.has_answers
        return np.arange(len(self.data.class_names)) if answers else None

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows to train on, X and y."""
        X, y = self._limited
        return X[: self._trained], y[: self._trained]

    @property
    def held_out(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The rows to measure after every epoch, X and y; None if there are none."""
        X, y = self._limited
        return (X[self._trained :], y[self._trained :]) if self._trained < len(X) else None

    def make(self, implementation: str, mode: str, dtype: str) -> Any:
        """Return the estimator, untrained."""
        return BACKENDS[implementation].make(
            self.blueprint,
            change(mode, self.seed),
            epochs=self.epochs,
            batch_size=self.blueprint.spec.batch_size,
            dtype=dtype,
            random_state=self.seed,
        )

    def iter_fit(self, estimator: Any) -> Iterator[dict[str, float]]:
        """Train an estimator on the rows of this phase; yield each epoch's record."""
        yield from estimator.iter_fit(
            *self.rows,
            classes=self.classes,
            validation_data=self.held_out,
            initial_weights=self.weights,
            ahead=True,
        )

    @property
    def _limited(self) -> tuple[np.ndarray, np.ndarray]:
        return self.data.X_train[: self.limit], self.data.y_train[: self.limit]

    @property
    def _trained(self) -> int:
        n = len(self._limited[0])
        return n - round(n * self.phase.validate)


class Course:
    """The trainings of one cell: a phase after the other, each by an estimator of its own."""

    def __init__(self, experiment: "Experiment", data: Dataset, cell: "Cell") -> None:
        self.experiment, self.data, self.cell = experiment, data, cell
        self.stages: list[Stage] = []
        self.estimators: list[Any] = []
        self._finished: list[tuple[str, int]] = []  # what each phase came to

    def train(self) -> Iterator[dict[str, float]]:
        """Train phase after phase, and yield each epoch's record when it is known."""
        for phase in self.experiment.all_phases:
            stage = self.experiment.stage(phase, self.data, self.before, self.cell.how)
            estimator = stage.make(self.cell.implementation, self.cell.mode, self.cell.dtype)
            self._check_earlier(phase.name)
            self.stages.append(stage)
            self.estimators.append(estimator)
            yield from stage.iter_fit(estimator)
            self._check_earlier(phase.name)
            self._finished.append(_come_to(estimator))

    def _check_earlier(self, name: str) -> None:
        """Raise RequestError if a phase has changed what an earlier one came to."""
        for stage, estimator, was in zip(
            self.stages, self.estimators, self._finished, strict=False
        ):
            if _come_to(estimator) != was:
                raise RequestError(
                    f"phase {name!r} changes the estimator of phase {stage.phase.name!r}, which is "
                    "finished; let it change a copy"
                )

    @property
    def before(self) -> Before:
        """The estimators so far, by the phase's name."""
        pairs = zip(self.stages, self.estimators, strict=True)
        return {stage.phase.name: estimator for stage, estimator in pairs}

    @property
    def history(self) -> dict[str, list[float]]:
        """The values of all epochs, end to end: those that every phase has."""
        epochs = [epoch for estimator in self.estimators for epoch in estimator.history_]
        names = [name for name in epochs[0] if all(name in epoch for epoch in epochs)]
        return {name: [epoch[name] for epoch in epochs] for name in names if name != "seconds"}

    @property
    def drawn_weights(self) -> list[np.ndarray]:
        """The initial weights of all phases that do not go on from earlier ones."""
        pairs = zip(self.stages, self.estimators, strict=True)
        drawn = [each.initial_weights_ for stage, each in pairs if stage.phase.weights is None]
        return [array for weights in drawn for array in weights]

    def digest(self, name: str) -> str:
        """Return a digest, such as `orders_sha256_`, over all phases; empty if all are."""
        return digest_of_phases([getattr(each, name) for each in self.estimators])

    @property
    def seconds(self) -> dict[str, float]:
        """The times of all phases together, as in `LockstepEstimator.seconds_`."""
        times = [each.seconds_ for each in self.estimators]
        return {name: sum(each[name] for each in times) for name in times[0]}


def _come_to(estimator: Any) -> tuple[str, int]:
    """Return the digest of all that an estimator has learnt, and how many epochs that took."""
    learnt = sha256()
    for array in (*estimator.get_weights(), *estimator.get_states()):
        learnt.update(np.ascontiguousarray(array).tobytes())
    return learnt.hexdigest(), len(estimator.history_)


def digest_of_phases(digests: Sequence[str]) -> str:
    """Return a digest of the phases' digests; that of a single one, and empty if all are.

    >>> digest_of_phases(["ab"]), digest_of_phases(["", ""])
    ('ab', '')
    """
    first, *others = digests
    if not others or not any(digests):
        return first
    return sha256(" ".join(digests).encode()).hexdigest()


class OnDemand(dict[str, Any]):
    """The estimators of earlier phases, each trained by one implementation when it is asked for."""

    def __init__(
        self,
        experiment: "Experiment",
        data: Dataset,
        how: How,
        implementation: str,
        mode: str = "lockstep",
    ) -> None:
        super().__init__()
        self._of, self._by = (experiment, data, how), (implementation, mode)

    def __missing__(self, name: str) -> Any:
        experiment, data, how = self._of
        (phase,) = (each for each in experiment.all_phases if each.name == name)
        stage = experiment.stage(phase, data, self, how)
        estimator = stage.make(*self._by, how.dtype)
        for _ in stage.iter_fit(estimator):
            pass
        self[name] = estimator
        return estimator
