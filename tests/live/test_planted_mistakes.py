"""One mistake at a time in a PyTorch training: the level, the place and the cause of each."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import diverge

from .modules import Images, Sequences, images, sequences, training

pytestmark = pytest.mark.slow


def plain(module=Images, **options):
    torch.manual_seed(3)
    return training(module(**options))


def with_changed(change, module=Images):
    torch.manual_seed(4)
    made = module()
    change(made)
    return training(made)


def skipping(p):
    """Hand the optimizer everything but the last layer."""
    return torch.optim.SGD(list(p)[:-2], lr=2**-4, momentum=0.5)


def own_step(model, optimizer, loss, X, y):
    """Forget to clear the gradients."""
    value = loss(model(X), y)
    value.backward()
    optimizer.step()
    return value


class Detached(Images):
    def forward(self, x):
        x = self.activation(self.norm(self.conv(x)))
        x = F.max_pool2d(x + torch.tanh(self.inner(x)), 2)
        x = self.drop(x.view(len(x), -1)).detach()
        return self.out(F.relu(self.fc(x)))


class AlwaysDropping(Images):
    def forward(self, x):
        x = self.activation(self.norm(self.conv(x)))
        x = F.max_pool2d(x + torch.tanh(self.inner(x)), 2)
        x = F.dropout(x.view(len(x), -1), self.drop.p)
        return self.out(F.relu(self.fc(x)))


def scheduled():
    made = training(Images())
    scheduler = torch.optim.lr_scheduler.StepLR(made.optimizer, step_size=3)
    return training(made.model, optimizer=lambda p: made.optimizer, scheduler=scheduler)


def adam(**options):
    return lambda p: torch.optim.AdamW(p, lr=2**-6, **options)


MISTAKES = {
    "another activation": (lambda: plain(activation=torch.tanh), "forward", "relu after norm"),
    "no skip connection": (lambda: plain(skip=False), "forward", "sum after inner"),
    "another epsilon": (
        lambda: with_changed(lambda m: setattr(m.norm, "eps", 1e-3)), "forward", "norm"),
    "another padding": (
        lambda: with_changed(lambda m: setattr(m.conv, "padding_mode", "circular") or
                             setattr(m.conv, "_reversed_padding_repeated_twice", [1] * 4)),
        "forward", "conv"),
    "another dropout rate": (lambda: plain(rate=0.25), "forward", "drop"),
    "dropout in evaluation mode": (lambda: training(AlwaysDropping()), "forward", "drop"),
    "smoothed labels": (
        lambda: training(Images(), loss=nn.CrossEntropyLoss(label_smoothing=0.125)),
        "loss", "loss"),
    "a sum for a mean": (
        lambda: training(Images(), loss=nn.CrossEntropyLoss(reduction="sum")), "loss", "loss"),
    "a detached tensor": (lambda: training(Detached()), "gradient", "inner.bias"),
    "a frozen layer": (
        lambda: with_changed(lambda m: m.fc.requires_grad_(False)), "gradient", "fc.bias"),
    "another learning rate": (
        lambda: training(Images(), optimizer=lambda p: torch.optim.SGD(p, lr=2**-5, momentum=0.5)),
        "step", "conv.kernel"),
    "a layer the optimizer lacks": (
        lambda: training(Images(), optimizer=skipping), "step", "inner.kernel"),
    "gradients that add up": (lambda: training(Images(), step=own_step), "trajectory", "loss"),
    "a schedule": (scheduled, "trajectory", "loss"),
    "another running mean": (
        lambda: with_changed(lambda m: setattr(m.norm, "momentum", 0.5)),
        "result", "norm.running_mean"),
}  # fmt: skip


CAUSES = {  # what only the words of the second side tell
    "another activation": "applies a ReLU in relu after norm, {two} a tanh in tanh after norm",
    "no skip connection": "has a sum before max pooling after inner, {two} has none",
    "another epsilon": "has eps=1e-05 in norm, {two} eps=0.001 in norm",
    "another padding": None,  # scratch has no circular padding to prove it with
    "another dropout rate": "has p=0.5 in drop, {two} p=0.25 in drop",
    "dropout in evaluation mode": "{two} drops in evaluation mode, too, in dropout after inner",
    "smoothed labels": "has label_smoothing=0.0 in its loss, {two} label_smoothing=0.125",
    "a sum for a mean": "has reduction='mean' in its loss, {two} reduction='sum'",
    "a detached tensor": "in {two} no gradient reaches conv.kernel",
    "a frozen layer": "{two} has fc.kernel and fc.bias frozen",
    "another learning rate": "has lr=0.0625, {two} lr=0.03125",
    "a layer the optimizer lacks": "optimizer of {two} was not given inner.kernel and inner.bias",
    "gradients that add up": "in {two} the gradients of earlier steps are not cleared",
    "a schedule": "follows no schedule; {two} follows an exponential schedule",
    "another running mean": "has momentum=0.1 (keeps 90%) in norm, {two} momentum=0.5 (keeps 50%)",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_at_its_level_and_place_with_its_cause(name):
    mistaken, level, place = MISTAKES[name]
    report = diverge(plain(), mistaken(), *images(), steps=6, batch_size=8)
    assert (report.level, place in report.place.split(" / ")) == (level, True), str(report)
    expected = CAUSES[name]
    if expected is None:
        assert report.cause is None
    else:
        assert expected.format(two="the second pytorch") in report.cause


@pytest.mark.parametrize("name", ["another epsilon", "gradients that add up", "a frozen layer"])
def test_the_order_of_the_sides_changes_only_their_names(name):
    mistaken, level, place = MISTAKES[name]
    report = diverge(mistaken(), plain(), *images(), steps=6, batch_size=8)
    assert (report.level, report.place) == (level, place)
    assert report.odd in (None, "the first pytorch")


def test_a_schedule_is_found_at_its_first_step():
    report = diverge(plain(), scheduled(), *images(), steps=6, batch_size=8)
    assert report.step == 5  # the rate falls after step 3; the loss of step 5 is the first to show


def test_another_step_of_a_sequence_is_found_between_two_layers():
    mistaken = plain(Sequences, step=0)
    report = diverge(plain(Sequences), mistaken, *sequences(), steps=4, batch_size=8)
    assert (report.level, report.place, report.between) == ("forward", "out", True)
    assert "takes the last step of lstm for out, the second pytorch step 1 of lstm" in report.cause


class Averaging(Sequences):
    def forward(self, tokens):
        return self.out(self.lstm(self.embedding(tokens.T))[0].mean(0))


def test_a_mean_over_the_steps_is_not_called_their_last_one():
    report = diverge(
        plain(Averaging), plain(Sequences, step=0), *sequences(), steps=4, batch_size=8
    )
    assert report.level == "forward"
    assert report.cause is None


class Counting(torch.optim.Adam):
    def step(self, closure=None):
        self.count = getattr(self, "count", 0) + 1
        return super().step(closure)


@pytest.mark.parametrize("stock", [torch.optim.Adam, Counting])
def test_an_optimizer_of_ones_own_that_takes_the_stock_step_is_told_by_its_settings(stock):
    torch.manual_seed(4)
    module = nn.Sequential(nn.Linear(4, 3))
    ours, theirs = (
        training(module, optimizer=lambda p, of=of, lr=lr: of(p, lr=lr))
        for of, lr in ((stock, 2**-6), (Counting, 2**-7))
    )
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(16, 4)), rng.integers(0, 3, 16)
    report = diverge(ours, theirs, X, y, steps=4, batch_size=8)
    assert report.cause == "the first pytorch has lr=0.015625, the second pytorch lr=0.0078125"


@pytest.mark.parametrize("change", [lambda g: g.clamp(-1e-2, 1e-2), lambda g: 3 * g])
def test_a_gradient_of_two_opposite_numbers_does_not_tell_a_factor_from_a_clip(change):
    torch.manual_seed(4)
    one, other = nn.Linear(4, 2), nn.Linear(4, 2)
    other.bias.register_hook(change)
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(16, 4)), rng.integers(0, 2, 16)
    report = diverge(training(one), training(other), X, y, steps=4, batch_size=8)
    assert (report.level, report.place) == ("gradient", "bias")
    assert report.cause is None
