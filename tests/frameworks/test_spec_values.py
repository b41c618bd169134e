"""Numbers of a spec as a user writes them."""

from dataclasses import dataclass
from typing import Literal

import pytest

from frameworks.errors import RequestError
from frameworks.spec import Spec, float32
from frameworks.spec_values import label_of, parse_grid, rank_of


@dataclass(frozen=True)
class Numbers(Spec):
    hidden: tuple[int, int] = (6, 6)
    widths: tuple[int, ...] = (4,)
    betas: tuple[float, ...] = (0.5,)
    rate: float = 0.5
    clip: float | None = None
    name: str = "adam"
    kind: Literal["relu", "tanh"] = "relu"
    nested: tuple[tuple[int, ...], ...] = ((1,),)


@pytest.mark.parametrize("text", ["hidden=0-6", "hidden=6--1"])
def test_a_layer_without_neurons_is_refused(text):
    with pytest.raises(RequestError, match="hidden of page: a layer has at least 1 neuron, got"):
        parse_grid(Numbers(), [text], "page")


def only(text):
    ((setting,),) = parse_grid(Numbers(), [text], "page")
    return setting[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hidden=8-16", (8, 16)),
        ("widths=8", (8,)),
        ("betas=1e-3--0.5-2.", (1e-3, -0.5, 2.0)),
        ("rate=1", 1.0),
        ("rate=-1E-3", -1e-3),
        ("clip=none", None),
        ("clip=2", 2.0),
        ("name=sgd-nesterov", "sgd-nesterov"),
        ("kind=tanh", "tanh"),
        ("shuffle=False", False),
        (" batch_size = 12 ", 12),
    ],
)
def test_a_value_is_read_by_the_type_of_its_field(text, value):
    found = only(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hidden=8", "hidden of page: expected 2 numbers joined by hyphens, as in 6-6, got '8'"),
        ("widths=8-x", "widths of page: expected numbers joined by hyphens, as in 6-6, got '8-x'"),
        ("rate=nan", "rate of page: expected a number, got 'nan'"),
        ("widths=9007199254740993", "widths of page: 9007199254740993 has more than 15 digits"),
        ("rate=1e39", "rate of page: 1e39 is beyond the range of float32"),
        ("rate=1e-60", "rate of page: 1e-60 is beyond the range of float32"),
        ("clip=no", "clip of page: expected a number or none, got 'no'"),
        ("kind=gelu", "kind of page: expected one of relu, tanh, got 'gelu'"),
        ("shuffle=1", "shuffle of page: expected true or false, got '1'"),
        ("epochs=1.5", "epochs of page: expected a whole number, got '1.5'"),
        ("nested=1", "nested of page: expected numbers joined by hyphens, as in 6-6, got '1'"),
        ("rate=0.1,", "rate of page: expected a number, got ''"),
        ("inputs=3", "inputs of page follows from its data, and cannot be set"),
        ("rate", "--set takes NAME=VALUE, or several values as in hidden=8,16; got 'rate'"),
        ("hiden=8-8", "unknown number of page 'hiden'; did you mean 'hidden'?"),
    ],
)
def test_what_no_field_takes_is_refused_in_one_sentence(text, says):
    with pytest.raises(RequestError, match="page|--set") as refusal:
        only(text)
    assert str(refusal.value).startswith(says)
    assert "\n" not in str(refusal.value)


def test_values_of_several_numbers_make_a_grid_in_which_the_last_varies_fastest():
    grid = parse_grid(Numbers(), ["rate=0.25,0.5", "batch_size=1,2,1"], "page")
    assert [label_of(setting) for setting in grid] == [
        *("batch_size=1 rate=0.25", "batch_size=2 rate=0.25"),
        *("batch_size=1 rate=0.5", "batch_size=2 rate=0.5"),
    ]
    assert parse_grid(Numbers(), [], "page") == [()]


def test_a_grid_that_no_one_can_wait_for_is_refused():
    side = ",".join(map(str, range(1, 401)))
    with pytest.raises(RequestError, match="at most 100,000 combinations, got 160,000"):
        parse_grid(Numbers(), [f"epochs={side}", f"batch_size={side}"], "page")


def test_a_number_is_set_once():
    with pytest.raises(RequestError, match="rate is set twice"):
        parse_grid(Numbers(), ["rate=1", "rate=2"], "page")


def test_numbers_are_shown_in_the_digits_that_were_meant():
    setting = (("rate", float32(0.1)), ("betas", (float32(0.9), 1e20)), ("clip", None))
    assert label_of(setting) == "rate=0.1 betas=0.9-1e20 clip=none"
    assert label_of({"rate": float32(0.1), "hidden": [8, 16]}) == "rate=0.1 hidden=8-16"


def test_settings_are_sorted_as_numbers():
    values = [{"rate": 10.0}, {"rate": 9.0}, {"rate": None}]
    assert sorted(values, key=rank_of) == [{"rate": 9.0}, {"rate": 10.0}, {"rate": None}]
