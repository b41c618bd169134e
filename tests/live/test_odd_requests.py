"""Requests and data that no comparison can be made of are refused in a sentence."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from frameworks.errors import RequestError
from lockstep import Training, diverge

X, y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8) % 2


def training(frozen=False):
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 2).requires_grad_(not frozen)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return Training(model, loss=torch.nn.CrossEntropyLoss(), optimizer=optimizer)


@pytest.mark.parametrize(
    ("says", "options"),
    [
        ("X has masked values", {"X": np.ma.masked_array(X, X > 1)}),
        ("y has masked values", {"y": np.ma.masked_array(y, y == 1)}),
        ("X must be an array", {"X": torch.tensor(X).bfloat16()}),
        ("y must be an array, or a list of .*, got a dict of c, r", {"y": {"c": y, "r": y}}),
        ("X must be an array of all rows, got DataLoader: take the rows out",
         {"X": torch.utils.data.DataLoader(torch.tensor(X))}),
        ("X must be an array of all rows, got generator: take", {"X": (row for row in X)}),
        ("steps must be at most 1,000,000", {"steps": 10**30}),
        ("seed must be an integer of at least 0", {"seed": -1}),
        ("mapping must be a dict", {"mapping": ["0"]}),
        ("mapping must be a dict of layers' names", {"mapping": {"0": 3}}),
        ("limits must be a dict", {"limits": ["loss"]}),
        ("limits: loss must be a number of at least 0", {"limits": {"loss": "1e-9"}}),
        ("ignore must be a list of names, got 3", {"ignore": 3}),
        (r"inputs\[1\]\(X\) fails: division by zero", {"inputs": (None, lambda X: 1 / 0)}),
        ("ignore must be a list of names, got 'bias'", {"ignore": "bias"}),
        ("unknown name in ignore 'bais'; did you mean 'bias'", {"ignore": ["kernel", "bais"]}),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(says, options):
    given = {"X": X, "y": y, "steps": 1, "batch_size": 4} | options
    with pytest.raises(RequestError, match=says):
        diverge(training(), training(), **given)


@pytest.mark.parametrize(
    ("says", "parts"),
    [
        ("nn.CrossEntropyLoss is a class; call it: nn.CrossEntropyLoss()",
         {"loss": torch.nn.CrossEntropyLoss}),
        ("torch.optim.Adam is a class; call it: torch.optim.Adam(model.parameters())",
         {"optimizer": torch.optim.Adam}),
        ("the optimizer of a PyTorch model is a torch.optim one, not Noam: give the one that it "
         "wraps, with a scheduler such as LambdaLR, or a step of your own, Training(step=)",
         {"optimizer": type("Noam", (), {})()}),
        ("nn.Linear is a class; call it: nn.Linear()", {"model": torch.nn.Linear}),
    ],
)  # fmt: skip
def test_a_part_that_is_none_is_refused_with_what_to_give(says, parts):
    with pytest.raises(RequestError, match=f"^{re.escape(says)}$"):
        diverge(training(), replace(training(), **parts), X, y, steps=1, batch_size=4)


@pytest.mark.parametrize("loss", [torch.nn.CrossEntropyLoss(), torch.nn.MSELoss()])
def test_a_forgotten_y_is_named_where_the_inputs_cannot_be_the_targets(loss):
    model = torch.nn.Linear(2, 3)
    side = Training(model, loss=loss, optimizer=torch.optim.SGD(model.parameters(), lr=0.5))
    with pytest.raises(RequestError, match=r"^y is missing; .* shape \(2,\) .* shape \(3,\)$"):
        diverge(side, side, X, steps=1, batch_size=4)


def test_a_mask_that_hides_nothing_is_no_mask():
    given = np.ma.masked_array(X, np.zeros(X.shape, bool))
    assert diverge(training(), training(), given, y, steps=1, batch_size=4).same


def test_a_model_whose_weights_are_all_frozen_is_refused():
    with pytest.raises(RequestError, match="no weight that is trained"):
        diverge(training(frozen=True), training(), X, y, steps=1, batch_size=4)


def test_a_model_compiled_to_torchscript_is_refused():
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        model = torch.jit.script(torch.nn.Linear(2, 2))
    scripted = replace(
        training(), model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.5)
    )
    with pytest.raises(RequestError, match="compiled to TorchScript, whose layers cannot be"):
        diverge(scripted, training(), X, y, steps=1, batch_size=4)


def test_a_lazy_model_that_has_not_been_run_is_refused_and_compared_once_it_has():
    model = torch.nn.Sequential(torch.nn.LazyLinear(2))
    lazy = replace(training(), model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.5))
    with pytest.raises(
        RequestError, match=r"0\.weight of the PyTorch model is lazy and has no shape"
    ):
        diverge(lazy, training(), X, y, steps=1, batch_size=4)
    model(torch.ones(1, 2))
    assert diverge(lazy, training(), X, y, steps=1, batch_size=4).same


def test_a_model_that_torch_fx_has_traced_is_compared_as_the_model_itself():
    model = torch.fx.symbolic_trace(torch.nn.Sequential(training().model, torch.nn.Tanh()))
    other = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh())
    sides = [
        replace(training(), model=each, optimizer=torch.optim.SGD(each.parameters(), lr=0.5))
        for each in (model, other)
    ]
    assert diverge(*sides, X, y, steps=2, batch_size=4).same


def test_a_schedule_that_ends_before_the_steps_is_refused_with_the_remedy():
    side = training()
    rate = torch.optim.lr_scheduler.OneCycleLR(side.optimizer, 0.5, total_steps=2)
    side = replace(side, scheduler=rate)
    with pytest.raises(RequestError, match="schedule OneCycleLR .* step 3 times.* compare fewer"):
        diverge(side, training(), X, y, steps=3, batch_size=4)


class FailsInTraining(torch.nn.Linear):
    """A layer that raises an error without a message, but not in evaluation mode."""

    def forward(self, x):
        if self.training:
            raise KeyError
        return super().forward(x)


@pytest.mark.parametrize(
    ("says", "parts"),
    [
        ("must return one number, but returned a tensor of shape (4,)",
         {"loss": torch.nn.CrossEntropyLoss(reduction="none")}),
        ("must return a tensor, but returned float", {"loss": lambda a, y: 0.5}),
        ("the PyTorch loss has no gradient", {"loss": lambda a, y: a.detach().mean()}),
        ("targets, of shape (4,): ZeroDivisionError", {"loss": lambda a, y: raises()}),
        ("the PyTorch model fails in training mode on rows of shape (2,): KeyError",
         {"model": FailsInTraining(2, 2)}),
        ("the optimizer of the PyTorch side fails: SparseAdam does not support dense gradients",
         {"optimizer": torch.optim.SparseAdam}),
    ],
)  # fmt: skip
def test_what_fails_in_a_pytorch_training_is_refused_in_a_sentence(says, parts):
    side = replace(training(), **parts)
    kind = side.optimizer if isinstance(side.optimizer, type) else torch.optim.SGD
    side = replace(side, optimizer=kind(side.model.parameters(), lr=0.5))
    with pytest.raises(RequestError, match=re.escape(says)):
        diverge(side, training(), X, y, steps=1, batch_size=4)


def raises():
    raise ZeroDivisionError


def test_a_step_or_a_loss_that_uses_the_model_itself_is_refused_by_its_name():
    one = training()
    net, optimizer = one.model, one.optimizer

    def trains_the_original(model, optimizer, loss, X, y):
        return loss(net(X), y)

    def steps_the_original(model, _, loss, X, y):
        optimizer.step()

    def penalised(outputs, y):
        return one.loss(outputs, y) + net.weight.square().sum()

    net.loss = penalised.__get__(net)
    for says, parts in {
        "the step uses net itself": {"step": trains_the_original},
        "the step uses optimizer itself": {"step": steps_the_original},
        "the loss uses net itself, of which a copy is trained": {"loss": penalised},
        "the loss uses Linear itself": {"loss": net.loss},
    }.items():
        with pytest.raises(RequestError, match=says):
            diverge(replace(one, **parts), training(), X, y, steps=1, batch_size=4)


class Trainer:
    """Has a step that trains the model that it holds, and another that does not."""

    def __init__(self, side, scale=0.5):
        self.net, self.scale = side.model, scale

    def trains_its_own(self, model, optimizer, loss, X, y):
        return loss(self.net(X), y)

    def trains_the_copy(self, model, optimizer, loss, X, y):
        value = self.scale * loss(model(X), y)
        value.backward()
        optimizer.step()
        return value


def test_parts_of_the_model_are_refused_too_and_what_holds_the_model_or_the_optimizer():
    one = training()
    scheduler = torch.optim.lr_scheduler.StepLR(one.optimizer, 1)
    weights, trainer = [*one.model.parameters()], Trainer(one)
    fc = one.model

    def penalty():
        return fc.weight.square().sum()

    def scheduled(model, optimizer, loss, X, y):
        scheduler.step()

    for says, parts in {
        "the loss uses weights itself": {"loss": lambda a, y: one.loss(a, y) + weights[0].sum()},
        "the loss uses penalty itself": {"loss": lambda a, y: one.loss(a, y) + penalty()},
        "the step uses scheduler itself": {"step": scheduled},
        "the step uses Trainer itself": {"step": trainer.trains_its_own},
    }.items():
        with pytest.raises(RequestError, match=says):
            diverge(replace(one, **parts), training(), X, y, steps=1, batch_size=4)
    same = replace(one, step=trainer.trains_the_copy)
    assert diverge(same, same, X, y, steps=1, batch_size=4).same


class OfOneDtype(nn.Module):
    """A model that casts back what is float32 alone."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(2, 2)

    def forward(self, x):
        z = self.out(x)
        return torch.tanh(z) + 0.0 if x.dtype == torch.float32 else torch.tanh(z)


def test_a_model_that_does_other_things_in_float32_is_refused_in_one_sentence():
    sides = [replace(training(), model=OfOneDtype()) for _ in range(2)]
    sides = [replace(x, optimizer=torch.optim.SGD(x.model.parameters(), lr=0.5)) for x in sides]
    with pytest.raises(RequestError, match="calls other functions in float64"):
        diverge(*sides, X, y, steps=1, batch_size=4, dtype="float32")
