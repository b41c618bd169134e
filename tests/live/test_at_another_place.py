"""What one side does in the optimizer, and the other in its loss, its step or a hook of its own.

Where every step moves the weights alike, that is no difference, nor the cause of another one.
"""

import keras
import numpy as np
import pytest
import torch
from torch import nn

from lockstep import Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(5)
X, LABELS = RNG.normal(size=(64, 6)), RNG.integers(0, 3, 64)
RATE, DECAY, LIMIT = 0.25, 0.015625, 0.0625


def compared(a, b):
    return diverge(a, b, X, LABELS, steps=8, batch_size=8)


def in_pytorch(step=None, rate=RATE, momentum=0.0, decay=0.0, hooked=False):
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    options = {"momentum": momentum, "weight_decay": decay}
    optimizer = torch.optim.SGD(model.parameters(), rate, **options)
    if hooked:
        optimizer.register_step_pre_hook(lambda optimizer, *_: clipped(model))
    return Training(model, nn.CrossEntropyLoss(), optimizer, step=step)


def in_keras(rate=RATE, **options):
    penalty = keras.regularizers.L2(options.pop("decay", 0.0) / 2)
    layers = [keras.Input((6,))]
    for width, activation in ((8, "tanh"), (3, None)):
        layers.append(
            keras.layers.Dense(
                width, activation, kernel_regularizer=penalty, bias_regularizer=penalty
            )
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Training(keras.Sequential(layers), loss, keras.optimizers.SGD(rate, **options))


def clipped(model):
    nn.utils.clip_grad_value_(model.parameters(), LIMIT)


def clipping(model, optimizer, loss, rows, labels):
    optimizer.zero_grad()
    value = loss(model(rows), labels)
    value.backward()
    clipped(model)
    optimizer.step()
    return value


def penalized(model, optimizer, loss, rows, labels):
    optimizer.zero_grad()
    value = loss(model(rows), labels)
    (value + DECAY / 2 * sum((p**2).sum() for p in model.parameters())).backward()
    optimizer.step()
    return value


def shrinking(model, optimizer, loss, rows, labels):
    optimizer.zero_grad()
    value = loss(model(rows), labels)
    value.backward()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1 - optimizer.param_groups[0]["lr"] * DECAY)
    optimizer.step()
    return value


def setting(model, optimizer, loss, rows, labels):
    for group in optimizer.param_groups:
        group["weight_decay"] = DECAY
    optimizer.zero_grad()
    value = loss(model(rows), labels)
    value.backward()
    optimizer.step()
    return value


def accumulating(way, every=4):
    """Return a step that is taken with every n-th batch, by the mean of their gradients."""
    kept = []

    def step(model, optimizer, loss, rows, labels):
        kept.append((rows, labels))
        value = loss(model(rows), labels)
        if way != "at once":
            (value / every if way == "divided" else value).backward()
        if len(kept) == every:
            if way == "divided at the end":
                for p in model.parameters():
                    p.grad /= every
            if way == "at once":
                X, y = map(torch.cat, zip(*kept, strict=True))
                loss(model(X), y).backward()
            optimizer.step()
            optimizer.zero_grad()
            kept.clear()
        return value

    return step


PLACES = {
    "a decay": lambda **options: (
        in_pytorch(penalized), in_pytorch(decay=DECAY, **options),
    ),
    "a decay by hand": lambda **options: (in_pytorch(penalized), in_pytorch(shrinking, **options)),
    "a decay that is set": lambda **options: (
        in_pytorch(penalized), in_pytorch(setting, **options),
    ),
    "a decay of a regularizer": lambda **options: (
        in_keras(decay=DECAY), in_pytorch(penalized, **options),
    ),
    "a limit": lambda **options: (in_pytorch(clipping), in_pytorch(hooked=True, **options)),
    "a mean": lambda **options: (
        in_pytorch(accumulating("divided")), in_pytorch(accumulating("at once"), **options),
    ),
    "a mean, later": lambda **options: (
        in_pytorch(accumulating("divided")),
        in_pytorch(accumulating("divided at the end"), **options),
    ),
    "a mean of an optimizer": lambda **options: (
        in_keras(gradient_accumulation_steps=4),
        in_pytorch(accumulating("divided at the end"), **options),
    ),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("what", PLACES)
def test_it_is_no_difference(what, order):
    report = compared(*PLACES[what]()[::order])
    assert report.same, str(report)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("what", PLACES)
def test_it_is_not_named_for_another_rate(what, order):
    report = compared(*PLACES[what](rate=RATE / 2)[::order])
    assert not report.same
    assert report.cause is None or "=0.25" in report.cause, report.cause
    assert report.cause is None or "=0.125" in report.cause, report.cause


@pytest.mark.parametrize("what", ["a decay", "a decay of a regularizer", "a limit"])
def test_the_rate_is_named_instead(what):
    report = compared(*PLACES[what](rate=RATE / 2))
    assert (report.level, report.cause is None) == ("step", False), str(report)


def test_a_decay_that_a_step_adds_in_later_batches_is_denied_of_the_first_alone():
    def later(batches):
        def step(model, optimizer, loss, X, y):
            optimizer.zero_grad()
            value = loss(model(X), y)
            value.backward()
            if next(batches):
                with torch.no_grad():
                    for p in model.parameters():
                        p.grad += DECAY * p
            optimizer.step()
            return value

        return step

    def side(step=None, **options):
        torch.manual_seed(0)
        model = nn.Linear(6, 3)
        optimizer = torch.optim.SGD(model.parameters(), 0.1, **options)
        return Training(model, nn.CrossEntropyLoss(), optimizer, step=step)

    rows = np.random.default_rng(0)
    rows = rows.normal(size=(32, 6)), rows.integers(0, 3, 32)
    said = "does not decay the weights in the first step"
    decays = f"decays the weights by {DECAY} through the gradient"
    for k, words in ((1, (said, decays)), (-1, (decays, said))):
        sides = side(later(iter([False, True] * 8))), side(weight_decay=DECAY)
        report = diverge(*sides[::k], *rows, steps=4, batch_size=8)
        assert report.cause == f"the first pytorch {words[0]}, the second pytorch {words[1]}"
        assert "Remedy" not in str(report)


class OwnDescent(torch.optim.Optimizer):
    """SGD in other words."""

    def __init__(self, weights, rate):
        super().__init__(weights, {"lr": rate})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad, alpha=-group["lr"])


@pytest.mark.parametrize("own", [OwnDescent, type("descent", (OwnDescent,), {})])
@pytest.mark.parametrize("steps_before", [None, 0, 3], ids=["never", "always", "later"])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_class_of_ones_own_is_no_cause_of_what_moves_weights_beside_it(
    own, steps_before, swapped
):
    def side(kind, moves):
        model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
        optimizer, taken = kind(model.parameters(), RATE), []

        def clamp(*_):
            taken.append(1)
            if moves and len(taken) > steps_before:
                for p in model.parameters():
                    p.data.clamp_(-0.125, 0.125)

        optimizer.register_step_post_hook(clamp)
        return Training(model, nn.CrossEntropyLoss(), optimizer)

    sides = [side(own, steps_before is not None), side(torch.optim.SGD, False)]
    report = compared(*reversed(sides) if swapped else sides)
    assert report.same == (steps_before is None)
    assert report.cause is None or "descent" not in report.cause.lower()
