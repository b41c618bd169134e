"""Users' pages that are wrong: 52 ways, each exit code 2 with a sentence that names the page."""

import os
import signal
import time

import pytest

from experiments.registry import find_experiment

from .commands import wait_until, wait_until_gone

SCRATCH = "def build_scratch(spec=SPEC):\n    "
LOAD = "def load(policy, data_dir):\n    "
DATA = "from dataclasses import replace\n\n\n" + LOAD + "return replace(load_truth_table(), "
UNPRINTABLE = "class No(Exception):\n    def __str__(self):\n        raise self\n\n\n"
EXPERIMENT = "EXPERIMENT = Experiment("

# What stands before the page's EXPERIMENT, where it is loaded.
LOADING = {
    "ends the program": "import sys; sys.exit(0)",
    "ends it with a verdict's code": "raise SystemExit(1)",
    "quits": "quit()",
    "raises": "raise ValueError('no')",
    "runs out of memory": "raise MemoryError",
    "recurses": "def f(): f()\nf()",
    "divides by nothing": "1 / 0",
    "imports what is not there": "import no_such_package",
    "has a syntax error": "def (",
    "has a null byte": "\0",
    "is indented wrongly": "  x = 1\n y = 2",
    "has another encoding": "x = '\udcff'",
    "asserts": "assert False, 'never'",
    "stops an iteration": "next(iter(()))",
    "raises what is no Exception": "raise GeneratorExit",
    "raises a group": "raise BaseExceptionGroup('two', [SystemExit(0)])",
    "raises what cannot be printed": UNPRINTABLE + "raise No",
    "has other numbers than its builders": "SPEC = Numbers(learning_rate=0.5)",
    "has numbers that cannot be stored": "SPEC = Numbers(learning_rate='\\udcff')",
}
# What stands in the place of what the page defines.
DEFINED = {
    "load ends the program": LOAD + "raise SystemExit(0)",
    "load raises": LOAD + "raise KeyError('rows')",
    "load returns nothing": LOAD + "return None",
    "load returns arrays": LOAD + "return [[1.0]], [0]",
    "load takes nothing": "def load():\n    return None",
    "load is a number": "load = 3",
    "load names no data": DATA + "name=None)",
    "load gives no digest": DATA + "sha256=None)",
    "load gives another source": DATA + "source='mine')",
    "load names no columns": DATA + "feature_names=(1, 2, 3))",
    "a builder raises what cannot be printed": UNPRINTABLE + SCRATCH + "raise No",
    "a builder raises megabytes": SCRATCH + "raise ValueError('x' * 10**7)",
    "the weights are complex": "def initial_weights(spec, rng):\n    return [np.ones((3, 1)) * 1j]",
    "a builder ends the program": SCRATCH + "raise SystemExit(0)",
    "a builder ends it with a verdict's code": SCRATCH + "import sys; sys.exit(1)",
    "a builder raises": SCRATCH + "raise OSError('no room')",
    "a builder returns nothing": SCRATCH + "return None",
    "a builder returns text": SCRATCH + "return 'a network'",
    "a builder returns a tuple": SCRATCH + "return (1, 2, 3)",
    "a builder takes nothing": "def build_scratch():\n    return None",
    "a builder's spec is a number": "def build_scratch(spec=3):\n    return None",
    "a builder needs another package": SCRATCH + "import no_such_package",
}
# What ends the process that executes the page, and how that ends.
CRASH = "import ctypes; ctypes.string_at(0)"
ENDING = {
    "leaves at once": ("import os; os._exit(0)", "ended with exit code 0"),
    "leaves with a verdict's code": ("import os; os._exit(1)", "ended with exit code 1"),
    "crashes": (CRASH, "was killed by SIGSEGV"),
    "leaves in a thread": (
        "import os, threading, time\n"
        "threading.Thread(target=os._exit, args=(0,)).start()\ntime.sleep(1_000)",
        "ended with exit code 0",
    ),
    "load leaves at once": (LOAD + "import os; os._exit(0)", "ended with exit code 0"),
    "a builder leaves at once": (SCRATCH + "import os; os._exit(0)", "ended with exit code 0"),
    "a builder crashes": (SCRATCH + CRASH, "was killed by SIGSEGV"),
}
LOOP = "while True:\n{0}    try:\n{0}        while True: pass\n{0}    except Exception: pass"
LOOPING = {"loops": LOOP.format(""), "a builder loops": SCRATCH + LOOP.format("    ")}
# What stands in the place of EXPERIMENT.
ENDS = {
    "has no experiment": "",
    "its experiment is text": "EXPERIMENT = 'xor'",
}


@pytest.fixture
def page(here):
    text = find_experiment("perceptron").source.read_text()

    def write(code="", end=None):
        top, _, rest = text.rpartition(EXPERIMENT)
        path = here / "mine.py"
        path.write_bytes(
            f"{top}{code}\n\n\n{EXPERIMENT + rest if end is None else end}".encode(
                errors="surrogateescape"
            )
        )
        return path

    return write


def assert_refused(answer, path):
    code, out, err = answer
    assert code == 2, (out, err)
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert len(err) < 1_000
    assert "Traceback" not in err
    assert path.stem in err


WAYS = [*LOADING, *DEFINED, *ENDS]
DIVERGE = ("diverge", "mine.py", "--between", "scratch,python", "--epochs", "1")


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_is_wrong_is_refused_by_diverge(way, page, command):
    code = LOADING.get(way, DEFINED.get(way, ""))
    path = page(code, end=ENDS.get(way))
    assert_refused(command("diverge", path, "--between", "scratch,python", "--epochs", "1"), path)


