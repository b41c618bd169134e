"""The circle with tanh in the hidden layer: a training that amplifies rounding in float64, too."""

from experiments.circle import SPEC, initial_weights, load
from experiments.harness.experiment import Experiment
from frameworks import Parts


def build_scratch(spec=SPEC) -> Parts:
    from scratch import SGD, Dense, MeanSquaredError, Sequential, Sigmoid, Tanh

    (hidden,) = spec.hidden
    layers = Dense(spec.inputs, hidden), Tanh(), Dense(hidden, spec.outputs), Sigmoid()
    optimizer = SGD(learning_rate=spec.learning_rate)
    return Parts(Sequential(*layers), MeanSquaredError(), optimizer, initial_weights, logits=False)


def build_pytorch(spec=SPEC) -> Parts:
    import torch
    from torch import nn

    (hidden,) = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, hidden), nn.Tanh(), nn.Linear(hidden, spec.outputs), nn.Sigmoid()
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, nn.MSELoss(), optimizer, initial_weights, logits=False)


CHAOS = Experiment(
    page="tests.chaos", data="", spec=SPEC, load=load, builders=(build_scratch, build_pytorch)
)
