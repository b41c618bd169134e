"""The shared interface for labels: one scikit-learn classifier for every implementation."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from frameworks.estimator import LockstepEstimator
from frameworks.spec import Shape, outputs_for
from frameworks.task import CLASSIFICATION
from frameworks.validation import builders_spec, encode_labels
from frameworks.weight_files import StoredNetwork, WeightFileError

__all__ = ["LockstepClassifier"]


class LockstepClassifier(ClassifierMixin, LockstepEstimator):
    """A classifier; parameters and attributes as in `LockstepEstimator`, and `classes_`.

    classes_ : the sorted labels

    Two classes give one output and the binary cross-entropy, k > 2 classes k outputs and the
    categorical cross-entropy. A builder may use two outputs for two classes (`outputs=2`).
    """

    task = CLASSIFICATION

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
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels (n,) of X (n, ...): the first class with the largest output."""
        outputs = self.outputs(X)
        if outputs.shape[1] == 1:
            return self.classes_[(outputs[:, 0] > self._adapter.threshold).astype(int)]
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities (n, k) of the classes, in the order of `classes_`."""
        p = self.outputs(X)
        if self._adapter.parts.logits:
            p = self._adapter.probabilities(p)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def _learn_targets(self, y: np.ndarray, classes: Any) -> None:
        check_classification_targets(y)
        self.classes_ = unique_labels(y if classes is None else classes)
        if len(self.classes_) < 2:
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
