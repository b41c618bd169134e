"""A loss that counts its calls: the step is named at which the training itself first differs."""

import pytest
from torch import nn

from frameworks.diverge import walk
from scratch import CategoricalCrossEntropy

from .toy import side


class Annealed(CategoricalCrossEntropy):
    """k L, where k grows with every call."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, *args):
        self.calls.append(1)
        self.k = 1 + len(self.calls) / 64
        return self.k * super().forward(*args)

    def backward(self):
        return self.k * super().backward()


class TorchAnnealed(nn.CrossEntropyLoss):
    """The same, up to a number of calls."""

    def __init__(self, last):
        super().__init__()
        self.calls, self.last = 0, last

    def forward(self, z, y):
        self.calls += 1
        return (1 + min(self.calls, self.last) / 64) * super().forward(z, y)


def pair(last):
    return (
        side("scratch", lambda p: p._replace(loss=Annealed())),
        side("pytorch", lambda p: p._replace(loss=TorchAnnealed(last))),
    )


def test_equal_losses_agree():
    assert not walk(*pair(100)).parts


@pytest.mark.parametrize("last", [2, 6, 9])
def test_the_step_is_named_after_the_last_that_is_equal(last):
    (finding,) = walk(*pair(last), floor=0).findings
    assert (finding.level, finding.difference.where) == ("trajectory", "the batch's loss")
    assert finding.difference.step == last + 1


def test_gradients_leave_the_count_as_it_is():
    for each in pair(100):
        adapter, batch = each.open()[1][:2]
        first, second = (adapter.loss_and_gradients(batch)[0] for _ in range(2))
        assert first == second
