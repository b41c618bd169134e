"""What a page keeps at its top is of no other training: each has a page that is executed anew."""

import json
import weakref

import pytest

from experiments.harness.cell import Cell
from experiments.registry import find_experiment

from ..command import lockstep
from ..test_adding_a_page import page_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

# What an earlier training leaves in each: the state of a generator, weights, the number of calls.
GENERATOR = """
RNG = np.random.default_rng(0)
drawn = initial_weights


def initial_weights(spec, rng):
    return drawn(spec, RNG)
"""
CACHE = """
KEPT = []
drawn = initial_weights


def initial_weights(spec, rng):
    if not KEPT:
        KEPT.append(drawn(spec, rng))
    return KEPT[0]
"""
BUILDERS = """
import helper
built = build_scratch, build_pytorch


def build_scratch(spec=SPEC):
    helper.CALLS.append(0)
    return built[0](replace(spec, learning_rate=float(len(helper.CALLS))))


def build_pytorch(spec=SPEC):
    helper.CALLS.append(0)
    return built[1](replace(spec, learning_rate=float(len(helper.CALLS))))
"""
CHOICE = """
RNG, drawn = np.random.default_rng(0), initial_weights


def initial_weights(spec, rng):
    factor = 1 + (RNG.random() < 0.3)  # 1, 2, 2, 2, 1: by chance the last begins as it does alone
    return [factor * array for array in drawn(spec, rng)]
"""
LOAD = """
LOADED = []
drawn, loaded = initial_weights, load


def load(policy="auto", data_dir=None):
    LOADED.append(0)
    return loaded(policy, data_dir)


def initial_weights(spec, rng):
    return [len(LOADED) * array for array in drawn(spec, rng)]
"""
ONCE = """
import sys

if hasattr(sys, __file__):
    raise RuntimeError("cannot set number of threads again")
setattr(sys, __file__, "as torch.set_num_interop_threads")
"""
ELSEWHERE = """
import numpy as np
RNG = np.random.default_rng(0)
"""
DRAWN = """
from datasets.dataset import digest_arrays

RNG, loaded = np.random.default_rng(0), load


def load(policy="auto", data_dir=None):
    data, i = loaded(policy, data_dir), RNG.permutation(4)
    X, y = data.X_train[i], data.y_train[i]
    return replace(data, X_train=X, y_train=y, sha256=digest_arrays(X, y))
"""
POOLS = """
import multiprocessing
import subprocess

loaded = load


def load(policy="auto", data_dir=None):
    for _ in range(10):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(abs, range(20))
    with subprocess.Popen(["sleep", "60"]) as started:
        started.terminate()
    return loaded(policy, data_dir)
"""
NAMED = """
named = build_keras


def build_keras(spec=SPEC):
    parts = named(spec)
    parts.network.get_layer("dense_1")
    return parts
"""
GONE = """
import os

started = load, build_scratch


def load(policy="auto", data_dir=None):
    assert Path("helper.py").is_file()
    return started[0](policy, data_dir)


def build_scratch(spec=SPEC):
    os.chdir("/")
    mark = Path(__file__).with_suffix(".begun")
    begun, _ = mark.is_file(), mark.touch()
    assert begun, "at first"
    return started[1](spec)
"""
SHIFTED = """
loaded = load


def load(policy="auto", data_dir=None):
    data = loaded(policy, data_dir)
    return replace(data, X_train=data.X_train + float(SHIFT.read_text()))
"""


@pytest.fixture
def train(call, tmp_path):
    """Return a function that runs a page with more at its top."""

    def run(more, *options, out):
        before, mark, after = page_of("mine").rpartition("EXPERIMENT = ")
        top = "from dataclasses import replace\nfrom pathlib import Path\nimport numpy as np\n"
        (tmp_path / "helper.py").write_text("CALLS = []\n")
        (tmp_path / "mine.py").write_text(before + top + more + "\n\n" + mark + after)
        options = ("--epochs", "3", "--floor", "0", "--out", out, *options)
        return call("run", tmp_path / "mine.py", *options)

    return run


@pytest.fixture
def trained(train, tmp_path):
    """Return a function that runs a page so and returns the records."""

    def run(more, names, *options):
        out = tmp_path / "-".join(["run", *options])
        answer = train(more, "--with", names, *options, out=out)
        assert answer.code == 0, answer
        cells = json.loads((out / "results.json").read_text())["cells"]
        return {(cell["implementation"], cell["seed"]): cell for cell in cells}

    return run


@pytest.mark.parametrize(
    ("more", "name"),
    [
        *((each, "scratch") for each in (CACHE, BUILDERS, CHOICE, LOAD)),  # seeds in one pass
        *((each, "pytorch") for each in (GENERATOR, ONCE)),  # and one after the other
    ],
)
def test_a_seed_is_the_same_after_others_and_alone(more, name, trained):
    several, seed = (5, 2) if name == "scratch" else (2, 1)
    after = trained(more, name, "--seeds", str(several))
    alone = trained(more, name, "--seed", str(seed))
    for what in ("digests", "history"):
        assert after[name, seed][what] == alone[name, seed][what]


