"""A disk that is full or fails: one sentence, exit code 2, and the records so far intact."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import CELLS, RESULTS, RUN, contents, finished
from .sabotage import ERRORS, POINTS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, and limits file sizes")

SAYS = {"ENOSPC": "No space left on device", "EIO": "Input/output error"}
FILES = ["plan.json", f"{CELLS[2]}.safetensors", f"{CELLS[2]}.json", *RESULTS]
STEPS = POINTS[:-1]  # "renamed" can no longer fail


def assert_one_error(cwd: Path, file: str, reason: str) -> None:
    """The command said one sentence, which names the file, the reason and the remedy."""
    said = (cwd / "log").read_text()
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "error: " in line]
    place = Path("run") / ("cells" if "-" in file else "") / file
    rest = "fix this, then repeat the command; finished trainings are kept"
    assert line == f"error: {place}: cannot be written ({reason}); {rest}"


def test_a_disk_that_fails_is_named_and_costs_no_record(
    commands, in_peace, torture, figure, tmp_path
):
    every = [(file, point, error) for file in FILES for point in STEPS for error in ERRORS]
    cases, before = every if torture else every[5::8], {}
    for file, point, error in cases:
        order = {"file": file, "point": point, "action": error}
        assert commands.run(tmp_path, *RUN, SABOTAGE=json.dumps(order)) == 2, (file, point, error)
        assert_one_error(tmp_path, file, SAYS[error])
        found = finished(tmp_path / "run")
        assert before.items() <= found.items()
        assert not [path for path in (tmp_path / "run").rglob(".*")]
        before = found
    assert commands.run(tmp_path, *RUN) == 0
    assert before.items() <= finished(tmp_path / "run").items()
    assert contents(tmp_path / "run") == in_peace[0]
    figure(f"{len(cases)} failed writes, each one sentence and exit code 2, 0 records lost")


@pytest.mark.parametrize("error", ERRORS)
def test_a_worker_that_cannot_write_ends_the_command(error, commands, in_peace, tmp_path):
    file = f"{CELLS[0]}.safetensors"
    order = {"file": file, "point": "fsync", "action": error, "once": True}
    assert commands.run(tmp_path, *RUN, SABOTAGE=json.dumps(order)) == 2
    assert_one_error(tmp_path, file, SAYS[error])
    assert commands.run(tmp_path, *RUN) == 0
    assert contents(tmp_path / "run") == in_peace[0]


SMALL_DISK = """
mount -t tmpfs -o size=80k none "$0" && cd "$0" || exit 77
"$@" run perceptron xor --with scratch,python --epochs 5 --seeds 9 --out run
code=$?
ls run/cells >&2
exit $code
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="mounts a small disk")
def test_a_disk_that_is_full_ends_the_command_with_one_sentence(tmp_path):
    command = ["unshare", "-rm", "sh", "-c", SMALL_DISK, str(tmp_path)]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, sys.executable, "-m", "experiments"],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    if done.returncode in (1, 77) and not done.stdout:
        pytest.skip("may not mount a small disk")
    assert done.returncode == 2, done
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "cannot be written (No space left on device); fix this, then repeat the comm" in line
    assert line.endswith("; finished trainings are kept")
    assert "failed" not in done.stderr  # no other training was tried
    assert 0 < done.stderr.count("-scratch.json") < 18  # some were finished, and are kept


def test_what_the_system_refuses_to_write_is_named(commands, in_peace, tmp_path):
    assert commands.run(tmp_path, *RUN, FILE_SIZE="1000") == 2  # bytes: less than a record's
    assert_one_error(tmp_path, f"{CELLS[0]}.json", "File too large")
    assert finished(tmp_path / "run") == {}
    assert commands.run(tmp_path, *RUN) == 0
    assert contents(tmp_path / "run") == in_peace[0]
