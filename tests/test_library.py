"""The wheel is the library: what is in it, what it needs, and what it gets on with."""

import ast
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, SETUPTOOLS = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]
LIBRARY = ("scratch", "frameworks")
NEEDED = {Requirement(text).name for text in PROJECT["dependencies"]}
FRAMEWORKS = {"keras", "tensorflow", "torch", "jax"}
OWN = {"keras": FRAMEWORKS, "pytorch": {"torch"}}  # by folder

EXTRAS = {"sklearn", "scipy"}  # what only estimators and the native runs need


def sources():
    yield ROOT / "lockstep.py"
    for name in LIBRARY:
        yield from (ROOT / name).rglob("*.py")


def imported(path):
    """Return the packages that a file imports: when it is loaded, and at any time."""
    tree = ast.parse(path.read_text())
    inside = {node for body in tree.body if _is_lazy(body) for node in ast.walk(body)}
    top, all_ = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {(node.module or "").partition(".")[0]}
        else:
            continue
        all_ |= names
        top |= set() if node in inside else names
    return top, all_


def _is_lazy(statement):
    """Functions and classes, whose imports wait for a call, and blocks for type checkers."""
    checked = isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)
    return checked or isinstance(statement, ast.FunctionDef | ast.ClassDef)


def test_the_wheel_holds_the_library_and_nothing_else():
    assert SETUPTOOLS["py-modules"] == ["lockstep"]
    assert SETUPTOOLS["packages"]["find"]["include"] == [f"{name}*" for name in LIBRARY]
    found = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    for name in found - {*LIBRARY}:
        assert not any(name.startswith(ours) for ours in LIBRARY), name


def test_the_library_imports_nothing_of_the_suite():
    for path in sources():
        assert not imported(path)[1] & {"experiments", "datasets", "tests"}, path


def test_every_import_is_a_dependency_an_extra_or_a_frameworks_own_affair():
    """At the top of a file, a framework is imported in its own folder only."""
    known = {*LIBRARY, "lockstep", *sys.stdlib_module_names} | NEEDED | EXTRAS | FRAMEWORKS
    for path in sources():
        top, everywhere = imported(path)
        assert everywhere <= known, path
        folder = path.relative_to(ROOT).parent.parts[1:2]
        assert top & FRAMEWORKS <= OWN.get("".join(folder), set()), path


def test_only_the_library_is_needed_and_ranges_are_wide():
    assert {"numpy", "rich", "safetensors"} == NEEDED
    extras = PROJECT["optional-dependencies"]
    library = [extras[name] for name in ("estimators", "jax", "pytorch", "tensorflow")]
    for text in chain(PROJECT["dependencies"], *library):
        assert not re.search("==|~=", text), text
    keras = next(Requirement(text) for text in extras["tensorflow"] if text.startswith("keras"))
    assert keras.specifier.contains("3.12.0")


@pytest.mark.parametrize("module", ["lockstep", "frameworks.live.command", "frameworks"])
def test_it_is_imported_where_nothing_else_is_installed(module):
    program = f"""
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS | FRAMEWORKS | {"pandas", "pydantic", "typer"}}:
            raise ModuleNotFoundError(name)
        if name.partition(".")[0] in ("experiments", "datasets"):
            raise AssertionError(name)
sys.meta_path.insert(0, Nothing())
import {module}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
