"""A cause is named only if the numbers tell which side has it, whichever side is given first."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments.registry import find_experiment
from frameworks.diverge import causes, walk

from ...experiments.planting import changed
from .pairs import sides


@pytest.fixture
def evidence():
    """Evidence at the loss level, which knows itself from its swapped twin."""
    there = SimpleNamespace(level="loss", finite=True, found=SimpleNamespace(where="loss"))
    there.of_program = False
    there.a, there.b = (SimpleNamespace(name=name, names=["the network"]) for name in "ab")
    back = SimpleNamespace(**vars(there) | {"a": there.b, "b": there.a, "swapped": there})
    there.swapped = back
    return there


def test_sentences_that_contradict_each_other_name_no_cause(evidence, monkeypatch):
    confirmed_both_ways = [lambda each: f"the loss of {each.b.name} is halved"]
    monkeypatch.setitem(causes.HYPOTHESES, "loss", confirmed_both_ways)
    assert causes.likely_cause(evidence) is causes.likely_cause(evidence.swapped) is None


@pytest.mark.parametrize("guilty", ["a", "b"])
def test_what_one_order_confirms_is_named_in_both(guilty, evidence, monkeypatch):
    def halved(each):
        return f"the loss of {guilty} is halved" if each.b.name == guilty else None

    monkeypatch.setitem(causes.HYPOTHESES, "loss", [lambda each: None, halved])
    said = {causes.likely_cause(each) for each in (evidence, evidence.swapped)}
    assert said == {f"the loss of {guilty} is halved"}


def test_a_hypothesis_that_is_not_about_these_numbers_names_nothing(evidence, monkeypatch):
    """Their shapes may be of another layer than it is about: the difference stays."""

    def reshaped(each):
        return np.zeros(704).reshape(64, 11, 1, 32)

    others = [reshaped, lambda each: float(np.zeros(2)), lambda each: "the second is asked, too"]
    monkeypatch.setitem(causes.HYPOTHESES, "loss", others)
    assert causes.likely_cause(evidence) == "the second is asked, too"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (("ELU", 1.0), "pytorch has an ELU there; scratch has a ReLU there"),
        (("CELU", 0.5), None),
        (("Hardtanh", -100, 100), None),  # which no input reaches
    ],
)
def test_another_activation_is_no_relu_too_many_and_none_too_few(other, says):
    churn = find_experiment("churn")

    def change(parts):
        from torch import nn

        made = getattr(nn, other[0])(*other[1:])
        (first, *_) = [i for i, each in enumerate(parts.network) if isinstance(each, nn.ReLU)]
        parts.network[first] = made

    options = {"epochs": 1, "limit": 95}
    planted = sides(churn, "scratch,pytorch", changed(churn, "pytorch", change), **options)
    for pair in (planted, planted[::-1]):
        (finding,) = walk(*pair).findings
        assert (finding.level, finding.cause) == ("forward", says)
