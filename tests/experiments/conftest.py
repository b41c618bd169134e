"""Isolated commands, trainings that many tests look at, and pages that misbehave in the workers."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import invalidate_caches
from pathlib import Path
from textwrap import indent

import pytest

import experiments
from experiments.harness.cli.app import main
from experiments.registry import find_experiment

from .command import Answer, Trained, environment, lockstep
from .stored_runs import store_run


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """Nothing of the user's, and no runs but the test's own: `make run` leaves some."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOCKSTEP_DATA", raising=False)


@pytest.fixture
def call(capsys) -> Callable[..., Answer]:
    """Return a function that runs a command in this process; only its workers are others."""

    def call_main(*arguments: str | Path) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return call_main


@pytest.fixture
def compare(call, tmp_path):
    """Return a function that compares two runs of one training each, and gives code and JSON."""

    def run_command(before, after):
        for name, trainings in {"before": before, "after": after}.items():
            shutil.rmtree(tmp_path / name, ignore_errors=True)
            trainings = trainings if isinstance(trainings, list) else [trainings]
            store_run(tmp_path / name, *trainings)
        answer = call("compare", tmp_path / "before", tmp_path / "after", "--json")
        return answer.code, answer.err if answer.code == 2 else json.loads(answer.out)

    return run_command


@pytest.fixture
def without_report(monkeypatch):
    """Runs in this process draw no report: it takes longer than the trainings of most tests."""
    monkeypatch.setattr("experiments.harness.report.write_report", lambda *_: None)


class ChangedPage:
    """An experiment's page with code added, which stands before the real one on everyone's path."""

    def __init__(self, folder: Path, name: str, forget: Callable[[], None]) -> None:
        self.folder, self._file, self._forget = folder, folder / f"{name}.py", forget

    def write(self, text: str) -> None:
        self._file.write_text(text)
        self._forget()

    def unlink(self) -> None:
        """Let the page be as it was."""
        self._file.unlink()
        self._forget()


IN_WORKERS = "if __import__('sys').argv[0].endswith('worker.py'):\n"


@pytest.fixture
def append_to_page(monkeypatch, tmp_path) -> Callable[..., ChangedPage]:
    """Return a function that adds code to an experiment's page: it is executed in workers only.

    The code stands before the page's last statement, sees what the page defines, and can define a
    builder anew. The command reads the same page, or the workers would refuse to train. With
    `everywhere=True`, the code is also executed there.
    """
    folder = tmp_path / "pages"
    folder.mkdir()
    found_first = f"import experiments\nexperiments.__path__.insert(0, {str(folder)!r})\n"
    (folder / "sitecustomize.py").write_text(found_first)  # Python runs it as it starts
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setattr(experiments, "__path__", [str(folder), *experiments.__path__])

    def append(name: str, code: str, everywhere: bool = False) -> ChangedPage:
        def forget() -> None:
            monkeypatch.delitem(sys.modules, f"experiments.{name}", raising=False)
            monkeypatch.delattr(experiments, name, raising=False)
            invalidate_caches()

        page, mark, end = find_experiment(name).source.read_text().rpartition("EXPERIMENT = ")
        code = code if everywhere else IN_WORKERS + indent(code, "    ")
        changed = ChangedPage(folder, name, forget)
        changed.write(f"{page}{code}\n\n\n{mark}{end}")
        return changed

    return append


def _request(*arguments: str) -> tuple[str, ...]:
    return ("run", *arguments, "--data", "stand-in", "--out", "run")


def _train(cwd: Path, *arguments: str) -> Trained:
    return Trained(_request(*arguments), lockstep(*_request(*arguments), cwd=cwd), cwd)


def _train_once(tmp_path_factory, name: str, *arguments: str) -> Trained:
    """Train in one of pytest's processes, whichever comes first; each has a copy of its own."""
    own = tmp_path_factory.mktemp(name)
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    finished = shared / "finished.json"
    try:
        shared.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 400  # the command itself may take 300
        while not finished.exists():
            assert time.monotonic() < deadline, f"{name}: not trained in the other process"
            time.sleep(0.1)
    else:
        answer = _train(shared, *arguments).answer
        (shared / "answer.json").write_text(json.dumps(asdict(answer)))
        (shared / "answer.json").rename(finished)  # whole at once
    shutil.copytree(shared, own, dirs_exist_ok=True)
    return Trained(_request(*arguments), Answer(**json.loads(finished.read_text())), own)


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> Trained:
    """500 epochs of the perceptron, xor and the circle, by all implementations."""
    options = ("perceptron", "xor", "circle", "--epochs", "500")
    return _train_once(tmp_path_factory, "toys", *options)


@pytest.fixture(scope="session")
def tables(tmp_path_factory) -> Trained:
    """Three epochs of all that is no toy, by all implementations, the last batches not full."""
    experiments = ("churn", "mnist_perceptron", "mnist", "mnist_cnn", "diabetes")
    experiments += ("digits_autoencoder", "gan", "sorting_transformer")
    options = (*experiments, "--epochs", "3", "--limit", "1003", "--jobs", "2")
    return _train(tmp_path_factory.mktemp("tables"), *options)
