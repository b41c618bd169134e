"""Users' pages that are wrong: 31 ways, each exit code 2 with a sentence that names the page."""

import pytest

from experiments.registry import find_experiment

SCRATCH = "def build_scratch(spec=SPEC):\n    "
LOAD = "def load(policy, data_dir):\n    "
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
}
# What stands in the place of what the page defines.
DEFINED = {
    "load ends the program": LOAD + "raise SystemExit(0)",
    "load raises": LOAD + "raise KeyError('rows')",
    "load returns nothing": LOAD + "return None",
    "load returns arrays": LOAD + "return [[1.0]], [0]",
    "load takes nothing": "def load():\n    return None",
    "load is a number": "load = 3",
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
    assert "Traceback" not in err
    assert path.stem in err


WAYS = [*LOADING, *DEFINED, *ENDS]


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


def test_every_way_is_counted(figure):
    assert len(WAYS) == 31
    figure(f"{len(WAYS)} ways for a page to be wrong: each that passed is exit code 2, a sentence")
