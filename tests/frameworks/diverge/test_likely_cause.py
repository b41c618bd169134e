"""A cause is named only if the numbers tell which side has it, whichever side is given first."""

from types import SimpleNamespace

import pytest

from frameworks.diverge import causes


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
