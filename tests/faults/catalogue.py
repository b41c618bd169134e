"""All faults, area by area; a file of faults is entered here."""

from . import layers, image_layers, training_layers, shapes, keras_layers  # isort: skip
from . import losses, criteria, adam, moments, optimizers, schedules, loop  # isort: skip
from . import sequences, states, attention, transformers  # isort: skip
from . import augmented, codes, frozen  # isort: skip
from . import adversary, decoding  # isort: skip
from . import builders, inputs, tables, evaluation  # isort: skip
from . import boltzmann  # isort: skip
from .fault import CATALOGUE

__all__ = [
    "CATALOGUE",
    "adam",
    "adversary",
    "attention",
    "augmented",
    "boltzmann",
    "builders",
    "codes",
    "criteria",
    "decoding",
    "evaluation",
    "frozen",
    "image_layers",
    "inputs",
    "keras_layers",
    "layers",
    "loop",
    "losses",
    "moments",
    "optimizers",
    "schedules",
    "sequences",
    "shapes",
    "states",
    "tables",
    "training_layers",
    "transformers",
]
