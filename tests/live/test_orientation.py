"""Tensors of PyTorch in canonical layout, whatever views a module takes of them."""

import numpy as np
import pytest
import torch
from torch import nn

from frameworks.pytorch.orienting import Orienter
from frameworks.pytorch.watching import watch


def oriented(module, *X):
    """Return the canonical output of a module, and the canonical array of its first input."""
    with torch.no_grad(), watch(module) as watched:
        watched.taken = [id(x) for x in X]
        output = module(*X)
        watched.returned = [id(output)]
    found = Orienter(watched)
    return found.returned[0].to_canonical(output.numpy()), found.taken[0].to_canonical(X[0].numpy())


class Viewing(nn.Module):
    """A convolution that changes nothing, and a view of its image."""

    def __init__(self, view):
        super().__init__()
        self.conv, self.view = nn.Conv2d(3, 3, 1, bias=False), view
        nn.init.dirac_(self.conv.weight)

    def forward(self, x):
        return self.view(self.conv(x))


IMAGE = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)
VIEWS = {
    "nothing": (lambda x: x, IMAGE),
    "flatten": (lambda x: x.flatten(1), IMAGE.reshape(2, 60)),
    "view": (lambda x: x.view(2, -1), IMAGE.reshape(2, 60)),
    "reshape after relu": (lambda x: torch.relu(x).reshape(len(x), 60), IMAGE.reshape(2, 60)),
    "permute": (lambda x: x.permute(0, 2, 3, 1), IMAGE),
    "permute and flatten": (lambda x: x.permute(0, 2, 3, 1).flatten(1), IMAGE.reshape(2, 60)),
    "patches": (lambda x: x.flatten(2).transpose(1, 2), IMAGE.reshape(2, 20, 3)),
    "movedim": (lambda x: x.movedim(1, -1), IMAGE),
    "joined rows": (lambda x: torch.cat([x.flatten(1), x.flatten(1)], 1),
                    np.hstack([IMAGE.reshape(2, 60)] * 2)),
    "a sum": (lambda x: (x + 0 * x).flatten(1), IMAGE.reshape(2, 60)),
    "mean over the image": (lambda x: x.mean((2, 3)), IMAGE.mean((1, 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_an_image_reads_channels_last_through_every_view(name):
    view, expected = VIEWS[name]
    x = torch.tensor(IMAGE.transpose(0, 3, 1, 2).copy())
    output, given = oriented(Viewing(view), x)
    np.testing.assert_allclose(output, expected, rtol=1e-6)  # one rounding of a mean in float32
    np.testing.assert_array_equal(given, IMAGE)


def test_a_padded_image_is_one_before_its_padding():
    module = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), Viewing(lambda x: x))
    _, given = oriented(module, torch.tensor(IMAGE.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_array_equal(given, IMAGE)


class TimeFirst(nn.Module):
    """An LSTM that reads (t, n, d), as modules do unless they are told otherwise."""

    def __init__(self, transposes):
        super().__init__()
        self.lstm, self.transposes = nn.LSTM(3, 3), transposes

    def forward(self, x):
        return self.lstm(x.transpose(0, 1) if self.transposes else x)[0]


def test_a_sequence_that_is_transposed_to_time_first_reads_rows_first():
    x = torch.arange(24.0).reshape(2, 4, 3)  # (n, t, d)
    module = TimeFirst(transposes=True)
    output, given = oriented(module, x)
    np.testing.assert_array_equal(given, x.numpy())
    with torch.no_grad():  # as `oriented` runs it: with gradients another kernel rounds otherwise
        np.testing.assert_array_equal(output, module(x).numpy().swapaxes(0, 1))


def test_the_rows_of_a_networks_input_stay_its_first_axis_whatever_an_lstm_makes_of_it():
    x = torch.arange(24.0).reshape(2, 4, 3)
    module = TimeFirst(transposes=False)
    output, given = oriented(module, x)
    np.testing.assert_array_equal(given, x.numpy())
    with torch.no_grad():
        np.testing.assert_array_equal(output, module(x).numpy())
