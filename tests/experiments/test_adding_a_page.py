"""Adding an experiment is a file and a line, as CONTRIBUTING says; one of a user's own, a file."""

import json
import os
import py_compile
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import experiments
from experiments.harness.pages import forget_late_imports
from experiments.registry import find_anew, find_experiment
from frameworks.errors import RequestError

from .command import lockstep

pytestmark = pytest.mark.slow

OPTIONS = ("--epochs", "3", "--with", "scratch,pytorch")


def page_of(name: str, builders: str = "build_scratch, build_keras, build_pytorch") -> str:
    """Return xor's page under another name, without a certificate of its own."""
    page = find_experiment("xor").source.read_text().replace("XOR: ", f"{name}: ")
    page = page.replace("(build_scratch, build_keras, build_pytorch)", f"({builders},)")
    return page.replace('    certified="mpmath",\n', "")


@pytest.fixture
def page(tmp_path) -> Path:
    path = tmp_path / "my-page.py"
    path.write_text(page_of("my-page"))
    return path


def test_a_file_and_a_line_are_an_experiment(tmp_path):
    folder = tmp_path / "site" / "experiments"
    folder.mkdir(parents=True)
    (folder / "nor.py").write_text(page_of("nor"))
    lines = (Path(experiments.__file__).parent / "registry.py").read_text()
    (folder / "registry.py").write_text(lines.replace('    "xor",\n', '    "xor",\n    "nor",\n'))
    found_first = f"import experiments\nexperiments.__path__.insert(0, {str(folder)!r})\n"
    (folder.parent / "sitecustomize.py").write_text(found_first)  # Python runs it as it starts
    root = str(Path(experiments.__file__).parents[1])
    paths = {"PYTHONPATH": os.pathsep.join([str(folder.parent), root])}

    done = lockstep("run", "nor", *OPTIONS, "--out", "run", cwd=tmp_path, **paths)
    assert done.code == 0, done.out + done.err
    assert "1 of 1 pair agrees" in done.out
    listed = lockstep("list", cwd=tmp_path, **paths)
    assert re.search(r"\nnor +can a hidden layer learn what one neuron cannot\?\n", listed.out)
    assert "unknown experiment" in lockstep("run", "nor", cwd=tmp_path).err  # without the line


def test_a_page_of_ones_own_is_run_by_its_path(call, page, tmp_path):
    answer = call("run", page, *OPTIONS, "--out", tmp_path / "run")
    assert answer.code == 0, answer.out + answer.err
    assert "my-page  3-4-1, 3 epochs" in answer.out
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {cell["experiment"] for cell in results["cells"]} == {"my-page"}
    assert "build_pytorch" in (tmp_path / "run" / "report.html").read_text()


def test_it_needs_no_build_scratch(call, page, tmp_path):
    page.write_text(page_of("my-page", "build_pytorch"))
    for option in ((), ("--dtype", "float32"), ("--native",)):
        out = tmp_path / "-".join(["run", *option])
        answer = call("run", page, "--epochs", "3", "--with", "pytorch", *option, "--out", out)
        assert answer.code == 0, answer.out + answer.err
        assert "1 of 1 training finished" in answer.out
    assert "left out: my-page has no build_scratch" in " ".join(
        call("run", page, *OPTIONS, "--out", tmp_path / "run").out.split()
    )


def test_it_may_stand_beside_ours_and_is_left_as_it_is(call, page, tmp_path):
    before = page.read_bytes()
    command = ("run", page, "xor", "--with", "scratch", "--epochs", "1", "--quiet")
    assert call(*command, "--out", tmp_path / "run").code == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [cell["experiment"] for cell in results["cells"]] == ["xor", "my-page"]
    assert page.read_bytes() == before


