"""One hidden layer with other optimizers: Adam, RMSprop, Adagrad, and a rate that falls."""

from frameworks import Parts
from scratch.schedules import StepRate

from .pages import Numbers, dense_weights, page

ETA, FALL = 0.0078125, StepRate(0.0625, 0.5, 3)  # the rate of step k = 0, 1, ...
SPEC = Numbers(hidden=(8,), learning_rate=ETA)


def scratch_with(make):
    def scratch(spec: Numbers = SPEC) -> Parts:
        from scratch import CategoricalCrossEntropy, Dense, Sequential, Tanh

        (hidden,) = spec.hidden
        network = Sequential(Dense(spec.inputs, hidden), Tanh(), Dense(hidden, spec.outputs))
        return Parts(network, CategoricalCrossEntropy(), make(spec), dense_weights)

    return scratch


def pytorch_with(make):
    def pytorch(spec: Numbers = SPEC) -> Parts:
        from torch import nn

        (hidden,) = spec.hidden
        network = nn.Sequential(
            nn.Linear(spec.inputs, hidden), nn.Tanh(), nn.Linear(hidden, spec.outputs)
        )
        return Parts(network, nn.CrossEntropyLoss(), make(spec, network), dense_weights)

    return pytorch


def scratch_adam(spec):
    from scratch import Adam

    return Adam.pytorch(spec.learning_rate, beta_1=0.9, beta_2=0.99, epsilon=1e-6)


def pytorch_adam(spec, network):
    from torch.optim import Adam

    return Adam(network.parameters(), lr=spec.learning_rate, betas=(0.9, 0.99), eps=1e-6)


def scratch_rmsprop(spec):
    from scratch import RMSprop

    return RMSprop.pytorch(spec.learning_rate, rho=0.9, epsilon=1e-6)


def pytorch_rmsprop(spec, network):
    from torch.optim import RMSprop

    return RMSprop(network.parameters(), lr=spec.learning_rate, alpha=0.9, eps=1e-6)


def scratch_adagrad(spec):
    from scratch import Adagrad

    return Adagrad.pytorch(spec.learning_rate, epsilon=1e-6)


def pytorch_adagrad(spec, network):
    from torch.optim import Adagrad

    return Adagrad(network.parameters(), lr=spec.learning_rate, eps=1e-6)


def scratch_falling(spec):
    from scratch import SGD, Scheduled

    return Scheduled(FALL, SGD(spec.learning_rate, momentum=0.5))


def pytorch_falling(spec, network):
    from torch.optim import SGD

    return follow(SGD(network.parameters(), lr=spec.learning_rate, momentum=0.5), FALL)


def follow(optimizer, rate):
    """Let a PyTorch optimizer have η = rate(k) at its steps k = 0, 1, ..."""
    taken = []

    def set_rate(optimizer, args, kwargs):
        for group in optimizer.param_groups:
            group["lr"] = rate(len(taken))
        taken.append(1)

    optimizer.register_step_pre_hook(set_rate)
    return optimizer


def optimized(name, ours, theirs):
    return page(name, SPEC, scratch=scratch_with(ours), pytorch=pytorch_with(theirs))


adam = optimized("adam", scratch_adam, pytorch_adam)
rmsprop = optimized("rmsprop", scratch_rmsprop, pytorch_rmsprop)
adagrad = optimized("adagrad", scratch_adagrad, pytorch_adagrad)
falling = optimized("falling", scratch_falling, pytorch_falling)
