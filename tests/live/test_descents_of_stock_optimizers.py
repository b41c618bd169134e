"""The rules, made of an optimizer's facts alone, take the stock optimizers' steps."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from frameworks.keras import facts as keras_facts
from frameworks.keras.loading import keras
from frameworks.live.descent import Descent
from frameworks.live.rates import rates
from frameworks.live.stating import STATED_RATES
from frameworks.pytorch import facts as pytorch_facts

EQUAL = 1e-13  # relative to the largest weight: six steps round a few times, 1e-16 each
STEPS = 6
SHAPES = [(3, 2), (2,)]

SCHEDULES = keras.optimizers.schedules
KERAS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(),
    "amsgrad": lambda: keras.optimizers.Adam(amsgrad=True),
    "adamw": lambda: keras.optimizers.AdamW(0.1),
    "nadam": lambda: keras.optimizers.Nadam(0.1),
    "adamax": lambda: keras.optimizers.Adamax(0.1),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.1),
    "centered rmsprop": lambda: keras.optimizers.RMSprop(0.1, momentum=0.9, centered=True),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "adadelta": lambda: keras.optimizers.Adadelta(0.1),
    "decay": lambda: keras.optimizers.SGD(0.1, momentum=0.5, weight_decay=0.1),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.5),
    "clipvalue": lambda: keras.optimizers.SGD(0.1, clipvalue=0.5),
    "global_clipnorm": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.5),
    "accumulation": lambda: keras.optimizers.Adam(0.1, gradient_accumulation_steps=2),
    "exponential": lambda: keras.optimizers.SGD(SCHEDULES.ExponentialDecay(0.1, 2, 0.5)),
    "staircase": lambda: keras.optimizers.SGD(
        SCHEDULES.InverseTimeDecay(0.1, 2, 0.5, staircase=True), momentum=0.9
    ),
    "piecewise": lambda: keras.optimizers.SGD(
        SCHEDULES.PiecewiseConstantDecay([1, 3], [0.1, 0.2, 0.3])
    ),
    "polynomial": lambda: keras.optimizers.SGD(SCHEDULES.PolynomialDecay(0.1, 4, power=2.0)),
    "cosine": lambda: keras.optimizers.SGD(SCHEDULES.CosineDecay(0.1, 4, alpha=0.1)),
    "warmup": lambda: keras.optimizers.SGD(
        SCHEDULES.CosineDecay(0.1, 4, warmup_target=0.5, warmup_steps=2)
    ),
}
PYTORCH: dict[str, Callable[[list[torch.Tensor]], torch.optim.Optimizer]] = {
    "sgd": lambda w: torch.optim.SGD(w, lr=0.1),
    "momentum": lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9, dampening=0.25),
    "nesterov": lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda w: torch.optim.Adam(w),
    "amsgrad": lambda w: torch.optim.Adam(w, amsgrad=True, weight_decay=0.1),
    "adamw": lambda w: torch.optim.AdamW(w, lr=0.1),
    "nadam": lambda w: torch.optim.NAdam(w),
    "adamax": lambda w: torch.optim.Adamax(w),
    "rmsprop": lambda w: torch.optim.RMSprop(w),
    "centered rmsprop": lambda w: torch.optim.RMSprop(w, momentum=0.9, centered=True),
    "adagrad": lambda w: torch.optim.Adagrad(w, lr_decay=0.1),
    "adadelta": lambda w: torch.optim.Adadelta(w),
    "coupled decay": lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.5, weight_decay=0.1),
    "maximize": lambda w: torch.optim.SGD(w, lr=0.1, maximize=True),
    "groups": lambda w: torch.optim.SGD(
        [{"params": w[:1], "lr": 0.2}, {"params": w[1:], "weight_decay": 0.1}], lr=0.1
    ),
}
RATES = torch.optim.lr_scheduler
SCHEDULERS: dict[str, Callable[[torch.optim.Optimizer], object]] = {
    "step": lambda o: RATES.StepLR(o, 2, 0.5),
    "exponential": lambda o: RATES.ExponentialLR(o, 0.5),
    "milestones": lambda o: RATES.MultiStepLR(o, [1, 3, 3]),
    "constant": lambda o: RATES.ConstantLR(o, 0.5, 2),
    "linear": lambda o: RATES.LinearLR(o, total_iters=3),
    "polynomial": lambda o: RATES.PolynomialLR(o, 4, power=2.0),
    "cosine": lambda o: RATES.CosineAnnealingLR(o, 4, eta_min=0.01),
    "one cycle": lambda o: RATES.OneCycleLR(o, 0.1, total_steps=STEPS, cycle_momentum=False),
    "a function": lambda o: RATES.LambdaLR(o, lambda k: 1 / (k + 1)),
}


def draw() -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    rng = np.random.default_rng(7)
    return (
        [rng.normal(size=shape) for shape in SHAPES],
        [[rng.normal(size=shape) for shape in SHAPES] for _ in range(STEPS)],
    )


def assert_follows(descent: Descent, taken: list[list[np.ndarray]]) -> None:
    expected = descent.weights()
    assert expected is not None
    for step, weights in enumerate(taken):
        for ours, theirs in zip(expected[step], weights, strict=True):
            assert np.abs(ours - theirs).max() <= EQUAL * np.abs(theirs).max(), step


@pytest.mark.parametrize("name", KERAS)
def test_a_rule_takes_the_steps_of_keras(name: str) -> None:
    start, gradients = draw()
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        optimizer = KERAS[name]()
        found = keras_facts.optimizer_facts(optimizer)
        variables = [keras.Variable(w, dtype="float64") for w in start]
        optimizer.build(variables)
        taken = []
        for g in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(a) for a in g], variables)
            taken.append([v.value.numpy().copy() for v in variables])
        schedule = keras_facts.schedule_facts(optimizer)
    finally:
        keras.config.set_floatx(before)
    assert_follows(Descent(start, gradients, found, schedule), taken)


def pytorch_steps(
    optimizer: torch.optim.Optimizer, weights: list[torch.Tensor], scheduler: object = None
) -> list[list[np.ndarray]]:
    taken = []
    for g in draw()[1]:
        for w, dw in zip(weights, g, strict=True):
            w.grad = torch.tensor(dw)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()  # type: ignore[attr-defined]
        taken.append([w.detach().numpy().copy() for w in weights])
    return taken


@pytest.mark.parametrize("name", PYTORCH)
def test_a_rule_takes_the_steps_of_pytorch(name: str) -> None:
    start, gradients = draw()
    weights = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    optimizer = PYTORCH[name](weights)
    found = pytorch_facts.optimizer_facts(optimizer)
    taken = pytorch_steps(optimizer, weights)
    groups = [0, 1] if len(found) > 1 else []
    assert_follows(Descent(start, gradients, found, groups=groups), taken)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_rule_follows_a_scheduler_of_pytorch(name: str) -> None:
    start, gradients = draw()
    weights = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9)
    scheduler = SCHEDULERS[name](optimizer)
    schedule = pytorch_facts.schedule_facts(scheduler)
    found = pytorch_facts.optimizer_facts(torch.optim.SGD(weights, lr=0.1, momentum=0.9))
    taken = pytorch_steps(optimizer, weights, scheduler)
    assert_follows(Descent(start, gradients, found, schedule), taken)


@pytest.mark.parametrize("name", [n for n in SCHEDULERS if n not in ("one cycle", "a function")])
def test_the_formula_of_a_scheduler_gives_the_rates_that_it_states(name: str) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    stated = pytorch_facts.schedule_facts(SCHEDULERS[name](optimizer))
    assert stated is not None
    first = stated.values["first_rates"]
    without = {k: v for k, v in stated.values.items() if k != "first_rates"}
    formula = rates(replace(stated, values=without))
    assert formula is not None
    # A scheduler multiplies its last rate step by step, and rounds each time.
    assert [formula(k) for k in range(STATED_RATES)] == pytest.approx(first, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", sorted(set(KERAS) & set(PYTORCH) - {"sgd"}))
def test_a_rule_with_the_other_frameworks_facts_takes_other_steps(name: str) -> None:
    start, gradients = draw()
    weights = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    both = [
        keras_facts.optimizer_facts(KERAS[name]()),
        pytorch_facts.optimizer_facts(PYTORCH[name](weights)),
    ]
    ours, theirs = (Descent(start, gradients, found).weights() for found in both)
    assert ours is not None
    assert theirs is not None
    assert any(np.abs(a - b).max() > EQUAL for a, b in zip(ours[-1], theirs[-1], strict=True))


def warming_up(groups: int) -> tuple[Descent, list[list[np.ndarray]]]:
    """Return what is said of a warm-up from a rate of 0, and the steps that it takes."""
    start, gradients = draw()
    weights = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    parts = [weights] if groups == 1 else [[w] for w in weights]
    optimizer = torch.optim.SGD([{"params": part} for part in parts], lr=0.1)
    scheduler = RATES.LambdaLR(optimizer, lambda k: k / 4)
    found = pytorch_facts.optimizer_facts(optimizer)
    schedule = pytorch_facts.schedule_facts(scheduler)
    taken = pytorch_steps(optimizer, weights, scheduler)
    return Descent(start, gradients, found, schedule, groups=range(groups)), taken


def test_a_rule_follows_a_warm_up_from_0() -> None:
    descent, taken = warming_up(groups=1)
    assert_follows(replace(descent, groups=()), taken)


def test_the_rates_of_groups_that_all_warm_up_from_0_are_not_known() -> None:
    assert warming_up(groups=2)[0].weights() is None
