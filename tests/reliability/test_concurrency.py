"""Many rounds of several commands on one folder: in processes, in containers, from threads."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import Commands
from .concurrency import Tally, one_round

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and kills POSIX processes")

ROOT = Path(__file__).parents[2]
CONTAINER = ("unshare", "-rpf", "--mount-proc")  # its processes are numbered from 1 on

THREADS = """
import json, sys, threading
from experiments import RequestError, run

def train(i):
    try:
        epochs = 6 if i == 3 else 5
        found = run("xor", implementations=["scratch"], epochs=epochs, seeds=2, out=out, quiet=True)
        said.append("trained" if found.cells["status"].eq("ok").all() else "failed")
    except RequestError as error:
        said.append(str(error))

for out in sys.argv[1:]:
    said = []
    threads = [threading.Thread(target=train, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(said), flush=True)
"""


def may_make_containers() -> bool:
    return bool(shutil.which("unshare")) and not subprocess.run([*CONTAINER, "true"]).returncode


def play(places, rounds, tmp_path, seed):
    chance, tally = random.Random(seed), Tally()
    for i in range(rounds):
        cwd = tmp_path / str(i)
        cwd.mkdir()
        one_round(places, cwd, chance, tally)
        shutil.rmtree(cwd, ignore_errors=True)  # the worker of a killed command may still write
    return tally


def assert_nothing_went_wrong(tally: Tally) -> None:
    assert (tally.lost, tally.false, tally.torn, tally.locks) == (0, [], 0, 0), str(tally)
    assert tally.trained >= tally.rounds - tally.kills  # somebody gets through


@pytest.mark.timeout(7_200)
def test_commands_at_once_on_one_host(commands, torture, figure, tmp_path):
    others = [Commands() for _ in range(3 if torture else 1)]
    try:
        tally = play([commands, *others], 200 if torture else 4, tmp_path, seed=1)
    finally:
        for other in others:
            other.close()
    figure(f"on one host: {tally}")
    assert_nothing_went_wrong(tally)


@pytest.mark.timeout(7_200)
@pytest.mark.skipif(not may_make_containers(), reason="makes containers")
def test_commands_at_once_in_two_containers(torture, figure, tmp_path):
    if not torture:
        pytest.skip("for make torture: the short form is test_no_two_writers_have_the_same_...")
    places = [Commands(*CONTAINER) for _ in range(2)]
    try:
        tally = play(places, 200, tmp_path, seed=2)
    finally:
        for place in places:
            place.close()
    figure(f"in two PID namespaces: {tally}")
    assert_nothing_went_wrong(tally)


@pytest.mark.timeout(7_200)
def test_threads_of_one_program_at_once(torture, figure, tmp_path):
    rounds = 200 if torture else 1
    outs = [str(tmp_path / str(i)) for i in range(rounds)]
    done = subprocess.run(
        [sys.executable, "-c", THREADS, *outs],
        cwd=ROOT,
        env=os.environ | {"LOCKSTEP_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    said = [word for line in done.stdout.splitlines() for word in json.loads(line)]
    assert len(said) == 4 * rounds
    trained = said.count("trained")
    assert trained >= rounds
    refusals = [word for word in said if word != "trained"]
    assert all("another command is at work" in w or "choose another folder" in w for w in refusals)
    assert not [path for out in outs for path in Path(out).rglob(".*")]
    figure(f"{rounds} rounds of 4 threads: {trained} trained, {len(refusals)} refused, 0 failed")


FINDING = """
import sys, threading
from experiments.registry import EXPERIMENTS, find_experiment

sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)

def find():
    try:
        for name in EXPERIMENTS:
            barrier.wait()
            find_experiment(name)
    except BaseException:
        barrier.abort()  # which ends the other threads, too
        raise

threads = [threading.Thread(target=find) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_need_a_page_at_once_all_get_it_whole():
    done = subprocess.run(
        [sys.executable, "-c", FINDING], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
