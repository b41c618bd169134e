"""Optimizers: θ from the gradient g, in place.

An optimizer sees one array of parameters and one of gradients, of any shape; a network keeps each
in one flat vector, so that a step is a few operations whatever the number of layers.
The symbols are the papers'.

The frameworks' optimizers differ from the papers' and from each other in the position of ε, in
whether the learning rate η enters the momentum, and in every default. `pytorch()` and `keras()` are
named constructors for what each of them computes, with its own defaults. (Keras rounds momentum,
betas and decay to float32 whatever the network's dtype: use numbers that float32 holds exactly.)

Decay, clipping, schedules and frozen parameters are wrappers around an optimizer. They act from the
outside in:

>>> adam = DecoupledWeightDecay(0.004, Adam.keras(1e-3))
>>> optimizer = Scheduled(lambda k: 1e-3 / (k + 1), ClipNorm.keras(1.0, adam))
"""

from scratch.optimizers.adadelta import Adadelta
from scratch.optimizers.adagrad import Adagrad
from scratch.optimizers.adam import Adam, AMSGrad
from scratch.optimizers.adamax import Adamax
from scratch.optimizers.adamw import AdamW
from scratch.optimizers.clipping import ClipEachNorm, ClipNorm, ClipValue
from scratch.optimizers.lamb import LAMB
from scratch.optimizers.lion import Lion
from scratch.optimizers.nadam import NAdam
from scratch.optimizers.optimizer import Learner, Optimizer, State
from scratch.optimizers.rmsprop import RMSprop
from scratch.optimizers.scheduled import Scheduled
from scratch.optimizers.sgd import SGD
from scratch.optimizers.trained import TrainOnly
from scratch.optimizers.weight_decay import CoupledWeightDecay, DecoupledWeightDecay

__all__ = [
    "LAMB",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ClipEachNorm",
    "ClipNorm",
    "ClipValue",
    "CoupledWeightDecay",
    "DecoupledWeightDecay",
    "Learner",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "Scheduled",
    "State",
    "TrainOnly",
]
