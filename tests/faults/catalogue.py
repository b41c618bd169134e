"""All faults, area by area; a file of faults is entered here."""

from . import layers, losses, optimizers
from .fault import CATALOGUE

__all__ = ["CATALOGUE", "layers", "losses", "optimizers"]
