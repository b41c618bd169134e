"""The losses: each a number L with its derivative next to it."""

from scratch.losses.absolute_error import Huber, MeanAbsoluteError
from scratch.losses.binary_cross_entropy import BinaryCrossEntropy
from scratch.losses.categorical_cross_entropy import CategoricalCrossEntropy, NegativeLogLikelihood
from scratch.losses.cosine import CosineLoss
from scratch.losses.divergence import KLDivergence
from scratch.losses.loss import Loss
from scratch.losses.perceptron import PerceptronLoss
from scratch.losses.sequence import SequenceLoss
from scratch.losses.squared_error import HalfSquaredError, MeanSquaredError, SumSquaredError
from scratch.losses.weighted_mean import WeightedMean

__all__ = [
    "Huber",
    "MeanAbsoluteError",
    "CosineLoss",
    "KLDivergence",
    "SequenceLoss",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "HalfSquaredError",
    "Loss",
    "MeanSquaredError",
    "NegativeLogLikelihood",
    "PerceptronLoss",
    "SumSquaredError",
    "WeightedMean",
]
