"""Facts are set on copies: what is set is what the object then says; what cannot be is refused."""

from typing import Any

import pytest
import torch
from torch import nn

import scratch
from frameworks.keras import facts as keras_facts
from frameworks.keras.loading import keras
from frameworks.pytorch import facts as pytorch_facts
from frameworks.scratch import facts as scratch_facts

L, O = keras.layers, keras.optimizers  # noqa: E741 - as keras itself is imported


def weights() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(2))]


def a_layer(make: Any) -> Any:
    layer = make()
    if isinstance(layer, keras.layers.Layer):
        layer.build((None, 4))
    return layer


LAYERS = [
    (lambda: L.BatchNormalization(), "epsilon", 1e-5),
    (lambda: L.BatchNormalization(), "keep", 0.5),
    (lambda: L.Dropout(0.5), "rate", 0.25),
    (lambda: L.ELU(), "alpha", 0.5),
    (lambda: L.LeakyReLU(), "slope", 0.25),
    (lambda: L.Dense(3), "frozen", True),
    (lambda: nn.BatchNorm1d(4), "epsilon", 1e-3),
    (lambda: nn.BatchNorm1d(4), "keep", 0.75),
    (lambda: nn.Dropout(0.5), "rate", 0.25),
    (lambda: nn.LeakyReLU(), "slope", 0.25),
    (lambda: nn.GELU(), "approximate", True),
    (lambda: nn.Softplus(), "threshold", 40.0),
    (lambda: nn.Linear(4, 3), "frozen", True),
    (lambda: scratch.BatchNorm.keras(4), "epsilon", 1e-5),
    (lambda: scratch.BatchNorm.keras(4), "keep", 0.5),
]
OPTIMIZERS = [
    (lambda: O.Adam(), "epsilon", 1e-3),
    (lambda: O.Adam(), "learning_rate", 0.5),
    (lambda: O.SGD(momentum=0.5), "momentum", 0.25),
    (lambda: O.SGD(), "decoupled_decay", 0.25),
    (lambda: O.Adam(), "clip_norm", 0.5),
    (lambda: torch.optim.Adam(weights()), "epsilon", 1e-3),
    (lambda: torch.optim.Adam(weights()), "beta_2", 0.5),
    (lambda: torch.optim.Adam(weights()), "learning_rate", 0.5),
    (lambda: torch.optim.SGD(weights()), "coupled_decay", 0.25),
    (lambda: torch.optim.AdamW(weights()), "decoupled_decay", 0.25),
    (lambda: torch.optim.RMSprop(weights()), "rho", 0.5),
    (lambda: scratch.AdamW(), "decoupled_decay", 0.25),
    (lambda: scratch.Adam(), "place", "before the bias correction"),
    (lambda: scratch.ClipNorm(1.0, scratch.RMSprop()), "place", "inside the root"),
]
LOSSES = [
    (lambda: keras.losses.CategoricalCrossentropy(), "takes", "logits"),
    (lambda: keras.losses.CategoricalCrossentropy(), "smoothing", 0.25),
    (lambda: keras.losses.Huber(), "delta", 0.5),
    (lambda: nn.CrossEntropyLoss(), "smoothing", 0.25),
    (lambda: nn.CrossEntropyLoss(), "reduction", "sum"),
    (lambda: nn.KLDivLoss(), "reduction", "mean"),
    (lambda: scratch.CategoricalCrossEntropy(), "smoothing", 0.25),
]


def room(thing: Any) -> Any:
    if type(thing).__module__.startswith("scratch"):
        return scratch_facts
    return pytorch_facts if type(thing).__module__.startswith("torch") else keras_facts


@pytest.mark.parametrize(("make", "name", "value"), LAYERS)
def test_a_layer_says_what_was_set(make: Any, name: str, value: Any) -> None:
    layer = a_layer(make)
    assert room(layer).layer_facts(layer, (4,)).values.get(name) != value
    assert room(layer).set_fact(layer, name, value)
    assert room(layer).layer_facts(layer, (4,)).values[name] == value


class Limit(L.Layer):
    """A layer of one's own with a number."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: L.Dense(3, kernel_constraint=keras.constraints.MaxNorm(x)), "kernel_constraint"),
        (
            lambda x: L.Dense(3, bias_regularizer=keras.regularizers.OrthogonalRegularizer(x)),
            "bias_penalty",
        ),
        (lambda x: L.Dense(3, dtype="mixed_bfloat16" if x == 1 else "float16"), "precision"),
        (Limit, "attribute_limit"),
    ],
)
def test_objects_of_one_class_differ_by_their_numbers(make: Any, name: str) -> None:
    one, same, other = (
        keras_facts.layer_facts(a_layer(lambda x=x: make(x))).values[name] for x in (1, 1, 2)
    )
    assert one == same != other


@pytest.mark.parametrize(("make", "name", "value"), OPTIMIZERS)
def test_an_optimizer_says_what_was_set(make: Any, name: str, value: Any) -> None:
    optimizer = make()
    assert room(optimizer).optimizer_facts(optimizer)[0].values.get(name) != value
    assert room(optimizer).set_fact(optimizer, name, value)
    assert room(optimizer).optimizer_facts(optimizer)[0].values[name] == value


@pytest.mark.parametrize(("make", "name", "value"), LOSSES)
def test_a_loss_says_what_was_set(make: Any, name: str, value: Any) -> None:
    loss = make()
    assert room(loss).loss_facts(loss, None).values.get(name) != value
    assert room(loss).set_fact(loss, name, value)
    assert room(loss).loss_facts(loss, None).values[name] == value


REFUSED = [
    (lambda: L.Dense(3), "epsilon"),
    (lambda: O.Adam(), "place"),
    (lambda: O.SGD(), "nothing of the kind"),
    (lambda: keras.losses.MeanSquaredError(), "takes"),
    (lambda: keras.losses.MeanSquaredError(), "smoothing"),
    (lambda: nn.Linear(4, 3), "epsilon"),
    (lambda: torch.optim.Adam(weights()), "place"),
    (lambda: torch.optim.Adam(weights()), "decoupled_decay"),
    (lambda: torch.optim.SGD(weights()), "beta_1"),
    (lambda: nn.CrossEntropyLoss(), "takes"),
    (lambda: scratch.Dense(4, 3), "epsilon"),
    (lambda: scratch.SGD(0.5), "place"),
]


@pytest.mark.parametrize(("make", "name"), REFUSED)
def test_what_cannot_be_set_is_refused(make: Any, name: str) -> None:
    thing = make()
    assert not room(thing).set_fact(thing, name, 0.5)


def test_a_setting_with_state_cannot_be_set_once_the_state_is_there() -> None:
    optimizer = O.SGD(momentum=0.5)
    optimizer.build([keras.Variable([1.0])])
    assert not keras_facts.set_fact(optimizer, "momentum", 0.25)
