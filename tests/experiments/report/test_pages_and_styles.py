"""Pages of a user's own are shown as ours are; every implementation has a line of its own."""

from pathlib import Path

import pytest

from experiments import registry
from experiments.harness.records.environment import source_digest
from experiments.harness.report.svg import SERIES, line_styles
from experiments.registry import find_experiment
from frameworks.backends import BACKENDS

from .made_up import FULL, by_all, cell, html
from .reading import Page

pytestmark = pytest.mark.slow


@pytest.fixture
def mine(monkeypatch, tmp_path) -> tuple[Path, list]:
    """A page of a user's own, and trainings of it."""
    monkeypatch.setattr(registry, "_PAGES", {})
    path = tmp_path / "my_circle.py"
    source = Path(find_experiment("circle").source).read_text()
    path.write_text(source.replace("Circle: can four", "My circle: can five"))
    cells = by_all("circle")
    for record, _ in cells:
        record |= {"experiment": "my_circle", "source_sha256": source_digest(path)}
    return path, cells


def test_a_users_page_is_shown_with_its_question_network_and_source(mine, tmp_path):
    path, cells = mine
    find_experiment(str(path))
    page = Page(html(tmp_path / "run", cells))
    assert "Can five hidden neurons draw a closed curve?" in page.text
    assert "The points of an 11 x 11 grid" in page.text
    assert "17 parameters in all" in page.text
    assert "def build_keras" in page.text
    assert "Points: the test rows" in page.text
    assert "left out" not in page.text
    assert "has changed since" not in page.text


def test_what_an_edited_page_says_is_called_its_own_and_not_the_runs(mine, tmp_path):
    path, cells = mine
    path.write_text(path.read_text() + "\n# edited since\n")
    find_experiment(str(path))
    page = html(tmp_path / "run", cells)
    note = page.index("The code has changed since this run was trained: what is said here")
    assert note < page.index(">Hyperparameters<") < page.index(">Network<")


def test_rows_that_were_not_trained_on_are_not_shown(mine, tmp_path):
    path, cells = mine
    for record, _ in cells:
        record["digests"]["rows"] = "0" * 64
    find_experiment(str(path))
    page = Page(html(tmp_path / "run", cells))
    assert "left out: load() returns other rows now than were trained on" in page.text
    assert "Points: the test rows" not in page.text


DRAWN = """
from dataclasses import replace
from experiments.harness.phases import Phase

RNG = np.random.default_rng(0)


def drawn(data, before):
    i = FIRST.permutation(len(data.X_test))
    return replace(data, X_test=data.X_test[i], y_test=data.y_test[i])


"""


@pytest.mark.parametrize(
    ("name", "generator"), [("circle", "np.random.default_rng(len(before))"), ("diabetes", "RNG")]
)
def test_rows_that_a_phase_had_otherwise_are_not_shown(call, tmp_path, name, generator):
    """Those of its first phase stood beside the outputs of the last."""
    path = tmp_path / "mine.py"
    before, mark, after = find_experiment(name).source.read_text().rpartition("EXPERIMENT = ")
    phases = "    phases=(Phase('one', SPEC, data=drawn), Phase('two', SPEC, data=drawn)),\n"
    after = after.replace("    spec=SPEC,\n", f"    spec=SPEC,\n{phases}")
    path.write_text(before + DRAWN.replace("FIRST", generator) + mark + after)
    answer = call("run", path, "--with", "scratch", "--epochs", "2", "--out", tmp_path / "run")
    assert answer.code == 0, answer
    page = Page((tmp_path / "run" / "report.html").read_text())
    assert "left out: its last phase was tested on other rows than it has now" in page.text


def test_a_users_page_that_was_not_named_is_left_out_and_the_report_says_so(mine, tmp_path):
    page = Page(html(tmp_path / "run", mine[1]))
    assert "its question, network and source are left out" in page.text
    assert "Three implementations agree to 15 digits in all 4 epochs" in page.text
    assert "def build_keras" not in page.text


def test_a_users_page_without_a_scratch_builder_has_no_diagram(mine, tmp_path):
    path, cells = mine
    path.write_text(path.read_text().replace("build_python, build_scratch, ", ""))
    find_experiment(str(path))
    page = Page(html(tmp_path / "run", cells))
    assert "parameters in all" not in page.text
    assert "def build_keras" in page.text
    assert "def build_scratch" not in page.text


def test_implementations_that_share_a_builder_share_its_column(tmp_path):
    cells = [cell("xor", name) for name in ("keras", "keras-jax", "keras-torch")]
    page = Page(html(tmp_path, cells))
    assert page.text.count("def build_keras") == 1
    assert "keras – keras-jax" in page.text


def test_every_implementation_has_a_colour_and_dashes_of_its_own():
    styles = line_styles(BACKENDS)
    assert len({style.colour for style in styles.values()}) == len(BACKENDS) <= len(SERIES)
    assert len({style.dashes for style in styles.values()}) == len(BACKENDS)
    assert len({style.marker for style in styles.values()}) == len(BACKENDS)


def test_an_unknown_implementation_has_a_style_too(tmp_path):
    names = [*FULL, "somebody's own"]
    assert list(line_styles(names)) == names
    assert "somebody&#39;s own" in html(tmp_path, [cell("xor", name) for name in names])
