"""What a page imports from a folder that it adds to the search path, as that of its project."""

import sys
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

from experiments.harness import beside
from experiments.harness.pages import forget_late_imports
from experiments.registry import find_experiment
from frameworks.errors import RequestError

from .test_adding_a_page import write_page


def write_project(folder: Path, rate: float, places: str = "sys.path.insert(0, ABOVE)") -> Path:
    """Write a page in a folder of a project whose helpers lie in the project's own folder."""
    page = write_page(folder / "pages" / folder.name, "numbers_of_mine", rate)
    (page.parent / "numbers_of_mine.py").rename(folder / "numbers_of_mine.py")
    idiom = "import os, sys\nABOVE = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))\n"
    page.write_text(
        page.read_text().replace("from numbers_of", f"{idiom}{places}\nfrom numbers_of")
    )
    return page


@pytest.mark.parametrize(
    "places",
    [
        "sys.path.insert(0, ABOVE)",
        "sys.path.append(os.path.join(os.path.dirname(__file__), '..', '..'))",
        "if ABOVE not in sys.path: sys.path.insert(1, ABOVE)",
        "sys.path = [ABOVE, *sys.path]",
        "sys.path[:0] = [os.path.dirname(__file__), ABOVE]",
        "import pathlib; os.chdir(ABOVE); sys.path.insert(0, '')",
    ],
)
@pytest.mark.parametrize("known", ["to nobody", "to the program"])
def test_each_page_has_the_helpers_of_the_place_that_it_has_added(
    tmp_path, monkeypatch, places, known
):
    """The commonest idiom of a project; also where a notebook has done as its page does."""
    if known == "to the program":
        monkeypatch.syspath_prepend(str(tmp_path / "a"))
        monkeypatch.setitem(sys.modules, "numbers_of_mine", imported := ModuleType("imported"))
        imported.__file__ = str(tmp_path / "a" / "numbers_of_mine.py")
    path, before, modules = sys.path, [*sys.path], {**sys.modules}
    for folder, rate in (("a", 0.5), ("b", 0.25)):
        page = find_experiment(str(write_project(tmp_path / folder, rate, places)))
        assert page.spec.learning_rate == rate
        helper = tmp_path / folder / "numbers_of_mine.py"
        assert page.beside == {helper: f"RATE = {rate}\n".encode()}
        assert (sys.path is path, sys.path) == (True, before)
    assert sys.modules.get("numbers_of_mine") is modules.get("numbers_of_mine")
    helper.write_text("RATE = 0.75\n")
    assert not page.is_current
    assert find_experiment(str(page.source)).spec.learning_rate == 0.75


def test_what_a_page_adds_comes_where_it_has_added_it(tmp_path, monkeypatch):
    """A checkout before an installed package of its name, or at the end, after it."""
    for place in ("site-packages", "ours"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "numbers_of_mine.py").write_text(f"RATE = {len(place)}.0\n")
    monkeypatch.setattr(beside, "workers_search_path", lambda: [installed, *sys.path])
    installed, ours = str(tmp_path / "site-packages"), str(tmp_path / "ours")
    page = write_project(tmp_path / "a", 0.5)
    text = page.read_text()
    for added, rate in ((f"insert(0, {ours!r})", 4.0), (f"append({ours!r})", 13.0)):
        page.write_text(text.replace("insert(0, ABOVE)", added))
        found = find_experiment(str(page))
        sys.modules.pop("numbers_of_mine", None)  # an installed one stays
        assert (found.spec.learning_rate, len(found.beside)) == (rate, rate == 4.0)


def test_a_place_that_a_page_adds_hides_what_another_has_imported(tmp_path, monkeypatch):
    """From PYTHONPATH, whose modules stay; without those it would find its own."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "a"))
    monkeypatch.syspath_prepend(str(tmp_path / "a"))
    for folder, rate, places in (("a", 0.5, ""), ("b", 0.25, "sys.path.insert(0, ABOVE)")):
        page = find_experiment(str(write_project(tmp_path / folder, rate, places)))
        assert page.spec.learning_rate == rate
    assert sys.modules.pop("numbers_of_mine").RATE == 0.5


def test_a_standard_module_is_pythons_own_whatever_a_page_adds(tmp_path, monkeypatch):
    page = write_project(tmp_path / "a", 0.5)
    monkeypatch.delitem(sys.modules, "this", raising=False)
    (tmp_path / "a" / "this.py").write_text("raise ValueError\n")
    page.write_text(page.read_text().replace("from numbers_of", "import this\nfrom numbers_of"))
    assert find_experiment(str(page)).spec.learning_rate == 0.5


def test_what_a_page_has_added_is_no_place_for_its_functions(tmp_path):
    """Python would take an installed package of that name, or another project's, instead."""
    page = write_project(tmp_path / "a", 0.5)
    late = "\n    try:\n        import {}\n    except Exception:\n        return None\n"
    again = "\n    sys.path.insert(0, ABOVE)\n    import more_of_mine\n    sys.path.remove(ABOVE)\n"
    for name in ("numbers_of_mine", "threadpoolctl"):
        page.write_text(f"def late_{name}():{late.format(name)}{page.read_text()}")
        (tmp_path / "a" / f"{name}.py").write_text("RATE = 0.5\n")
    page.write_text(f"def again():{again}{page.read_text()}")
    (tmp_path / "a" / "more_of_mine.py").write_text("")
    module = find_experiment(str(page)).module
    for name in ("numbers_of_mine", "threadpoolctl"):
        installed = sys.modules.pop(name, None)
        getattr(module, f"late_{name}")()
        if installed:
            sys.modules[name] = installed
        assert forget_late_imports(page) == [tmp_path / "a" / f"{name}.py"]
    with pytest.raises(RequestError, match="a.py imports more_of_mine inside a function"):
        module.again()
    sys.path.remove(str(tmp_path / "a"))


def test_installed_packages_that_a_page_adds_may_be_imported_later(tmp_path, monkeypatch):
    """They cannot be imported twice, as a rule, and are not the page's own."""
    (tmp_path / "a" / "site-packages").mkdir(parents=True)
    (tmp_path / "a" / "site-packages" / "installed_of_mine.py").write_text("")
    added = "sys.path[:] = [ABOVE, *sys.path, f'{ABOVE}/site-packages']"
    page, places = write_project(tmp_path / "a", 0.5, added), [*sys.path]
    monkeypatch.setattr(sys, "path", [*places])
    find_experiment(str(page))
    assert sys.path == [*places, str(tmp_path / "a" / "site-packages")]


def test_a_place_may_be_an_archive(tmp_path):
    page = write_project(tmp_path / "a", 0.5, "sys.path.insert(0, f'{ABOVE}/helpers.zip')")
    helper, archive = tmp_path / "a" / "numbers_of_mine.py", tmp_path / "a" / "helpers.zip"
    with ZipFile(archive, "w") as file:
        file.write(helper, helper.name)
    helper.unlink()
    assert find_experiment(str(page)).beside == {archive: archive.read_bytes()}
    assert "numbers_of_mine" not in sys.modules
