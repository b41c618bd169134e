"""PyTorch's live model: what it sees of a module, and that the user's objects stay as they were."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from frameworks.live.model import Rows
from frameworks.pytorch.live import PyTorchLive
from lockstep import RequestError, Training, diverge

from .modules import Images, Sequences, images, sequences, training


def live(made, X, dtype="float64"):
    try:
        return PyTorchLive(made, Rows((X,), ()), dtype), (X,)
    except RequestError:
        moved = PyTorchLive.adapt(made, (X,))
        return PyTorchLive(made, Rows(moved, ()), dtype), moved


def opened(made, X, y):
    model, X = live(made, X)
    (target,) = model.adapt_targets((y,), model.outputs(Rows(X, ())))
    return model, Rows(X, (target,))


def test_layers_are_seen_in_the_order_of_the_calls():
    model, rows = opened(training(Images()), *images())
    layers, _ = model.trace_layers(rows)
    assert [(x.path, x.facts.kind) for x in layers if not x.rearranges] == [
        ("conv", "convolution"), ("norm", "batch normalization"), ("", "relu"),
        ("inner", "convolution"), ("", "tanh"), ("", "sum"), ("", "max pooling"),
        ("drop", "dropout"), ("fc", "dense"), ("", "relu"), ("out", "dense"),
    ]  # fmt: skip


def test_weights_are_canonical_and_in_the_order_of_running():
    model, _ = live(training(Images()), images()[0])
    assert {w.name: w.values.shape for w in model.weights()} == {
        "conv.kernel": (3, 3, 2, 4), "conv.bias": (4,), "norm.gamma": (4,), "norm.beta": (4,),
        "inner.kernel": (1, 1, 4, 4), "inner.bias": (4,), "fc.kernel": (16, 6), "fc.bias": (6,),
        "out.kernel": (6, 3), "out.bias": (3,),
    }  # fmt: skip


def test_images_are_channels_last_in_traces_however_they_are_given():
    made = training(Images())
    traces = []
    for first in (False, True):
        model, rows = opened(made, *images(channels_first=first))
        traces.append(model.trace_layers(rows)[0])
    for x, y in zip(*traces, strict=True):
        np.testing.assert_array_equal(x.output, y.output)
    assert traces[0][0].inputs[0].shape == (24, 4, 4, 2)


def test_rows_of_a_dense_kernel_after_a_flatten_follow_channels_last():
    made = training(Images())
    model, rows = opened(made, *images())
    layers, _ = model.trace_layers(rows)
    fc = next(layer for layer in layers if layer.path == "fc")
    kernel, bias = (model.weights()[k].values for k in fc.weights)
    expected = fc.inputs[0] @ kernel + bias
    np.testing.assert_allclose(fc.output, expected, atol=1e-14)  # sums of 16 terms of about 1
    pooled = next(layer for layer in layers if layer.facts.kind == "max pooling").output
    np.testing.assert_array_equal(fc.inputs[0], pooled.reshape(24, -1))


class Generator(nn.Module):
    """A dense layer whose outputs, normalized, become an image."""

    def __init__(self):
        super().__init__()
        self.fc, self.norm = nn.Linear(3, 2 * 2 * 4), nn.BatchNorm1d(16)
        self.conv = nn.Conv2d(4, 1, 1)

    def forward(self, z):
        x = F.relu(self.norm(self.fc(z)))
        return self.conv(x.view(-1, 4, 2, 2))


def test_columns_of_a_dense_kernel_before_an_image_follow_channels_last():
    made = training(Generator(), loss=nn.MSELoss())
    model, X = live(made, np.random.default_rng(0).normal(size=(5, 3)))
    layers, (output,) = model.trace_layers(Rows(X, ()))
    by_path = {layer.path: layer for layer in layers}
    kernel, bias = (model.weights()[k].values for k in by_path["fc"].weights)
    expected = X[0] @ kernel + bias
    np.testing.assert_allclose(by_path["fc"].output, expected, atol=1e-14)  # sums of 3 terms
    image = by_path["conv"].inputs[0]
    np.testing.assert_array_equal(image.reshape(5, -1), np.maximum(by_path["norm"].output, 0))
    assert output.shape == (5, 2, 2, 1)


def test_set_weights_and_states_return_what_was_written():
    model, _ = live(training(Generator(), loss=nn.MSELoss()), np.ones((5, 3)))
    rng = np.random.default_rng(0)
    for read, write in ((model.weights, model.set_weights), (model.states, model.set_states)):
        new = [rng.normal(size=w.values.shape) for w in read()]
        write(new)
        assert all(np.array_equal(a, w.values) for a, w in zip(new, read(), strict=True))


def test_gradients_are_those_of_central_differences():
    model, rows = opened(training(Images(rate=0.25)), *images(rows=8))
    model.hand_masks([np.full((8, 16), 1.0)])
    _, gradients = model.loss_and_gradients(rows)
    weights = [w.values for w in model.weights()]
    rng = np.random.default_rng(0)
    direction = [rng.normal(size=w.shape) for w in weights]
    h, losses = 1e-6, []
    for sign in (1, -1):
        model.set_weights([w + sign * h * d for w, d in zip(weights, direction, strict=True)])
        losses.append(model.loss_and_gradients(rows)[0])
    slope = sum(float(np.vdot(g, d)) for g, d in zip(gradients, direction, strict=True))
    # Central differences at h: truncated at h², rounded at 1e-16 / h.
    assert slope == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-7)


def test_the_users_objects_and_global_state_stay_as_they_were():
    made = training(Images(), optimizer=torch.optim.Adam)
    model, X = made.model, torch.tensor(images(channels_first=True)[0], dtype=torch.float32)
    F.cross_entropy(model(X), torch.zeros(24, dtype=torch.long)).backward()
    made.optimizer.step()
    model.eval()
    model.fc.train()
    other = training(Images())
    before = copy.deepcopy([model.state_dict(), made.optimizer.state_dict()])
    gradients = [p.grad.clone() for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    random = torch.get_rng_state()
    diverge(made, other, *images(), steps=3, batch_size=8)
    after = [model.state_dict(), made.optimizer.state_dict()]
    assert str(before) == str(after)
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    pairs = zip(gradients, model.parameters(), strict=True)
    assert all(torch.equal(g, p.grad) for g, p in pairs)
    assert modes == [m.training for m in model.modules()]
    assert torch.equal(random, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_copy_continues_an_optimizer_in_mid_training():
    made = training(nn.Linear(6, 3), optimizer=torch.optim.Adam)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 6)).astype(np.float32), rng.integers(0, 3, 8)

    def own_step():
        made.optimizer.zero_grad()
        F.cross_entropy(made.model(torch.tensor(X)), torch.tensor(y)).backward()
        made.optimizer.step()

    for _ in range(3):
        own_step()
    model, rows = opened(made, X, y)
    model, rows = PyTorchLive(made, rows, "float32"), rows
    model.step(rows)
    own_step()
    for w, p in zip(model.weights(), made.model.parameters(), strict=True):
        np.testing.assert_array_equal(w.values.T, p.detach().numpy())


def test_dropout_takes_the_handed_masks_in_modules_and_functions():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.out = nn.Dropout(0.5), nn.Linear(4, 3)

        def forward(self, x):
            return self.out(F.dropout(self.drop(x), 0.25, self.training))

    model, rows = opened(training(Both()), np.ones((2, 4)), np.zeros(2, int))
    assert [(each.rate, each.shape) for each in model.dropped(rows)] == [(0.5, (4,)), (0.25, (4,))]
    masks = [np.array([[2.0, 0, 2, 0]] * 2), np.array([[4 / 3, 4 / 3, 0, 0]] * 2)]
    model.hand_masks(masks)
    layers, _ = model.trace_layers(rows)
    dropped = [layer.training_output for layer in layers if layer.facts.kind == "dropout"]
    np.testing.assert_array_equal(dropped, [masks[0], masks[0] * masks[1]])
    assert all(np.array_equal(x.output, np.ones((2, 4))) for x in layers[:2])


def test_the_optimizer_s_groups_are_known_for_every_weight():
    def two_groups(parameters):
        first, *rest = parameters
        return torch.optim.SGD([{"params": [first]}, {"params": rest[:-1], "lr": 0.5}], lr=0.1)

    model, _ = live(training(nn.Linear(6, 3), optimizer=two_groups), np.ones((2, 6)))
    assert [w.group for w in model.weights()] == [0, -1]


MISTAKEN = {
    "no optimizer": (lambda m: Training(m, loss=nn.MSELoss()), "has no optimizer"),
    "no loss": (lambda m: Training(m, optimizer=torch.optim.SGD(m.parameters(), lr=1)),
                "has no loss"),
    "another model's parameters": (
        lambda m: Training(m, nn.MSELoss(), torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)),
        "none of the model's parameters"),
    "a word for step_on": (lambda m: training(m, step_on="steps"), "'batch' or 'epoch'"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKEN)
def test_what_cannot_be_trained_is_refused_in_a_sentence(name):
    made, words = MISTAKEN[name]
    with pytest.raises(RequestError, match=words):
        live(made(nn.Linear(6, 3)), np.ones((2, 6)))


def test_rows_that_the_model_does_not_take_are_refused_with_their_shape():
    with pytest.raises(RequestError, match=r"fails on rows of shape \(5,\)"):
        live(training(nn.Linear(6, 3)), np.ones((2, 5)))


def test_targets_that_the_loss_does_not_take_are_refused_with_their_shape():
    model, X = live(training(nn.Linear(6, 3)), np.ones((2, 6)))
    with pytest.raises(RequestError, match="does not take these targets.*out of bounds"):
        model.loss_and_gradients(Rows(X, (np.array([0, 7]),)))


def test_a_recurrent_module_of_two_layers_is_two_layers():
    module = Sequences()
    module.lstm = nn.LSTM(4, 5, num_layers=2)
    model, X = live(training(module), sequences()[0])
    layers, _ = model.trace_layers(Rows(X, ()))
    found = [layer for layer in layers if layer.facts.kind == "lstm"]
    assert [(layer.path, len(layer.weights)) for layer in found] == [("lstm.l0", 4), ("lstm.l1", 4)]
    assert found[1].output.shape == (24, 5, 5)
    names = [model.weights()[k].name for k in found[1].weights]
    assert names[:2] == ["lstm.l1.kernel", "lstm.l1.recurrent_kernel"]


def test_time_first_sequences_are_rows_first_in_traces():
    model, X = live(training(Sequences()), sequences()[0])
    layers, _ = model.trace_layers(Rows(X, ()))
    lstm = next(layer for layer in layers if layer.path == "lstm")
    assert lstm.inputs[0].shape == (24, 5, 4)
    np.testing.assert_array_equal(lstm.inputs[0], layers[0].output)
    np.testing.assert_array_equal(layers[-1].inputs[0], lstm.output[:, -1])
