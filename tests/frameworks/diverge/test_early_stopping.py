"""Early stopping, followed as in `fit`: where each side stops, what it keeps, by which rule."""

import numpy as np
import pytest

from frameworks.diverge import walk
from frameworks.errors import RequestError
from frameworks.pytorch.hooks import EarlyStopping
from scratch import KerasEarlyStopping

from .toy import SPLIT, both_ways, side

RATE, EPOCHS = 8.0, 12  # so that it soon overfits
HELD_OUT = SPLIT.X_test, SPLIT.y_test


class Unknown(EarlyStopping):
    """Goes on for an epoch after its rule says to stop."""

    def stop(self, loss, network):
        super().stop(loss, network)
        return self.waited > self.patience


class KeepsTheLast(EarlyStopping):
    restore_best_weights = False

    def restore(self, network):
        """Keep the weights as they are."""


def stops(implementation, rule, **options):
    def change(parts):
        optimizer = parts.optimizer
        if implementation == "scratch":
            optimizer.eta = RATE
        else:
            optimizer.param_groups[0]["lr"] = RATE
        return parts._replace(stopping=rule and rule())

    options = {"epochs": EPOCHS, "held_out": HELD_OUT} | options
    return side(implementation, change, **options)


def scratch_stops(patience=2, **options):
    return stops("scratch", lambda: KerasEarlyStopping(patience), **options)


def pytorch_stops(rule=EarlyStopping, patience=2):
    return stops("pytorch", lambda: rule(patience))


def level(found, name):
    return next(each for each in found.levels if each.name == name)


def test_two_that_stop_by_the_same_rule_agree_as_they_are_when_they_stop():
    a = scratch_stops()
    fitted = a.make()
    fitted.fit(*a.rows, validation_data=HELD_OUT)
    epochs = len(fitted.history_)
    losses = [epoch["val_loss"] for epoch in fitted.history_]
    assert epochs == np.argmin(losses) + 3 < EPOCHS
    found = walk(a, pytorch_stops())
    assert not found.parts
    assert level(found, "trajectory").compared == epochs + 2
    kept = f"trains {epochs} epochs and keeps the weights of epoch {np.argmin(losses) + 1}"
    assert found.notes == [f"early stopping: {name} {kept}" for name in ("scratch", "pytorch")]


@pytest.mark.parametrize(
    ("b", "where", "cause"),
    [
        (
            lambda: pytorch_stops(patience=3),
            "the number of epochs trained",
            "pytorch stops early with patience=3; scratch stops early with patience=2",
        ),
        (
            lambda: stops("pytorch", None),
            "the number of epochs trained",
            "pytorch has no early stopping; scratch has early stopping",
        ),
        (
            lambda: pytorch_stops(KeepsTheLast),
            "the epoch whose weights are kept",
            "pytorch stops early with restore_best_weights=False; "
            "scratch stops early with restore_best_weights=True",
        ),
        (lambda: pytorch_stops(Unknown), "the number of epochs trained", None),
    ],
    ids=["patience", "none", "last weights", "a rule of its own"],
)
def test_two_that_stop_by_different_rules_differ(b, where, cause):
    for found in both_ways(scratch_stops(), b()):
        (finding,) = found.findings
        assert (finding.level, finding.difference.where) == ("trajectory", where)
        assert finding.cause == cause


def test_single_steps_say_that_they_follow_no_early_stopping():
    found = walk(scratch_stops(), pytorch_stops(patience=3), single=True)
    assert any("early stopping ends none" in note for note in found.notes)


def test_early_stopping_without_rows_held_out_is_refused_as_by_fit():
    with pytest.raises(RequestError, match="the builder's early stopping needs them"):
        walk(scratch_stops(held_out=None), pytorch_stops())
