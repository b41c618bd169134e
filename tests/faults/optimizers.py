"""Faults in other optimizers, in decay, and in which parameters are stepped."""

from dataclasses import replace

import numpy as np

import scratch
from experiments.churn import EXPERIMENT as churn
from experiments.mnist import EXPERIMENT as mnist
from experiments.xor import EXPERIMENT as xor
from scratch import weight_mask

from .fault import fault, of_class, optimizer
from .pages import DECAY, MU, leaky, momentum, nesterov


@fault("rate falls every epoch", "A schedule is left in one of the two.", "trajectory, weights.0",
       churn, "pytorch,scratch",
       "the learning rate of pytorch is 2 times that of scratch at step 11")  # fmt: skip
def _(plant):
    class Falling(scratch.Adam):
        steps = 0

        def step(self, theta, g):
            super().step(theta, g)
            self.steps += 1
            if self.steps % 10 == 0:
                self.eta *= 0.5

    optimizer(plant, of_class(Falling))


@fault("dampened momentum", "v takes (1 − μ) of each gradient.", "step, weights.0", momentum,
       "pytorch,scratch",
       "scratch uses gradient descent with the gradient scaled by 1 − 0.9")  # fmt: skip
def _(plant):
    class Dampened(scratch.SGD):
        def step(self, theta, g):
            v = self.state.setdefault("v", np.zeros_like(g))
            v *= self.mu
            v += (1 - self.mu) * g
            theta -= self.eta * v

    optimizer(plant, of_class(Dampened))


@fault("PyTorch's dampening", "The first gradient counts whole, each later one (1 − μ) times.",
       "trajectory, weights.0", momentum, "pytorch,scratch",
       "the gradient scaled by 1 − 0.9, except in the first step")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.SGD(own.eta, momentum=MU, dampening=MU))


@fault("Nesterov missing", "Classical momentum stands for Nesterov's.", "step, weights.0", nesterov,
       "pytorch,scratch", "scratch uses gradient descent with classical momentum")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.SGD(own.eta, momentum=MU))


@fault("Nesterov left on", "Nesterov's momentum stands for the classical one.", "step, weights.0",
       momentum, "pytorch,scratch",
       "scratch uses gradient descent with Nesterov's momentum")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.SGD(own.eta, momentum=MU, nesterov=True))


@fault("momentum forgotten", "Plain gradient descent stands for momentum.", "trajectory, weights.0",
       momentum, "pytorch,scratch", "scratch uses gradient descent with no momentum")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.SGD(own.eta))


@fault("memory lost between steps", "The optimizer is made anew for every batch.",
       "trajectory, weights.0", churn, "pytorch,scratch",
       "in scratch the optimizer loses its memory at every step")  # fmt: skip
def _(plant):
    class New(scratch.Adam):
        def step(self, theta, g):
            self.state = {}
            super().step(theta, g)

    optimizer(plant, of_class(New))


@fault("memory lost between epochs", "Momentum starts from zero in every epoch.",
       "trajectory, weights.0", momentum, "pytorch,scratch",
       "in scratch the optimizer loses its memory before step 9")  # fmt: skip
def _(plant):
    class New(scratch.SGD):
        steps = 0

        def step(self, theta, g):
            if self.steps % 8 == 0:
                self.state = {}
            self.steps += 1
            super().step(theta, g)

    optimizer(plant, of_class(New))


@fault("v of |g|", "The second moment gathers |g|, not g².", "step, weights.0", churn,
       "pytorch,scratch")  # fmt: skip
def _(plant):
    class Absolute(scratch.Adam):
        def step(self, theta, g):
            start, before = self.state.get("v", np.zeros_like(g)).copy(), theta.copy()
            super().step(theta, g)
            t, m, v = (self.state[name] for name in "tmv")
            v[...] = self.beta_2 * start + (1 - self.beta_2) * np.abs(g)
            c_1, c_2 = 1 - self.beta_1 ** int(t), 1 - self.beta_2 ** int(t)
            theta[...] = before - self.eta * m / c_1 * np.sqrt(c_2) / (np.sqrt(v) + self.epsilon)

    optimizer(plant, of_class(Absolute))


@fault("coupled for decoupled", "The decay goes through m and v: Adam's, not AdamW's.",
       "step, weights.0", leaky, "pytorch,scratch",
       "scratch uses Adam with a coupled decay of 0.05")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.CoupledWeightDecay(DECAY, own.optimizer))


@fault("biases not decayed", "One of the two leaves the biases out of the decay.",
       "step, weights.1", leaky, "pytorch,scratch",
       "scratch uses Adam with a decay of kernels only")  # fmt: skip
def _(plant):
    def make(parts, own):
        mask = weight_mask(parts.network)
        return scratch.DecoupledWeightDecay(DECAY, own.optimizer, mask=mask)

    optimizer(plant, make)


@fault("decay of another default", "Keras' AdamW decays by 0.004 unless told otherwise.",
       "step, weights.0", leaky, "pytorch,scratch",
       "scratch uses Adam with a decoupled decay of 0.004")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.DecoupledWeightDecay(0.004, own.optimizer))


@fault("gradient clipped in one of the two", "Its norm is held to a millionth.", "step, weights.0",
       mnist, "pytorch,scratch",
       "scratch uses Adam with the gradient clipped: its norm at 1e-06")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.ClipNorm(1e-6, own))


@fault("two steps for one", "The optimizer steps twice on each gradient.", "step, weights.0", xor,
       "pytorch,scratch", "learning rate of scratch is 2 times")  # fmt: skip
def _(plant):
    class Twice(scratch.SGD):
        def step(self, theta, g):
            super().step(theta, g)
            super().step(theta, g)

    optimizer(plant, of_class(Twice))


@fault("weights kept in float32", "Every step ends with a rounding.", "step, weights.0", momentum,
       "pytorch,scratch", "representable in float32")  # fmt: skip
def _(plant):
    class Rounded(scratch.SGD):
        def step(self, theta, g):
            super().step(theta, g)
            theta[...] = theta.astype(np.float32)

    optimizer(plant, of_class(Rounded))


@fault("parameters left out", "The optimizer is given all layers but the last.", "step, weights.4",
       churn, "scratch,pytorch", "frozen, or left out")  # fmt: skip
def _(plant):
    def change(parts):
        group = parts.optimizer.param_groups[0]
        group["params"] = group["params"][:-2]

    plant.parts(change)


@fault("last layer frozen", "Its parameters do not ask for a gradient.", "gradient, weights.5",
       churn, "scratch,pytorch", "has no gradient for")  # fmt: skip
def _(plant):
    def change(parts):
        for parameter in parts.network[-1].parameters():
            parameter.requires_grad_(False)

    plant.parts(change)


@fault("another learning rate on the page", "The faulty side halves the Spec's rate.",
       "step, weights.0", churn, "scratch,pytorch",
       "the learning rate of scratch is 2 times that of pytorch")  # fmt: skip
def _(plant):
    own = churn.spec
    half = replace(own, learning_rate=own.learning_rate / 2)
    plant.build(lambda build: lambda spec=own: build(half))
