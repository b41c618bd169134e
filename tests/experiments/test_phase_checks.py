"""What no phases can be is refused where the page says it, in a sentence."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest

from experiments import regularisation, xor
from experiments.harness.pages import load_page
from experiments.harness.phases import Course, How, Phase
from experiments.harness.plan import first_cell
from experiments.harness.request import Request
from frameworks import ScratchClassifier
from frameworks.draws import Draws, StepStream
from frameworks.errors import RequestError
from frameworks.program import with_spec
from frameworks.task import REGRESSION

from .planting import load, train

PAGE = regularisation.EXPERIMENT
SPEC = PAGE.spec
HOW = How("float64", 0, epochs=1, limit=None)


@pytest.mark.parametrize(
    ("phases", "says"),
    [
        (Phase("one", SPEC), "phases must be a tuple of Phase"),
        ((1, 2), "phases must be a tuple of Phase"),
        ((Phase("one", SPEC), Phase("one", SPEC)), "two phases are called 'one'"),
        ((Phase("\x1b[31m", SPEC),), "must be named by printable text"),
        ((Phase("", SPEC),), "must be named by printable text"),
        ((Phase("one", None),), "spec of phase 'one' must be"),
        ((Phase("one", replace(SPEC, epochs=0)),), "spec.epochs must be"),
        ((Phase("one", SPEC, validate=-1),), "validate of phase 'one' must be a share"),
        ((Phase("one", SPEC, validate=1.0),), "validate of phase 'one' must be a share"),
        ((Phase("one", SPEC, validate=float("nan")),), "validate of phase 'one' must be a share"),
        ((Phase("one", SPEC, task=REGRESSION),), "task of the last phase, 'one', must be"),
    ],
)
def test_phases_that_cannot_be_are_refused(phases, says):
    with pytest.raises((TypeError, ValueError), match=says):
        replace(PAGE, phases=phases)


def test_a_number_that_an_earlier_phase_has_not_is_set_where_it_is():
    @dataclass(frozen=True)
    class Wide(type(SPEC)):
        depth: int = 1

    wide = Wide(**{each.name: getattr(SPEC, each.name) for each in fields(SPEC)})
    builders = [with_spec(build, wide) for build in PAGE.builders]
    phases = Phase("one", SPEC), Phase("two", wide)
    page = replace(PAGE, spec=wide, builders=builders, phases=phases)
    one, two = page.changed((("depth", 2), ("epochs", 3))).phases
    assert (one.spec, two.spec) == (replace(SPEC, epochs=3), replace(wide, depth=2, epochs=3))


def test_a_users_phase_that_writes_into_its_rows_leaves_the_next_seeds_rows(tmp_path):
    text = (Path(xor.__file__).read_text()).replace(
        "EXPERIMENT = Experiment(",
        "from experiments.harness.phases import Phase\n\n\ndef doubled(data, before):\n"
        "    data.X_train[:] *= 2\n    return data\n\n\n"
        "EXPERIMENT = Experiment(\n    phases=(Phase('one', SPEC, data=doubled),),",
    )
    (tmp_path / "mine.py").write_text(text)
    page = load_page(tmp_path / "mine.py")
    data = page.load_data("auto", None)
    before = data.X_train.copy()
    stages = [page.stage(page.phases[0], data, {}, HOW) for _ in range(2)]
    assert np.array_equal(data.X_train, before)
    assert np.array_equal(stages[1].data.X_train, 2 * before)


@pytest.mark.parametrize(
    "augment",
    [lambda rng, X: X[:1], lambda rng, X: np.vstack([X, X]), lambda rng, X: X * 1j],
    ids=["fewer rows", "more rows", "complex numbers"],
)
def test_rows_that_augmentation_returns_in_another_form_are_refused(augment):
    with pytest.raises(ValueError, match="augment must return real numbers of shape"):
        StepStream(Draws(0), "float64").augmented(augment, np.ones((2, 3)))


def test_augmentation_that_writes_into_its_rows_leaves_the_next_epochs_rows():
    X = np.ones((2, 3))
    StepStream(Draws(0), "float64").augmented(lambda rng, X: np.multiply(X, 2, out=X), X)
    assert (X == 1).all()


def test_a_phase_that_trains_the_estimator_of_an_earlier_one_again_is_refused():
    def again(data, before):
        before["one"].partial_fit(data.X_train, data.y_train)
        return data

    page = replace(xor.EXPERIMENT, phases=(Phase("one", xor.SPEC), Phase("two", xor.SPEC, again)))
    data = page.load_data("auto", None)
    cell = first_cell(Request(epochs=1), data, page)
    with pytest.raises(RequestError, match="phase 'two' changes the estimator of phase 'one'"):
        list(Course(page, data, cell).train())


def test_whether_a_training_can_be_tested_is_not_asked_of_what_is_trained(tmp_path):
    annealed = (
        "class Annealed(type(loss)):\n"
        "        calls = 0\n\n"
        "        def forward(self, outputs, targets):\n"
        "            self.calls += 1\n"
        "            return super().forward(outputs, targets) / (1 + self.calls)\n\n"
        "    loss = Annealed()\n    return Parts("
    )
    head, build = Path(xor.__file__).read_text().split("def build_pytorch")
    (tmp_path / "mine.py").write_text(
        f"{head}def build_pytorch{build.replace('return Parts(', annealed)}"
    )
    page = load_page(tmp_path / "mine.py")
    cell = first_cell(Request(epochs=3), load(page), page)
    cell = replace(cell, implementation="pytorch")
    alone = [record["loss"] for record in Course(page, load(page), cell).train()]
    assert train(page, "pytorch", epochs=3).outcome.losses == alone


@pytest.mark.parametrize("copied", [True, False])
def test_an_evaluation_without_a_loss_is_refused_whether_it_can_be_copied_or_not(
    tmp_path, monkeypatch, copied
):
    (tmp_path / "mine.py").write_text(Path(xor.__file__).read_text())
    page = load_page(tmp_path / "mine.py")
    monkeypatch.setattr(ScratchClassifier, "evaluate", lambda self, *rows: {"accuracy": 1.0})
    if not copied:
        monkeypatch.setattr(ScratchClassifier, "__deepcopy__", refuse, raising=False)
    with pytest.raises(RequestError, match="`evaluate` of .*mine returns no loss of the test"):
        train(page, "scratch", epochs=2)


def refuse(self, memo):
    raise TypeError("cannot be copied")
