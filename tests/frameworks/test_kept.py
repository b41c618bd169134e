"""What PyTorch modules and hooks keep besides weights: copied, and restored by early stopping."""

import copy
import pickle
import random
from argparse import Namespace
from array import array
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from frameworks import Parts, Program, PyTorchRegressor, PyTorchTrainer, Spec
from frameworks.callbacks import EarlyStopping
from scratch import KerasEarlyStopping

SPEC = Spec(inputs=3, outputs=1)
SMALL = {"dtype": "float64", "random_state": 0, "batch_size": 8}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X @ [1.0, 2.0, 3.0]
OTHERS = RNG.normal(size=(30, 3)), RNG.normal(size=30)  # nothing to learn


class Keeping(nn.Module):
    """Scales its inputs by what it keeps, which changes in training only."""

    def __init__(self):
        super().__init__()
        self.kept = None

    def forward(self, x):
        if self.training:
            self.keep(x.detach())
        return x * self.scale()


class Counting(Keeping):
    def keep(self, x):
        self.kept = (self.kept or 0) + 1

    def scale(self):
        return 1 + (self.kept or 0) / 9


class Averaging(Keeping):
    def keep(self, x):
        mean = x.abs().mean(0)
        self.kept = mean if self.kept is None else 0.9 * self.kept + 0.1 * mean

    def scale(self):
        return 1 if self.kept is None else self.kept


class Remembering(Keeping):
    def __init__(self):
        super().__init__()
        self.kept = deque(maxlen=3)

    def keep(self, x):
        self.kept.append(x.abs().mean(0))

    def scale(self):
        return sum(self.kept) if self.kept else 1


class Drawing(Keeping):
    def __init__(self, make, draw):
        super().__init__()
        self.source, self.draw = make(3), draw

    def keep(self, x):
        self.kept = 1 + self.draw(self.source)

    def scale(self):
        return self.kept or 1


class Held:
    """An object that a module holds."""

    __slots__ = ("count", "means")

    def __init__(self):
        self.count, self.means = 0, {}


class Holding(Keeping):
    def __init__(self):
        super().__init__()
        self.held = Held()

    def keep(self, x):
        self.held.count += 1
        self.held.means["latest"] = x.abs().mean(0)

    def scale(self):
        return self.held.means.get("latest", 1) / (1 + self.held.count / 9)


class Holder(Keeping):
    """Holds an object of Python's own, by whose `count` it scales."""

    def __init__(self, make, write, read):
        super().__init__()
        self.held, self.write, self.read = make(), write, read

    def keep(self, x):
        self.write(self.held, self.read(self.held) + 1)

    def scale(self):
        return 1 + self.read(self.held) / 9


def write_count(held, count):
    held.count = count


def chained():
    return ChainMap({0: 0})


def read_count(held):
    return held.count


def write_sevenths(held, count):
    held.count = Fraction(round(7 * count), 7)


def read_sevenths(held):
    return float(held.count)


SEVENTHS = write_sevenths, read_sevenths


class OwnList(list):
    """A collection of a class of one's own, which also has an attribute."""

    count = 0


class OwnDict(dict):
    pass


class OwnDeque(deque):
    pass


class OwnSet(set):
    pass


def counting_function():
    def count():
        return count.count

    count.count = 0
    return count


def ordered():
    return OrderedDict({0: 0})


def object_array():
    return np.array([0, None], dtype=object)


def append(held, count):
    held.append(count)


def insert(held, count):
    held[len(held)] = count


def add(held, count):
    held.add(count)


def write_item(held, count):
    held[0] = count


def read_item(held):
    return held[0]


def normal(generator):
    return generator.normal()


def uniform(generator):
    return generator.random()


def of_torch(generator):
    return float(torch.rand((), generator=generator, dtype=torch.float64))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


