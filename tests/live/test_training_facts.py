"""What losses, optimizers and schedules say of themselves: one fact apart is one fact."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import scratch
from frameworks.keras import facts as keras_facts
from frameworks.keras.loading import keras
from frameworks.live.settings import differing
from frameworks.pytorch import facts as pytorch_facts
from frameworks.pytorch.hooks import step_rate, use_rate
from frameworks.recordings.trace import Facts
from frameworks.scratch import facts as scratch_facts

K, T = keras.losses, keras.optimizers
R, S = torch.optim.lr_scheduler, keras.optimizers.schedules


def weights() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(2))]


LOSSES = {
    "from logits": (
        K.CategoricalCrossentropy(from_logits=True),
        nn.CrossEntropyLoss(),
        [],
    ),
    "sparse labels": (
        K.SparseCategoricalCrossentropy(from_logits=True),
        nn.functional.cross_entropy,
        [],
    ),
    "binary, from logits": (K.BinaryCrossentropy(from_logits=True), nn.BCEWithLogitsLoss(), []),
    "smoothing": (
        K.CategoricalCrossentropy(from_logits=True, label_smoothing=0.25),
        nn.CrossEntropyLoss(),
        ["smoothing"],
    ),
    "the same smoothing": (
        K.CategoricalCrossentropy(from_logits=True, label_smoothing=0.25),
        nn.CrossEntropyLoss(label_smoothing=0.25),
        [],
    ),
    "probabilities": (
        K.CategoricalCrossentropy(),
        nn.CrossEntropyLoss(),
        ["takes", "clip"],
    ),
    "weights of classes": (
        K.CategoricalCrossentropy(from_logits=True),
        nn.CrossEntropyLoss(weight=torch.ones(3)),
        ["class_weights"],
    ),
    "an ignored class": (
        K.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0),
        nn.CrossEntropyLoss(ignore_index=0),
        [],
    ),
    "an index ignored by one": (
        K.SparseCategoricalCrossentropy(from_logits=True),
        nn.CrossEntropyLoss(ignore_index=0),
        ["ignored"],
    ),
    "a sum over rows": (
        K.CategoricalCrossentropy(from_logits=True, reduction="sum"),
        nn.CrossEntropyLoss(reduction="sum"),
        [],
    ),
    "a sum of means": (K.MeanSquaredError("sum"), nn.MSELoss(reduction="sum"), ["reduction"]),
    "by name": ("mse", nn.MSELoss(), []),
    "by the name of a class": ("MeanAbsoluteError", nn.L1Loss(), []),
    "huber": (K.Huber(0.5), nn.HuberLoss(delta=0.5), []),
    "smooth l1 of β = 1": (K.Huber(), nn.SmoothL1Loss(), []),
    "smooth l1 of β = ½": (K.Huber(0.5), nn.SmoothL1Loss(beta=0.5), ["divisor"]),
    "divergence": ("kl_divergence", nn.KLDivLoss(reduction="batchmean"), ["takes", "clip"]),
    "divergence over classes": (
        scratch.KLDivergence(),
        nn.KLDivLoss(),
        ["reduction", "takes"],
    ),
    "scratch's mean of squares": (scratch.MeanSquaredError(), nn.MSELoss(), []),
    "scratch's sum of squares": (scratch.SumSquaredError(), nn.MSELoss(reduction="sum"), []),
    "scratch": (scratch.CategoricalCrossEntropy(), nn.CrossEntropyLoss(), []),
    "scratch's weighted mean": (
        scratch.CategoricalCrossEntropy(class_weights=[1, 2], weighted_mean=True),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0])),
        [],
    ),
    "scratch, twice the second class": (
        scratch.BinaryCrossEntropy(class_weights=[1, 2]),
        nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0])),
        [],
    ),
}


def stated_loss(loss: Any, logits: bool | None = None) -> Facts:
    if isinstance(loss, scratch.Loss):
        return scratch_facts.loss_facts(loss, logits)
    if isinstance(loss, nn.Module) or getattr(loss, "__module__", "").startswith("torch"):
        return pytorch_facts.loss_facts(loss, logits)
    return keras_facts.loss_facts(loss, logits)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_differ_in_these_facts(name: str) -> None:
    one, other, expected = LOSSES[name]
    ours, theirs = stated_loss(one), stated_loss(other)
    assert ours.kind == theirs.kind
    assert differing(ours, theirs) == expected
    assert all(x.said.keys() == x.values.keys() for x in (ours, theirs))


def test_probabilities_are_not_clipped_where_keras_finds_the_logits() -> None:
    found = stated_loss("binary_crossentropy", logits=True)
    assert found.values["takes"] == "probabilities"
    assert "clip" not in found.values


OPTIMIZERS: list[tuple[str, Callable[..., Any], dict[str, Any], dict[str, Any]]] = [
    ("learning_rate", T.SGD, {}, {"learning_rate": 0.25}),
    ("nesterov", T.SGD, {"momentum": 0.5}, {"nesterov": True}),
    ("momentum", T.SGD, {"momentum": 0.5}, {"momentum": 0.25}),
    ("decoupled_decay", T.SGD, {}, {"weight_decay": 0.25}),
    ("clip_norm", T.Adam, {}, {"clipnorm": 1.0}),
    ("clip_value", T.Adam, {}, {"clipvalue": 1.0}),
    ("clip_global_norm", T.Adam, {}, {"global_clipnorm": 1.0}),
    ("accumulated", T.Adam, {}, {"gradient_accumulation_steps": 2}),
    ("loss_scale", T.Adam, {}, {"loss_scale_factor": 2.0}),
    ("epsilon", T.Adam, {}, {"epsilon": 1e-3}),
    ("amsgrad", T.Adam, {}, {"amsgrad": True}),
    ("beta_2", T.Lion, {}, {"beta_2": 0.5}),
    ("rho", T.RMSprop, {}, {"rho": 0.5}),
    ("centered", T.RMSprop, {}, {"centered": True}),
    ("start", T.Adagrad, {}, {"initial_accumulator_value": 0.25}),
    ("rho", T.Adadelta, {}, {"rho": 0.5}),
    ("learning_rate", torch.optim.SGD, {}, {"lr": 0.25}),
    ("dampening", torch.optim.SGD, {"momentum": 0.5}, {"dampening": 0.25}),
    ("coupled_decay", torch.optim.SGD, {}, {"weight_decay": 0.25}),
    ("maximize", torch.optim.SGD, {}, {"maximize": True}),
    ("coupled_decay", torch.optim.Adam, {}, {"weight_decay": 0.25}),
    ("decoupled_decay", torch.optim.AdamW, {}, {"weight_decay": 0.25}),
    ("epsilon", torch.optim.Adam, {}, {"eps": 1e-3}),
    ("momentum_decay", torch.optim.NAdam, {}, {"momentum_decay": 0.25}),
    ("epsilon", torch.optim.Adamax, {}, {"eps": 1e-3}),
    ("centered", torch.optim.RMSprop, {}, {"centered": True}),
    ("rate_decay", torch.optim.Adagrad, {}, {"lr_decay": 0.25}),
    ("start", torch.optim.Adagrad, {}, {"initial_accumulator_value": 0.25}),
]


def stated_optimizer(make: Callable[..., Any], arguments: dict[str, Any]) -> Facts:
    if make.__module__.startswith("torch"):
        return pytorch_facts.optimizer_facts(make(weights(), **arguments))[0]
    return keras_facts.optimizer_facts(make(**arguments))[0]


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda c: f"{c[1].__module__[:5]}-{c[0]}")
def test_optimizers_that_differ_in_one_fact_say_so_and_no_more(
    case: tuple[str, Callable[..., Any], dict[str, Any], dict[str, Any]],
) -> None:
    name, make, common, other = case
    first, same, second = (
        stated_optimizer(make, each) for each in (common, common, common | other)
    )
    assert differing(first, same) == []
    assert differing(first, second) == [name]


STOCK = {
    "SGD": ["learning_rate"],
    "Adam": ["learning_rate", "epsilon", "place", "correction_beta_1", "correction_beta_2"],
    "RMSprop": ["learning_rate", "rho", "epsilon", "place"],
    "Adagrad": ["learning_rate", "epsilon", "start", "place"],
    "Adadelta": ["learning_rate", "rho", "epsilon"],
    "Adamax": ["learning_rate", "epsilon", "correction_beta_1", "place"],
}


@pytest.mark.parametrize("name", STOCK)
def test_stock_optimizers_differ_in_these_facts(name: str) -> None:
    ours = stated_optimizer(getattr(T, name), {})
    theirs = stated_optimizer(getattr(torch.optim, name), {})
    assert differing(ours, theirs) == STOCK[name]


def test_adam_that_decays_beside_the_gradient_is_adamw() -> None:
    assert stated_optimizer(T.Adam, {"weight_decay": 0.5}).kind == "adamw"
    assert stated_optimizer(torch.optim.AdamW, {"weight_decay": 0.0}).kind == "adam"


def test_each_group_of_pytorch_says_its_own() -> None:
    first, second = weights(), weights()
    optimizer = torch.optim.SGD([{"params": first}, {"params": second, "lr": 0.25}], lr=0.5)
    rates = [each.values["learning_rate"] for each in pytorch_facts.optimizer_facts(optimizer)]
    assert rates == [0.5, 0.25]


def test_an_optimizer_with_a_step_of_its_own_has_a_kind_of_its_own() -> None:
    class Mine(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            """Do nothing."""

    assert pytorch_facts.optimizer_facts(Mine(weights()))[0].kind == "Mine"


@pytest.mark.parametrize("base", [object, scratch.Adam])
def test_scratch_tells_an_optimizer_of_the_same_name_from_its_own(base: type) -> None:
    class Adam(base):
        eta = 0.5

        def __init__(self) -> None:
            """Say nothing of any setting."""

        def step(self, theta: np.ndarray, g: np.ndarray) -> None:
            """Do nothing."""

    (found,) = scratch_facts.optimizer_facts(Adam())
    assert (found.kind, found.values) == ("Adam", {"learning_rate": 0.5})
    assert scratch_facts.optimizer_facts(scratch.Adam())[0].kind == "adam"
    assert scratch_facts.optimizer_facts(scratch.AMSGrad())[0].kind == "amsgrad"


def test_scratch_says_what_its_wrappers_do() -> None:
    optimizer = scratch.ClipNorm.pytorch(1.0, scratch.AdamW.pytorch())
    (found,) = scratch_facts.optimizer_facts(optimizer)
    theirs = stated_optimizer(torch.optim.AdamW, {})
    assert found.kind == theirs.kind
    assert differing(found, theirs) == ["clip_global_norm", "clip_epsilon"]


SCHEDULES = {
    "stairs": (S.ExponentialDecay(0.5, 2, 0.5, staircase=True), lambda o: R.StepLR(o, 2, 0.5), []),
    "exponential": (S.ExponentialDecay(0.5, 1, 0.5), lambda o: R.ExponentialLR(o, 0.5), []),
    "milestones": (
        S.PiecewiseConstantDecay([1, 3], [0.5, 0.25, 0.125]),
        lambda o: R.MultiStepLR(o, [2, 4], 0.5),
        [],
    ),
    "milestones one later": (
        S.PiecewiseConstantDecay([2, 4], [0.5, 0.25, 0.125]),
        lambda o: R.MultiStepLR(o, [2, 4], 0.5),
        ["begins"],
    ),
    "polynomial": (
        S.PolynomialDecay(0.5, 4, 0.0, power=2.0),
        lambda o: R.PolynomialLR(o, 4, power=2.0),
        [],
    ),
    "cosine": (S.CosineDecay(0.5, 4), lambda o: R.CosineAnnealingLR(o, 4), ["returns"]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_differ_in_these_facts(name: str) -> None:
    one, make, expected = SCHEDULES[name]
    ours = keras_facts.schedule_facts(one)
    theirs = pytorch_facts.schedule_facts(make(torch.optim.SGD(weights(), lr=0.5)))
    assert ours is not None
    assert theirs is not None
    assert ours.kind == theirs.kind
    assert [each for each in differing(ours, theirs) if each != "first_rates"] == expected


def test_a_schedule_that_steps_by_epoch_says_so() -> None:
    scheduler = R.StepLR(torch.optim.SGD(weights(), lr=0.5), 2)
    by_epoch = pytorch_facts.schedule_facts(scheduler, "epoch")
    assert by_epoch is not None
    assert by_epoch.values["counts"] == "epochs"


def test_reading_the_rates_of_a_scheduler_leaves_it_as_it_was() -> None:
    optimizer = torch.optim.SGD(weights(), lr=0.5)
    scheduler = R.StepLR(optimizer, 1, 0.5)
    stated = pytorch_facts.schedule_facts(scheduler)
    assert stated is not None
    assert stated.values["first_rates"][:3] == (0.5, 0.25, 0.125)  # type: ignore[index]
    assert (optimizer.param_groups[0]["lr"], scheduler.last_epoch) == (0.5, 0)


def test_a_number_of_numpy_is_stated_as_the_number_it_is() -> None:
    (found,) = pytorch_facts.optimizer_facts(torch.optim.SGD(weights(), momentum=np.float32(0.9)))
    assert type(found.values["momentum"]) is float
    (found,) = keras_facts.optimizer_facts(T.RMSprop(rho=np.float32(0.9)))
    assert type(found.values["rho"]) is float


def test_no_schedule_has_no_facts() -> None:
    assert keras_facts.schedule_facts(T.SGD()) is None
    assert pytorch_facts.schedule_facts(None) is None


def test_a_rate_that_a_hook_sets_is_the_one_that_is_stated() -> None:
    optimizer = torch.optim.Adam(torch.nn.Linear(2, 2).parameters(), betas=(0.5, 0.75))
    (facts,) = pytorch_facts.optimizer_facts(use_rate(optimizer, step_rate(0.25, 0.5, 8)))
    assert facts.values["learning_rate"] == 0.25
    assert facts.said["learning_rate"] == "a rate that begins with 0.25"
