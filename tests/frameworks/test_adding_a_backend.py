"""Adding an implementation is a folder and a line, as CONTRIBUTING says.

The folder is `toy`, which trains what pages build for NumPy by loops of its own; the line is one in
`backends.py`. Both stand before the real ones on the path of the processes that the test starts.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import frameworks

pytestmark = pytest.mark.slow

BACKEND = '''
"""A toy."""

from frameworks.backend import Backend, LineStyle

__all__ = ["BACKEND"]

BACKEND = Backend(
    name="toy",
    title="Toy",
    folder="frameworks.toy",
    packages=("numpy",),
    classifier="ToyClassifier",
    regressor="ToyRegressor",
    style=LineStyle(colour=6, width=1.5, dashes=(2, 1), marker="x"),
    builder="scratch",
    default=False,
    native=None,
)
'''
ADAPTER = '''
"""A toy behind the shared interface."""

import numpy as np

from frameworks.classifier import LockstepClassifier
from frameworks.default_network import build_scratch
from frameworks.regressor import LockstepRegressor
from frameworks.scratch.adapter import ScratchAdapter
from scratch import Batch, EpochResult, count_correct


class ToyAdapter(ScratchAdapter):
    def train(self, data, orders, batch_size):
        network, (optimizer,) = self.parts.network, self.parts.optimizers
        for order in orders:
            rows = np.arange(len(data.X)) if order is None else order
            total = correct = 0
            labelled = self.threshold is not None
            for start in range(0, len(rows), batch_size):
                i = rows[start : start + batch_size]
                X, y = data.X[i], data.y[i]
                if labelled:
                    correct += count_correct(network.forward(X), y, self.threshold)
                loss, gradients = network.loss_and_grad(self.parts.loss, X, y)
                total += loss * len(i) * FAULT
                optimizer.step(network.theta, np.concatenate([g.ravel() for g in gradients]))
            yield EpochResult(total / len(rows), correct / len(rows) if labelled else None)


class ToyClassifier(LockstepClassifier):
    _adapter_class = ToyAdapter
    _default_build = staticmethod(build_scratch)


class ToyRegressor(LockstepRegressor):
    _adapter_class = ToyAdapter
    _default_build = staticmethod(build_scratch)
'''


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder and the line, found before what is in the checkout."""
    folder = tmp_path / "site" / "frameworks"
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "__init__.py").write_text(BACKEND)
    (folder / "toy" / "adapter.py").write_text(ADAPTER.replace("FAULT", "1"))
    lines = (Path(frameworks.__file__).parent / "backends.py").read_text()
    lines = lines.replace("python, pytorch, scratch", "python, pytorch, scratch, toy")
    lines = lines.replace(
        "        scratch.BACKEND,\n", "        scratch.BACKEND,\n        toy.BACKEND,\n"
    )
    (folder / "backends.py").write_text(lines)
    found_first = f"import frameworks\nframeworks.__path__.insert(0, {str(folder)!r})\n"
    (folder.parent / "sitecustomize.py").write_text(found_first)  # Python runs it as it starts
    return folder


@pytest.fixture
def lockstep(folder, tmp_path):
    """Return a function that runs the command where the toy is an implementation."""

    def run(*arguments):
        root = str(Path(frameworks.__file__).parents[1])
        paths = os.pathsep.join([str(folder.parent), root])
        mine = {"PYTHONPATH": paths, "LOCKSTEP_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "experiments", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | mine, capture_output=True, text=True
        )

    return run


def test_a_folder_and_a_line_are_an_implementation(lockstep, tmp_path):
    listed = lockstep("list")
    assert re.search(r"\ntoy +numpy \(trained if --with names it\)\n", listed.stdout)
    for experiment, epochs in (("xor", "50"), ("diabetes", "5")):
        options = ("--with", "scratch,toy", "--epochs", epochs, "--out", experiment)
        done = lockstep("run", experiment, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 of 1 pair agrees" in done.stdout
        assert "toy" in (tmp_path / experiment / "report.html").read_text()


def test_what_it_computes_otherwise_is_found(lockstep, folder, tmp_path):
    """A toy whose losses are one part in a billion too large."""
    (folder / "toy" / "adapter.py").write_text(ADAPTER.replace("FAULT", "(1 + 1e-9)"))
    done = lockstep("run", "xor", "--with", "scratch,toy", "--epochs", "5", "--out", "xor")
    assert done.returncode == 1
    (entry,) = json.loads((tmp_path / "xor" / "results.json").read_text())["agreement"]
    assert entry["reason"].startswith("epoch 1: the loss differs by 1.0e-09")
