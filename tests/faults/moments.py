"""Faults in what an optimizer remembers: averages, squares, momentum, and defaults of others."""

import torch

import scratch

from .fault import fault, optimizer
from .optimizer_pages import ETA, adagrad, adam, rmsprop
from .pages import momentum


def pytorch(plant, make):
    """Put another optimizer on the PyTorch side: `make(parameters)`."""
    plant.parts(lambda parts: parts._replace(optimizer=make(parts.network.parameters())))


@fault("β₁ = 0.8", "The mean of the gradients is shorter.", "trajectory, weights.0", adam,
       "scratch,pytorch", "pytorch uses Adam with β₁ = 0.8")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adam(own, lr=ETA, betas=(0.8, 0.99), eps=1e-6))


@fault("β₂ = 0.999", "The default stands for 0.99.", "trajectory, weights.0", adam,
       "scratch,pytorch", "pytorch uses Adam with β₂ = 0.999")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adam(own, lr=ETA, betas=(0.9, 0.999), eps=1e-6))


@fault("AMSGrad", "The largest v stands for v.", "trajectory, weights.0", adam, "scratch,pytorch",
       "pytorch uses Adam with AMSGrad")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adam(own, lr=ETA, betas=(0.9, 0.99), eps=1e-6,
                                                amsgrad=True))  # fmt: skip


@fault("NAdam", "Nesterov's momentum stands for Adam's.", "step, weights.0", adam,
       "scratch,pytorch", "pytorch uses NAdam; scratch uses Adam")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.NAdam(own, lr=ETA, betas=(0.9, 0.99), eps=1e-6))


@fault("Adamax", "The maximum stands for the root mean square.", "trajectory, weights.0", adam,
       "scratch,pytorch", "pytorch uses Adamax; scratch uses Adam")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adamax(own, lr=ETA, betas=(0.9, 0.99), eps=1e-6))


@fault("AdamW's decay", "AdamW decays by 0.01 where Adam does not.", "step, weights.0", adam,
       "scratch,pytorch", "pytorch uses Adam with a decoupled decay of 0.01")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.AdamW(own, lr=ETA, betas=(0.9, 0.99), eps=1e-6))


@fault("decay coupled in Adam", "weight_decay of Adam passes through m and v.", "step, weights.0",
       adam, "scratch,pytorch", "pytorch uses Adam with a coupled decay of 0.01")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adam(own, lr=ETA, betas=(0.9, 0.99), eps=1e-6,
                                                weight_decay=0.01))  # fmt: skip


@fault("all of PyTorch's defaults", "Adam comes without any of the page's numbers.",
       "step, weights.0", adam, "scratch,pytorch",
       "ε = 1e-08 after the bias correction, learning rate 0.001")  # fmt: skip
def _(plant):
    pytorch(plant, torch.optim.Adam)


@fault("all of Keras' defaults", "scratch has Keras' Adam, as it comes.", "step, weights.0", adam,
       "pytorch,scratch", "ε = 1e-07 before the bias correction, learning rate 0.001")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.Adam.keras())


@fault("β₁ and the rate", "Two numbers are wrong at once.", "step, weights.0", adam,
       "scratch,pytorch", "pytorch uses Adam with β₁ = 0.8, learning rate 0.015625")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adam(own, lr=2 * ETA, betas=(0.8, 0.99), eps=1e-6))


@fault("β₁ and ε", "Two other numbers are wrong at once.", "step, weights.0", adam,
       "pytorch,scratch",
       "scratch uses Adam with β₁ = 0.5, ε = 0.001 after the bias correction")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.Adam(ETA, beta_1=0.5, beta_2=0.99, epsilon=1e-3))


class Quiet:
    """An optimizer whose numbers do not act: it takes the steps of another one."""

    def __init__(self, says, does):
        self.eta, self.does = says.eta, does
        for name in ("beta_1", "beta_2", "epsilon", "epsilon_hat", "mu", "tau", "nesterov",
                     "rate_in_velocity"):  # fmt: skip
            if hasattr(says, name):
                setattr(self, name, getattr(says, name))

    @property
    def state(self):
        return self.does.state

    @state.setter
    def state(self, value):
        self.does.state = value

    def step(self, theta, g):
        self.does.step(theta, g)


class Adam(Quiet):
    pass


class SGD(Quiet):
    pass


@fault("β₁ and the rate, unsaid", "Two numbers are written into the step itself.",
       "step, weights.0", adam, "pytorch,scratch",
       "scratch uses Adam with β₁ = 0.8, learning rate 0.02")  # fmt: skip
def _(plant):
    def make(parts, own):
        return Adam(own, scratch.Adam(0.02, beta_1=0.8, beta_2=0.99, epsilon=1e-6))

    optimizer(plant, make)