@pytest.mark.parametrize("way", [*LOADING, *ENDS, *[way for way in DEFINED if "load" in way]])
def test_a_page_that_is_wrong_is_refused_by_run(way, page, command, here):
    path = page(LOADING.get(way, DEFINED.get(way, "")), end=ENDS.get(way))
    assert_refused(command("run", path, "--with", "scratch", "--out", "run"), path)
    assert not (here / "run").exists()


@pytest.mark.parametrize("way", ENDING)
def test_a_page_that_ends_its_process_gives_no_verdict(way, page, commands, here):
    code, ended = ENDING[way]
    page(code)
    assert commands.run(here, *DIVERGE) == 2
    said = f"error: the process that executed 'mine.py' {ended}\n"
    assert (here / "log").read_text() == said


def test_a_page_that_closes_all_files_gives_no_verdict(page, commands, here):
    page("import os\nos.closerange(3, 64)")
    assert commands.run(here, *DIVERGE) == 2
    said = (here / "log").read_text()
    assert "error: the process that executed 'mine.py' ended with exit code " in said
    assert "Traceback" not in said


def test_a_builder_that_asks_its_user_is_a_failed_training_at_once(page, commands, here):
    page(SCRATCH + "input()")
    code = commands.run(here, "run", "mine.py", "--with", "scratch,pytorch", "--epochs", "1")
    assert code == 1
    assert "EOFError: EOF when reading a line" in (here / "log").read_text()


@pytest.mark.parametrize("way", LOOPING)
def test_a_page_that_loops_is_ended_by_diverge(way, page, commands, here):
    page(LOOPING[way])
    assert commands.run(here, *DIVERGE, "--timeout", "1") == 2
    said = (here / "log").read_text()
    assert said.startswith("error: ")
    assert "TimeoutError: nothing was finished within 1 s; --timeout sets how long" in said


def test_ctrl_c_ends_a_page_that_loops(page, commands, here):
    page("open('started', 'w').close()\n" + LOOPING["loops"])

    def stop(process):
        wait_until((here / "started").exists)
        os.killpg(process, signal.SIGINT)

    assert commands.run(here, *DIVERGE, meanwhile=stop) == 130
    assert (here / "log").read_text().startswith("\nstopped; repeat with: lockstep diverge mine.py")


def test_a_second_ctrl_c_ends_a_page_that_no_signal_reaches(page, commands, here):
    page(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "open('started', 'w').close()\nwhile True: pass"
    )

    def stop(process):
        wait_until((here / "started").exists)
        os.kill(process, signal.SIGINT)
        time.sleep(0.6)  # sooner, it would be taken for the same
        os.kill(process, signal.SIGINT)

    assert commands.run(here, *DIVERGE, meanwhile=stop) == 130
    assert (here / "log").read_text() == "\nstopped\n"


def test_what_executes_a_page_ends_with_its_command(page, commands, here):
    page("import os\nopen('started', 'w').write(str(os.getpid()))\n" + LOOPING["loops"])

    def kill(process):
        wait_until(lambda: (here / "started").exists() and (here / "started").read_text())
        os.kill(process, signal.SIGKILL)

    assert commands.run(here, *DIVERGE, meanwhile=kill) == -signal.SIGKILL
    wait_until_gone([int((here / "started").read_text())])


MEDDLES = """
def build_and_meddle(spec=SPEC):
    import os, sys, time
    if sys.argv[0].endswith("worker.py"):
        if os.fork() == 0:
            open("child", "w").write(str(os.getpid()))
            time.sleep(1_000)
        os.fork()  # and this one goes on
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b'\\n{"event": "epoch"}\\n{"event": "done"}\\n[]\\n')
            except OSError:
                pass
        os.chdir("/")
        print("hello")
    return build(spec)


build, build_scratch = build_scratch, build_and_meddle
build_scratch.__name__ = "build_scratch"
"""


def test_a_builder_that_leaves_at_once_gives_bench_no_verdict(page, commands, here):
    page(ENDING["a builder leaves at once"][0])
    assert commands.run(here, "bench", "mine.py", "--with", "scratch", "--steps", "1") == 2
    assert (here / "log").read_text().endswith("'mine.py' ended with exit code 0\n")


@pytest.mark.timeout(120)  # only who waits for the child takes that long
def test_what_a_builder_does_besides_changes_no_record(page, command, here):
    options = ("--with", "scratch", "--epochs", "2", "--out", "run")
    try:
        code, out, err = command("run", page(MEDDLES), *options)
        assert (code, "1 of 1 training finished" in out) == (0, True), err
        assert (here / "run" / "cells" / "mine-float64-seed0-scratch.json").exists()
    finally:
        for child in here.glob("child"):
            os.kill(int(child.read_text()), signal.SIGKILL)


def test_a_builder_that_ends_its_process_fails_its_training_and_the_report_is_drawn(
    page, command, here
):
    path = page(SCRATCH + "import os; os.kill(os.getpid(), 9)")
    code, out, _ = command("run", path, "--with", "scratch", "--out", "run")
    assert code == 1
    assert "failed: the worker process was killed by SIGKILL" in " ".join(out.split())
    report = (here / "run" / "report.html").read_text()
    assert "The network is not drawn: no training was finished." in report


def test_every_way_is_counted(figure):
    count = len(WAYS) + len(ENDING) + len(LOOPING)
    assert count == 52
    figure(f"{count} ways for a page to be wrong: each that passed is exit code 2, a sentence")


def test_the_reason_is_the_page_and_not_what_follows_from_it(page, command):
    says = {
        "has numbers that cannot be stored": "must be a finite number, printable text, None",
        "the weights are complex": "weights[0]: expected real numbers, got complex128",
    }
    for way, reason in says.items():
        path = page(LOADING.get(way, DEFINED.get(way)))
        _, _, err = command("diverge", path, "--between", "scratch,python", "--epochs", "1")
        assert reason in err
