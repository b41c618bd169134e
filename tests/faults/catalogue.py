"""All faults, area by area; a file of faults is entered here."""

from . import layers, image_layers, training_layers, losses, adam, optimizers, loop  # isort: skip
from . import moments, schedules, builders, inputs, evaluation  # isort: skip
from . import sequences, attention, criteria, shapes, tables  # isort: skip
from .fault import CATALOGUE

__all__ = [
    "CATALOGUE",
    "adam",
    "attention",
    "builders",
    "criteria",
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
    "shapes",
    "tables",
    "training_layers",
]
