"""Faults in rates that change, in clipping, and in which steps are taken."""

import numpy as np
import torch

import scratch

from .fault import fault, of_class, optimizer
from .optimizer_pages import FALL, falling, follow
from .pages import momentum


def rate(plant, schedule):
    optimizer(plant, lambda parts, own: scratch.Scheduled(schedule, own.optimizer))


@fault("schedule one step ahead", "It is stepped before the optimizer, not after it.",
       "trajectory, weights.0", falling, "pytorch,scratch",
       "the learning rate of pytorch is 2 times that of scratch at step 3")  # fmt: skip
def _(plant):
    rate(plant, lambda k: FALL(k + 1))


@fault("schedule left out", "The rate stays what it was.", "trajectory, weights.0", falling,
       "pytorch,scratch",
       "the learning rate of scratch is 2 times that of pytorch at step 4")  # fmt: skip
def _(plant):
    rate(plant, lambda k: FALL(0))


@fault("schedule without its stairs", "The rate falls at every step.", "trajectory, weights.0",
       falling, "pytorch,scratch", "that of scratch at step 2")  # fmt: skip
def _(plant):
    rate(plant, lambda k: FALL(0) * 0.5 ** (k / 3))


@fault("warm-up in one of the two", "The first steps are shorter.", "step, weights.0", falling,
       "pytorch,scratch",
       "pytorch are longer than those of scratch by factors that vary: 4 at step 1")  # fmt: skip
def _(plant):
    rate(plant, lambda k: FALL(k) * min(1, (k + 1) / 4))


@fault("η in the velocity", "As in Keras: a rate that falls leaves the velocity as it is.",
       "trajectory, weights.0", falling, "pytorch,scratch", "η inside the velocity",
       named="none")  # fmt: skip
def _(plant):
    def change(parts, own):
        own.optimizer.rate_in_velocity = True
        return own

    optimizer(plant, change)


@fault("scheduler called once too often", "Two schedulers step the same optimizer.",
       "trajectory, weights.0", falling, "scratch,pytorch",
       "the learning rate of scratch is 2 times that of pytorch at step 3")  # fmt: skip
def _(plant):
    def change(parts):
        own = torch.optim.SGD(parts.network.parameters(), lr=0.0625, momentum=0.5)
        return parts._replace(optimizer=follow(own, lambda k: FALL(k + k // 2)))

    plant.parts(change)


# --- clipping ---


@fault("norm clipped at ½", "The gradient's norm is held in one of the two.", "step, weights.0",
       momentum, "pytorch,scratch",
       "scratch uses gradient descent with the gradient clipped: its norm at 0.5")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.ClipNorm(0.5, own))


@fault("elements clipped", "Each element is held to ± 0.01.", "step, weights.0", momentum,
       "pytorch,scratch", "the gradient clipped: each element at 0.01")  # fmt: skip
def _(plant):
    optimizer(plant, lambda parts, own: scratch.ClipValue(0.01, own))


@fault("each array clipped", "Keras' clipnorm stands for global_clipnorm.", "step, weights.0",
       momentum, "pytorch,scratch", "the norm of each array at 0.25", named="none")  # fmt: skip
def _(plant):
    def make(parts, own):
        return scratch.ClipEachNorm(0.25, own, sizes=[w.size for w in parts.network.weights])

    optimizer(plant, make)


@fault("norm clipped, unsaid", "The hook of a port clips, and no setting says so.",
       "step, weights.0", momentum, "scratch,pytorch",
       "pytorch uses gradient descent with the gradient clipped: its norm at 0.5")  # fmt: skip
def _(plant):
    def change(parts):
        own = [*parts.network.parameters()]

        def clip(optimizer, args, kwargs):
            norm = float(torch.stack([p.grad.norm() for p in own]).norm())
            for p in own:
                p.grad.mul_(min(1.0, 0.5 / norm))

        parts.optimizer.register_step_pre_hook(clip)

    plant.parts(change)


# --- steps ---


def stepping(plant, act):
    """Let `act(number, step)` take PyTorch's steps 1, 2, ..."""

    def change(parts):
        taken, step = [], parts.optimizer.step

        def counted():
            taken.append(1)
            return act(len(taken), step)

        parts.optimizer.step = counted

    plant.parts(change)


@fault("eleventh step skipped", "One step is left out.", "trajectory, weights.0", momentum,
       "scratch,pytorch",
       "no weight moves in pytorch at step 11, as if the step were skipped")  # fmt: skip
def _(plant):
    stepping(plant, lambda k, step: None if k == 11 else step())


@fault("fifth step repeated", "One step is taken twice.", "trajectory, weights.0", momentum,
       "scratch,pytorch",
       "in pytorch the optimizer acts twice on the gradient of step 5")  # fmt: skip
def _(plant):
    stepping(plant, lambda k, step: (step(), step()) if k == 5 else step())


class Accumulating(scratch.SGD):
    """It steps on every second gradient, with the sum of the last two times `share`."""

    share, kept = 1.0, None

    def step(self, theta, g):
        if self.kept is None:
            self.kept = g.copy()
            return
        total, self.kept = self.share * (self.kept + g), None
        super().step(theta, total)


@fault("gradients of two batches added", "One step for two batches, on the sum.", "step, weights.0",
       momentum, "pytorch,scratch",
       "scratch takes one step for every 2 batches, on the sum")  # fmt: skip
def _(plant):
    optimizer(plant, of_class(type("SGD", (Accumulating,), {})))


@fault("gradients of two batches averaged", "One step for two batches, on the mean.",
       "step, weights.0", momentum, "pytorch,scratch",
       "scratch takes one step for every 2 batches, on the mean")  # fmt: skip
def _(plant):
    optimizer(plant, of_class(type("SGD", (Accumulating,), {"share": 0.5})))


@fault("decay with the wrong sign", "Weights are pushed away from zero.", "step, weights.0",
       momentum, "pytorch,scratch", "a decoupled decay of −0.05", named="none")  # fmt: skip
def _(plant):
    class Growing(scratch.SGD):
        def step(self, theta, g):
            theta *= 1 + self.eta * 0.05
            super().step(theta, g)

    optimizer(plant, of_class(Growing))


@fault("noise on the gradient", "Each step sees a little noise.", "step, weights.0", momentum,
       "pytorch,scratch")  # fmt: skip
def _(plant):
    class Noisy(scratch.SGD):
        def step(self, theta, g):
            super().step(theta, g + 1e-3 * np.random.default_rng(1).normal(size=g.shape))

    optimizer(plant, of_class(Noisy))
