"""What ran is what the record says: a worker refuses code that was not planned."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import save

import experiments
from datasets import load_circle
from experiments.harness.cell import Job
from experiments.harness.pages import forget_late_imports
from experiments.harness.plan import plan
from experiments.harness.records.store import Store
from experiments.harness.request import Request
from experiments.harness.search_path import no_place_left
from experiments.harness.workers.native_training import train_natively
from experiments.harness.workers.progress import LineProgress
from experiments.harness.workers.training import digest_of_rows
from experiments.registry import find_experiment
from frameworks.errors import RequestError

from ..command import environment, lockstep

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

ROOT = Path(experiments.__file__).parents[1]
SAVED_ANEW = """
with open(__file__, 'a') as page:
    page.write('# a thought\\n')
"""


@pytest.fixture
def page(tmp_path):
    """A user's page, which is the circle's."""
    path = tmp_path / "mine.py"
    path.write_text(find_experiment("circle").source.read_text())
    return path


def cells(folder):
    found = json.loads((folder / "results.json").read_text())["cells"]
    return {cell["implementation"]: cell for cell in found}


def test_a_page_that_is_saved_during_a_run_is_not_trained_any_more(
    call, page, tmp_path, monkeypatch
):
    def save(progress, group, done, error):
        page.write_text(text.replace("learning_rate: float = 10.0", "learning_rate: float = 20.0"))

    text = page.read_text()
    command = ("run", page, "--with", "scratch,python", "--epochs", "2", "--out", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(LineProgress, "ended", save)  # after the first of two trainings
        assert call(*command).code == 1
    found = cells(tmp_path / "run")
    assert found["scratch"]["status"] == "ok"
    assert found["scratch"]["digests"]["rows"] == digest_of_rows(
        find_experiment(str(page)), load_circle()
    )
    error = found["python"]["error"]
    assert error.startswith(f"the source code of mine ({page}) is not what was planned: it has ")
    page.write_text(text)
    assert call(*command).code == 0


def test_rows_that_a_page_of_ones_own_loads_are_digested_and_not_believed(page):
    data = load_circle()
    moved = replace(data, X_test=np.nextafter(data.X_test, 2))
    mine = find_experiment(str(page))
    assert len({digest_of_rows(mine, data), digest_of_rows(mine, moved), ""}) == 3
    assert digest_of_rows(find_experiment("circle"), data) == ""  # it checks what it loads


def test_a_native_training_says_on_which_rows_it_was(page, tmp_path):
    request = Request((str(page),), ("scratch",), "float32", epochs=1, native=True)
    ((cell, head),) = plan(request).heads.items()
    record, _ = train_natively(Job(cell, head, tmp_path), load_circle(), 0.0, lambda *_: None)
    assert record.digests.rows == digest_of_rows(find_experiment(str(page)), load_circle())


def test_a_page_that_is_saved_while_it_is_loaded_is_refused(call, page):
    page.write_text(page.read_text() + SAVED_ANEW)
    answer = call("run", page, "--with", "scratch", "--out", "run")
    assert answer.code == 2
    assert answer.err == f"error: {page}: was changed while it was loaded; repeat the command\n"


def test_a_page_that_was_changed_is_loaded_again(page):
    """As in a notebook: saved in the same second, and as long as before."""
    assert find_experiment(str(page)).spec.learning_rate == 10.0
    page.write_text(page.read_text().replace("float = 10.0", "float = 20.0"))
    assert find_experiment(str(page)).spec.learning_rate == 20.0


def test_the_checkout_that_the_command_runs_in_is_the_one_that_trains(tmp_path):
    """`cd B; PYTHONPATH=A python -m experiments run` is B's command, and so are its workers."""
    other = tmp_path / "other"
    for package in ("scratch", "frameworks", "datasets", "experiments"):
        shutil.copytree(ROOT / package, other / package)
    spoilt = other / "scratch" / "batches.py"
    spoilt.write_text(spoilt.read_text() + "\nraise ImportError('the other checkout')\n")
    options = ["--with", "scratch", "--epochs", "2", "--out", str(tmp_path / "run")]
    answer = subprocess.run(
        [sys.executable, "-m", "experiments", "run", "xor", *options],
        cwd=ROOT,
        env=environment(tmp_path / "cache") | {"PYTHONPATH": str(other)},
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stderr.count("failed")) == (0, 0), answer