@pytest.mark.parametrize(
    ("where", "once"), [("at the top", ""), ("at the top", ONCE), ("in a function", "")]
)
def test_what_a_module_from_elsewhere_keeps_is_of_no_other_training(
    where, once, trained, tmp_path_factory, monkeypatch
):
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "elsewhere.py").write_text(ELSEWHERE + once)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    top, late = "import elsewhere\n", "    import elsewhere\n"
    more = (top if where == "at the top" else "") + "drawn = initial_weights\n\n\n"
    more += "def initial_weights(spec, rng):\n" + (late if where == "in a function" else "")
    more += "    return drawn(spec, elsewhere.RNG)"
    after, alone = (trained(more, "scratch", *each) for each in (("--seeds", "3"), ("--seed", "1")))
    assert after["scratch", 1]["digests"] == alone["scratch", 1]["digests"]


def test_what_follows_a_training_that_failed_elsewhere_begins_in_the_folder_of_the_command(
    trained, tmp_path, monkeypatch
):
    """The seeds in one pass fail, so that each is trained alone."""
    monkeypatch.chdir(tmp_path)
    assert len(trained(GONE, "scratch", "--seeds", "2")) == 2


def test_the_data_of_a_page_are_those_of_a_new_process_whenever_they_are_asked_for(
    trained, tmp_path
):
    """By a second run of a program, and by a report."""
    for seeds in "12":
        found = trained(DRAWN, "scratch", "--seeds", seeds)
        again = find_experiment(str(tmp_path / "mine.py")).load_data("auto", None)
        assert again.sha256 == found["scratch", 0]["data"]["sha256"]


def test_a_builder_that_native_asks_for_its_kind_draws_nothing_from_the_data(trained):
    """Scratch's, of the page that the command executes: it has a generator in common with load."""
    draws = "\nbuilt = build_scratch\n\n\ndef build_scratch(spec=SPEC):\n"
    draws += "    RNG.random()\n    return built(spec)\n"
    assert len(trained(DRAWN + draws, "scratch,pytorch", "--native")) == 2


def test_what_one_page_draws_is_not_the_beginning_of_another(call, tmp_path):
    """All are executed before the first is asked for its data."""
    drawn = DRAWN.replace("RNG, loaded = np.random.default_rng(0), load", "loaded = load")
    drawn = "np.random.seed(0)" + drawn.replace("RNG.", "np.random.")
    pages = [tmp_path / f"{name}.py" for name in ("mine", "other")]
    for page in pages:
        before, mark, after = page_of(page.stem).rpartition("EXPERIMENT = ")
        page.write_text(f"{before}from dataclasses import replace\n{drawn}\n\n{mark}{after}")
    answer = call("run", *pages, "--with", "scratch", "--epochs", "2", "--out", tmp_path / "run")
    assert answer.code == 0, answer


def test_a_page_that_can_be_executed_only_once_is_asked_for_its_data_as_it_is(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(page_of("mine") + ONCE)
    for _ in range(3):
        assert find_experiment(str(path)).load_data("auto", None).name == "xor"


def test_what_a_page_starts_is_ended_by_sigterm(tmp_path):
    """A `with Pool()` waits for that; in the command, nothing is said of it."""
    before, mark, after = page_of("mine").rpartition("EXPERIMENT = ")
    (tmp_path / "mine.py").write_text(before + POOLS + mark + after)
    options = ("--with", "scratch", "--epochs", "2", "--timeout", "20", "--out", "run")
    answer = lockstep("run", "mine.py", *options, cwd=tmp_path)
    assert answer.code == 0, answer
    assert "KeyboardInterrupt" not in answer.err


def test_the_names_that_keras_gives_are_those_of_a_new_process(trained):
    """An automatic name ends in how many of its kind the process has made."""
    assert len(trained(NAMED, "keras", "--seeds", "2")) == 2


def test_seeds_of_a_page_that_keeps_nothing_are_still_trained_together(trained):
    found = trained("", "scratch", "--seeds", "3")
    assert [found["scratch", seed]["seconds"]["together"] for seed in range(3)] == [3, 3, 3]


def test_seeds_that_were_trained_on_other_rows_are_not_of_one_run(call, train, tmp_path):
    """The digest that the page gives its data is the same; without a split, as of a file."""
    more = f"\nSHIFT = Path({str(tmp_path / 'shift.txt')!r})\n{SHIFTED}"
    for shift in "01":
        (tmp_path / "shift.txt").write_text(shift)
        answer = train(more, "--with", "scratch", "--seed", shift, out=tmp_path / "run")
        assert answer.code == int(shift), answer
    other = (
        "mine, scratch, seed 1, was trained on other rows of load() than scratch, seed 0: a folder "
        "holds the trainings of one run"
    )
    assert other in " ".join(answer.out.split())
    assert call("report", tmp_path / "run").code == 1


def test_a_page_that_is_executed_anew_is_forgotten_before(tmp_path):
    """A worker would hold its arrays once for each training."""
    path = tmp_path / "mine.py"
    path.write_text(page_of("mine", "build_scratch, build_pytorch"))
    first = weakref.ref(find_experiment(str(path)))
    cell = Cell("mine", "float64", 0, "scratch", 1, None, "stand-in", None, 1, page=str(path))
    assert first() is not None
    cell.find_anew()
    assert first() is None
