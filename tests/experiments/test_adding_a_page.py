"""Adding an experiment is a file and a line, as CONTRIBUTING says; one of a user's own, a file."""

import json
import os
from pathlib import Path

import pytest

import experiments
from experiments.registry import find_experiment

from .command import lockstep

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
    assert "1 of 1 pairs agree" in done.out
    listed = lockstep("list", cwd=tmp_path, **paths)
    assert "\nnor                 can a hidden layer learn what one neuron cannot?\n" in listed.out
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
        assert "1 of 1 trainings finished" in answer.out
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
    run = lockstep("run", page, *OPTIONS, "--out", "run", cwd=tmp_path)
    assert (run.code, marker.exists()) == (0, True)
    marker.unlink()
    for command in (("report", "run"), ("compare", "run", "run"), ("runs",), ("list",)):
        assert lockstep(*command, cwd=tmp_path).code == 0
    assert not marker.exists()
    assert "build_pytorch" not in (tmp_path / "run" / "report.html").read_text()
    assert lockstep("report", "run", "--page", page, cwd=tmp_path).code == 0
    assert marker.exists()
    assert "build_pytorch" in (tmp_path / "run" / "report.html").read_text()


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
    assert "a/p.py and b/p.py have one name, p" in answer.err
    assert not (tmp_path / "run").exists()
    once = call("run", "a/p.py", "./a/p.py", "--with", "scratch", "--epochs", "1", "--out", "run")
    assert (once.code, "1 of 1 trainings finished" in once.out) == (0, True)
