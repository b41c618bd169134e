"""A page of one phase may, as one of several, hold rows out, stop early, and begin anywhere."""

import json
from pathlib import Path

import pytest

from experiments import xor

pytestmark = pytest.mark.slow

STOPS = """
class AfterTwo:
    def __init__(self):
        self.epochs = 0

    def stop(self, loss, *of):
        self.epochs += 1
        return self.epochs == 2

    def restore(self, *of):
        pass


def stopping(build):
    def stops(spec=SPEC):
        return build(spec)._replace(stopping=AfterTwo())

    stops.__name__ = build.__name__
    return stops


build_scratch, build_pytorch = stopping(build_scratch), stopping(build_pytorch)
"""
HALVES = """
def halves(spec, rng, before):
    return [np.full_like(w, 0.5) for w in initial_weights(spec, rng)]
"""


@pytest.fixture
def trained(call, tmp_path):
    """Return a function that trains three seeds of a page, and gives the answer and records."""

    def run(phase, more=""):
        text = Path(xor.__file__).read_text()
        phases = f"from experiments.harness.phases import Phase\n{more}\nEXPERIMENT = Experiment(\n"
        text = text.replace("EXPERIMENT = Experiment(", phases + f"    phases=({phase},),", 1)
        (tmp_path / "mine.py").write_text(text)
        answer = call("run", tmp_path / "mine.py", "--with", "scratch,pytorch", "--seeds", "3",
                      "--epochs", "5", "--jobs", "1", "--out", tmp_path / "run")  # fmt: skip
        cells = sorted((tmp_path / "run" / "cells").glob("*.json"))
        return answer, [json.loads(path.read_text()) for path in cells]

    return run


def test_rows_that_are_held_out_are_measured_in_every_seed(trained):
    answer, records = trained("Phase('one', SPEC, validate=0.25)")
    assert answer.code == 0, answer.out
    assert [len(record["history"]["val_loss"]) for record in records] == [5] * 6


def test_every_seed_stops_early_and_is_kept(trained):
    answer, records = trained("Phase('one', SPEC, validate=0.25)", STOPS)
    assert answer.code == 0, answer.out
    assert [len(record["history"]["loss"]) for record in records] == [2] * 6
    assert [each["epochs"] for record in records for each in record["phases"]] == [2] * 6


def test_every_seed_begins_with_the_weights_of_its_phase(trained):
    answer, records = trained("Phase('one', SPEC, weights=halves)", HALVES)
    assert answer.code == 0, answer.out
    assert len({round(record["history"]["loss"][0], 12) for record in records}) == 1
