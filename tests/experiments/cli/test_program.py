"""The program around the command line: its start, its output, and what it loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import experiments
from experiments.registry import find_experiment

from ..command import environment, lockstep
from ..stored_runs import store_run, training


@pytest.mark.skipif(os.name == "nt", reason="closes a POSIX pipe")
@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_reader_that_stops_reading_causes_no_traceback(tmp_path, arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait()


@pytest.mark.parametrize(
    "arguments", [["list"], ["runs"], ["report", "runs/a"], ["--help"], ["run", "--help"]]
)
def test_quick_answers_load_no_heavy_library(tmp_path, arguments):
    store_run(tmp_path / "runs" / "a", training(experiment="xor"))
    code = (
        "import sys; from experiments.__main__ import main; sys.argv[1:] = sys.argv[1:]; main();"
        "print('loaded', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stderr.split())
    assert {"loaded", "numpy"} <= loaded  # the list is there
    assert loaded & {"torch", "tensorflow", "keras", "sklearn", "pandas", "scipy"} == set()


def test_the_module_and_the_script_are_the_same_program(tmp_path):
    script = Path(sys.executable).with_name("lockstep")
    where = {"cwd": tmp_path, "env": environment(tmp_path)}  # not where runs may be
    done = subprocess.run([script, "list"], **where, capture_output=True)
    answer = lockstep("list", cwd=tmp_path)
    assert (done.returncode, answer.code) == (0, 0)
    assert done.stdout.decode() == answer.out


CALLS = """
import sys
print("begun")
from experiments.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("program", ["-", "wrapper.py"])
def test_a_program_that_calls_the_command_is_executed_once(tmp_path, program):
    """It was begun anew for the seed of Python's hashes, and its input had been read by then."""
    (tmp_path / "mine.py").write_text(find_experiment("xor").source.read_text())
    (tmp_path / "wrapper.py").write_text(CALLS)
    options = ("--with", "scratch", "--epochs", "2", "--out", "run")
    done = subprocess.run(
        [sys.executable, program, "run", "mine.py", *options],
        cwd=tmp_path,
        env=environment(tmp_path / "cache"),
        input=CALLS,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.count("begun")) == (0, 1), done
    assert (tmp_path / "run" / "results.json").is_file()


def test_another_package_of_the_name_datasets_is_named(tmp_path):
    other = tmp_path / "datasets"
    other.mkdir()
    (other / "__init__.py").write_text("def load_dataset(path): ...\n")
    root = Path(experiments.__file__).parents[1]
    paths = os.pathsep.join([str(tmp_path), str(root)])
    answer = lockstep("list", cwd=tmp_path, PYTHONPATH=paths)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert str(other / "__init__.py") in answer.err
    assert "make setup" in answer.err
    assert len(answer.err.splitlines()) == 1
