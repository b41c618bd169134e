"""All faults, area by area; a file of faults is entered here."""

from . import layers, image_layers, training_layers, losses, adam, optimizers, loop  # isort: skip
from . import builders, inputs, evaluation  # isort: skip
from .fault import CATALOGUE

__all__ = [
    "CATALOGUE",
    "adam",
    "builders",
    "evaluation",
    "image_layers",
    "inputs",
    "layers",
    "loop",
    "losses",
    "optimizers",
    "training_layers",
]
