"""Faults in recurrent layers: gates, biases, padding, and which of the states is taken."""

import numpy as np
import torch

import scratch
from scratch.layers.activations import sigmoid

from .fault import fault, rebased, swap
from .sequence_pages import gru, words


def ordered(cls, order):
    """Return a recurrent layer whose parts are taken in another order."""

    def turned(p):
        parts = np.split(p, len(order), axis=-1)
        return np.concatenate([parts[i] for i in order], axis=-1)

    class Other(cls):
        def joined(self):
            own, self.params = self.params, [turned(p) for p in self.params]
            V = super().joined()
            self.params = own
            return V

    Other.__name__ = cls.__name__
    return Other


def other(plant, cls, changed):
    plant.layers(lambda layers: swap(layers, cls, rebased(changed)))


def forward(plant, change):
    """Let the PyTorch network compute `change(network, X)`."""

    def changed(parts):
        network = parts.network
        network.forward = lambda X: change(network, X)

    plant.parts(changed)


GATES = "forward, layer 2 (lstm)"


@fault("gates as i, g, f, o", "The forget gate and the new content change places.", GATES, words,
       "pytorch,scratch", "scratch has its gates in the order i, g, f, o")  # fmt: skip
def _(plant):
    other(plant, scratch.LSTM, ordered(scratch.LSTM, (0, 2, 1, 3)))


@fault("gates as i, f, o, g", "The output gate comes before the new content.", GATES, words,
       "pytorch,scratch", "scratch has its gates in the order i, f, o, g")  # fmt: skip
def _(plant):
    other(plant, scratch.LSTM, ordered(scratch.LSTM, (0, 1, 3, 2)))


@fault("one bias counted twice", "The second bias is a copy of the first, frozen.", GATES, words,
       "scratch,pytorch", "pytorch has its bias twice")  # fmt: skip
def _(plant):
    def changed(network, X):
        lstm = network.lstm
        with torch.no_grad():
            lstm.bias_hh_l0.copy_(lstm.bias_ih_l0)
        return type(network).forward(network, X)

    forward(plant, changed)


@fault("1 added to the forget gate", "Its bias is 1 on top of the weights' own.", GATES, words,
       "pytorch,scratch", "scratch has 1 added to the forget gate's bias")  # fmt: skip
def _(plant):
    class LSTM(scratch.LSTM):
        def joined(self):
            V = super().joined()
            V[1, -1] += 0.5  # of ½ s
            return V

    other(plant, scratch.LSTM, LSTM)


@fault("mask lost", "A reshape drops the mask, and padding is read as a word.", GATES, words,
       "pytorch,scratch", "scratch has the steps of an LSTM, padding and all")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].mask = None

    plant.layers(change)


@fault("mask negated", "Padding is read, and words are not.", GATES, words, "pytorch,scratch",
       "scratch has padding read for words, and words for padding")  # fmt: skip
def _(plant):
    class LSTM(scratch.LSTM):
        def _where_real(self, i, a, b):
            return super()._where_real(i, b, a)

    other(plant, scratch.LSTM, LSTM)


@fault("last step of a padded sequence", "The last output is taken where sequences are unpacked.",
       "forward, the input of layer 3 (dense)", words, "scratch,pytorch",
       "pytorch takes zeros for rows that end in padding")  # fmt: skip
def _(plant):
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    def changed(network, X):
        X = X.long()
        options = {"batch_first": True, "enforce_sorted": False}
        packed = pack_padded_sequence(network.embedding(X), (X != 0).sum(1), **options)
        steps, _ = pad_packed_sequence(
            network.lstm(packed)[0], batch_first=True, total_length=X.shape[1]
        )
        return network.dense(steps[:, -1])

    forward(plant, changed)


@fault("cell for state", "The classifier is given c, not h.", "forward, the input of layer 3",
       words, "scratch,pytorch")  # fmt: skip
def _(plant):
    from torch.nn.utils.rnn import pack_padded_sequence

    def changed(network, X):
        X = X.long()
        options = {"batch_first": True, "enforce_sorted": False}
        packed = pack_padded_sequence(network.embedding(X), (X != 0).sum(1), **options)
        return network.dense(network.lstm(packed)[1][1][0])

    forward(plant, changed)


# --- gated recurrent units ---

UNIT = "forward, layer 1 (gru)"


class Reset(scratch.GRU):
    """Its reset gate acts on the state, before the product."""

    def advance(self, i, s):
        (h,), (_, U, _, b), d = self.states, self.params, self.d_out
        self.gate[i], self.p[i] = sigmoid(s[:2]), s[3]
        z, r = self.gate[i]
        self.g[i] = np.tanh(s[2] + (r * h[i]) @ U[:, 2 * d :] + b[2 * d :])
        h[i + 1] = z * h[i] + (1 - z) * self.g[i]


@fault("reset before the product", "The paper's GRU stands for that of both frameworks.", UNIT, gru,
       "pytorch,scratch", "scratch has its reset before the product")  # fmt: skip
def _(plant):
    other(plant, scratch.GRU, Reset)


@fault("reset and update confused", "PyTorch's order r, z, g stands for Keras' z, r, g.", UNIT, gru,
       "pytorch,scratch", "scratch has its gates in the order r, z, g")  # fmt: skip
def _(plant):
    other(plant, scratch.GRU, ordered(scratch.GRU, (1, 0, 2)))


@fault("z for 1 − z", "The gate lets the new content through where it should keep the state.", UNIT,
       gru, "pytorch,scratch", "scratch has 1 − z where z should be")  # fmt: skip
def _(plant):
    class GRU(scratch.GRU):
        def advance(self, i, s):
            super().advance(i, s)
            (h,) = self.states
            h[i + 1] = h[i] + self.g[i] - h[i + 1]

    other(plant, scratch.GRU, GRU)


@fault("second bias left out", "The bias of the recurrent product is not added.", UNIT, gru,
       "pytorch,scratch", "scratch has its first bias only")  # fmt: skip
def _(plant):
    class GRU(scratch.GRU):
        def joined(self):
            V = super().joined()
            V[:, -1] = 0
            return V

    other(plant, scratch.GRU, GRU)


@fault("sequence read backwards", "The steps are reversed before they are read.",
       "forward, the input of layer 1 (gru)", gru, "scratch,pytorch",
       "pytorch takes the rows, their steps in reverse")  # fmt: skip
def _(plant):
    def changed(network, X):
        unflatten, unit, last, dense = network
        return dense(last(unit(unflatten(X).flip(1))))

    forward(plant, changed)


@fault("time and features confused", "Rows are cut feature by feature, not step by step.",
       "forward, the input of layer 1 (gru)", gru, "scratch,pytorch",
       "pytorch takes the rows, cut feature by feature")  # fmt: skip
def _(plant):
    def changed(network, X):
        _, unit, last, dense = network
        return dense(last(unit(X.unflatten(1, (3, 6)).transpose(1, 2))))

    forward(plant, changed)
