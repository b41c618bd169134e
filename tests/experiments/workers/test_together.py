"""Seeds that are trained together: the records of single trainings, whatever happens on the way.

Code that is appended to a page runs in the workers only; this process has the real page.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest

from frameworks.backends import BACKENDS

from ...reliability.timings import contents, different
from ..command import environment
from .test_runner import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

CHURN = ("churn", "--data", "stand-in", "--limit", "203", "--epochs", "3")  # the last batch has 3
LAYERS = """
def build_scratch(spec=SPEC):
    from scratch import Adam, BatchNorm, BinaryCrossEntropy, Dense, Dropout, Sequential

    network = Sequential(Dense(11, 4), {layer}, Dense(4, 1))
    return Parts(network, BinaryCrossEntropy(), Adam(), weights)


def weights(spec, rng):
    shapes = {shapes}
    return [rng.uniform(0.5, 1, shape) for shape in shapes]
"""
EDGES = [(11, 4), (4,)], [(4, 1), (1,)]
PAGES = {
    "the page's own layers": "pass",
    "batch normalization": LAYERS.format(
        layer="BatchNorm.keras(4)", shapes=[*EDGES[0], (4,), (4,), *EDGES[1]]
    ),
    "dropout": LAYERS.format(layer="Dropout(0.5)", shapes=[*EDGES[0], *EDGES[1]]),
}
FAILS = """
drawn = initial_weights


def initial_weights(spec, rng):
    import pathlib

    if rng.bit_generator.seed_seq.entropy == {seed} and not pathlib.Path({mended!r}).exists():
        raise ValueError("no weights for this seed")
    return drawn(spec, rng)
"""
IN_THE_PASS = """
import os, time
from frameworks.scratch import together
together.iter_seeds = lambda *a, **k: {action}
"""
TWO_AT_ONCE = """
import os, pathlib, time
from frameworks.scratch import together
together._MOST, together.real = 2, together.iter_seeds


def iter_seeds(networks, *rest, **options):
    marker = pathlib.Path({marker!r})
    marker.write_text(marker.read_text() + "x" if marker.exists() else "x")
    if len(marker.read_text()) == 2:
        time.sleep(1_000)
    return together.real(networks, *rest, **options)


