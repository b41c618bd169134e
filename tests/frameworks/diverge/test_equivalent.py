"""What is equal and written differently raises no alarm: `run` and `diverge` give one verdict."""

import pytest
import torch
from torch import nn

from experiments import churn
from frameworks.diverge import LEVELS, walk
from frameworks.errors import RequestError
from frameworks.pytorch.adapter import PyTorchAdapter

from ...experiments.planting import changed
from .pairs import sides
from .toy import both_ways, side


def ended(last, loss, logits=True):
    """Return what ends a PyTorch network in another layer, before another loss."""

    def change(parts):
        network = nn.Sequential(*parts.network, last)
        return parts._replace(network=network, loss=loss, logits=logits)

    return change


class OfProbabilities(nn.NLLLoss):
    def forward(self, p, y):
        return super().forward(p.log(), y)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (ended(nn.LogSoftmax(1), nn.NLLLoss()), "pytorch ends in a log-softmax, which scratch"),
        (ended(nn.Softmax(1), OfProbabilities()), "pytorch ends in a softmax, which scratch"),
    ],
    ids=["log-softmax", "softmax"],
)
def test_what_ends_differently_and_trains_alike_is_said_and_agrees(change, said):
    for found in both_ways(side("scratch"), side("pytorch", change)):
        assert [level.name for level in found.levels] == list(LEVELS)
        assert not found.findings
        (note,) = (note for note in found.notes if "written differently" in note)
        assert note.startswith(said)


def test_a_sigmoid_and_a_binary_cross_entropy_agree_with_logits():
    stock = churn.EXPERIMENT
    other = changed(stock, "pytorch", ended(nn.Sigmoid(), nn.BCELoss(), logits=False))
    found = walk(*sides(stock, "scratch,pytorch", other, epochs=1, limit=95))
    assert not found.findings
    assert any("pytorch ends in a sigmoid" in note for note in found.notes)


def test_a_softmax_before_a_loss_on_logits_is_no_equivalent():
    found = walk(side("scratch"), side("pytorch", ended(nn.Softmax(1), nn.CrossEntropyLoss())))
    (finding,) = found.findings
    assert finding.difference.where == "the network's outputs"


@pytest.mark.parametrize("what", ["network", "optimizer"])
def test_a_builder_that_returns_the_same_objects_again_is_refused(what):
    kept = []

    def cached(parts):
        kept.append(parts)
        if what == "network":
            return kept[0]
        network = kept[-1].network
        return parts._replace(network=network, optimizer=kept[0].optimizer)

    with pytest.raises(RequestError, match=f"returns the same {what} as before"):
        walk(side("scratch"), side("pytorch", cached))


def test_an_optimizer_made_before_its_network_is_converted_keeps_float64():
    def adagrad(parts):
        optimizer = torch.optim.Adagrad(parts.network.parameters(), lr=0.1)
        return parts._replace(optimizer=optimizer)

    _, opened = side("pytorch", adagrad).open()
    states = opened.adapter.parts.optimizer.state.values()
    assert {state["sum"].dtype for state in states} == {torch.float64}


def test_a_training_accuracy_by_another_threshold_is_noticed(monkeypatch):
    def lenient(self, outputs, y):
        return float(((outputs > -1.0) == (y > 0.5)).double().mean())

    monkeypatch.setattr(PyTorchAdapter, "_accuracy", lenient)
    (finding,) = walk(*sides(churn.EXPERIMENT, "scratch,pytorch", epochs=1, limit=95)).findings
    assert (finding.level, finding.difference.where) == ("result", "the accuracy of epoch 1")
    assert finding.cause is None