LAYERS = {
    "count": Counting,
    "tensor": Averaging,
    "deque": Remembering,
    "object": Holding,
    "namespace": partial(Holder, partial(SimpleNamespace, count=0), write_count, read_count),
    "arguments": partial(Holder, partial(Namespace, count=0), write_count, read_count),
    "dictionary around one": partial(Holder, partial(UserDict, {0: 0}), write_item, read_item),
    "list around one": partial(Holder, partial(UserList, [0]), write_item, read_item),
    "chain of dictionaries": partial(Holder, chained, write_item, read_item),
    "array of Python's": partial(Holder, partial(array, "d", [0]), write_item, read_item),
    "bytes": partial(Holder, partial(bytearray, 1), write_item, read_item),
    "fraction": partial(Holder, partial(SimpleNamespace, count=Fraction(1, 2)), *SEVENTHS),
    "ordered dictionary": partial(Holder, ordered, write_item, read_item),
    "list of one's own": partial(Holder, OwnList, append, len),
    "its attribute": partial(Holder, OwnList, write_count, read_count),
    "dictionary of one's own": partial(Holder, OwnDict, insert, len),
    "deque of one's own": partial(Holder, partial(OwnDeque, maxlen=3), append, len),
    "set of one's own": partial(Holder, OwnSet, add, len),
    "attribute of a function": partial(Holder, counting_function, write_count, read_count),
    "array of objects": partial(Holder, object_array, write_item, read_item),
    "NumPy's numbers": partial(Drawing, np.random.default_rng, normal),
    "Python's numbers": partial(Drawing, random.Random, uniform),
    "PyTorch's numbers": partial(Drawing, seeded, of_torch),
}


def counting_hook(network, optimizer):
    count = 0

    def hook(*_):
        nonlocal count
        count += 1
        optimizer.param_groups[0]["lr"] = 0.1 / count

    optimizer.register_step_post_hook(hook)


def averaging_hook(network, optimizer):
    averages = {}

    @torch.no_grad()
    def hook(*_):
        for p in network.parameters():
            p.lerp_(averages.setdefault(p, p.clone()).lerp_(p, 0.5), 0.1)

    optimizer.register_step_post_hook(hook)


def drawing_hook(network, optimizer):
    draw = np.random.default_rng(3).random  # a method of what is kept

    def hook(*_):
        optimizer.param_groups[0]["lr"] = 0.1 * draw()

    optimizer.register_step_post_hook(hook)


def gradient_hook(network, optimizer):
    counts = [0]

    def hook(gradient):
        counts[0] += 1
        return gradient / counts[0]

    network[0].weight.register_hook(hook)


def counting_schedule(network, optimizer):
    calls = []

    def factor(k):
        calls.append(k)
        return 1 / len(calls)

    schedule = LambdaLR(optimizer, factor)
    optimizer.register_step_post_hook(lambda *_: schedule.step())


def excluding_hook(network, optimizer):
    excluded = {id(network[0].bias)}

    @torch.no_grad()
    def hook(*_):
        for p in network.parameters():
            p.mul_(1 if id(p) in excluded else 0.9)

    optimizer.register_step_post_hook(hook)


HOOKS = {
    each.__name__: each
    for each in (counting_hook, averaging_hook, drawing_hook, gradient_hook)
    + (counting_schedule, excluding_hook)
}


def weights(spec, rng):
    return [rng.normal(size=(3, 1)), np.zeros(1)]


def build(layer=None, hook=None, spec=SPEC):
    network = nn.Sequential(nn.Linear(3, 1), *([LAYERS[layer]()] if layer else []))
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.5)
    if hook:
        HOOKS[hook](network, optimizer)
    return Parts(network, nn.MSELoss(), optimizer, weights)


BUILDERS = {
    **{name: partial(build, name) for name in LAYERS},
    **{name: partial(build, None, name) for name in HOOKS},
}


def pickled(x):
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize("copied", [copy.copy, pickled])
@pytest.mark.parametrize("name", BUILDERS)
def test_a_copy_goes_on_with_what_modules_and_hooks_keep(name, copied):
    one = PyTorchRegressor(BUILDERS[name], epochs=2, **SMALL)
    original, untouched = (copy.deepcopy(one).fit(X, Y) for _ in "ab")
    other = copied(original)
    for each in (other, original, untouched):  # one after the other: they share nothing
        each.partial_fit(X, Y).partial_fit(X, Y)
    for each in (other, original):
        np.testing.assert_array_equal(each.get_weights()[0], untouched.get_weights()[0])