def test_numbers_that_change_with_every_execution_are_refused(call, page, tmp_path):
    """A record would say what was planned, not what was trained."""
    drawn = "float(np.float32(np.random.default_rng().random()))"
    page.write_text(
        page.read_text().replace("learning_rate: float = 10.0", f"learning_rate: float = {drawn}")
    )
    answer = call("run", page, "--with", "scratch", "--epochs", "2", "--out", tmp_path / "run")
    assert answer.code == 1
    error = cells(tmp_path / "run")["scratch"]["error"]
    assert error.startswith("the spec of mine is another one each time that its page is executed")


def test_arrays_of_another_seed_are_not_those_of_the_record(call, tmp_path):
    """Swapped in both of a pair, they would agree."""
    run = tmp_path / "run"
    options = ("--with", "scratch,python", "--epochs", "3", "--seeds", "2", "--out", run)
    assert call("run", "circle", *options).code == 0
    for name in ("scratch", "python"):
        paths = [run / f"cells/circle-float64-seed{seed}-{name}.safetensors" for seed in (0, 1)]
        contents = [path.read_bytes() for path in paths]
        for path, content in zip(paths, reversed(contents), strict=True):
            path.write_bytes(content)
    answer = call("report", run)
    assert answer.code == 2
    assert "its arrays are not those of the record: their SHA-256 is another; delete" in answer.err


def test_every_array_is_digested(call, tmp_path):
    store = Store(tmp_path / "run")
    options = ("--with", "scratch", "--epochs", "1", "--quiet", "--out", tmp_path / "run")
    assert call("run", "circle", *options).code == 0
    (record,) = store.records()
    arrays = store.arrays_of(record)
    for name, array in arrays.items():
        spoilt = 1 - array if array.dtype.kind == "i" else np.nextafter(array, 2)
        path = store.cells / f"{record.key}.safetensors"
        path.write_bytes(save(arrays | {name: spoilt}))
        with pytest.raises(RequestError, match="not those of the record"):
            store.arrays_of(record)


@pytest.mark.parametrize("place", ["", "import sys\n\n    sys.path.insert(0, {!r})\n    "])
@pytest.mark.parametrize("top", ["", "import beside\n"])
def test_what_a_builder_alone_imports_from_beside_its_page_is_refused_and_not_kept(
    call, page, tmp_path, place, top
):
    """Another page would find it, and no record knows it."""
    (tmp_path / "beside.py").write_text("FACTOR = 1.0\n")
    late = f"    {place.format(str(tmp_path))}import beside\n"
    before = "    from scratch import SGD, Dense, MeanSquaredError, Sequential, Sigmoid\n"
    text = page.read_text()
    page.write_text(
        text.replace(before, f"{late}{before}").replace("import numpy", f"{top}import numpy", 1)
    )
    assert page.read_text() != text
    command = ("run", page, "--with", "scratch", "--seeds", "2", "--epochs", "1")
    answer = call(*command, "--out", tmp_path / "run")
    assert answer.code == (not top)
    said = "".join(answer.out.split())  # lines end anywhere in a path
    assert said.count("mine.pyimportsbeside") == said.count("insideafunction") == 2 * (not top)
    assert "beside" not in sys.modules


def test_no_module_from_beside_a_page_is_left_for_another(page, monkeypatch):
    """That of `torch.ops` is called _ops.py, and is no file there."""
    late, elsewhere = ModuleType("late"), ModuleType("elsewhere")
    late.__file__, elsewhere.__file__ = str(page.with_name("late.py")), "_ops.py"
    monkeypatch.setitem(sys.modules, "late", late)
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    monkeypatch.chdir(page.parent)
    assert forget_late_imports(page) == [page.with_name("late.py")]
    assert ("late" in sys.modules, "elsewhere" in sys.modules) == (False, True)


