"""Faults in which of a recurrent layer's states the next layer is given."""

import torch

from .fault import fault
from .sequence_pages import both, gru
from .sequences import forward


def picked(plant, pick):
    """Let the classifier of the GRU be given something else of its outputs."""

    def changed(network, X):
        unflatten, unit, _, dense = network
        return dense(pick(unit(unflatten(X))[0]))

    forward(plant, changed)


READ = "forward, the input of layer 2 (dense)"


@fault("first step for the last", "outputs[:, 0] stands for outputs[:, -1].", READ, gru,
       "scratch,pytorch", "pytorch takes the output of the first step")  # fmt: skip
def _(plant):
    picked(plant, lambda steps: steps[:, 0])


@fault("last step but one", "outputs[:, -2] stands for outputs[:, -1].", READ, gru,
       "scratch,pytorch", "pytorch takes the output of step 5")  # fmt: skip
def _(plant):
    picked(plant, lambda steps: steps[:, -2])


@fault("mean over the steps", "All states are averaged where the last was meant.", READ, gru,
       "scratch,pytorch", "pytorch takes the mean over the steps")  # fmt: skip
def _(plant):
    picked(plant, lambda steps: steps.mean(1))


@fault("largest over the steps", "Each number is the largest of any step.", READ, gru,
       "scratch,pytorch", "pytorch takes the maximum over the steps")  # fmt: skip
def _(plant):
    picked(plant, lambda steps: steps.amax(1))


@fault("activation behind the unit", "A ReLU stands between the state and the classifier.", READ,
       gru, "scratch,pytorch", "with a ReLU")  # fmt: skip
def _(plant):
    picked(plant, lambda steps: steps[:, -1].relu())


# --- both directions ---


def joined(plant, join):
    def changed(network, X):
        unflatten, lstm, _, dense = network
        steps, (h, _) = lstm(unflatten(X))
        return dense(join(steps, h))

    forward(plant, changed)


@fault("reverse direction's last output", "outputs[:, -1] has its state after a single step.", READ,
       both, "scratch,pytorch", "pytorch takes the output of the last step")  # fmt: skip
def _(plant):
    joined(plant, lambda steps, h: steps[:, -1])


@fault("directions confused", "The backward state stands before the forward one.", READ, both,
       "scratch,pytorch", "pytorch takes the output before it, its halves swapped")  # fmt: skip
def _(plant):
    joined(plant, lambda steps, h: torch.cat([h[1], h[0]], 1))


@fault("one direction twice", "h[0] stands for h[1].", READ, both, "scratch,pytorch",
       "pytorch takes the output before it, its first half twice")  # fmt: skip
def _(plant):
    joined(plant, lambda steps, h: torch.cat([h[0], h[0]], 1))


@fault("second direction forwards", "Both directions read from the first step on.",
       "forward, layer 1 (bidirectional)", both, "pytorch,scratch",
       "scratch has its second direction read forwards")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].layers[1].reverse = False

    plant.layers(change)