@pytest.mark.parametrize("name", LAYERS)
def test_early_stopping_restores_what_modules_keep_in_attributes(name):
    stopping = EarlyStopping(rule=KerasEarlyStopping(patience=3))
    estimator = PyTorchRegressor(BUILDERS[name], epochs=30, callbacks=[stopping], **SMALL)
    estimator.fit(X, Y, validation_data=OTHERS)
    losses = [epoch["val_loss"] for epoch in estimator.history_]
    assert np.argmin(losses) < len(losses) - 1
    assert estimator.evaluate(*OTHERS)["loss"] == min(losses)  # the same rows and numbers


def build_program(spec=SPEC):
    """Takes a step for every second batch, with the gradients of two."""
    parts = build()
    scaler, calls = torch.amp.GradScaler("cpu", growth_interval=3), [0]

    def step(batch, draws):
        loss = parts.loss(parts.network(batch.X), batch.y)
        scaler.scale(loss).backward()
        calls[0] += 1
        if calls[0] % 2 == 0:
            scaler.step(parts.optimizer)
            scaler.update()
            parts.optimizer.zero_grad()
        return {"loss": loss, "scale": scaler.get_scale()}

    networks, optimizers = (parts.network,), (parts.optimizer,)
    return Program(networks, optimizers, step, weights, loss=parts.loss)


@pytest.mark.parametrize("copied", [copy.copy, pickled])
def test_a_copy_goes_on_with_accumulated_gradients_and_their_scale(copied):
    original, untouched = (PyTorchTrainer(build_program, epochs=1, **SMALL) for _ in "ab")
    for each in (original, untouched):
        each.fit(X, Y[:, None])  # five steps: a gradient is left
    other = copied(original)
    for each in (other, original, untouched):
        each.partial_fit(X, Y[:, None])
    for each in (other, original):
        np.testing.assert_array_equal(each.get_weights()[0], untouched.get_weights()[0])
        assert each.history_[-1]["scale"] == untouched.history_[-1]["scale"]


SEEN = []


def test_what_a_builder_shares_with_its_surroundings_is_neither_copied_nor_restored():
    around = []

    def shared(spec=SPEC):
        parts = build()
        parts.network[0].seen, mine = SEEN, []
        parts.optimizer.register_step_post_hook(lambda *_: around.append(1) or mine.append(1))
        return parts._replace(network=parts.network.append(Averaging()))

    stopping = EarlyStopping(rule=KerasEarlyStopping(patience=3))
    estimator = PyTorchRegressor(shared, epochs=30, callbacks=[stopping], **SMALL)
    estimator.fit(X, Y, validation_data=OTHERS)
    assert len(around) == 5 * len(estimator.history_)
    other = copy.copy(estimator)
    assert other._adapter.parts.network[0].seen is SEEN
    before = len(around)
    other.partial_fit(X, Y)
    assert len(around) == before + 5


def generating(spec=SPEC):
    parts, rates = build(), (0.1 / n for n in range(1, 1000))

    def hook(*_):
        parts.optimizer.param_groups[0]["lr"] = next(rates)

    parts.optimizer.register_step_post_hook(hook)
    return parts


@pytest.mark.parametrize("copied", [copy.copy, pickled])
def test_a_generator_is_not_copied(copied):
    estimator = PyTorchRegressor(generating, epochs=1, **SMALL).fit(X, Y)
    with pytest.raises(TypeError, match=r"^build: generating keeps the generator '<genexpr>'"):
        copied(estimator)


class Growing(Keeping):
    def __init__(self):
        super().__init__()
        self.held = [nn.Linear(1, 1).requires_grad_(False)]

    def keep(self, x):
        self.held.append(x.abs().mean())

    def scale(self):
        return 1


def test_a_list_of_modules_that_has_grown_is_not_copied(monkeypatch):
    monkeypatch.setitem(LAYERS, "growing", Growing)
    model = PyTorchRegressor(build=partial(build, "growing"), **SMALL).partial_fit(X, Y)
    with pytest.raises(TypeError, match="a list of modules grew in the course of the training"):
        copy.deepcopy(model)