together.iter_seeds = iter_seeds
"""


@pytest.fixture
def run(call, tmp_path):
    """Return a function that trains with scratch alone, and gives the answer and the folder."""

    def train(*arguments: str, out: str = "run"):
        names = () if "--with" in arguments else ("--with", "scratch")
        answer = call("run", *arguments, *names, "--out", tmp_path / out)
        return answer, tmp_path / out

    return train


@pytest.fixture
def alone(run, monkeypatch):
    """Return a function that trains every seed alone, and gives what the files hold."""

    def train(*arguments: str):
        with monkeypatch.context() as patch:
            patch.setitem(BACKENDS, "scratch", replace(BACKENDS["scratch"], together=None))
            _, folder = run(*arguments, out="alone")
        assert set(counts(folder).values()) == {1}
        return contents(folder)

    return train


def records(folder):
    found = [json.loads(path.read_text()) for path in sorted((folder / "cells").glob("*.json"))]
    return {record["seed"]: record for record in found}


def counts(folder):
    """Give how many were trained in the pass of each seed; nothing for one that failed."""
    return {s: r["seconds"]["together"] for s, r in records(folder).items() if r["seconds"]}


@pytest.mark.parametrize(
    ("page", "dtype"),
    [
        ("the page's own layers", "float32"),
        ("the page's own layers", "float64"),
        ("batch normalization", "float32"),
        ("dropout", "float64"),
    ],
)
def test_records_are_those_of_single_trainings_byte_for_byte(
    page, dtype, run, alone, append_to_page
):
    append_to_page("churn", PAGES[page])
    command = (*CHURN, "--seeds", "3", "--dtype", dtype)
    _, folder = run(*command)
    assert counts(folder) == dict.fromkeys(range(3), 1 if page == "dropout" else 3)
    assert different(contents(folder), alone(*command)) == []


def test_full_batches_too(run, alone):
    toys = ("perceptron", "xor", "circle", "diabetes", "digits_autoencoder")
    command = (*toys, "--seeds", "3", "--epochs", "5")
    _, folder = run(*command)
    assert set(counts(folder).values()) == {3}
    assert different(contents(folder), alone(*command)) == []


def test_which_seeds_are_missing_and_their_order_does_not_matter(run, alone):
    _, folder = run(*CHURN, "--seeds", "3,1")
    kept = {path.name: path.read_bytes() for path in (folder / "cells").glob("*seed[13]*")}
    answer, _ = run(*CHURN, "--seeds", "4,1,0,3,2", "--jobs", "2")
    assert "2 of 5 trainings are in" in answer.out
    assert kept == {path.name: path.read_bytes() for path in (folder / "cells").glob("*seed[13]*")}
    assert counts(folder) == {0: 2, 1: 2, 2: 1, 3: 2, 4: 2}  # two jobs have 4, 0 and 2
    assert different(contents(folder), alone(*CHURN, "--seeds", "5")) == []


def test_a_seed_that_fails_fails_alone(run, alone, append_to_page, tmp_path):
    mended = tmp_path / "mended"
    append_to_page("churn", FAILS.format(seed=1, mended=str(mended)))
    answer, folder = run(*CHURN, "--seeds", "3")
    assert answer.code == 1
    found = records(folder)
    assert [found[seed]["status"] for seed in range(3)] == ["ok", "failed", "ok"]
    assert found[1]["error"] == "ValueError: no weights for this seed"
    mended.touch()
    assert run(*CHURN, "--seeds", "3")[0].code == 0
    assert different(contents(folder), alone(*CHURN, "--seeds", "3")) == []


@pytest.mark.parametrize("action", ["os._exit(3)", "1 / 0"])
def test_where_the_pass_fails_each_is_trained_alone(action, run, alone, append_to_page):
    append_to_page("churn", IN_THE_PASS.format(action=action))
    answer, folder = run(*CHURN, "--seeds", "2")
    assert (answer.code, counts(folder)) == (0, {0: 1, 1: 1})
    assert len(answer.err.splitlines()) == 2  # a line for each, and none for the pass
    assert different(contents(folder), alone(*CHURN, "--seeds", "2")) == []


def test_nudged_trainings_are_single_ones_beside_the_pass(call, alone, tmp_path):
    command = ("xor", "--epochs", "5", "--seeds", "2", "--dtype", "float32", "--floor", "3")
    command += ("--with", "scratch,pytorch")
    assert call("run", *command, "--out", tmp_path / "run").code == 0
    found = [json.loads(file.read_text()) for file in (tmp_path / "run" / "cells").glob("*.json")]
    together = {(r["implementation"], r["mode"]): r["seconds"]["together"] for r in found}
    nudged = {("scratch", f"nudged-{k}"): 1 for k in (1, 2, 3, "1-again")}
    assert together == {("scratch", "lockstep"): 2, ("pytorch", "lockstep"): 1, **nudged}
    assert different(contents(tmp_path / "run"), alone(*command)) == []


def test_native_trainings_are_single_ones(run):
    _, folder = run("xor", "--native", "--seeds", "2", "--epochs", "2")
    assert counts(folder) == {0: 1, 1: 1}


def test_a_line_says_how_many_shared_the_time(run):
    answer, _ = run(*CHURN, "--seeds", "2")
    first, second = answer.err.splitlines()
    assert first.startswith("churn scratch 0: 3 epochs, ")
    assert second.startswith("churn scratch 1: 3 epochs, ")
    assert first.endswith(" s for 2 together")


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_in_a_pass_keeps_the_passes_before_it(run, alone, append_to_page, tmp_path):
    marker = tmp_path / "passes"
    started = tmp_path / "pages" / "sitecustomize.py"  # in all processes: the page stays as it is
    before = started.read_text()
    started.write_text(before + TWO_AT_ONCE.format(marker=str(marker)))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of `&` ignores it
    command = ("run", *CHURN, "--seeds", "5", "--with", "scratch", "--out", "run")
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *command],
        cwd=tmp_path,
        env=environment(tmp_path / "cache") | {"PYTHONPATH": os.environ["PYTHONPATH"]},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, handler)
    try:
        wait_for(lambda: marker.exists() and len(marker.read_text()) == 2, process, "a second pass")
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 130, err
    assert "\n2 of 5 trainings are kept in run\n" in err
    assert counts(tmp_path / "run") == {0: 2, 1: 2}
    started.write_text(before)
    _, folder = run(*CHURN, "--seeds", "5")
    assert counts(folder) == {0: 2, 1: 2, 2: 3, 3: 3, 4: 3}
    assert different(contents(folder), alone(*CHURN, "--seeds", "5")) == []
