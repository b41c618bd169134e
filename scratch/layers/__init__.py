"""The layers: each a function with its derivative next to it."""

from scratch.layers.activations import (
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Step,
    Tanh,
    sigmoid,
    softmax,
)
from scratch.layers.attention import SelfAttention, attend
from scratch.layers.batch_norm import BatchNorm
from scratch.layers.bidirectional import Bidirectional
from scratch.layers.convolution import Conv1D, Conv2D, DepthwiseConv2D
from scratch.layers.dense import Dense
from scratch.layers.dropout import Dropout
from scratch.layers.embedding import Embedding, PositionEmbedding
from scratch.layers.flatten import Flatten, Reshape
from scratch.layers.gelu import GELU
from scratch.layers.global_pooling import GlobalAveragePool, GlobalMaxPool
from scratch.layers.gru import GRU
from scratch.layers.hard_activations import HardSigmoid, HardSwish
from scratch.layers.layer import Layer
from scratch.layers.lstm import LSTM
from scratch.layers.masking import Mask, Masking
from scratch.layers.normalization import GroupNorm, LayerNorm, RMSNorm
from scratch.layers.padding import ZeroPadding1D, ZeroPadding2D
from scratch.layers.pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from scratch.layers.simple_rnn import SimpleRNN
from scratch.layers.smooth_activations import ELU, SELU, Mish, SiLU, Softplus
from scratch.layers.transposed import Conv1DTranspose, Conv2DTranspose
from scratch.layers.upsampling import (
    BilinearUpsample2D,
    LinearUpsample1D,
    NearestUpsample1D,
    NearestUpsample2D,
)

__all__ = [
    "AveragePool1D",
    "BilinearUpsample2D",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "DepthwiseConv2D",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "MaxPool1D",
    "NearestUpsample1D",
    "NearestUpsample2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "PositionEmbedding",
    "SelfAttention",
    "attend",
    "Bidirectional",
    "Embedding",
    "GRU",
    "HardSigmoid",
    "HardSwish",
    "LSTM",
    "Mask",
    "Masking",
    "GroupNorm",
    "LayerNorm",
    "LinearUpsample1D",
    "RMSNorm",
    "SimpleRNN",
    "ELU",
    "GELU",
    "SELU",
    "SiLU",
    "Softplus",
    "AveragePool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "MaxPool2D",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Step",
    "Tanh",
    "sigmoid",
    "softmax",
]
