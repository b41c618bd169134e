"""The exercises: each is wrong, the tool says where, and the solution is right."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from scratch import WrongGradient

EXERCISES = Path(__file__).parents[1] / "examples" / "exercises"
PARTS = {
    "swish": "Swish",
    "linear": "Linear",
    "row_norm": "RowNorm",
    "cross_entropy": "CrossEntropy",
    "huber": "Huber",
    "adam": "Adam",
}
GRADIENTS = {
    "swish": [("layer 1 (Swish)", "input")],
    "linear": [("layer 0 (Linear)", "params[1]"), ("layer 2 (Linear)", "params[1]")],
    "row_norm": [("layer 1 (RowNorm)", "input")],
    "cross_entropy": [("loss", "input")],
}


def load(path: str):
    """Return a file of the exercises as a module, without running what it prints."""
    spec = spec_from_file_location(path.replace("/", "_"), EXERCISES / f"{path}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def solved(name: str) -> type:
    return getattr(load(f"solutions/{name}"), PARTS[name])


def places(found: list[WrongGradient]) -> list[tuple[str, str]]:
    return [(wrong.where, wrong.of) for wrong in found]


@pytest.mark.parametrize("name", GRADIENTS)
def test_check_gradients_finds_the_mistake_and_nothing_in_the_solution(name):
    exercise = load(name)
    assert places(exercise.check()) == GRADIENTS[name]
    assert exercise.check(solved(name)) == []


def test_the_mistake_in_linear_does_not_show_with_one_row():
    assert load("linear").check(rows=1) == []


def test_a_loss_that_is_wrong_in_both_halves_is_found_by_diverge_only():
    exercise = load("huber")
    assert exercise.check_derivative() == []
    found = exercise.check()
    assert (found.level, found.place) == ("loss", "loss")
    right = solved("huber")
    assert exercise.check_derivative(right) == []
    assert exercise.check(right).same


def test_diverge_finds_that_the_second_step_of_adam_is_wrong():
    exercise = load("adam")
    found = exercise.check()
    verdicts = {level.name: level.verdict for level in found.levels}
    assert verdicts["step"] == "same"
    # the loss of step 3 is the first that follows from the second step
    assert (found.level, found.place, found.step) == ("trajectory", "loss", 3)
    assert exercise.check(solved("adam")).same


def test_an_exercise_and_its_solution_differ_in_the_part_with_the_mistake_only():
    for name, part in PARTS.items():
        texts = [(EXERCISES / path).read_text() for path in (f"{name}.py", f"solutions/{name}.py")]
        wrong, right = (code_of(text, part) for text in texts)
        assert 1 <= len(set(wrong) ^ set(right)) <= 4, name


def code_of(text: str, part: str) -> list[str]:
    """Return the lines of a class, without its docstrings."""
    (body,) = re.findall(rf"^class {part}\b.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return [line for line in re.sub(r'""".*?"""', "", body, flags=re.DOTALL).split("\n") if line]


def test_the_page_has_a_line_for_every_exercise():
    page = (EXERCISES / "README.md").read_text()
    assert re.findall(r"^\| \d \| .*solutions/(\w+)\.py\) \|$", page, re.MULTILINE) == list(PARTS)
    assert sorted(path.stem for path in EXERCISES.glob("*.py")) == sorted(PARTS)
    assert sorted(path.stem for path in (EXERCISES / "solutions").glob("*.py")) == sorted(PARTS)