PLACE = """
    import os, sys
    sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
    from factors_of_mine import FACTOR
"""


def test_what_a_builder_adds_to_the_search_path_is_for_no_other_page(call, page, tmp_path):
    """One process trains both; a record does not know what lies there, but it is the page's own."""
    text = page.read_text().replace("te=spec.learning_rate)", "te=spec.learning_rate * FACTOR)", 1)
    before = "    from scratch import SGD, Dense, MeanSquaredError, Sequential, Sigmoid\n"
    assert "* FACTOR" in text
    for name, factor in (("a", 0.5), ("b", 0.25)):
        own = tmp_path / name / "pages" / f"{name}.py"
        own.parent.mkdir(parents=True)
        (tmp_path / name / "factors_of_mine.py").write_text(f"FACTOR = {factor}\n")
        own.write_text(text.replace(before, f"{PLACE}{before}"))
    options = ("--with", "scratch", "--epochs", "2", "--jobs", "1", "--out")
    assert call("run", "a/pages/a.py", "b/pages/b.py", *options, "both").code == 0
    assert call("run", "b/pages/b.py", *options, "alone").code == 0
    both, alone = (
        json.loads((tmp_path / run / "results.json").read_text()) for run in ("both", "alone")
    )
    first, second = (cell["history"]["loss"] for cell in both["cells"])
    assert first != second == alone["cells"][0]["history"]["loss"]


LEAVES = """
    import os, sys
    os.environ["MARK_OF_MINE"] = sys.mark_of_mine = "left"
"""
TAKES = """
    import os, sys
    FACTOR = 1.0 if os.environ.get("MARK_OF_MINE", getattr(sys, "mark_of_mine", "")) else 0.5
"""


def test_what_a_page_sets_for_the_process_is_for_no_other_page(call, page, tmp_path):
    """Such as a framework's default, or a variable: other kernels, in silence."""
    text = page.read_text().replace("te=spec.learning_rate)", "te=spec.learning_rate * FACTOR)", 1)
    before = "    from scratch import SGD, Dense, MeanSquaredError, Sequential, Sigmoid\n"
    for name, head in (("a", f"{LEAVES}    FACTOR = 1.0\n"), ("b", TAKES)):
        own = text.replace(before, f"{head}{before}")
        own = own.replace("import numpy", f"{dedent(head)}import numpy", 1)
        (tmp_path / f"{name}.py").write_text(own)
    options = ("--with", "scratch", "--epochs", "2", "--jobs", "1", "--out")
    for run, pages in (("both", ("a.py", "b.py")), ("alone", ("b.py",))):
        answer = lockstep("run", *pages, *options, run, cwd=tmp_path)
        assert answer.code == 0, answer.err
    both, alone = (
        json.loads((tmp_path / run / "results.json").read_text()) for run in ("both", "alone")
    )
    assert both["cells"][1]["history"] == alone["cells"][0]["history"]


@pytest.mark.parametrize("takes_away", [False, True])
def test_a_training_leaves_no_place_to_look_and_nothing_from_there(takes_away, tmp_path):
    """Also where it fails; what is installed stays, as it cannot be imported twice."""
    for place in ("mine", "site-packages"):
        (tmp_path / place / f"of_{place[:4]}").mkdir(parents=True)
        (tmp_path / place / f"of_{place[:4]}" / "part.py").write_text("")
    search_path, places = sys.path, [*sys.path]

    def train():
        sys.path = [str(tmp_path / "mine"), *places, str(tmp_path / "site-packages")]
        for name in ("of_mine", "of_site"):
            import_module(f"{name}.part")
        if takes_away:
            sys.path = search_path
        raise MemoryError

    with pytest.raises(MemoryError), no_place_left():
        train()
    assert (sys.path is search_path, sys.path) == (True, places)
    left = [name for name in sys.modules if name.startswith(("of_mine", "of_site"))]
    for name in left:
        del sys.modules[name]
    assert left == ["of_site", "of_site.part"]
