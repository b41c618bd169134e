"""What all estimators have in common: training, weights and states."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from frameworks.adapter import Adapter
from frameworks.catching_up import BeforeEpochs
from frameworks.continuing import UnderWay, parameters_of_network
from frameworks.draws import Draws
from frameworks.validation import check_weights
from scratch import Batch, EpochResult

__all__ = ["FitTogether", "LockstepTraining", "measured"]


class FitTogether(Protocol):
    """An implementation's way to train several estimators in one pass."""

    def __call__(
        self, estimators: Sequence[Any], X: Any, y: Any, classes: Any = None
    ) -> Iterator[list[dict[str, float]]]:
        """Do what `iter_fit` does for as many estimators as it takes at once, the first of them.

        They are equal but for their seeds. Yield the records of each epoch, one for each estimator
        that is trained; its seconds are its share of the time. Raises an error where they have to
        be trained one by one, in new estimators.
        """


class _Timed:
    """The orders of all epochs, and the seconds that each epoch took.

    The time of epochs that are trained together, before the first of their results is known, is
    shared between them.
    """

    def __init__(
        self, orders: Iterable[np.ndarray | None], before: BeforeEpochs | None = None
    ) -> None:
        self._orders, self._taken, self._known, self._together = orders, 0, 0, 0
        self._before, self._ended = before, False
        self.resume()

    def __iter__(self) -> Iterator[np.ndarray | None]:
        for order in self._orders:
            self._taken += 1
            if self._before is not None and self.unknown == 1:
                self._before.forget()
            if self._before is not None and self.unknown == 2:  # all are taken before any is used
                self._before.keep()
            yield order
            if self._ended:
                return

    @property
    def unknown(self) -> int:
        """The number of epochs that have begun, and whose results are not known."""
        return self._taken - self._known

    def end(self) -> None:
        """Give no further order."""
        self._ended = True

    def resume(self) -> None:
        """Start the clock after a pause."""
        self._since = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds of the epoch whose result has just become known."""
        seconds = time.perf_counter() - self._since
        if self._known == self._together:  # the first result of those orders
            self._share, self._together = seconds / (self._taken - self._known), self._taken
            seconds = 0.0
        self._known += 1
        return self._share + seconds


class LockstepTraining(BaseEstimator, ABC):
    """A network, or a program, whose training is the same in every implementation.

    A derived class defines its kind of data: it checks them in `fit`, then calls `_start` and
    `_train`.
    """

    batch_size: int
    dtype: str
    random_state: Any
    _adapter_class: type[Adapter]
    _adapter: Adapter  # set by the first `fit`
    _training: Any = None  # whatever tells the newest training from those before it

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights: kernels (d_in, d_out), biases (d_out,), layer by layer."""
        check_is_fitted(self)
        return self._adapter.get_weights()

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Copy in weights laid out as in `get_weights`; ValueError names one that does not fit."""
        own = self.get_weights()
        self._adapter.set_weights(check_weights(weights, own))

    def get_states(self) -> list[np.ndarray]:
        """Return copies of what layers learn without a gradient, in layer order.

        For batch normalization, the running mean (d,) and variance (d,).
        """
        check_is_fitted(self)
        return self._adapter.get_states()

    def set_states(self, states: Sequence[np.ndarray]) -> None:
        """Copy in states laid out as in `get_states`; ValueError names one that does not fit."""
        own = self.get_states()
        self._adapter.set_states(check_weights(states, own, "states"))

    @abstractmethod
    def _build_adapter(self) -> Adapter:
        """Build the network for the data given to `fit`."""

    def _measure(self, batch: Batch) -> dict[str, float]:
        """Return the figures of validation data after an epoch; by default none."""
        return {}

    def _start(self, initial_weights: Sequence[np.ndarray] | None) -> None:
        """Build the network, set its initial weights, and start an empty history."""
        start = time.perf_counter()
        adapter = self._build_adapter()
        draws = Draws(self.random_state)
        if initial_weights is None:
            initial_weights = adapter.initial_weights(draws)
        own = adapter.get_weights()
        adapter.set_weights(check_weights(initial_weights, own, "initial_weights"))
        self._begin(adapter, draws, time.perf_counter() - start)

    def _begin(self, adapter: Adapter, draws: Draws, seconds: float) -> None:
        """Start an empty history with a network that has its initial weights."""
        self._adapter, self._draws = adapter, draws
        self._began_with = parameters_of_network(self)
        self.initial_weights_ = adapter.get_weights()
        self.history_: list[dict[str, float]] = []
        self.seconds_ = {"compile": seconds, "fit": 0.0}

    def _train(
        self, batch: Batch, epochs: int, validation: Batch | None, ahead: bool = False
    ) -> Iterator[dict]:
        stopping = self._stops_early(validation)
        under_way = UnderWay(self)
        before = BeforeEpochs(self)
        orders = _Timed(self._orders(batch, epochs), before)
        # Epochs may be trained ahead of their results; validation needs them one by one.
        together = ahead and validation is None
        runs = [orders] if together else ([order] for order in orders)
        records = chain.from_iterable(self._epochs(batch, run) for run in runs)
        try:
            for epoch, record in enumerate(records, 1):
                if validation is not None:
                    measured = self._measure(validation)
                    record |= {f"val_{name}": value for name, value in measured.items()}
                self._note(record, orders.seconds())
                yield record
                under_way.check_newest()
                if stopping and self._adapter.stop(len(self.history_) - 1, record["val_loss"]):
                    break
                if epoch < epochs:
                    under_way.check_parameters()
                orders.resume()
        except BaseException:
            if together and under_way.is_newest:
                self._catch_up(records, orders, before)
            raise
        self._adapter.finish()
        if stopping:
            self._adapter.restore_best()

    def _stops_early(self, validation: Batch | None) -> bool:
        """Return whether the builder stops early; ValueError without the rows that this needs."""
        stopping = getattr(self._adapter.parts, "stopping", None) is not None
        if stopping and validation is None:
            raise ValueError("validation_data: the builder's early stopping needs them, got None")
        return stopping

    def _catch_up(
        self, records: Iterable[dict[str, float]], orders: _Timed, before: BeforeEpochs
    ) -> None:
        """Let the history be what the network was trained, where a training is given up.

        Epochs trained ahead whose results are known are noted; those that are interrupted are
        undone.
        """
        orders.end()
        orders.resume()
        for record in records:
            self._note(record, orders.seconds())
        if orders.unknown:
            before.restore()

    def _orders(self, batch: Batch, epochs: int) -> Iterator[np.ndarray | None]:
        """Prepare to train on a batch, and return the order of its rows for each epoch."""
        start, adapter = time.perf_counter(), self._adapter
        adapter.draw_from(self._draws, batch.X[:1])
        adapter.compile(batch, self._rows_at_once(batch))
        self.seconds_["compile"] += time.perf_counter() - start
        size = int(self.batch_size)
        return self._draws.orders(len(batch.X), size, int(epochs), adapter.spec.shuffle)

    def _note(self, record: dict[str, float], seconds: float) -> None:
        """Add an epoch's record to the history."""
        self.orders_sha256_ = self._draws.orders_sha256
        self.draws_sha256_ = self._draws.draws_sha256
        self.seconds_["fit"] += seconds
        record["seconds"] = seconds
        self.history_.append(record)

    def _epochs(
        self, batch: Batch, orders: Iterable[np.ndarray | None]
    ) -> Iterator[dict[str, float]]:
        """Train one epoch for each order, and yield its record."""
        size = self._rows_at_once(batch)
        if program := self._adapter.program:
            yield from program.run(batch, orders, size)
            return
        yield from map(measured, self._adapter.train_augmented(batch, orders, size))

    def _rows_at_once(self, batch: Batch) -> int:
        """Return the rows of a step: frameworks take no number of NumPy's, or far above theirs."""
        return min(int(self.batch_size), len(batch.X))

    def __copy__(self) -> Self:
        """Return an estimator with the same parameters and a network of its own.

        With the same network, as by default, training one would train the other.
        """
        parameters = {id(value): value for value in self.get_params(deep=False).values()}
        copied = type(self).__new__(type(self))
        copied.__dict__.update(deepcopy(vars(self), parameters))  # which are not copied
        return copied

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_adapter")


def measured(result: EpochResult) -> dict[str, float]:
    """Return what an epoch's record says of its result."""
    loss, accuracy = result
    return {"loss": loss} if accuracy is None else {"loss": loss, "accuracy": accuracy}
