"""Causes at the optimizer's steps: each is confirmed where it is planted, and nowhere else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from frameworks.keras import facts as keras_facts
from frameworks.keras.loading import keras
from frameworks.live.correspondence import WeightPair
from frameworks.live.descent import Descent
from frameworks.live.proofs import Proof
from frameworks.live.tracing import Change
from frameworks.pytorch import facts as pytorch_facts
from frameworks.recordings.trace import Facts, LayerTrace, Trace
from tests.live.hand_made import steps_proof, steps_trace, with_values

pytestmark = pytest.mark.slow

STEPS, SHAPES = 8, [(3, 2), (2,)]
Weights = list[np.ndarray]
Make = Callable[[list[torch.Tensor]], torch.optim.Optimizer]


def draw() -> tuple[Weights, list[Weights]]:
    rng = np.random.default_rng(11)
    one = [rng.normal(size=shape) for shape in SHAPES]
    return one, [[3 * rng.normal(size=shape) for shape in SHAPES] for _ in range(STEPS)]


START, GRADIENTS = draw()


def parameters() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.tensor(w)) for w in START]


def stepped(make: Make, gradients: Sequence[Weights] = GRADIENTS) -> list[Weights]:
    """Take the steps of a stock optimizer of PyTorch."""
    weights = parameters()
    optimizer = make(list(weights))
    return [step(optimizer, weights, g) for g in gradients]


def step(
    optimizer: torch.optim.Optimizer, weights: Sequence[torch.nn.Parameter], g: Weights
) -> Weights:
    for w, dw in zip(weights, g, strict=True):
        w.grad = torch.tensor(dw)
    optimizer.step()
    return [w.detach().numpy().copy() for w in weights]


def sgd(w: list[torch.Tensor]) -> torch.optim.Optimizer:
    return torch.optim.SGD(w, lr=0.125)


def momentum(w: list[torch.Tensor]) -> torch.optim.Optimizer:
    return torch.optim.SGD(w, lr=0.125, momentum=0.5)


def adam(w: list[torch.Tensor]) -> torch.optim.Optimizer:
    return torch.optim.Adam(w, lr=0.125)


OPTIMIZERS: dict[str, Make] = {"sgd": sgd, "momentum": momentum, "adam": adam}


def pytorch(make: Make, taken: Sequence[Weights] | None = None, **parts: Any) -> Trace:
    """Return the trace of PyTorch, which says what the optimizer says, and took these steps."""
    found = pytorch_facts.optimizer_facts(make(list(parameters())))
    seen = stepped(make) if taken is None else taken
    return steps_trace("pytorch", found, START, GRADIENTS, seen, **parts)


def other(make: Make, name: str = "keras") -> Trace:
    """Return the trace of another side that has the same optimizer."""
    found = pytorch_facts.optimizer_facts(make(list(parameters())))
    return steps_trace(name, found, START, GRADIENTS, stepped(make))


# Settings: the optimizer of the other side, and the facts that are the cause.
SETTINGS: dict[str, tuple[Make, Make, tuple[str, ...]]] = {
    "learning rate": (sgd, lambda w: torch.optim.SGD(w, lr=0.25), ("learning_rate",)),
    "momentum": (momentum, lambda w: torch.optim.SGD(w, 0.125, 0.75), ("momentum",)),
    "nesterov": (
        momentum,
        lambda w: torch.optim.SGD(w, 0.125, 0.5, nesterov=True),
        ("nesterov",),
    ),
    "dampening": (momentum, lambda w: torch.optim.SGD(w, 0.125, 0.5, 0.25), ("dampening",)),
    "decay": (adam, lambda w: torch.optim.Adam(w, 0.125, weight_decay=0.1), ("coupled_decay",)),
    "ε": (adam, lambda w: torch.optim.Adam(w, 0.125, eps=1e-3), ("epsilon",)),
    "betas": (
        adam,
        lambda w: torch.optim.Adam(w, 0.125, betas=(0.5, 0.75)),
        ("beta_1", "beta_2", "correction_beta_1", "correction_beta_2"),
    ),
    "amsgrad": (adam, lambda w: torch.optim.Adam(w, 0.125, amsgrad=True), ("amsgrad",)),
    "maximize": (sgd, lambda w: torch.optim.SGD(w, lr=0.125, maximize=True), ("maximize",)),
    "two at once": (
        momentum,
        lambda w: torch.optim.SGD(w, 0.25, 0.75, nesterov=False),
        ("learning_rate", "momentum"),
    ),
    "decay beside the gradient": (
        lambda w: torch.optim.Adam(w, 0.125, weight_decay=0.1),
        lambda w: torch.optim.AdamW(w, 0.125, weight_decay=0.1),
        ("coupled_decay", "decoupled_decay"),
    ),
    "another optimizer": (sgd, adam, ("kind",)),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_whose_exchange_explains_all_steps_are_the_cause(name: str) -> None:
    one, another, settings = SETTINGS[name]
    proof = steps_proof(other(one), pytorch(another))
    assert [cause.settings for cause in proof.causes] == [settings]
    assert proof.odd is None


def test_a_setting_that_has_no_effect_is_not_part_of_the_cause() -> None:
    a, b = other(momentum), pytorch(lambda w: torch.optim.SGD(w, 0.25, 0.5))
    facts = a.optimizer[0]
    a.optimizer[0] = Facts(facts.kind, {**facts.values, "rate_in_velocity": True}, facts.said)
    (cause,) = steps_proof(a, b).causes
    assert cause.settings == ("learning_rate",)


def keras_adam() -> Trace:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        optimizer = keras.optimizers.Adam(0.125)
        found = keras_facts.optimizer_facts(optimizer)
        variables = [keras.Variable(w, dtype="float64") for w in START]
        optimizer.build(variables)
        taken = []
        for g in GRADIENTS:
            optimizer.apply([keras.ops.convert_to_tensor(a) for a in g], variables)
            taken.append([v.value.numpy().copy() for v in variables])
    finally:
        keras.config.set_floatx(before)
    return steps_trace("keras", found, START, GRADIENTS, taken)


def test_adam_against_adam_is_explained_in_full() -> None:
    (cause,) = steps_proof(keras_adam(), pytorch(adam)).causes
    assert cause.sentence == (
        "keras adds ε = 1e-07 before the bias correction and corrects the bias with "
        "β₁ = 0.8999999762 and β₂ = 0.9990000129; pytorch adds ε = 1e-08 after it and "
        "corrects the bias with β₁ = 0.9 and β₂ = 0.999"
    )
    assert cause.settings == ("epsilon", "place", "correction_beta_1", "correction_beta_2")


def test_adam_whose_betas_float32_holds_differs_by_ε_alone() -> None:
    ours = keras_adam()
    values = {**ours.optimizer[0].values, "correction_beta_1": 0.9, "correction_beta_2": 0.999}
    facts = Facts("adam", values, ours.optimizer[0].said)
    taken = Descent(START, GRADIENTS, [facts]).weights()
    assert taken is not None
    exact = steps_trace("keras", [facts], START, GRADIENTS, taken)
    (cause,) = steps_proof(exact, pytorch(adam)).causes
    assert cause.sentence == (
        "keras adds ε = 1e-07 before the bias correction, pytorch ε = 1e-08 after it"
    )


def test_the_remedy_gives_side_b_the_settings_of_side_a() -> None:
    make: Make = lambda w: torch.optim.SGD(w, lr=0.25)  # noqa: E731 - a one-line optimizer
    (cause,) = steps_proof(other(sgd), pytorch(make)).causes
    assert [(c.place, c.name, c.value) for c in cause.remedy] == [
        ("optimizer", "learning_rate", 0.125)
    ]
    assert cause.advice == "give the optimizer of pytorch lr=0.125"


def test_a_schedule_that_differs_is_the_cause() -> None:
    weights = parameters()
    optimizer = sgd(list(weights))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    stated, taken = pytorch_facts.schedule_facts(scheduler), []
    for g in GRADIENTS:
        taken.append(step(optimizer, weights, g))
        scheduler.step()
    (cause,) = steps_proof(other(sgd), pytorch(sgd, taken, schedule=stated)).causes
    assert cause.sentence == (
        "keras follows no schedule; pytorch follows an exponential schedule (lr=0.125, gamma=0.5, "
        "step_size=2, StepLR and step() after every batch)"
    )


def test_a_group_of_weights_with_another_rate_is_the_cause() -> None:
    def grouped(w: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD([{"params": w[:1]}, {"params": w[1:], "lr": 0.5}], lr=0.125)

    a, b = other(sgd), pytorch(grouped, groups=[0, 1])
    (cause,) = steps_proof(a, b).causes
    assert cause.settings == ("learning_rate",)
    assert cause.sentence == "keras has lr=0.125 for w1, pytorch lr=0.5 for w1"


def decaying_groups(*decays: float) -> list[Facts]:
    return [
        with_values(Facts("sgd"), learning_rate=0.125, **({"coupled_decay": d} if d else {}))
        for d in decays
    ]


def decayed(decays: Sequence[float], weights: Sequence[float], **parts: Any) -> Trace:
    """Return steps of gradient 1 from numbers, each of which decays."""
    taken, now = [], list(weights)
    for _ in range(STEPS):
        now = [w - 0.125 * (1 + d * w) for w, d in zip(now, decays, strict=True)]
        taken.append([np.full(2, w) for w in now])
    start = [np.full(2, w) for w in weights]
    ones = [[np.ones(2)] * len(start)] * STEPS
    return steps_trace(start=start, gradients=ones, taken=taken, **parts)


def test_all_weights_of_the_groups_that_decay_are_named_on_each_side() -> None:
    """The bias is 0, so that only the kernel moves otherwise in the first step."""
    weights, names = (0.0, 1.0, 2.0), ["one.bias", "two.kernel", "three"]
    a = decayed((0, 0, 0.5), weights, framework="keras", names=names,
                optimizer=decaying_groups(0, 0.5), groups=[0, 0, 1])  # fmt: skip
    b = decayed((0.25, 0.25, 0.5), weights, framework="pytorch", names=["0", "1", "2"],
                optimizer=decaying_groups(0.25, 0.5), groups=[0, 0, 1])  # fmt: skip
    (cause,) = steps_proof(a, b).causes
    assert cause.sentence == (
        "keras does not decay one.bias and two.kernel; pytorch decays 0 and 1 by 0.25 through the "
        "gradient"
    )
    assert cause.remedy == (Change("optimizer, group 1", "coupled_decay", None),)


def test_of_many_weights_those_are_named_that_are_apart_first() -> None:
    weights, names = (0.0, 0.0, 0.0, 1.0, 0.0), list("abcde")
    a = decayed((0,) * 5, weights, framework="keras", names=names,
                optimizer=decaying_groups(0, 0), groups=[0, 0, 0, 0, 1])  # fmt: skip
    b = decayed((0.5,) * 5, weights, framework="pytorch", names=names,
                optimizer=decaying_groups(0.5), groups=[0] * 5)  # fmt: skip
    (cause,) = steps_proof(a, b).causes
    assert cause.sentence.startswith("keras does not decay d, a, b and 2 others; pytorch decays d")


def test_a_group_that_would_need_two_decays_has_no_remedy() -> None:
    a = decayed((0, 0.5), (1.0, 2.0), framework="keras", optimizer=decaying_groups(0, 0.5),
                groups=[0, 1])  # fmt: skip
    b = decayed((0.5, 0.5), (1.0, 2.0), framework="pytorch", optimizer=decaying_groups(0.5))
    (cause,) = steps_proof(a, b).causes
    assert cause.sentence == (
        "keras does not decay w0, pytorch decays w0 by 0.5 through the gradient"
    )
    assert (cause.remedy, cause.advice) == ((), "")


def test_groups_that_differ_in_other_settings_are_each_said_with_their_own() -> None:
    a = decayed((0, 0), (1.0, 2.0), framework="keras", optimizer=decaying_groups(0, 0),
                groups=[0, 1])  # fmt: skip
    b = decayed((0.5, 0.25), (1.0, 2.0), framework="pytorch",
                optimizer=decaying_groups(0.5, 0.25), groups=[0, 1])  # fmt: skip
    (cause,) = steps_proof(a, b).causes
    assert cause.sentence == (
        "keras does not decay w0 and does not decay w1; pytorch decays w0 by 0.5 through the "
        "gradient and decays w1 by 0.25 through the gradient"
    )
    faster = with_values(Facts("sgd"), learning_rate=0.25)
    taken = [[s.weights[0], 2 - 0.25 * k * np.ones(2)] for k, s in enumerate(b.steps, 1)]
    steps = [replace(s, weights=w) for s, w in zip(b.steps, taken, strict=True)]
    (cause,) = steps_proof(a, replace(b, optimizer=[b.optimizer[0], faster], steps=steps)).causes
    assert cause.sentence == (
        "keras does not decay w0 and has learning_rate=0.125 for w1; pytorch decays w0 by 0.5 "
        "through the gradient and has learning_rate=0.25 for w1"
    )


def test_two_biases_that_both_move_are_the_cause() -> None:
    two = [*START, START[1]]
    gradients = [[*g, g[1]] for g in GRADIENTS]
    taken = [[w, b, b] for w, b in stepped(sgd)]
    found = pytorch_facts.optimizer_facts(sgd(list(parameters())))
    names = ["lstm.kernel", "lstm.bias", "lstm.recurrent_bias"]
    b = steps_trace("pytorch", found, two, gradients, taken, names=names)
    pairs = [WeightPair((0,), (0,)), WeightPair((1,), (1, 2))]
    start = [START[0], 2 * START[1]]
    ours = [[w, start[1] + (b - START[1])] for w, b in stepped(sgd)]
    a = steps_trace("keras", found, start, GRADIENTS, ours, names=["lstm.kernel", "lstm.bias"])
    (cause,) = steps_proof(a, b, pairs).causes
    assert cause.settings == ("biases",)
    assert cause.sentence == (
        "keras trains lstm.bias alone; pytorch trains both lstm.bias and lstm.recurrent_bias, "
        "whose sum moves twice as far"
    )


@pytest.mark.parametrize("single", [False, True], ids=["repeats alone", "a single token, too"])
def test_an_embedding_whose_repeats_are_squared_one_by_one_is_the_cause(single: bool) -> None:
    rng = np.random.default_rng(5)
    start, tokens = [rng.normal(size=(4, 2))], np.array([[0, 1], [1, 3]])
    each = rng.normal(size=(2, 2, 2))
    g = np.zeros((4, 2))
    np.add.at(g, tokens, each)
    squares = np.zeros((4, 2))
    np.add.at(squares, tokens, each * each)
    rule = Facts("adagrad", {"learning_rate": 0.5, "start": 0.0, "epsilon": 1e-7,
                             "place": "outside the root"})  # fmt: skip
    sums, lists = ([start[0] - 0.5 * g / (np.sqrt(v) + 1e-7)] for v in (g * g, squares))
    if single:  # token 0 occurs once: no repeat explains that it moves otherwise
        lists[0][0] += 1e-3
    traces = []
    for name, taken, values in (
        ("keras", lists, {"gradient": "by occurrence"}),
        ("pytorch", sums, {}),
    ):
        layer = LayerTrace("tokens", Facts("embedding", values), (0,), (), (tokens,))
        traces.append(
            steps_trace(name, [rule], start, [[g]], [taken], layers=[layer], names=["tokens.v"])
        )
    causes = steps_proof(*traces).causes
    if single:
        assert not causes
        return
    (cause,) = causes
    assert cause.sentence == (
        "keras squares each occurrence of a token by itself in tokens.v, pytorch the sum of a "
        "token's gradients"
    )


# Mistakes: what a loop does with the gradients and the optimizer, as people write it.


def accumulating(make: Make) -> list[Weights]:
    weights = parameters()
    optimizer, taken = make(list(weights)), []
    total = [np.zeros(shape) for shape in SHAPES]
    for g in GRADIENTS:
        total = [a + b for a, b in zip(total, g, strict=True)]
        taken.append(step(optimizer, weights, total))
    return taken


def stale(make: Make) -> list[Weights]:
    return stepped(make, [GRADIENTS[0], *GRADIENTS[:-1]])


def always_the_first(make: Make) -> list[Weights]:
    return stepped(make, [GRADIENTS[0]] * STEPS)


def restarting(make: Make) -> list[Weights]:
    weights = parameters()
    return [step(make(list(weights)), weights, g) for g in GRADIENTS]


def twice(make: Make) -> list[Weights]:
    return stepped(make, [g for g in GRADIENTS for _ in range(2)])[1::2]


def every_second(make: Make, divided: bool) -> list[Weights]:
    weights = parameters()
    optimizer, taken = make(list(weights)), []
    for k, g in enumerate(GRADIENTS):
        if k % 2:
            pairs = zip(GRADIENTS[k - 1], g, strict=True)
            taken.append(step(optimizer, weights, [(a + b) / (1 + divided) for a, b in pairs]))
        else:
            taken.append([w.detach().numpy().copy() for w in weights])
    return taken


def clipped(make: Make) -> list[Weights]:
    weights = parameters()
    optimizer, taken = make(list(weights)), []
    for g in GRADIENTS:
        for w, dw in zip(weights, g, strict=True):
            w.grad = torch.tensor(dw)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        taken.append([w.detach().numpy().copy() for w in weights])
    return taken


def clipped_by_value(make: Make) -> list[Weights]:
    return stepped(make, [[np.clip(a, -0.5, 0.5) for a in g] for g in GRADIENTS])


def at_another_rate(make: Make) -> list[Weights]:
    weights = parameters()
    optimizer = make(list(weights))
    optimizer.param_groups[0]["lr"] *= 3
    return [step(optimizer, weights, g) for g in GRADIENTS]


def upwards(make: Make) -> list[Weights]:
    return stepped(make, [[-a for a in g] for g in GRADIENTS])


def decaying(make: Make) -> list[Weights]:
    weights = parameters()
    optimizer = make(list(weights))
    optimizer.param_groups[0]["weight_decay"] = 0.01
    return [step(optimizer, weights, g) for g in GRADIENTS]


def frozen_bias(make: Make) -> list[Weights]:
    return [[w, START[1]] for w, _ in stepped(make)]


PLANTED: dict[str, tuple[Callable[[Make], list[Weights]], str]] = {
    "no zero_grad": (accumulating, "gradients add up from step to step, as without zero_grad"),
    "stale": (stale, "every step uses the gradient of the previous step"),
    "the first": (always_the_first, "every step uses the first gradient"),
    "twice": (twice, "every step is taken twice"),
    "mean of two": (
        lambda make: every_second(make, divided=True),
        "the gradients of 2 steps are averaged into one",
    ),
    "sum of two": (
        lambda make: every_second(make, divided=False),
        "the gradients of 2 steps are added up into one",
    ),
    "clipped": (clipped, "the norm of the whole gradient is clipped at 1"),
    "clipped by value": (clipped_by_value, "each element of the gradient is clipped at ± 0.5"),
    "rate": (at_another_rate, "the learning rate is 3 times the one that is stated"),
    "upwards": (upwards, "the steps go up the gradient, not down"),
    "decay": (decaying, "the weights decay by 0.01, through the gradient"),
    "frozen": (frozen_bias, "w1 never moves"),
}


# Adam is blind to the scale of its gradient, but for ε.
IN_BOTH = [(name, make) for name in PLANTED for make in ("momentum", "adam")]
SEEN = [each for each in IN_BOTH if each != ("sum of two", "adam")]


@pytest.mark.parametrize(("name", "kind"), SEEN)
def test_a_mistake_in_the_loop_is_named_and_its_side_is_odd(name: str, kind: str) -> None:
    (plant, sentence), make = PLANTED[name], OPTIMIZERS[kind]
    proof = steps_proof(other(make), pytorch(make, plant(make)))
    assert [cause.sentence for cause in proof.causes] == [f"in pytorch {sentence}"]
    assert proof.odd == "pytorch"


def test_a_lost_state_is_named() -> None:
    (cause,) = steps_proof(other(adam), pytorch(adam, restarting(adam))).causes
    assert cause.sentence == "in pytorch the optimizer loses its state at every step"


def negatives() -> Iterator[tuple[str, Make, list[Weights]]]:
    """Yield steps that are near to a mistake, but are not that mistake alone."""
    noise = np.random.default_rng(1)
    for name, (plant, _) in PLANTED.items():
        taken = plant(momentum)
        nearly = [[w * (1 + 1e-6 * noise.normal(size=w.shape)) for w in each] for each in taken]
        yield f"{name}, not quite", momentum, nearly
        half = [*taken[:4], *stepped(momentum)[4:]]
        yield f"{name}, in the first four steps", momentum, half
        partly = [[w, b] for (w, _), (_, b) in zip(taken, stepped(momentum), strict=True)]
        if name != "frozen":
            yield f"{name}, in one weight", momentum, partly
    for (one, (plant, _)), (two, (plant_2, _)) in combinations(PLANTED.items(), 2):
        if {one, two} == {"rate", "upwards"}:  # 3 and −1 times: between them is what is stated
            continue
        mean = [
            [(x + y) / 2 for x, y in zip(*each, strict=True)]
            for each in zip(plant(momentum), plant_2(momentum), strict=True)
        ]
        yield f"between {one} and {two}", momentum, mean


NEGATIVES = list(negatives())


@pytest.mark.parametrize("case", NEGATIVES, ids=[name for name, _, _ in NEGATIVES])
def test_what_explains_only_a_part_is_not_named(case: tuple[str, Make, list[Weights]]) -> None:
    _, make, taken = case
    proof = steps_proof(other(make), pytorch(make, taken))
    assert proof == Proof(odd="pytorch")


def test_there_are_enough_false_causes() -> None:
    assert len(NEGATIVES) >= 60


def test_no_cause_where_the_steps_are_equal() -> None:
    assert steps_proof(other(adam), pytorch(adam)) == Proof()


def test_no_cause_where_neither_side_does_what_it_says() -> None:
    a = steps_trace("keras", pytorch(adam).optimizer, START, GRADIENTS, stale(adam))
    assert steps_proof(a, pytorch(adam, twice(adam))) == Proof()


def test_no_cause_where_an_optimizer_has_no_rule() -> None:
    a, b = other(sgd), pytorch(sgd, stepped(adam))
    b.optimizer[0] = Facts("adafactor", {"learning_rate": 0.125})
    (cause,) = steps_proof(a, b).causes  # that it is another optimizer, all the same
    assert cause.settings == ("kind",)
    a.optimizer[0] = b.optimizer[0]
    assert steps_proof(a, b) == Proof()


@pytest.mark.parametrize("first", [True, False])
def test_a_step_of_plain_descent_that_is_taken_twice_is_one_of_twice_the_rate(first: bool) -> None:
    sides = other(sgd), pytorch(sgd, twice(sgd))
    (cause,) = steps_proof(*(sides if first else sides[::-1])).causes
    assert cause.sentence == (
        "in pytorch every step is taken twice, or the learning rate is 2 times the one that is "
        "stated: plain gradient descent cannot tell"
    )


def test_twice_the_rate_alone_is_the_cause_where_a_momentum_tells_the_two_apart() -> None:
    doubled = stepped(lambda w: torch.optim.SGD(w, lr=0.25, momentum=0.5))
    (cause,) = steps_proof(other(momentum), pytorch(momentum, doubled)).causes
    assert cause.sentence == "in pytorch the learning rate is 2 times the one that is stated"
