"""The commands of README and docs are run as they stand, or not at all, with a reason.

`tests/test_docs.py` parses every one of them; here each is either carried out, in a folder that
holds the runs and the recordings that the pages speak of, or has a line in `NOT_RUN`.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from experiments.harness.cli.app import main

from .command import environment
from .stored_runs import correct_but, store_run, training

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
GLOBS = ("README.md", "CONTRIBUTING.md", "docs/*.md", "scratch/**/*.md", "examples/**/*.md")
TRACES = ROOT / "tests" / "live" / "stored"
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PROGRAM = r"(?:lockstep|make|pip|python|\.venv/bin/\w+)"
LINE = re.compile(rf"^ *(?:\$ |- run: )?({PROGRAM} .*)", re.MULTILINE)
# In a sentence: a command without what it is given, or with a word that stands for something.
MENTION = re.compile(
    r"lockstep \w+( -.*)?|lockstep baseline save|make \w+"
    r"|.*(\b(?!ARGS\b)[A-Z]{3,}\b|A,B|\.\.\.|\|).*"
)

# The first pattern that fits a whole command says why it is not run here.
NOT_RUN = {
    r"make .*": "a target trains, tests or installs for minutes, or removes what was installed",
    r"(\.venv/bin/)?pip install .*": "needs the network; tests/test_library.py does the like",
    r"\.venv/bin/dask .*": "a scheduler and workers, on as many machines as there are",
    r"\.venv/bin/python tools/.*": "trains for minutes, with one thing changed after another",
    r"\.venv/bin/python examples/exercises/.*": "tests/test_exercises.py does what each does",
    r".* --dask .*": "needs a cluster; tests/experiments/workers/test_cluster.py starts one",
    r"lockstep data fetch": "needs the network; tests/datasets asks servers of its own",
    r".* --data real.*": "needs the real data, which no test does",
    r"lockstep bench.*": "times for minutes; tests/experiments/bench does so in seconds",
    r"lockstep certify (--check xor|churn).*": "half a minute of mpmath and more; "
    "tests/experiments/certified computes the first epochs",
    r"lockstep diverge (?!before).*": "loads Keras or PyTorch; "
    "tests/experiments/cli/test_diverge.py and tests/frameworks/diverge ask the like",
    r"lockstep run \./my_page\.py.*": "tests/experiments/cli/test_new.py trains that page",
    r"lockstep run xor --with keras,.*": "tests/frameworks/keras/test_backends.py loads the three",
    r"lockstep run .*tanh_circle\.py.*": "tests/experiments/cli/test_judging.py trains that page",
    r"lockstep run xor --set hidden=4,8 .*": "120 whole trainings; a smaller sweep is run",
    r"lockstep run churn --with scratch --seeds 20": "tests/experiments/workers/test_together.py "
    "trains seeds in one pass",
    r"lockstep run gan --limit .*": "tests/experiments/records/test_float32.py does the like",
    r"lockstep run xor --with scratch,keras .*": "48 seeds, some judged by 15 nudged trainings",
    r"lockstep run (--all|churn|circle|mnist|perceptron).*": "more than ten seconds, or minutes; "
    "tests/experiments/cli/test_run.py trains the same pages for a few epochs",
}
EXIT_CODES = {  # of those that do not end with 0
    "lockstep compare keras-3.15 edited": 1,
    "lockstep run xor --quite --junit run.xml": 2,
}


def commands(text: str) -> set[str]:
    """Return the commands of a page: lines of its blocks, and whole ones in its sentences.

    >>> sorted(commands("```\\nlockstep list   # all\\n```\\n`lockstep run`, `make run ARGS=x`"))
    ['lockstep list', 'make run ARGS=x']
    """
    lines = LINE.findall("\n".join(FENCED.findall(text)))
    inline = [each for each in INLINE.findall(FENCED.sub("", text)) if LINE.fullmatch(each)]
    whole = [each for each in inline if not MENTION.fullmatch(each)]
    return {re.sub(r" +#.*| +> .*", "", each).strip() for each in [*lines, *whole]}


def reason(command: str) -> str:
    """Return why a command is not run; empty if it is."""
    return next((why for fits, why in NOT_RUN.items() if re.fullmatch(fits, command)), "")


PAGES = chain.from_iterable(ROOT.glob(pattern) for pattern in GLOBS)
COMMANDS = sorted(set().union(*(commands(page.read_text()) for page in PAGES)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder in which everything lies that the commands name."""
    folder = tmp_path_factory.mktemp("documented")
    keras = {"implementation": "keras"}
    runs = ("before", "after", "keras-3.10", "keras-3.15", "runs/BEFORE", "runs/AFTER")
    for name in (*runs, "runs/now"):
        store_run(folder / name, training(), training(**keras))
    store_run(folder / "edited", training(), training(correct_but(*range(50)), **keras))
    shutil.copy(folder / "before" / "results.json", folder)
    assert main(["baseline", "save", str(folder / "runs/now"), str(folder / "baseline.json")]) == 0
    for name, version in {"before": "3.12.4", "after": "3.15.1"}.items():
        shutil.copy(TRACES / f"keras-{version}.trace", folder / f"{name}.trace")
    return folder


@pytest.mark.parametrize("command", [each for each in COMMANDS if not reason(each)], ids=str)
def test_command_does_what_it_is_there_for(command, folder, call, monkeypatch):
    monkeypatch.chdir(folder)
    program, *arguments = shlex.split(command)
    if program == "lockstep":
        answer = call(*arguments)
        code, printed, complaints = answer.code, answer.out, answer.err
    else:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(folder / "cache"),
            capture_output=True,
            text=True,
        )
        code, printed, complaints = done.returncode, done.stdout, done.stderr
    assert code == EXIT_CODES.get(command, 0), complaints
    assert bool(printed) == (code < 2)
    assert ("error: " in complaints) == (code == 2)  # else it is progress alone


def test_the_sweep_has_the_verdicts_that_its_page_shows(folder):
    """The command above has left its run where `lockstep run` puts one."""
    shown = (ROOT / "docs" / "sweeps.md").read_text()
    (run,) = (folder / "runs").glob("float64-*")
    results = json.loads((run / "results.json").read_text())
    verdicts = [entry["verdict"] for entry in results["agreement"]]
    assert "24 of 24 trainings finished; 12 of 12 pairs agree." in shown
    assert (len(results["cells"]), verdicts) == (24, ["agree"] * 12)


def test_every_reason_is_still_needed():
    assert [fits for fits, why in NOT_RUN.items() if why not in map(reason, COMMANDS)] == []
    assert set(COMMANDS) >= set(EXIT_CODES)


def test_every_target_of_make_is_in_the_makefile():
    asked = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("make ")]
    named = {word for words in asked for word in words if "=" not in word}
    assert {"run", "test", "check", "setup"} <= named
    assert named <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_commands_are_found_in_blocks_workflows_and_sentences():
    assert "lockstep compare baseline.json runs/now --junit compare.xml" in COMMANDS  # a workflow
    assert "lockstep compare results.json after" in COMMANDS  # a sentence
    assert "lockstep diverge before.trace after.trace" in COMMANDS  # a block
    assert "lockstep run" not in COMMANDS  # only spoken of


def test_the_files_that_reasons_name_are_there():
    named = re.findall(r"tests/[\w/.]+\w", " ".join(NOT_RUN.values()))
    assert len(named) > 10
    assert [each for each in named if not (ROOT / each).exists()] == []
