"""The initial weights in the report: the rule is found in the numbers, not asked of the page."""

import numpy as np
import pytest

from experiments.harness.records.arrays import digest
from experiments.harness.records.models import Digests
from experiments.harness.records.results import build_results
from experiments.harness.report.initial import starting_points
from experiments.harness.report.recognised_draws import RememberingGenerator, rule_of
from experiments.harness.report.trained import trained_in
from experiments.registry import find_experiment
from frameworks.draws import Draws
from scratch import glorot_uniform, he_normal, kaiming_normal, orthogonal, pytorch_uniform, uniform

from .made_up import cell, changed, save

RULES = {
    "Glorot uniform, ±0.594": lambda rng: glorot_uniform(rng, (11, 6)),
    "He normal, truncated, standard deviation 0.1": lambda rng: he_normal(rng, (200, 30)),
    "He normal, standard deviation 0.1": lambda rng: kaiming_normal(rng, (200, 30)),
    "PyTorch’s uniform, ±0.302": lambda rng: pytorch_uniform(rng, (11, 6), weights=(11, 6)),
    "orthogonal": lambda rng: orthogonal(rng, (4, 16)),
    "uniform, ±0.05": lambda rng: rng.uniform(-0.05, 0.05, (11, 6)),
    "uniform, 0 to 1": lambda rng: uniform(rng, (3, 4), 0, 1),
    "uniform, ±1": lambda rng: uniform(rng, (3, 1), -1, 1),  # also LeCun's, but somebody's choice
    "normal, mean 3, standard deviation 0.5": lambda rng: rng.normal(3, 0.5, (4, 9)),
    "0": lambda rng: np.zeros((4, 2)),
    "0, and 1 for 2 of 8": lambda rng: np.repeat([0.0, 1.0, 0.0], [2, 2, 4]),
    "mean 2, standard deviation 0.707": lambda rng: np.tile([1.0, 2.0, 2.0, 3.0], 2),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_recognised_among_other_draws(rule):
    rng = RememberingGenerator(np.random.PCG64(0))
    rng.random((11, 6))
    W = RULES[rule](rng)
    rng.normal(size=W.shape)
    assert rule_of(W, rng) == rule


def points_of(tmp_path, name: str, **options):
    store = save(tmp_path, [cell(name, "scratch", **options)])
    results = build_results(store)
    page = find_experiment(name)
    drawn = page.blueprint.builders["scratch"](spec=page.spec).initial_weights(
        page.spec, Draws(0).weights
    )
    right = Digests(initial_weights=digest(*drawn), weights="d", predictions="d", batch_order="d")
    (trained,) = trained_in(changed(results, "cells", digests=right), store, None)
    (other,) = trained_in(results, store, None)
    return starting_points(trained), starting_points(other)


def test_the_report_shows_what_a_run_started_from_and_says_if_the_code_draws_others(tmp_path):
    (point,), (other,) = points_of(tmp_path, "churn")
    assert [(row.name, row.shape, row.rule) for row in point.arrays] == [
        ("W₁", "11 × 6", "uniform, ±0.05"),
        ("b₁, b₂, b₃", "6, 6, 1", "0"),
        ("W₂", "6 × 6", "uniform, ±0.05"),
        ("W₃", "6 × 1", "uniform, ±0.05"),
    ]
    assert "Histogram of W₁ from" in point.arrays[0].histogram
    assert point.note == ""
    assert other.note == "The code has changed: this run started from other weights."


def test_phases_that_start_alike_share_an_entry_and_later_ones_say_where_they_start(tmp_path):
    _, points = points_of(tmp_path, "transfer")
    assert [point.title for point in points] == ["0 to 4", "5 to 9, random convolutions", "5 to 9"]
    assert [point.seed for point in points] == ["0", "0, stream 1", "0, stream 1"]
    assert points[-1].note == "It goes on from weights of an earlier phase."
    assert points[-1].arrays == []


def test_native_runs_show_none_because_each_framework_draws_its_own(tmp_path):
    store = save(tmp_path, [cell("churn", "scratch")])
    results = changed(build_results(store), "cells", mode="native")
    (trained,) = trained_in(results, store, None)
    assert starting_points(trained) == []
