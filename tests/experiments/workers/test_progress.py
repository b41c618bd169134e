"""Progress: bars that fit a terminal of 80 columns, and plain lines elsewhere."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from experiments.harness.cell import Cell
from experiments.harness.workers.progress import LineProgress, TerminalProgress, make_progress

CELL = Cell("mnist_perceptron", "float64", 0, "pytorch", 10_000, None, "real", None, 1)
ALONE = (CELL,)


def test_elsewhere_each_training_is_one_plain_line():
    out = io.StringIO()
    with LineProgress(Console(file=out, width=80)) as progress:
        progress.started(ALONE)
        progress.at(ALONE, 9_999, 0.123456)
        progress.ended(ALONE, ALONE, None)
        progress.started(ALONE)
        progress.ended(ALONE, ALONE, "no room [left]")
    first, second = out.getvalue().splitlines()
    assert first.startswith("mnist_perceptron pytorch 0: 10,000 epochs, ")
    assert second.startswith("mnist_perceptron pytorch 0: failed: no room [left], ")


def test_of_trainings_together_a_line_each_is_printed_for_those_that_ended():
    out, group = io.StringIO(), tuple(replace(CELL, seed=seed) for seed in range(3))
    with LineProgress(Console(file=out, width=80)) as progress:
        progress.started(group)
        progress.ended(group, group[:2], None)
    first, second = out.getvalue().splitlines()
    assert first.startswith("mnist_perceptron pytorch 0: 10,000 epochs, ")
    assert second.startswith("mnist_perceptron pytorch 1: 10,000 epochs, ")
    assert second.endswith(" s for 2 together")


@pytest.mark.parametrize(("seeds", "others"), [(1, ""), (20, " and 19 more")])
def test_a_terminal_shows_the_loss_and_the_time_left_in_80_columns(seeds, others):
    group = tuple(replace(CELL, seed=seed) for seed in range(seeds))
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    with TerminalProgress(console) as progress:
        progress.started(group)
        progress.at(group, 5_000, 0.123456)
        progress._bars.refresh()
        (line,) = console.render_lines(progress._bars.get_renderable(), pad=False)
    text = "".join(segment.text for segment in line)
    assert f"mnist_perceptron pytorch 0{others} " in text
    assert "5,000/10,000 loss 0.1235" in text
    assert "-:--:--" in text  # the time left: known from the second report on
    assert len(text) <= 80


def test_quietly_nothing_is_shown(capsys):
    with make_progress(quiet=True) as progress:
        progress.started(ALONE)
        progress.ended(ALONE, ALONE, None)
    assert capsys.readouterr().err == ""
