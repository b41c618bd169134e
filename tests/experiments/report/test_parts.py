"""The report's parts that compute: thinning, alignment, words, and text alternatives."""

import inspect

import numpy as np
import pytest

from experiments.harness.report.curves import MOST_POINTS, peaks, thin
from experiments.harness.report.network import diagram
from experiments.harness.report.source import align
from experiments.harness.report.svg import figure, to_svg
from experiments.registry import EXPERIMENTS, find_experiment

from .made_up import FULL


def sources_of(name: str) -> list[list[str]]:
    """Return the lines of an experiment's builders."""
    builders = find_experiment(name).blueprint.builders
    return [inspect.getsource(builders[each]).split("\n") for each in FULL]


LONG = np.sin(np.arange(10_000) / 300)


@pytest.mark.parametrize("spike", [0, 1, 4_711, 9_998, 9_999])
@pytest.mark.parametrize("size", [-50.0, 50.0])
def test_thinning_keeps_every_peak_and_both_ends(spike, size):
    values = LONG.copy()
    values[spike] = size
    at, stretch = thin(values)
    assert spike in at
    assert (at[0], at[-1]) == (0, 9_999)
    assert len(at) <= MOST_POINTS + 2
    assert stretch == 67


def test_peaks_keep_the_largest_of_every_stretch():
    at, stretch = peaks(LONG, 100)
    assert stretch == 100
    np.testing.assert_array_equal(LONG[at], LONG.reshape(100, 100).max(axis=1))


def test_a_short_curve_is_kept_whole():
    at, stretch = thin(np.array([3.0, 1.0, 2.0]))
    assert (at.tolist(), stretch) == ([0, 1, 2], 1)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_alignment_holds_every_line_once_and_in_order(name):
    sources = sources_of(name)
    rows = align(sources)
    for column, source in enumerate(sources):
        assert [row[column] for row in rows if row[column] is not None] == list(range(len(source)))


def test_lines_that_correspond_face_each_other():
    sources = sources_of("churn")
    facing = [
        tuple(
            "" if line is None else sources[column][line].strip() for column, line in enumerate(r)
        )
        for r in align(sources)
    ]
    assert ("ReLU(),", "layers.ReLU(),", "nn.ReLU(),") in facing
    assert (
        "Dense(first, second),",
        "layers.Dense(second),",
        "nn.Linear(first, second),",
    ) in facing
    losses = [row for row in facing if row[0].startswith("loss = ")]
    assert losses == [
        (
            "loss = BinaryCrossEntropy()",
            "loss = keras.losses.BinaryCrossentropy(from_logits=True)",
            "loss = nn.BCEWithLogitsLoss()",
        )
    ]


@pytest.mark.parametrize(
    ("name", "parameters", "columns"),
    [
        ("perceptron", 3, ["input", "Dense + Sigmoid"]),
        ("churn", 121, ["input", "Dense + ReLU", "Dense + ReLU", "Dense"]),
        (
            "mnist_cnn",
            56_714,
            ["input", "Reshape", "Conv2D + ReLU", "MaxPool2D", "Conv2D + ReLU", "MaxPool2D"]
            + ["Flatten", "Dense + ReLU", "Dense"],
        ),
    ],
)
def test_the_diagram_counts_the_parameters(name, parameters, columns):
    found = diagram(find_experiment(name))
    assert found.parameters == parameters
    assert [layer.name for layer in found.layers] == columns


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_diagram_stays_inside_its_frame(name):
    found = diagram(find_experiment(name))
    for layer in found.layers:
        assert 0 < layer.x < found.width
        assert all(6 <= y <= found.height - 44 for y in layer.neurons)  # a radius; the words


def test_a_figure_takes_its_colours_from_the_page_and_its_label_is_escaped():
    with figure() as (drawn, axes):
        axes.plot([0, 1], [0, 1], color="#000011")
        svg = to_svg(drawn, 'a "b"', "<c>")
    assert 'aria-label="a &#34;b&#34;: &lt;c&gt;"' in svg
    assert "var(--s1)" in svg
    assert "#0000" not in svg


def test_the_diagram_names_the_optimizer_inside_a_schedule():
    assert diagram(find_experiment("mnist_cnn")).optimizer == "Adam, scheduled"
    assert diagram(find_experiment("churn")).optimizer == "Adam"
