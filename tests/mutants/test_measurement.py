from pathlib import Path

import pytest

from .measurement import Executed

OF_A, OF_B = "tests/scratch/test_a.py::test", "tests/scratch/test_b.py::test"


def write(file, text):
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text, encoding="utf-8")


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Two tests, each of which executes a file of `scratch`, as they were measured."""
    monkeypatch.chdir(tmp_path)
    for file in ("scratch/a.py", "scratch/b.py", "tests/scratch/closeness.py"):
        write(file, "x = 1")
    for test in (OF_A, OF_B):
        write(test.split("::")[0], "def test(): pass")
    tests = Executed({}, {}, {})
    lines = {"scratch/a.py": {"1": [""], "2": [OF_A]}, "scratch/b.py": {"1": [""], "2": [OF_B]}}
    tests.replace(None, lines, {OF_A: 1.0, OF_B: 2.0})
    return tests


def test_nothing_is_measured_again_as_long_as_no_file_changes(measured):
    assert measured.to_measure() == []


def test_new_file_of_tests_is_measured_alone(measured):
    write("tests/scratch/test_c.py", "def test(): pass")
    assert measured.to_measure() == ["tests/scratch/test_c.py"]


def test_tests_that_execute_a_changed_file_are_measured_again_with_its_doctests(measured):
    write("scratch/a.py", "x = 2")
    assert measured.to_measure() == ["scratch/a.py", "tests/scratch/test_a.py"]


def test_all_are_measured_again_after_a_change_to_what_they_share(measured):
    write("tests/scratch/closeness.py", "x = 2")
    assert measured.to_measure() is None


def test_what_is_measured_anew_replaces_what_was_known_of_its_files_alone(measured):
    write("tests/scratch/test_b.py", "def other(): pass")
    new = "tests/scratch/test_b.py::other"
    measured.replace(["tests/scratch/test_b.py"], {"scratch/a.py": {"3": [new]}}, {new: 3.0})
    assert measured.seconds == {OF_A: 1.0, new: 3.0}
    assert measured.lines["scratch/a.py"] == {"1": [""], "2": [OF_A], "3": [new]}
    assert measured.lines["scratch/b.py"] == {"1": [""], "2": []}
    assert measured.to_measure() == []


def test_tests_of_a_deleted_file_are_forgotten(measured):
    Path("tests/scratch/test_a.py").unlink()
    measured.replace([], {}, {})
    assert measured.seconds == {OF_B: 2.0}
    assert measured.that_execute("scratch/a.py", [2]) == {}


def test_line_that_runs_on_import_is_tried_with_all_tests_of_the_files_that_use_it(measured):
    assert measured.that_execute("scratch/a.py", [1]) == {OF_A: 1.0}
    assert measured.that_execute("scratch/a.py", [2]) == {OF_A: 1.0}


def test_constants_of_a_file_that_no_test_executes_are_tried_with_all_tests(measured):
    measured.lines["scratch/constants.py"] = {"1": [""]}
    assert measured.that_execute("scratch/constants.py", [1]) == {OF_A: 1.0, OF_B: 2.0}
