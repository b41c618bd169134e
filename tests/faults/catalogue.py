"""All faults, area by area; a file of faults is entered here."""

from . import layers, image_layers, training_layers, losses, adam, optimizers, loop  # isort: skip
from . import moments, schedules, builders, inputs, evaluation  # isort: skip
from . import sequences, attention  # isort: skip
from .fault import CATALOGUE

__all__ = [
    "CATALOGUE",
    "adam",
    "attention",
    "builders",
    "evaluation",
    "image_layers",
    "inputs",
    "layers",
    "loop",
    "losses",
    "moments",
    "optimizers",
    "schedules",
    "sequences",
    "training_layers",
]
