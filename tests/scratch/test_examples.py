"""The lessons: each runs, prints, and asserts what it shows."""

import importlib
import inspect
from pkgutil import iter_modules

import pytest

from scratch import examples

NUMBERS = {
    "one_neuron": ["= 5", "0.006693", "0.500000", "0.993307"],
    "gates": ["(1, 0)  0.5   1               0                1"],
    "forward_by_hand": ["[[3.0, 9.0]]", "[[-3.0]]", "0.99010953783342", "[[0.0], [12.0]]", "364"],
    "three_layers": ["[[0.5, 1.2, 1.9]]", "0.62245933", "0.64035801", "[[0.40442364, 0.59557636]]"],
    "computational_graph": ["dg/dz =  4", "-12.003", "(1.3 + 3.3) * -3.4 = -15.64"],
    "tug_of_war": ["1.001249", "0.975961", "3.484903", "2.57e-11"],
}


@pytest.mark.parametrize("name", [module.name for module in iter_modules(examples.__path__)])
def test_lesson_prints_and_asserts_the_numbers_that_it_works_out(name, capsys):
    lesson = importlib.import_module(f"scratch.examples.{name}")
    assert "assert " in inspect.getsource(lesson.main)
    lesson.main()
    printed = capsys.readouterr().out
    assert [number for number in NUMBERS[name] if number not in printed] == []


def test_reading_order_names_every_lesson():
    listed = [line.split()[0] for line in (examples.__doc__ or "").splitlines()[2:] if line]
    assert sorted(listed) == sorted(NUMBERS)
