"""Nothing outside a classifier is changed by using it, and nothing is printed by loading it."""

import pickle
import subprocess
import sys

import pytest

import frameworks
from experiments import circle
from experiments.registry import EXPERIMENTS

from .cases import NAMES, SMALL, table
from .world import state_of_the_world

X, Y = table(d=2)


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


def test_a_run_changes_nothing_in_the_process_that_asks_for_it(tmp_path):
    from experiments import run  # its trainings are processes of their own

    before = state_of_the_world()
    run("xor", implementations=["scratch"], epochs=2, out=tmp_path, quiet=True)
    assert changes(before, state_of_the_world()) == []


PACKAGES = ["scratch", "datasets", "experiments", "experiments.harness.cli"]
ADAPTERS = [f"frameworks.{name}_adapter" for name in ("scratch", "keras", "pytorch", "python")]
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
import frameworks.keras_adapter
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no such instruction" in done.stderr
    assert done.stderr.endswith("ImportError: it does not load\n")
