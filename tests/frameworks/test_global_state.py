"""Nothing outside a classifier is changed by using it, and nothing is printed by loading it."""

import logging
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import warnings
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from tensorflow.python.eager import context

import frameworks
from experiments import circle
from experiments.registry import EXPERIMENTS
from frameworks.keras.lending import lent_keras
from frameworks.pytorch.dropout import nothing_else_drawn, random_numbers_kept
from frameworks.scratch.adapter import ScratchAdapter

from .cases import NAMES, SMALL, table
from .world import state_of_the_world

pytestmark = pytest.mark.slow

X, Y = table(d=2)
ABSL = logging.getLogger("absl")


def new(name, **parameters):
    if name == "PythonClassifier":  # it has no network of its own, and float64 only
        small = {
            key: value for key, value in SMALL.items() if key not in ("hidden", "learning_rate")
        }
        own = {"build": circle.build_python, "dtype": "float64"}
        return frameworks.PythonClassifier(**small | own | parameters)
    return getattr(frameworks, name)(**SMALL | parameters)


def refused(classifier):
    with pytest.raises(ValueError, match="NaN"):
        classifier.partial_fit(X * float("nan"), Y)


USES = {
    "fit": lambda c: c.fit(X, Y),
    "fit with validation": lambda c: c.fit(X, Y, validation_data=(X, Y)),
    "partial_fit": lambda c: c.partial_fit(X, Y),
    "partial_fit that is refused": refused,
    "predict": lambda c: c.predict(X),
    "predict_proba": lambda c: c.predict_proba(X),
    "score": lambda c: c.score(X, Y),
    "evaluate": lambda c: c.evaluate(X, Y),
    "set_weights": lambda c: c.set_weights(c.get_weights()),
    "pickle": lambda c: pickle.loads(pickle.dumps(c)).partial_fit(X, Y),
}


def changes(before, after):
    return [name for name in before if before[name] != after[name]]


@pytest.mark.parametrize("name", [*NAMES, "PythonClassifier"])
def test_no_use_changes_anything_outside(name):
    classifier = new(name)
    before = state_of_the_world()
    for use, act in USES.items():
        act(classifier)
        assert (use, changes(before, state_of_the_world())) == (use, [])


@pytest.mark.parametrize("name", [*NAMES, "PythonClassifier"])
def test_nothing_is_changed_between_two_epochs_or_by_stopping_there(name):
    before = state_of_the_world()
    epochs = new(name).iter_fit(X, Y, validation_data=(X, Y))
    next(epochs)
    assert changes(before, state_of_the_world()) == []
    epochs.close()
    assert changes(before, state_of_the_world()) == []


def build_writing(spec=circle.SPEC):
    """Return circle's network, which halves the rows where they lie."""
    parts = circle.build_pytorch(spec)
    parts.network.register_forward_pre_hook(lambda module, given: given[0].div_(2))
    return parts


@pytest.mark.parametrize("batch_size", [16, len(X)])
def test_a_module_that_writes_into_its_rows_changes_none_of_the_callers(batch_size):
    rows = X.astype("float64")
    options = {"epochs": 2, "batch_size": batch_size, "dtype": "float64", "random_state": 0}
    classifier = frameworks.PyTorchClassifier(build_writing, **options).fit(rows, Y)
    first = classifier.predict_proba(rows)
    assert np.array_equal(classifier.predict_proba(rows), first)
    assert np.array_equal(rows, X.astype("float64"))


@pytest.mark.parametrize("lent", [random_numbers_kept, partial(lent_keras, "float64")])
def test_what_is_set_for_the_process_is_set_by_one_thread_at_a_time(lent):
    """Else PyTorch takes another's draws for its own, and Keras computes in another's dtype."""

    def use():
        with lent():
            entered.set()

    entered, other = threading.Event(), threading.Thread(target=use)
    with lent(), lent():
        other.start()
        assert not entered.wait(0.1)
    other.join()
    assert entered.is_set()


def test_a_builder_that_draws_waits_for_a_training_that_must_not():
    waiting = threading.Thread(target=new("PyTorchClassifier").fit, args=(X, Y))
    with nothing_else_drawn():
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join()


# What a training might set: how it is set, something to set it to, and how it is read.
SETTINGS = {
    "random": (random.setstate, random.Random(9).getstate(), random.getstate),
    "numpy": (
        np.random.set_state,
        np.random.RandomState(9).get_state(),
        np.random.get_state,
    ),
    "numpy errors": (lambda kinds: np.seterr(**kinds), {"over": "ignore"}, np.geterr),
    "torch": (
        torch.set_rng_state,
        torch.Generator().manual_seed(9).get_state(),
        torch.get_rng_state,
    ),
    "torch dtype": (torch.set_default_dtype, torch.float64, torch.get_default_dtype),
    "torch threads": (torch.set_num_threads, 3, torch.get_num_threads),
    "torch determinism": (
        torch.use_deterministic_algorithms,
        True,
        torch.are_deterministic_algorithms_enabled,
    ),
    "floatx": (keras.config.set_floatx, "float64", keras.config.floatx),
    "policy": (keras.config.set_dtype_policy, "float64", keras.config.dtype_policy),
    "tensorflow seed": (tf.random.set_seed, 7, context.global_seed),
    "environment": (partial(os.environ.__setitem__, "HOME"), "/", partial(os.environ.get, "HOME")),
    "working directory": (os.chdir, "/", os.getcwd),
    "loggers": (ABSL.setLevel, 49, lambda: ABSL.level),
    "warnings": (partial(setattr, warnings, "filters"), [], lambda: warnings.filters),
    "signals": (
        partial(signal.signal, signal.SIGTERM),
        signal.SIG_IGN,
        partial(signal.getsignal, signal.SIGTERM),
    ),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_what_a_training_sets_is_seen(what, monkeypatch):
    put, value, get = SETTINGS[what]
    train, usual = ScratchAdapter.train, get()

    def meddling(*arguments):
        put(value)
        return train(*arguments)

    monkeypatch.setattr(ScratchAdapter, "train", meddling)
    before = state_of_the_world()
    try:
        new("ScratchClassifier").fit(X, Y)
        seen = changes(before, state_of_the_world())
    finally:
        put(usual)
    assert what in seen
    assert what not in changes(before, state_of_the_world())


def test_a_run_changes_nothing_in_the_process_that_asks_for_it(tmp_path):
    from experiments import run  # its trainings are processes of their own

    before = state_of_the_world()
    run("xor", implementations=["scratch"], epochs=2, out=tmp_path, quiet=True)
    assert changes(before, state_of_the_world()) == []


PACKAGES = ["scratch", "datasets", "experiments", "experiments.harness.cli.app"]
ADAPTERS = [f"frameworks.{name}.adapter" for name in ("scratch", "pytorch", "python")]
ADAPTERS.append("frameworks.keras.estimators")
PAGES = [f"experiments.{name}" for name in EXPERIMENTS]


@pytest.mark.parametrize(
    "modules", [[*PACKAGES, *PAGES, "frameworks"], *([name] for name in ADAPTERS)], ids=str
)
def test_nothing_is_printed_by_an_import(modules):
    command = [sys.executable, "-W", "default", "-c", f"import {', '.join(modules)}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_said_while_keras_is_loaded_is_shown_if_that_fails():
    code = """
import os, sys

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "keras":
            os.write(2, b"no such instruction")
            raise ImportError("it does not load")

sys.meta_path.insert(0, Broken())
import frameworks.keras.estimators
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no such instruction" in done.stderr
    assert done.stderr.endswith("ImportError: it does not load\n")
