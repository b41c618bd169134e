"""Tasks: what the targets look like, and how a network is measured."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from frameworks.errors import choose
from frameworks.spec import Shape
from scratch import count_correct, sigmoid

__all__ = [
    *("BINARY_RECONSTRUCTION", "CLASSIFICATION", "FEATURES", "GENERATION", "MIXTURE"),
    *("RECONSTRUCTION", "REGRESSION", "SEQUENCES", "TASKS", "Metric", "Task", "find_task"),
]


@dataclass(frozen=True)
class Metric:
    """One figure on the test rows."""

    name: str  # its field in a record's "test"
    title: str  # its column heading
    form: str  # the format of its numbers
    higher_is_better: bool | None  # None: neither is, it should be that of the targets


class Task(ABC):
    """The kind of targets, and the metrics; the acceptance band applies to the first metric."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    has_answers: ClassVar[bool] = False  # labels, which can be right or wrong
    decodes: ClassVar[bool] = False  # its predictions are sequences, which can be right or wrong
    has_targets: ClassVar[bool] = True  # False: it learns from the rows alone
    estimator: ClassVar[str]  # the kind of estimator that trains it, a field of `Backend`
    margin: ClassVar[float | None] = None  # of the headline: means so close are equivalent
    margin_below: ClassVar[float] = float("inf")  # what every margin must be below

    @property
    def headline(self) -> Metric:
        """The metric that an experiment's acceptance band applies to."""
        return self.metrics[0]

    @abstractmethod
    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return every metric of outputs (n, k) against targets, by name.

        `threshold`: a single output above it means the second of two classes; None if there are
        no classes.
        """

    def threshold(self, logits: bool) -> float | None:
        """Return the threshold of `measure` for outputs that are logits, or probabilities."""
        return None

    def outputs_of_row(self, outputs: Shape, row: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of outputs for a row that is shaped so; `outputs` is the spec's."""
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def restored(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs as what they stand for, such as pixels for their logits."""
        return outputs


class Classification(Task):
    """Labels; a network's answer is the class with the largest output."""

    name = "classification"
    metrics = (Metric("accuracy", "test accuracy", ".4f", higher_is_better=True),)
    has_answers = True
    estimator = "classifier"
    margin = 0.01  # one percentage point
    margin_below = 1.0

    def threshold(self, logits: bool) -> float | None:
        """Return the output at which two classes are equally probable."""
        return 0.0 if logits else 0.5

    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return the fraction of rows whose class is right."""
        if threshold is None:
            raise ValueError("threshold: a classification needs one, got None")
        return {"accuracy": count_correct(outputs, targets, threshold) / len(targets)}


class Regression(Task):
    """Numbers: the mean squared error, its root, and the explained fraction of the variance.

    MSE = mean (a − y)² over all elements;  R² = 1 − MSE / mean (y − ȳ)², ȳ of each column. R² of
    constant targets is NaN.
    """

    name = "regression"
    metrics = (
        Metric("rmse", "RMSE", ".6g", higher_is_better=False),
        Metric("mse", "MSE", ".6g", higher_is_better=False),
        Metric("r2", "R²", ".4f", higher_is_better=True),
    )
    estimator = "regressor"

    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return RMSE, MSE and R²."""
        mse = _mean_square(outputs - targets)
        variance = _mean_square(targets - targets.mean(axis=0))
        r2 = 1 - mse / variance if variance else float("nan")
        return {"rmse": mse**0.5, "mse": mse, "r2": r2}


class Reconstruction(Task):
    """The inputs themselves are the targets: the mean squared error over all their elements."""

    name = "reconstruction"
    metrics = (Metric("mse", "MSE", ".8f", higher_is_better=False),)
    estimator = "regressor"

    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return the mean squared error."""
        return {"mse": _mean_square(outputs - targets)}


class Features(Task):
    """Features of the rows, learned without targets; labels only tell how much they are worth.

    Once the features are learned, a logistic regression is fitted to them and to the labels of the
    training rows: its accuracy on the test rows, and that of one fitted to the rows themselves.
    """

    name = "features"
    metrics = (
        Metric("accuracy", "accuracy on features", ".4f", higher_is_better=True),
        Metric("accuracy_on_inputs", "accuracy on inputs", ".4f", higher_is_better=True),
    )
    has_targets = False
    estimator = "feature_learner"
    margin = 0.01  # one percentage point
    margin_below = 1.0

    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return nothing: features alone say nothing of labels (see `experiments.harness`)."""
        return {}


class BinaryReconstruction(Task):
    """The inputs, from 0 to 1, are the targets of logits: a yes or no for each of their elements.

    The cross-entropy, mean (|z| (z > 0 ? 1 − y : y) + log(1 + e^−|z|)), is over all elements, as is
    the mean squared error, that of σ(z).
    """

    name = "binary reconstruction"
    metrics = (
        Metric("cross_entropy", "cross-entropy", ".5f", higher_is_better=False),
        Metric("mse", "MSE", ".6f", higher_is_better=False),
    )
    estimator = "regressor"

    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return the cross-entropy and the mean squared error."""
        size, wrong = np.abs(outputs), np.where(outputs > 0, 1 - targets, targets)
        bits = size * wrong + np.log1p(np.exp(-size))
        mse = _mean_square(self.restored(outputs) - targets)
        return {"cross_entropy": float(bits.mean(dtype=np.float64)), "mse": mse}

    def restored(self, outputs: np.ndarray) -> np.ndarray:
        """Return σ(z), from 0 to 1."""
        return sigmoid(outputs)


class Generation(Task):
    """Samples of a distribution, made from noise: how far they are from true ones.

    The distance is Wasserstein's: between m samples x and m true ones y of one number it is
    mean |x₍ᵢ₎ − y₍ᵢ₎|, both in ascending order; of several numbers, the mean over the columns.
    """

    name = "generation"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("wasserstein", "Wasserstein distance", ".4f", higher_is_better=False),
        Metric("mean", "mean", ".4f", higher_is_better=None),
        Metric("deviation", "standard deviation", ".4f", higher_is_better=None),
    )
    estimator = "regressor"

    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return the distance to the samples in `targets`, and the outputs' mean and deviation.

        >>> x, y = np.array([[3.0], [1.0]]), np.array([[0.0], [2.0]])
        >>> {name: float(value) for name, value in GENERATION.measure(x, y, None).items()}
        {'wasserstein': 1.0, 'mean': 2.0, 'deviation': 1.0}
        """
        x, y = (np.sort(a.astype(np.float64), axis=0) for a in (outputs, targets))
        return {
            "wasserstein": float(np.abs(x - y).mean()),
            "mean": float(x.mean()),
            "deviation": float(x.std(axis=0).mean()),
        }


class Mixture(Generation):
    """Samples of several distributions at once, whose modes a generator may miss.

    How many modes have a sample, and how many samples are near one, is known only where the modes
    are: see `datasets.Samples`, whose figures a record holds.
    """

    name = "mixture"
    metrics = (
        Metric("modes", "modes covered", ".0f", higher_is_better=True),
        Metric("near_modes", "samples near a mode", ".4f", higher_is_better=True),
    )


class Sequences(Task):
    """The next token at each step; an answer is a sequence, and right if each of its tokens is.

    Steps without a target, -1, do not count. An answer is decoded greedily: each token is the
    likeliest after those given and those decoded before. It is therefore right if and only if the
    likeliest token is right at each step that is given the true tokens before it: until the first
    mistake the two are given the same.
    """

    name = "sequences"
    metrics = (
        Metric("sequence_accuracy", "sequences right", ".4f", higher_is_better=True),
        Metric("token_accuracy", "tokens right", ".4f", higher_is_better=True),
    )
    decodes = True
    estimator = "sequencer"
    margin = 0.01  # one percentage point
    margin_below = 1.0

    def outputs_of_row(self, outputs: Shape, row: tuple[int, ...]) -> tuple[int, ...]:
        """Return the numbers of a row's steps and of the tokens; ValueError for a spec without."""
        if not isinstance(outputs, tuple) or len(outputs) != 2:
            raise ValueError(f"spec.outputs must be (steps, tokens), got {outputs!r}")
        return row[0], outputs[1]

    def measure(
        self, outputs: np.ndarray, targets: np.ndarray, threshold: float | None
    ) -> dict[str, float]:
        """Return the fractions of sequences and of tokens that are right; outputs are (n, t, k).

        >>> outputs = np.array([[[0.0, 9.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
        >>> SEQUENCES.measure(outputs, np.array([[-1, 0], [-1, 0]]), None)
        {'sequence_accuracy': 0.5, 'token_accuracy': 0.5}
        """
        counted = targets != -1
        right = (outputs.argmax(axis=2) == targets) | ~counted
        return {
            "sequence_accuracy": float(right.all(axis=1).mean()),
            "token_accuracy": float(right[counted].mean()),
        }


def _mean_square(x: np.ndarray) -> float:
    return float(np.mean(np.square(x, dtype=np.float64)))


CLASSIFICATION = Classification()
REGRESSION = Regression()
RECONSTRUCTION = Reconstruction()
BINARY_RECONSTRUCTION = BinaryReconstruction()
SEQUENCES = Sequences()
FEATURES = Features()
GENERATION = Generation()
MIXTURE = Mixture()
_SUPERVISED = (CLASSIFICATION, REGRESSION, RECONSTRUCTION, BINARY_RECONSTRUCTION, SEQUENCES)
_OTHERS = (FEATURES, GENERATION, MIXTURE)
TASKS: Mapping[str, Task] = {task.name: task for task in (*_SUPERVISED, *_OTHERS)}


def find_task(name: str) -> Task:
    """Return a task by name; RequestError, which suggests the nearest, if there is none."""
    return TASKS[choose("task", name, TASKS)]
