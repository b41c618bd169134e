"""Keras on JAX and PyTorch: the same builders, in a process of their own, equal to scratch.

The other process trains what `against_scratch` lists and prints how far it came from scratch.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from frameworks.backends import BACKENDS

from . import against_scratch

pytestmark = pytest.mark.slow

LIMIT = 1e-12  # the design's limit in float64; 1e-15 is measured


@cache
def distances(name):
    """Return what the process prints: for each training, its distances from scratch."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", against_scratch.__name__],
        cwd=root,
        env=os.environ | dict(BACKENDS[name].variables) | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("training", against_scratch.NAMES)
@pytest.mark.parametrize("name", ["keras-jax", "keras-torch"])
def test_a_backend_trains_what_scratch_trains(name, training):
    found = distances(name)[training]
    assert found["backend"] == BACKENDS[name].variables["KERAS_BACKEND"]
    assert found["losses"] <= LIMIT
    assert found["weights"] <= LIMIT
    assert found["states"] <= LIMIT
    assert found["outputs"] <= LIMIT
    assert found["draws"]
    assert found["answers"]


@pytest.mark.parametrize("name", ["keras-jax", "keras-torch"])
def test_a_copy_of_it_goes_on_alike(name):
    assert distances(name)["copied"]
