"""A dropout layer of another rate: the layer is named, not its input, and both rates."""

import pytest
from torch import nn

from frameworks.diverge import walk
from frameworks.diverge.first_batch import First
from scratch import Dense, Dropout, Sequential, Tanh

from .toy import HIDDEN, both_ways, side


def drops(implementation, rate):
    def change(parts):
        if implementation == "scratch":
            layers = Dense(4, HIDDEN), Tanh(), Dropout(rate), Dense(HIDDEN, 3)
            return parts._replace(network=Sequential(*layers))
        parts.network.insert(2, nn.Dropout(rate))
        return None

    return side(implementation, change)


def test_equal_rates_agree():
    assert not walk(drops("scratch", 0.25), drops("pytorch", 0.25)).parts


@pytest.mark.parametrize("rate", [0.5, 0.125, 0.2500001])
def test_another_rate_is_named(rate):
    for found in both_ways(drops("scratch", 0.25), drops("pytorch", rate)):
        (finding,) = found.findings
        assert finding.difference.where == "layer 3 (dropout), in training mode"
        rates = f"pytorch drops with a rate of {rate} there; scratch drops with a rate of 0.25"
        assert finding.cause == f"{rates} there"


def test_the_input_of_dropout_is_what_the_layer_before_it_returns():
    layers = First(drops("pytorch", 0.5)).training_layers
    assert (layers[2].inputs == layers[1].values).all()
    assert (layers[2].values == 0).any()


def test_a_hook_of_the_users_own_on_dropout_is_given_what_is_dropped():
    seen = []

    def change(built):
        built.network.insert(2, nn.Dropout(0.5))
        built.network[2].register_forward_hook(lambda m, given, out: seen.append((given[0], out)))

    layers = First(side("pytorch", change)).training_layers
    given, returned = seen[-1]
    assert (given.numpy() == layers[1].values).all()
    assert (returned.numpy() == layers[2].values).all()
