"""The lessons: each runs, prints, and asserts what it shows."""

import importlib
import inspect
import pkgutil

import pytest

from scratch import examples

NAMES = [module.name for module in pkgutil.iter_modules(examples.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_lesson_runs_and_asserts_its_numbers(name, capsys):
    lesson = importlib.import_module(f"scratch.examples.{name}")
    assert "assert " in inspect.getsource(lesson.main)
    lesson.main()
    assert capsys.readouterr().out


def test_reading_order_names_every_lesson():
    listed = [line.split()[0] for line in (examples.__doc__ or "").splitlines()[2:] if line]
    assert sorted(listed) == sorted(NAMES)
