"""The shared interface: one scikit-learn classifier, whatever computes underneath."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from frameworks.adapter import Adapter
from frameworks.draws import Draws
from frameworks.saving import SavesWeights
from frameworks.spec import Builder
from frameworks.validation import (
    builders_spec,
    check_parameters,
    check_rows,
    check_validation_data,
    check_weights,
    encode_targets,
    unchanged_if_it_fails,
)
from scratch import Batch, count_correct

__all__ = ["LockstepClassifier"]

_ROWS_AT_ONCE = 4096  # predictions are made in pieces of so many rows


class LockstepClassifier(SavesWeights, ClassifierMixin, BaseEstimator):
    """A neural-network classifier whose training is the same in every implementation.

    With equal arguments and an integer `random_state` all implementations draw the same initial
    weights and the same batches, and so train the same network on any data. Two classes make one
    output and the binary cross-entropy, k > 2 classes make k outputs and the categorical one.

    Parameters
    ----------
    build : an experiment's builder, or None for a dense ReLU network trained with Adam. A builder
        brings its own layers, loss, optimizer and learning rate
    hidden : widths of the hidden layers, without a builder
    epochs : passes over the data in `fit`
    batch_size : rows of a step; the last batch of an epoch holds what is left over. With at least
        as many as there are rows, every step takes all rows, in their order
    learning_rate : Adam's, without a builder; rounded to float32 once (see `Spec`)
    dtype : "float32" or "float64"
    random_state : int, None, or a NumPy `RandomState` or `Generator`

    Attributes
    ----------
    classes_ : the sorted labels
    n_features_in_ : columns of X
    history_ : one dict per epoch: loss and accuracy (means over the rows, each batch before its
        update), seconds, and val_loss and val_accuracy where validation data were given
    initial_weights_ : the weights before the first step, read back from the implementation
    orders_sha256_ : a digest of the row orders of all epochs, equal where the batches were
    seconds_ : {"compile": ..., "fit": ...}, the times of building and of training
    """

    _adapter_class: type[Adapter]
    _default_build: Builder
    _adapter: Adapter  # from the first `fit` on

    def __init__(
        self,
        build: Builder | None = None,
        hidden: tuple[int, ...] = (16,),
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        dtype: str = "float32",
        random_state: Any = None,
    ) -> None:
        self.build = build
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dtype = dtype
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        initial_weights: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """Train `epochs` epochs on X (n, d) and labels y (n,), from new weights; return self.

        `sample_weight` (n,): the i-th row's loss counts wᵢ times, and a batch's mean is still over
        its number of rows. `validation_data`: (X, y) to measure after every epoch.
        `initial_weights`: arrays in the canonical layout to start from instead of drawn ones.
        Raises ValueError for what cannot be trained on, and leaves the classifier as it was.
        """
        options: Any = {"validation_data": validation_data, "initial_weights": initial_weights}
        list(self.iter_fit(X, y, sample_weight, **options))
        return self

    def iter_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        classes: Any = None,
        validation_data: tuple[Any, Any] | None = None,
        initial_weights: Sequence[np.ndarray] | None = None,
    ) -> Iterator[dict[str, float]]:
        """Do what `fit` does, and yield each epoch's record of `history_` as it is known.

        `classes`: all labels, where y may lack some.
        """
        with unchanged_if_it_fails(self):
            batch = self._prepare(X, y, sample_weight, classes, first=True)
            validation = check_validation_data(self, validation_data, batch.X.dtype)
            self._start(initial_weights)
            yield from self._train(batch, self.epochs, validation)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one more epoch on X, y; the first call has to see all labels in y or `classes`."""
        first = not hasattr(self, "_adapter")
        with unchanged_if_it_fails(self):
            batch = self._prepare(X, y, sample_weight, classes, first=first)
            if first:
                self._start(None)
            list(self._train(batch, 1, None))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels (n,) of X (n, d): the first class with the largest output."""
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

    def outputs(self, X: Any) -> np.ndarray:
        """Return the network's outputs (n, k) for X (n, d): logits, or probabilities (n, 1)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self._adapter.dtype, order="C", reset=False)
        return self._outputs(X)

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """Return {"loss", "accuracy"} on X (n, d), y (n,), without learning."""
        check_is_fitted(self)
        return self._measure(check_rows(self, X, y, self._adapter.dtype))

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights: kernels (d_in, d_out), biases (d_out,), layer by layer."""
        check_is_fitted(self)
        return self._adapter.get_weights()

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Copy in weights, laid out as `get_weights`; ValueError names one that does not fit."""
        own = self.get_weights()
        self._adapter.set_weights(check_weights(weights, own))

    def _outputs(self, X: np.ndarray) -> np.ndarray:
        pieces = range(0, len(X), _ROWS_AT_ONCE)
        return np.concatenate([self._adapter.outputs(X[i : i + _ROWS_AT_ONCE]) for i in pieces])

    def _measure(self, batch: Batch) -> dict[str, float]:
        outputs = self._outputs(batch.X)
        accuracy = count_correct(outputs, batch.y, self._adapter.threshold) / len(batch.y)
        return {"loss": self._adapter.loss(outputs, batch.y), "accuracy": accuracy}

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None, *, first: bool
    ) -> Batch:
        """Check the data, and at first the parameters; set what is known from them."""
        if first:
            check_parameters(self)
        dtype = self.dtype if first else self._adapter.dtype
        X, y = validate_data(self, X, y, dtype=dtype, order="C", reset=first)
        if first:
            check_classification_targets(y)
            self.classes_ = unique_labels(y if classes is None else classes)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"y holds one class only, {self.classes_[0]!r}; a classifier needs two or more"
                )
        targets = encode_targets(y, self.classes_, dtype)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        return Batch(X, targets, sample_weight)

    def _start(self, initial_weights: Sequence[np.ndarray] | None) -> None:
        """Build the network, give it its first weights, and start an empty history."""
        start = time.perf_counter()
        adapter = self._new_adapter(self.n_features_in_, len(self.classes_))
        draws = Draws(self.random_state)
        if initial_weights is None:
            initial_weights = adapter.parts.initial_weights(adapter.spec, draws.weights)
        adapter.set_weights(check_weights(initial_weights, adapter.get_weights()))
        self._begin(adapter, draws, time.perf_counter() - start)

    def _new_adapter(self, d: int, k: int) -> Adapter:
        """Build the network for d columns and k classes."""
        spec = replace(builders_spec(self), inputs=d, outputs=1 if k == 2 else k)
        spec = replace(spec, epochs=self.epochs, batch_size=self.batch_size)
        build = self._default_build if self.build is None else self.build
        return self._adapter_class(build, spec, self.dtype)

    def _begin(self, adapter: Adapter, draws: Draws, seconds: float) -> None:
        """Start an empty history with a network that has its weights."""
        self._adapter, self._draws = adapter, draws
        self.initial_weights_ = adapter.get_weights()
        self.history_: list[dict[str, float]] = []
        self.seconds_ = {"compile": seconds, "fit": 0.0}

    def _train(self, batch: Batch, epochs: int, validation: Batch | None) -> Iterator[dict]:
        start = time.perf_counter()
        self._adapter.compile(batch, self.batch_size)
        now = time.perf_counter()
        self.seconds_["compile"] += now - start
        shuffle = self._adapter.spec.shuffle
        orders = self._draws.orders(len(batch.X), self.batch_size, epochs, shuffle)
        # Epochs may be trained ahead of the results; what is measured in between needs one by one.
        runs = [orders] if validation is None else ([order] for order in orders)
        train = self._adapter.train
        for result in chain.from_iterable(train(batch, run, self.batch_size) for run in runs):
            record = {"loss": result.loss, "accuracy": result.accuracy}
            if validation is not None:
                measured = self._measure(validation)
                record |= {f"val_{name}": value for name, value in measured.items()}
            before, now = now, time.perf_counter()
            self.orders_sha256_ = self._draws.orders_sha256
            self.seconds_["fit"] += now - before
            record["seconds"] = now - before
            self.history_.append(record)
            yield record

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_adapter")
