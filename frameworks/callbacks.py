"""Callbacks: what is done after each epoch of `fit`, from a progress bar to an early stop.

ScratchClassifier(early_stopping=True, callbacks=[ProgressBar()])
ScratchClassifier(callbacks=[lambda classifier, record: record["loss"] < 0.1])  # True: stop
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scratch import KerasEarlyStopping, SklearnEarlyStopping

__all__ = ["Callback", "EarlyStopping", "PrintEpochs", "ProgressBar", "called", "watched"]

Record = dict[str, float]


class Callback:
    """Called by `fit` and `iter_fit`; a derived class overrides what it needs."""

    def on_train_begin(self, estimator: Any) -> None:
        """Prepare for a training; the network has its initial weights."""

    def on_epoch_end(self, estimator: Any, record: Record) -> bool | None:
        """Take note of an epoch's record, the last of `history_`; return True to stop training."""

    def on_train_end(self, estimator: Any) -> None:
        """Clean up, however training ended: an error, too, or an iteration that was given up."""


class _Function(Callback):
    def __init__(self, function: Callable[[Any, Record], Any]) -> None:
        self._function = function

    def on_epoch_end(self, estimator: Any, record: Record) -> bool:
        return bool(self._function(estimator, record))


class EarlyStopping(Callback):
    """Stop by a rule when a figure of the record stops falling, and restore the best epoch.

    Weights, and all that layers keep besides, become those of the epoch with the lowest figure; the
    optimizer's state remains that of the last. `monitor`: a name in the records of `history_`.
    `rule`: Keras' or scikit-learn's, see `scratch.stopping`; each training starts with a copy of
    it, so that several estimators may share one, also at the same time.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        rule: KerasEarlyStopping | SklearnEarlyStopping | None = None,
    ) -> None:
        self.monitor, self.rule = monitor, rule or KerasEarlyStopping(patience=5)
        self._rules: dict[int, KerasEarlyStopping | SklearnEarlyStopping] = {}
        self._kept: dict[int, Any] = {}  # all that layers keep besides, in the best epoch

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: nothing of a training that is under way."""
        return vars(self) | {"_rules": {}, "_kept": {}}

    def on_train_begin(self, estimator: Any) -> None:
        """Start with a rule that has seen nothing."""
        self._rules[id(estimator)] = deepcopy(self.rule)

    def on_epoch_end(self, estimator: Any, record: Record) -> bool:
        """Tell whether the rule says to stop; ValueError if the record lacks the figure."""
        if self.monitor not in record:
            raise ValueError(
                f"monitor: expected one of {', '.join(record)}, got {self.monitor!r}; validation "
                "figures need validation_data or early_stopping"
            )
        arrays = estimator.get_weights() + estimator.get_states()
        rule = self._rules[id(estimator)]
        before = rule.best_arrays
        stop = rule.stop(record[self.monitor], *arrays)
        if rule.best_arrays is not before:
            self._kept[id(estimator)] = estimator._adapter.get_layer_state()
        return stop

    def on_train_end(self, estimator: Any) -> None:
        """Restore the weights and states of the best epoch, if any."""
        best = self._rules.pop(id(estimator)).best_arrays
        kept = self._kept.pop(id(estimator), None)
        if kept is not None:
            estimator._adapter.set_layer_state(kept)
        if best is not None:
            count = len(estimator.get_weights())
            estimator.set_weights(best[:count])
            estimator.set_states(best[count:])


class PrintEpochs(Callback):
    """Print a line for each epoch: what `verbose=True` does."""

    def on_epoch_end(self, estimator: Any, record: Record) -> None:
        """Print the record, without its seconds."""
        print(f"epoch {len(estimator.history_)}: {_figures(record)}")


class ProgressBar(Callback):
    """Show a bar with the latest figures and the time that is left."""

    def on_train_begin(self, estimator: Any) -> None:
        """Show an empty bar."""
        text, figures = TextColumn("{task.description}"), TextColumn("{task.fields[figures]}")
        columns = text, BarColumn(20), MofNCompleteColumn(), figures, TimeRemainingColumn()
        self._bar = Progress(*columns)
        self._bar.add_task("epoch", total=estimator.epochs, figures="")
        self._bar.start()

    def on_epoch_end(self, estimator: Any, record: Record) -> None:
        """Advance by one epoch."""
        self._bar.update(self._bar.task_ids[0], advance=1, figures=_figures(record))

    def on_train_end(self, estimator: Any) -> None:
        """Leave the bar as it is; keep nothing that could not be copied or pickled."""
        self._bar.stop()
        del self._bar


def called(given: Callback | Callable[[Any, Record], Any]) -> Callback:
    """Return a function (estimator, record) as a callback, and a callback as it is."""
    return given if isinstance(given, Callback) else _Function(given)


@contextmanager
def watched(estimator: Any, callbacks: Sequence[Callback]) -> Iterator[None]:
    """Begin a training with each callback, and end it with those that have begun.

    If the estimator has begun another one since, the weights are that one's: none are restored.
    """
    begun: list[Callback] = []
    training = estimator._training
    try:
        for each in callbacks:
            each.on_train_begin(estimator)
            begun.append(each)
        yield
    finally:
        newest = estimator._training is training
        for each in begun:
            if newest or not isinstance(each, EarlyStopping):
                each.on_train_end(estimator)


def _figures(record: Record) -> str:
    return "  ".join(f"{name} {x:.4g}" for name, x in record.items() if name != "seconds")