def test_a_record_never_makes_us_execute_its_page(page, tmp_path):
    """Report is told by the user which page it is; without one, it does without."""
    marker = tmp_path / "executed"
    page.write_text(page.read_text() + f"\nopen({str(marker)!r}, 'a').close()\n")
    options = ("--epochs", "3", "--with", "scratch", "--out", "run")
    run = lockstep("run", page, *options, cwd=tmp_path)
    assert (run.code, marker.exists()) == (0, True)
    marker.unlink()
    for command in (("report", "run"), ("compare", "run", "run"), ("runs",), ("list",)):
        assert lockstep(*command, cwd=tmp_path).code == 0
    assert not marker.exists()
    assert "build_scratch" not in (tmp_path / "run" / "report.html").read_text()
    assert lockstep("report", "run", "--page", page, cwd=tmp_path).code == 0
    assert marker.exists()
    assert "build_scratch" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named"),
        ("x = (", "cannot be loaded: SyntaxError: '(' was never closed (line 1)"),
        ("\n1 / 0", "cannot be loaded: ZeroDivisionError: division by zero (line 2)"),
        ("EXPERIMENT = 7", "has no EXPERIMENT = Experiment(...) at its end; see CONTRIBUTING.md"),
    ],
)
def test_a_page_that_is_none_is_one_sentence(call, page, tmp_path, code, says):
    page.write_text(code)
    answer = call("run", page, "--out", tmp_path / "run")
    assert (answer.code, answer.err.startswith(f"error: {page}")) == (2, True)
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise OSError('the disk is gone')", "failed: OSError: the disk is gone (line "),
        ("return 7", "returned int, not a Dataset"),
    ],
)
def test_a_load_that_does_not_load_is_one_sentence(call, page, tmp_path, body, says):
    page.write_text(page.read_text().replace("return load_xor()", body))
    answer = call("run", page, "--out", tmp_path / "run")
    assert (answer.code, f"load() of my-page {says}" in answer.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_a_name_of_ours_and_a_page_that_was_not_trained_are_refused(call, page, tmp_path):
    (tmp_path / "circle.py").write_text(page_of("circle"))
    answer = call("run", tmp_path / "circle.py", "--out", tmp_path / "run")
    assert "circle is an experiment of the suite; rename the page" in answer.err
    assert call("run", "xor", "--with", "scratch", "--epochs", "1", "--out", "run").code == 0
    answer = call("report", "run", "--page", page)
    assert (answer.code, answer.err) == (2, f"error: {page}: run holds no my-page; it is of xor\n")


@pytest.mark.parametrize("name", ["x.xor.py", "my page.py", "7.py", ".py"])
def test_a_name_that_no_module_and_no_record_can_have_is_refused(call, tmp_path, name):
    """`x.xor.py` would be taken for the experiment xor."""
    (tmp_path / name).write_text(page_of("xor"))
    answer = call("run", tmp_path / name, *OPTIONS, "--out", tmp_path / "run")
    assert (answer.code, "rename the page" in answer.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_two_pages_of_one_name_are_refused_and_one_page_twice_is_one(call, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.py").write_text(page_of("p"))
    answer = call("run", "a/p.py", "b/p.py", *OPTIONS, "--out", "run")
    assert (answer.code, answer.out) == (2, "")
    assert "a/p.py and b/p.py are both named p" in answer.err
    assert not (tmp_path / "run").exists()
    once = call("run", "a/p.py", "./a/p.py", "--with", "scratch", "--epochs", "1", "--out", "run")
    assert (once.code, "1 of 1 training finished" in once.out) == (0, True)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("spec=SPEC,\n", "spec={'epochs': 3},\n", "spec must be a frameworks.Spec, got {"),
        ("builders=(", "builders={}, task=(", "builders must be a tuple of functions, got {}"),
        ("builders=(", "builders=(load, ", "builders must be functions named build_ and an impl"),
        ("builders=(", "task='regression', builders=(", "task must be one of frameworks.task's CL"),
        ("    band=", "    band={'real': 0.9} or ", "band must hold a pair of numbers for "),
        (
            "    band=",
            "    band={'rael': (0, 1)} or ",
            "band is by the data's source, 'real' ",
        ),
        (
            "    band=",
            "    certified_epochs={'': 2}, band=",
            "certified_epochs is by the data's",
        ),
        ("SPEC = Numbers()", "SPEC = Numbers(epochs=0)", "spec.epochs must be a whole number, 1"),
        ("SPEC = Numbers()", "SPEC = Numbers(batch_size=0)", "spec.batch_size must be a whole nu"),
        ("SPEC = Numbers()", "SPEC = Numbers(learning_rate=float('inf'))", "spec.learning_rate mu"),
        ("SPEC = Numbers()", "SPEC = Numbers(hidden={})", "spec.hidden must be a finite number, "),
        ("SPEC = Numbers()", "SPEC = Numbers(hidden=np.int64(4))", "spec.hidden must be a finite"),
        ("SPEC = Numbers()", "import sys; sys.exit(3)", "cannot be loaded: SystemExit: 3 (line "),
        (
            "page=__name__",
            "page='mine'",
            "its EXPERIMENT is of the page 'mine'; write page=__name__",
        ),
    ],
)
def test_a_mistake_on_a_page_is_one_sentence(call, page, tmp_path, before, after, says):
    assert before in page.read_text()
    page.write_text(page.read_text().replace(before, after))
    answer = call("run", page, "--out", tmp_path / "run")
    assert (answer.code, answer.err.startswith(f"error: {page}")) == (2, True)
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def write_page(folder: Path, helper: str, rate: float) -> Path:
    """Write a page, named as its folder, that takes its learning rate from a helper's module."""
    helpers = folder / f"{helper.replace('.', '/')}.py"
    helpers.parent.mkdir(parents=True, exist_ok=True)
    helpers.write_text(f"RATE = {rate}\n")
    text = page_of(folder.name).replace("SPEC = Numbers()", "SPEC = Numbers(learning_rate=RATE)")
    text = text.replace("import numpy", f"from {helper} import RATE\nimport numpy", 1)
    (folder / f"{folder.name}.py").write_text(text)
    return folder / f"{folder.name}.py"


@pytest.mark.parametrize("helper", ["numbers_of_mine", "numbers_of_mine.rates"])
def test_each_page_has_its_own_helpers_though_they_have_one_name(tmp_path, helper):
    """Also in a folder without __init__.py; and none stays behind."""
    for folder, rate in (("a", 0.5), ("b", 0.25)):
        page = find_experiment(str(write_page(tmp_path / folder, helper, rate)))
        assert page.spec.learning_rate == rate
        assert list(page.beside.values()) == [f"RATE = {rate}\n".encode()]
    assert not [name for name in sys.modules if name.startswith("numbers_of_mine")]


def test_a_helper_is_the_pages_own_whatever_the_program_has_imported(tmp_path, monkeypatch):
    page = write_page(tmp_path / "a", "numbers_of_mine", 0.5)
    monkeypatch.syspath_prepend(str(tmp_path / "a"))
    imported = ModuleType("numbers_of_mine")
    monkeypatch.setitem(sys.modules, "numbers_of_mine", imported)
    assert find_experiment(str(page)).spec.learning_rate == 0.5
    assert sys.modules["numbers_of_mine"] is imported


def test_a_page_whose_helper_was_changed_is_loaded_again(tmp_path):
    page = write_page(tmp_path / "a", "numbers_of_mine", 0.5)
    first = find_experiment(str(page))
    assert find_experiment(str(page)) is first
    write_page(tmp_path / "a", "numbers_of_mine", 0.25)
    assert find_experiment(str(page)).spec.learning_rate == 0.25
    assert list(first.beside.values()) == [b"RATE = 0.5\n"]


def test_a_helper_is_executed_as_it_is_and_not_as_bytecode_has_it(tmp_path):
    """Its size and time may be those of another text, as in an archive or after `cp -p`."""
    page = write_page(tmp_path / "a", "numbers_of_mine", 0.25)
    helper = page.parent / "numbers_of_mine.py"
    py_compile.compile(str(helper))
    stat = helper.stat()
    helper.write_text("RATE = 0.75\n")
    os.utime(helper, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert find_experiment(str(page)).spec.learning_rate == 0.75


@pytest.mark.parametrize("imported", ["import numbers_of_mine", "from numbers_of_mine import RATE"])
def test_a_function_that_imports_a_helper_is_refused_whatever_it_would_do_without(
    tmp_path, imported
):
    """What it has instead of an optional helper would be trained, though the helper is there."""
    page = write_page(tmp_path / "a", "numbers_of_mine", 0.5)
    caught = "\n    try:\n        {}\n    except {}:\n        return None\n"
    for error in ("ImportError", "Exception"):
        function = f"def late_{error}():" + caught.format(imported, error)
        page.write_text(function + page.read_text())
    module = find_experiment(str(page)).module
    with pytest.raises(RequestError, match="a.py imports numbers_of_mine inside a function"):
        module.late_ImportError()
    assert forget_late_imports(page) == [page.with_name("numbers_of_mine.py")]
    assert module.late_Exception() is None
    assert forget_late_imports(page) == [page.with_name("numbers_of_mine.py")]
    with pytest.raises(ModuleNotFoundError):  # another page may have one
        import numbers_of_mine  # noqa: F401
    assert forget_late_imports(page) == []


def test_python_itself_may_lie_below_a_page(tmp_path, monkeypatch):
    """As in a home folder; its modules are imported at any time."""
    page = write_page(tmp_path, "numbers_of_mine", 0.5)
    monkeypatch.setattr("experiments.harness.search_path._STDLIB", str(tmp_path / "lib"))
    below, beside = ModuleType("below"), ModuleType("beside")
    below.__file__, beside.__file__ = str(tmp_path / "lib/below.py"), str(tmp_path / "beside.py")
    for module in (below, beside):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert forget_late_imports(page) == [tmp_path / "beside.py"]
    assert "below" in sys.modules


FINDS_IT_BY_NAME = """

def found():
    assert pickle.loads(pickle.dumps(Kept(2))) == Kept(2)
    assert [*typing.get_type_hints(Kept)] == ["x"]
    assert "class Kept" in inspect.getsource(Kept)


loaded, built, drawn, other = load, build_scratch, initial_weights, build_pytorch


def load(policy="auto", data_dir=None):
    found()
    return loaded(policy, data_dir)


def initial_weights(spec, rng):
    found()
    return drawn(spec, rng)


def weights(spec, rng, before):
    found()
    return drawn(spec, rng)


def augment(spec, rng, X):
    found()
    return X


def build_scratch(spec=SPEC):
    found()
    return built(spec)._replace(augment=augment)


def build_pytorch(spec=SPEC):
    return other(spec)._replace(augment=augment)


"""
KEPT = """from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path

@dataclass
class Kept:
    x: Path
"""


def test_a_helper_is_found_by_its_name_while_the_page_loads_and_builds(tmp_path):
    """As by pickle; each execution finds its own, and nobody does in between."""
    before, mark, after = page_of("mine").rpartition("EXPERIMENT = ")
    page, top = tmp_path / "mine.py", "import inspect, pickle, typing\nfrom helper import Kept\n"
    page.write_text(top + before + FINDS_IT_BY_NAME + mark + after)
    (tmp_path / "helper.py").write_text(KEPT)
    first = find_experiment(str(page))
    for experiment in (first, find_anew(str(page)), first.changed((("hidden", (3,)),))):
        experiment.load_data("auto", None)
        assert len(experiment.blueprint.builders["scratch"]().network.layers) == 4
        assert "helper" not in sys.modules


def test_a_helper_is_found_by_its_name_while_the_page_draws(call, tmp_path):
    """What a builder returns, and a phase's weights, in workers and in the command itself."""
    before, mark, after = page_of("mine", "build_scratch, build_pytorch").rpartition(
        "EXPERIMENT = "
    )
    page, top = tmp_path / "mine.py", "import inspect, pickle, typing\nfrom helper import Kept\n"
    top += "from experiments.harness.phases import Phase\n"
    phases = "    phases=(Phase('one', SPEC), Phase('two', SPEC, weights=weights)),\n"
    mark += after.replace("    spec=SPEC,\n", f"    spec=SPEC,\n{phases}")
    page.write_text(top + before + FINDS_IT_BY_NAME + mark)
    (tmp_path / "helper.py").write_text(KEPT)
    options = ("--epochs", "2", "--with", "scratch,pytorch")
    assert call("run", page, *options, "--out", tmp_path / "run").code == 0
    answer = call("diverge", page, "--epochs", "2", "--between", "scratch,pytorch")
    assert answer.code == 0, answer


BY_PATH = """
found = importlib.util.spec_from_file_location("named_by_me", f"{__file__[:-4]}numbers_of_mine.py")
module = importlib.util.module_from_spec(found)
found.loader.exec_module(module)
"""
LATER = "found.loader = importlib.util.LazyLoader(found.loader)"


@pytest.mark.parametrize("place", ["a", "."])
@pytest.mark.parametrize(
    "by_path",
    [
        BY_PATH,
        BY_PATH.replace("found.loader.e", 'sys.modules["named_by_me"] = module\nfound.loader.e'),
        BY_PATH.replace("module =", f"{LATER}\nmodule ="),
    ],
)
def test_a_helper_that_is_executed_by_its_path_is_the_pages_own_too(tmp_path, by_path, place):
    """As the documentation of importlib has it, from whatever folder."""
    page = write_page(tmp_path / "a", "numbers_of_mine", 0.5)
    (tmp_path / "a" / "numbers_of_mine.py").rename(tmp_path / place / "numbers_of_mine.py")
    by_path = by_path.replace("{__file__[:-4]}", f"{tmp_path / place}/")
    imported = "from numbers_of_mine import RATE\n"
    assert imported in page.read_text()
    by_path = f"import importlib.util, sys\n{by_path}RATE = module.RATE\ndel module\n"
    page.write_text(page.read_text().replace(imported, by_path))
    assert list(find_experiment(str(page)).beside.values()) == [b"RATE = 0.5\n"]
    assert "named_by_me" not in sys.modules
    (tmp_path / place / "numbers_of_mine.py").write_text("RATE = 0.75\n# another\n")
    assert find_experiment(str(page)).spec.learning_rate == 0.75


def test_a_helper_that_a_function_executes_by_its_path_is_refused(tmp_path):
    """As one that it imports: no record knows it."""
    page = write_page(tmp_path / "a", "numbers_of_mine", 0.5)
    late = "\n    ".join(["def late():", "import importlib.util", *BY_PATH.split("\n")])
    page.write_text(f"{page.read_text()}\n\n{late}\n")
    experiment = find_experiment(str(page))
    with pytest.raises(RequestError, match="imports numbers_of_mine.py inside a function"):
        experiment.module.late()
    helper = tmp_path / "a" / "numbers_of_mine.py"
    assert forget_late_imports(page) == [helper]
    find_experiment(str(write_page(tmp_path / "b", "numbers_of_mine", 0.5)))  # is being loaded


def test_a_package_comes_before_a_folder_of_its_name(tmp_path):
    """As everywhere in Python: it may hold the package's data."""
    page = write_page(tmp_path / "a", "numbers_of_mine", 0.5)
    for name in ("numpy", "threadpoolctl", "experiments", "json"):
        (tmp_path / "a" / name).mkdir()
    page.write_text(page.read_text().replace("import numpy", "import threadpoolctl\nimport numpy"))
    assert list(find_experiment(str(page)).beside) == [page.parent / "numbers_of_mine.py"]


def test_a_page_may_import_what_lies_beside_it_and_its_text_is_part_of_the_run(call, tmp_path):
    """In the workers, too; and each page has its own, though they have one name."""
    for folder, rate in (("a", 0.5), ("b", 0.25)):
        write_page(tmp_path / folder, "mine.numbers_", rate)
    command = ("run", "a/a.py", "b/b.py", "--with", "scratch", "--epochs", "1", "--out", "run")
    answer = call(*command)
    assert answer.code == 0, answer.err
    cells = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
    assert [cell["spec"]["learning_rate"] for cell in cells] == [0.5, 0.25]
    (tmp_path / "a" / "mine" / "numbers_.py").write_text("RATE = 0.5  # the same\n")
    for more in ((), ("--seed", "1"), ("--seed", "1", "--set", "learning_rate=0.75")):
        again = lockstep(*command, *more, cwd=tmp_path)  # seeds and settings are shown together
        assert (again.code, "other source code" in again.err) == (2, True)


@pytest.mark.timeout(60)  # only who waits for the thread takes that long
def test_a_thread_that_a_page_leaves_running_does_not_keep_the_command_from_ending(page, tmp_path):
    """As a prefetcher or a logger does; Python itself waits for it."""
    leaves = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    page.write_text(page.read_text().replace("import numpy", f"{leaves}import numpy", 1))
    options = ("--with", "scratch", "--epochs", "1", "--out", "run")
    answer = lockstep("run", str(page), *options, cwd=tmp_path)
    assert (answer.code, "1 of 1 training finished" in answer.out) == (0, True), answer.err


@pytest.mark.timeout(60)
def test_what_a_page_prints_later_is_not_in_the_output_of_the_command(page, tmp_path):
    """In a thread, as the process ends, or past Python's streams."""
    later = """
import atexit, os, threading, time

def show():
    while True:
        print("noise")
        os.write(1, b"raw\\n")
        time.sleep(0.01)

atexit.register(print, "bye")
threading.Thread(target=show, daemon=True).start()
"""
    page.write_text(page.read_text().replace("import numpy", f"{later}import numpy", 1))
    options = ("--with", "scratch", "--epochs", "1", "--out", "run", "--json")
    answer = lockstep("run", str(page), *options, cwd=tmp_path)
    assert answer.code == 0
    assert json.loads(answer.out)["verdict"] == "passed"
    assert all(word in answer.err for word in ("noise", "raw", "bye"))


def test_the_numbers_of_a_page_may_be_nested(call, page, tmp_path):
    text = page.read_text().replace(
        "    inputs: int", "    pads: tuple = ((1, 2), (0.5,))\n    inputs: int"
    )
    page.write_text(text)
    command = ("run", page, "--with", "scratch", "--epochs", "1", "--out", tmp_path / "run")
    assert call(*command).code == call(*command).code == 0
    (cell,) = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
    assert cell["spec"]["pads"] == [[1, 2], [0.5]]
