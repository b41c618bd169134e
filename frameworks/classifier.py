"""The shared interface for labels: one scikit-learn classifier for every implementation."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from frameworks.callbacks import Callback
from frameworks.estimator import LockstepEstimator
from frameworks.program import ProgramBuilder
from frameworks.rows import refuse_masked
from frameworks.spec import Shape, Spec, outputs_for
from frameworks.task import CLASSIFICATION
from frameworks.validation import builders_spec, encode_labels
from frameworks.weight_files import StoredNetwork, WeightFileError

__all__ = ["LockstepClassifier"]


class LockstepClassifier(ClassifierMixin, LockstepEstimator):
    """A classifier; parameters and attributes as in `LockstepEstimator`, and these.

    class_weight : {label: weight}, where labels that are left out have 1, or "balanced" for
        n / (k · rows of the class) over the n rows and k classes of `fit`, or None. The weights
        multiply those of the rows, and count in `fit`'s losses, not in those of validation
    classes_ : the sorted labels

    Two classes give one output and the binary cross-entropy, k > 2 classes k outputs and the
    categorical cross-entropy. A builder may use two outputs for two classes (`outputs=2`).
    """

    task = CLASSIFICATION

    # All arguments once more: scikit-learn reads the signature of the class itself.
    def __init__(
        self,
        build: ProgramBuilder | None = None,
        hidden: int | tuple[int, ...] = (16,),
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        dtype: str = "float32",
        random_state: Any = None,
        *,
        spec: Spec | None = None,
        activation: str = "relu",
        class_weight: Mapping[Any, float] | str | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        callbacks: Sequence[Callback | Callable[[Any, dict[str, float]], Any]] = (),
        verbose: bool = False,
    ) -> None:
        super().__init__(
            *(build, hidden, epochs, batch_size, learning_rate, dtype, random_state),
            spec=spec,
            activation=activation,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            callbacks=callbacks,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one more epoch on X, y; the first call must see all labels in y or `classes`.

        Data that cannot be trained on are refused first. If a step fails all the same, the steps
        before it stay taken.
        """
        if classes is not None and hasattr(self, "_adapter"):
            given = unique_labels(classes)
            if not np.array_equal(given, self.classes_):
                raise ValueError(
                    f"classes: {given.tolist()} are not those of the first call, "
                    f"{self.classes_.tolist()}"
                )
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight: 'balanced' needs all rows, and partial_fit sees some; give a "
                "mapping, {label: weight}"
            )
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels (n,) of X (n, ...); ValueError where the network's outputs are NaN."""
        outputs = self.outputs(X)
        if unknown := int(np.isnan(outputs).any(axis=1).sum()):
            raise ValueError(
                f"predict: the network's outputs are NaN for {unknown} of {len(outputs)} rows, as "
                "they are after a training that diverged"
            )
        return self.labels_of(outputs)

    def labels_of(self, outputs: np.ndarray) -> np.ndarray:
        """Return the labels (n,) for outputs (n, k): the first class with the largest output."""
        if outputs.shape[1] == 1:
            return self.classes_[(outputs[:, 0] > self._adapter.threshold).astype(int)]
        return self.classes_[outputs.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on X (n, ...) and labels y (n,)."""
        refuse_masked(y=y, sample_weight=sample_weight)
        return super().score(X, y, sample_weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities (n, k) of the classes, in the order of `classes_`."""
        p = self.outputs(X)
        if self._adapter.parts.logits:
            p = self._adapter.probabilities(p)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms (n, k) of the probabilities; those of logits are never log 0."""
        z = self.outputs(X)
        if not self._adapter.parts.logits:
            with np.errstate(divide="ignore"):  # log 0 is −∞
                return np.log(np.hstack([1 - z, z]) if z.shape[1] == 1 else z)
        if z.shape[1] == 1:  # log(1 − σ(z)) = −log(1 + e^z),  log σ(z) = −log(1 + e^−z)
            return -np.logaddexp(0, np.hstack([z, -z]))
        z = z - z.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores by which `predict` decides: (n,) for two classes, else (n, k).

        The score of two classes is the log-odds of `classes_[1]`, positive where it is predicted;
        of more, the logits, or the logarithms of a network's own probabilities.
        """
        z = self.outputs(X)
        if self._adapter.parts.logits and len(self.classes_) > 2:
            return z
        with np.errstate(divide="ignore"):  # log 0 is −∞, and the odds of 1 are ∞
            if z.shape[1] == 2 and len(self.classes_) == 2:
                z = z if self._adapter.parts.logits else np.log(z)
                return z[:, 1] - z[:, 0]
            if self._adapter.parts.logits:
                return z[:, 0]
            return np.log(z[:, 0] / (1 - z[:, 0])) if z.shape[1] == 1 else np.log(z)

    def _row_weights(self, X: np.ndarray, y: np.ndarray, given: Any) -> np.ndarray | None:
        w = super()._row_weights(X, y, given)
        if self.class_weight is None:
            return w
        v = _checked_class_weight(self.class_weight)
        of_class = compute_sample_weight(v, y).astype(X.dtype)
        w = of_class if w is None else w * of_class
        if not w.any():
            raise ValueError(f"class_weight gives every row of y the weight 0, got {v!r}")
        return w

    def _learn_targets(self, y: np.ndarray, classes: Any) -> None:
        try:
            check_classification_targets(y)
            self.classes_ = unique_labels(y if classes is None else classes)
        except TypeError as error:  # of labels that cannot be sorted
            raise TypeError(f"y: {error}; give labels of one type, text or numbers") from error
        if len(self.classes_) < 2:
            if classes is not None:
                raise ValueError(f"classes must be two or more, got {self.classes_.tolist()}")
            (only,) = self.classes_.tolist()
            raise ValueError(f"y holds only one class, {only!r}; a classifier needs two or more")
        self._one_output = self._outputs_of(self._builders_outputs()) == 1

    def _take_targets(self, network: StoredNetwork) -> None:
        if network.classes is None:
            raise WeightFileError("holds a regressor, which has no classes")
        self.classes_ = network.classes
        self._one_output = self._outputs_of(self._builders_outputs()) == 1

    def _builders_outputs(self) -> Shape:
        return 1 if self.build is None else builders_spec(self).outputs

    def _encode(self, y: np.ndarray, dtype: str) -> np.ndarray:
        return encode_labels(y, self.classes_, dtype, self._one_output)

    def _outputs_of(self, spec_outputs: Shape) -> Shape:
        return outputs_for(len(self.classes_), spec_outputs)


def _checked_class_weight(given: Any) -> Mapping[Any, float] | str:
    if not isinstance(given, Mapping):
        if isinstance(given, str) and given == "balanced":
            return given
        raise TypeError(f"class_weight must be a mapping, 'balanced' or None, got {given!r}")
    if not all(isinstance(x, Real) and 0 <= float(x) < np.inf for x in given.values()):
        raise ValueError(f"class_weight must hold finite weights of at least 0, got {given!r}")
    return given
