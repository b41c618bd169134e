"""The shared interface: what classifiers and regressors of all implementations have in common."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from frameworks.adapter import Adapter
from frameworks.callbacks import Callback, EarlyStopping, PrintEpochs, called, watched
from frameworks.default_network import DenseSpec
from frameworks.errors import first_line
from frameworks.fitted import HasCoefficients
from frameworks.parameters import HasSpec
from frameworks.program import Builder, Program, ProgramBuilder, name_of, other_outputs
from frameworks.rows import ChecksRows, hold_out
from frameworks.saving import SavesWeights
from frameworks.spec import Shape, Spec, as_shape
from frameworks.task import Task
from frameworks.training import LockstepTraining
from frameworks.validation import (
    builders_spec,
    check_memory,
    check_validation_data,
    unchanged_if_it_fails,
)
from frameworks.weight_files import StoredNetwork
from scratch import Batch, SklearnEarlyStopping

__all__ = ["LockstepEstimator"]

_ROWS_AT_ONCE = 4096  # of predictions


class LockstepEstimator(SavesWeights, HasCoefficients, HasSpec, ChecksRows, LockstepTraining):
    """A neural network whose training is the same in every implementation.

    With equal arguments and an integer `random_state` all implementations draw the same initial
    weights and the same batches, and so train the same network on any data. X may have more than
    two dimensions, such as images (n, h, w, c), if a builder's network takes them.

    Parameters
    ----------
    build : an experiment's builder, or None for a dense network trained with Adam. A builder
        brings its own layers, loss, optimizer and learning rate
    hidden : widths of the hidden layers, without a builder; 8 is one layer, as (8,) is
    epochs : passes over the data in `fit`
    batch_size : rows per step; the last batch of an epoch holds the remaining rows. If it is at
        least the number of rows, every step takes all rows, in their order
    learning_rate : Adam's, without a builder; rounded to float32 once (see `Spec`)
    dtype : "float32" or "float64"
    random_state : int, None, or a NumPy `RandomState` or `Generator`
    spec : the builder's numbers, if not its own; searches set each one as `spec__NAME`
    activation : of the hidden layers, without a builder: "identity", "logistic", "relu" or "tanh"
    early_stopping : hold out `validation_fraction` of the rows, a share of each class, or take
        `validation_data` instead; stop when the loss on them has improved on the best by less than
        `tol` for more than `n_iter_no_change` epochs in a row; then restore the best epoch's
        weights. It is scikit-learn's rule on the loss, where scikit-learn takes the score. The same
        rows are held out in every implementation, and whatever weights they have count as 1
    warm_start : `fit` goes on from where the last one ended, with the same network, optimizer,
        random numbers and `history_`, instead of anew. Parameters of the network, its optimizer
        and its random numbers may not change in between; those that say how to train may
    callbacks : `Callback` objects or functions (estimator, record), called after each epoch of
        `fit`; one that returns True ends the training (see `frameworks.callbacks`)
    verbose : print a line for each epoch of `fit`

    Attributes
    ----------
    n_features_in_ : columns of X, its second dimension
    history_ : one dict per epoch: loss (the mean over the rows, each batch before its update),
        accuracy of a classifier, seconds, and val_loss and the other validation figures if
        validation data were given
    initial_weights_ : the weights before the first step, read back from the implementation
    orders_sha256_ : a digest of the row orders of all epochs: equal if the batches were equal
    draws_sha256_ : a digest of the draws of all steps, such as dropout masks; empty if nothing
        was drawn
    seconds_ : {"compile": ..., "fit": ...}, the times of building and of training
    n_iter_, loss_, loss_curve_, coefs_, intercepts_ : see `HasCoefficients`
    """

    task: ClassVar[Task]
    _default_build: Builder | None = None

    # More than seven arguments: scikit-learn clones, searches and prints an estimator by what its
    # constructor is given, so each setting that it is to know must stand here, under the name by
    # which its users look for it. The first seven may be given in this order, the others by name.
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
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        callbacks: Sequence[Callback | Callable[[Any, dict[str, float]], Any]] = (),
        verbose: bool = False,
    ) -> None:
        self.build = build
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dtype = dtype
        self.random_state = random_state
        self.spec = spec
        self.activation = activation
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose

    @abstractmethod
    def _take_targets(self, network: StoredNetwork) -> None:
        """Set what a weight file says about the targets; WeightFileError for the wrong kind."""

    @abstractmethod
    def _outputs_of(self, spec_outputs: Shape) -> Shape:
        """Return the output shape for one row; `spec_outputs` is that of the builder's spec."""

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        initial_weights: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """Train `epochs` epochs on X (n, ...) and targets y; return self.

        It starts from new weights, unless `warm_start` is set and there are some.
        `sample_weight` (n,): row i's loss is multiplied by wᵢ, and a batch's mean is still over its
        number of rows. `validation_data`: (X, y) to evaluate after every epoch. `initial_weights`:
        arrays in the canonical layout to start from instead of drawn ones. Raises ValueError for
        data that cannot be trained on, and leaves the estimator as it was.
        """
        options: Any = {"validation_data": validation_data, "initial_weights": initial_weights}
        list(self.iter_fit(X, y, sample_weight, ahead=True, **options))
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
        ahead: bool = False,
    ) -> Iterator[dict[str, float]]:
        """Train like `fit`, and yield each epoch's record of `history_` when it is known.

        Between two records the network is that of the first, and who stops there keeps it. No
        parameter of the training may change there. If the estimator begins another training, or
        loads weights, this one is over, and going on with it raises RuntimeError.
        `classes`: all labels, in case y lacks some. `ahead`: several epochs may be trained before
        the first of their records is yielded, as in `fit`, which is faster for small networks. Who
        stops there keeps all of them, and `history_` has their records.
        """
        first = not (self.warm_start and hasattr(self, "_adapter"))
        if not first and initial_weights is not None:
            raise ValueError("initial_weights: a warm start goes on from the network's own")
        with unchanged_if_it_fails(self):
            batch = self._prepare(X, y, sample_weight, classes, first=first)
            validation = check_validation_data(self, validation_data, str(batch.X.dtype))
            if first:
                self._start(initial_weights)
            if self.early_stopping and validation is None:
                split = self.validation_fraction, self._draws.split_seed, self.task.has_answers
                batch, validation = hold_out(batch, *split)
            yield from self._train_watched(batch, validation, ahead)

    def _train_watched(
        self, batch: Batch, validation: Batch | None, ahead: bool
    ) -> Iterator[dict[str, float]]:
        """Train until the last epoch, or until a callback says to stop."""
        callbacks = self._all_callbacks()
        with watched(self, callbacks):
            if not callbacks:
                yield from self._train(batch, self.epochs, validation, ahead)
                return
            for record in self._train(batch, self.epochs, validation):
                stop = [each.on_epoch_end(self, record) for each in callbacks]  # all are told
                yield record
                if any(stop):
                    self._adapter.finish()
                    return

    def _all_callbacks(self) -> list[Callback]:
        """Return the callbacks that the parameters ask for; the one that restores weights last."""
        found = [PrintEpochs()] * self.verbose + [called(each) for each in self.callbacks]
        if self.early_stopping:
            rule = SklearnEarlyStopping(self.n_iter_no_change, self.tol)
            found.append(EarlyStopping("val_loss", rule))
        return found

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        if self.early_stopping:
            raise ValueError("early_stopping: partial_fit trains one epoch, and stops after it")
        first = not hasattr(self, "_adapter")
        with unchanged_if_it_fails(self):
            batch = self._prepare(X, y, sample_weight, classes, first=first)
            if first:
                self._start(None)
            list(self._train(batch, 1, None))
        return self

    def outputs(self, X: Any, network: int = 0) -> np.ndarray:
        """Return the network's outputs (n, k) for X (n, ...): logits, probabilities or numbers.

        `network`: the number of one of a program's networks.
        """
        check_is_fitted(self)
        numbers = range(len(self._adapter.parts.networks))
        if network not in numbers:
            raise ValueError(f"network must be one of {[*numbers]}, got {network!r}")
        return self._outputs(self._check_X(X), network)

    @available_if(lambda self: self.build is not None)
    def transform(self, X: Any) -> np.ndarray:
        """Return the codes (n, k) of X (n, ...): what the builder's `Parts(code=...)` points to.

        That many of the network's layers compute them, an activation counted as a layer. Raises
        TypeError if the builder names no code.
        """
        check_is_fitted(self)
        count = getattr(self._adapter.parts, "code", None)
        if count is None:
            raise TypeError(
                f"build: {name_of(self.build)} says of none of its layers that it computes a code; "
                "let it return Parts(..., code=number of layers)"
            )
        X = self._check_X(X)
        pieces = range(0, len(X), _ROWS_AT_ONCE)
        layers = (self._adapter.layer_outputs(X[i : i + _ROWS_AT_ONCE]) for i in pieces)
        return np.concatenate([found[count - 1].values for found in layers])

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """Return the loss and the task's metrics on X (n, ...) and y, in evaluation mode.

        A classifier has {"loss", "accuracy"}, a regressor {"loss", "rmse", "mse", "r2"}.
        """
        check_is_fitted(self)
        return self._measure(self._check_rows(X, y, self._adapter.dtype))

    def _outputs(self, X: np.ndarray, network: int = 0) -> np.ndarray:
        pieces = (X[i : i + _ROWS_AT_ONCE] for i in range(0, len(X), _ROWS_AT_ONCE))
        return np.concatenate([self._adapter.outputs(piece, network) for piece in pieces])

    def _measure(self, batch: Batch) -> dict[str, float]:
        program = self._adapter.program
        if program and program.has_own_figures:
            return program.evaluate(batch)
        if program and program.parts.loss is None:
            raise TypeError(
                f"build: the program of {name_of(self.build)} has no loss by which its outputs can "
                "be measured; give it one, as Program(..., loss=loss)"
            )
        outputs = self._outputs(batch.X)
        metrics = self.task.measure(outputs, batch.y, self._adapter.threshold)
        return {"loss": self._adapter.loss(outputs, batch.y)} | metrics

    def _build_adapter(self) -> Adapter:
        """Build the network for rows and targets like those of the first X and y."""
        spec = builders_spec(self)
        spec = replace(
            spec,
            inputs=as_shape(self._row_shape),
            outputs=self._outputs_of(spec.outputs),
            epochs=int(self.epochs),
            batch_size=int(self.batch_size),
        )
        if self.build is None and isinstance(spec, DenseSpec):
            check_memory(spec, self.dtype)
        build = self._default_build if self.build is None else self.build
        assert build is not None
        adapter = self._adapter_class(build, spec, self.dtype, self.task)
        self._check_outputs(adapter)
        return adapter

    def _check_outputs(self, adapter: Adapter) -> None:
        """Raise ValueError if the builder's network has other outputs than the targets need."""
        if self.build is None or isinstance(adapter.parts, Program):
            return
        row = np.ones((1, *self._row_shape), adapter.dtype)
        try:
            outputs = adapter.outputs(row).shape[1:]
        except Exception as error:  # of the framework's own, or the user's
            why = first_line(error)
            raise ValueError(
                f"build: the network of {name_of(self.build)} has no outputs for a row of shape "
                f"{self._row_shape}: {why}"
            ) from error
        needed = adapter.spec.outputs
        needed = needed if isinstance(needed, tuple) else (needed,)
        if why := other_outputs(self.build, outputs, needed):
            raise ValueError(f"build: {why}")
