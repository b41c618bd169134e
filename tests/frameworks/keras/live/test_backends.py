"""Live Keras models on JAX and PyTorch, in a process of their own, compute what they do here."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from frameworks.backends import BACKENDS

from . import figures as program
from .figures import figures

pytestmark = pytest.mark.slow

LIMIT = 1e-12  # the design's limit in float64; 1e-15 is measured
TOLD = {"untouched", "kinds", "takes the stated rates", "takes a fitted model"}  # no numbers
NAMES = {"keras-jax": ["mlp", "images"], "keras-torch": ["mlp", "cnn", "images"]}
here = cache(figures)


@cache
def there(name):
    root = Path(__file__).parents[4]
    variables = dict(BACKENDS[name].variables)
    variables.pop("JAX_ENABLE_X64", None)  # a user's process has it not
    done = subprocess.run(
        [sys.executable, "-m", program.__name__, *NAMES[name]],
        cwd=root,
        env=os.environ | variables | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("backend", "name"), [(backend, name) for backend in NAMES for name in NAMES[backend]]
)
def test_another_backend_computes_the_same_in_float64(backend, name):
    ours, theirs = here(name), there(backend)[name]
    assert theirs["untouched"]
    assert theirs["takes the stated rates"]
    assert theirs["takes a fitted model"]
    assert theirs["kinds"] == ours["kinds"]
    for figure in ours.keys() - TOLD:
        a, b = np.ravel(ours[figure]), np.ravel(theirs[figure])
        assert np.abs(a - b).max(initial=0) <= LIMIT * max(1, np.abs(a).max(initial=0)), figure
