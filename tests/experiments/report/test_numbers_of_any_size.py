"""Trainings that ended in NaN or beyond all bounds have a report, and so have users with LaTeX."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import experiments

from .made_up import FULL, by_all, cell, html, save

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
@pytest.mark.parametrize("experiment", ["circle", "churn", "diabetes", "digits_autoencoder"])
def test_arrays_of_any_numbers_have_a_report(experiment, value, tmp_path):
    cells = by_all(experiment)
    for _, arrays in cells:
        for name, array in arrays.items():
            if array.dtype.kind == "f" and name != "grid_axes":
                arrays[name] = np.full_like(array, value)
    assert html(tmp_path, cells)


@pytest.mark.parametrize("value", [np.nan, 1e308, -1e308, 5e-324])
def test_losses_and_figures_of_any_size_have_a_report(value, tmp_path):
    cells = [cell("diabetes", name, seed) for name in FULL for seed in (0, 1)]
    for record, _ in cells:
        record["history"]["loss"] = [value, -value, 0.0, value]
        record["test"] |= {"loss": value, "rmse": value, "mse": value, "r2": value}
    assert html(tmp_path, cells)


def test_what_a_user_has_set_for_figures_changes_no_byte(tmp_path):
    cells = by_all("circle")
    stock = html(tmp_path / "stock", cells)
    settings = {"text.usetex": True, "lines.linestyle": "--", "axes.xmargin": 0.3}
    with matplotlib.rc_context(settings | {"figure.dpi": 30, "savefig.bbox": "tight"}):
        assert html(tmp_path / "set", cells) == stock


def test_a_backend_that_there_is_not_matters_to_no_report(tmp_path):
    save(tmp_path / "run", by_all("xor"))
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "report", str(tmp_path / "run")],
        cwd=Path(experiments.__file__).parents[1],
        env=os.environ | {"MPLBACKEND": "no_such_backend"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run" / "report.html").exists()