@fault("ε and the decay, unsaid", "A decay and another ε are written into the step.",
       "step, weights.0", adam, "pytorch,scratch",
       "scratch uses Adam with a decoupled decay of 0.05, ε = 0.0001 after")  # fmt: skip
def _(plant):
    def make(parts, own):
        does = scratch.AdamW(ETA, weight_decay=0.05, beta_1=0.9, beta_2=0.99, epsilon=1e-4)
        return Adam(own, does)

    optimizer(plant, make)


# --- momentum ---

STEP = "step, weights.0"


def stochastic(plant, **options):
    pytorch(plant, lambda own: torch.optim.SGD(own, **{"lr": 0.0625, "momentum": 0.9} | options))


@fault("momentum 0.8", "μ is 0.8, not 0.9.", "trajectory, weights.0", momentum, "scratch,pytorch",
       "pytorch uses gradient descent with momentum 0.8")  # fmt: skip
def _(plant):
    stochastic(plant, momentum=0.8)


@fault("momentum and the rate", "Both are those of another page.", STEP, momentum,
       "scratch,pytorch",
       "pytorch uses gradient descent with learning rate 0.01, momentum 0.5")  # fmt: skip
def _(plant):
    stochastic(plant, lr=0.01, momentum=0.5)


@fault("weight decay of 1e-4", "The usual decay is set in one of the two.", STEP, momentum,
       "scratch,pytorch",
       "pytorch uses gradient descent with a coupled decay of 0.0001")  # fmt: skip
def _(plant):
    stochastic(plant, weight_decay=1e-4)


@fault("momentum and decay, unsaid", "Both are written into the step.", STEP, momentum,
       "pytorch,scratch",
       "scratch uses gradient descent with a coupled decay of 0.01, momentum 0.7")  # fmt: skip
def _(plant):
    def make(parts, own):
        does = scratch.CoupledWeightDecay(0.01, scratch.SGD(own.eta, momentum=0.7))
        return SGD(own, does)

    optimizer(plant, make)


@fault("last layer's rate", "The last layer learns ten times as fast.", "step, weights.6", momentum,
       "scratch,pytorch",
       "the learning rate of weights.6, weights.7 of pytorch is 10 times")  # fmt: skip
def _(plant):
    def change(parts):
        own = [*parts.network.parameters()]
        groups = [{"params": own[:-2]}, {"params": own[-2:], "lr": 0.625}]
        return parts._replace(optimizer=torch.optim.SGD(groups, lr=0.0625, momentum=0.9))

    plant.parts(change)


# --- RMSprop and Adagrad ---


def root(plant, **options):
    pytorch(plant, lambda own: torch.optim.RMSprop(
        own, **{"lr": ETA, "alpha": 0.9, "eps": 1e-6} | options))  # fmt: skip


@fault("ρ of another default", "PyTorch's 0.99 stands for Keras' 0.9.", STEP, rmsprop,
       "scratch,pytorch", "pytorch uses RMSprop with ρ = 0.99")  # fmt: skip
def _(plant):
    root(plant, alpha=0.99)


@fault("centered", "The variance stands for the mean square.", STEP, rmsprop, "scratch,pytorch",
       "pytorch uses RMSprop with a centered v")  # fmt: skip
def _(plant):
    root(plant, centered=True)


@fault("RMSprop with momentum", "A momentum of 0.5 is added.", "trajectory, weights.0", rmsprop,
       "scratch,pytorch", "pytorch uses RMSprop with momentum 0.5")  # fmt: skip
def _(plant):
    root(plant, momentum=0.5)


@fault("Keras' RMSprop", "ε is inside the root, as in Keras.", STEP, rmsprop, "pytorch,scratch",
       "scratch uses RMSprop with ε = 1e-06 inside the root")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.RMSprop.keras(ETA, epsilon=1e-6))


@fault("RMSprop for Adagrad", "The squares fade where they should add up.", STEP, adagrad,
       "scratch,pytorch", "pytorch uses RMSprop; scratch uses Adagrad")  # fmt: skip
def _(plant):
    root(plant)


@fault("sums from 0.1 on", "Keras' Adagrad starts at 0.1, PyTorch's at 0.", STEP, adagrad,
       "scratch,pytorch", "pytorch uses Adagrad with sums that start at 0.1")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adagrad(own, lr=ETA, eps=1e-6,
                                                   initial_accumulator_value=0.1))  # fmt: skip


@fault("Adagrad's own decay", "The rate falls by 1 + (t − 1)/10.", "trajectory, weights.0", adagrad,
       "scratch,pytorch", "pytorch uses Adagrad with a rate decay of 0.1")  # fmt: skip
def _(plant):
    pytorch(plant, lambda own: torch.optim.Adagrad(own, lr=ETA, eps=1e-6, lr_decay=0.1))
