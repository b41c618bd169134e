"""The table of settings: what differs in meaning, in each framework's words, and nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from frameworks.live.correspondence import Matching, WeightPair
from frameworks.live.pairs import Pair
from frameworks.live.proofs import Cause
from frameworks.live.proofs.sentences import phrase
from frameworks.live.report import Report
from frameworks.live.settings import Setting, differing, differing_settings, without_effect
from frameworks.recordings.trace import Facts, LayerTrace, Trace, Weight
from frameworks.spec import float32
from tests.live.hand_made import pair_of, trace, with_values

ADAM = {"learning_rate": 0.5, "epsilon": 1e-7, "place": "before the bias correction"}
SAID = {"learning_rate": "lr=0.5", "epsilon": "epsilon=1e-07", "place": "√v + epsilon"}
X = np.ones((2, 3))


def model(framework: str = "keras", *facts: Facts, **parts: Any) -> Trace:
    """Return a trace of layers "one", "two", ..., each with a kernel and a bias."""
    names = ["one", "two", "three"]
    layers = [
        LayerTrace(name, each, (2 * k, 2 * k + 1), (), (X,), X)
        for k, (name, each) in enumerate(zip(names, facts, strict=False))
    ]
    weights = [
        Weight(f"{name}.{part}", np.ones(3)) for name in names for part in ("kernel", "bias")
    ]
    return trace(framework, layers=layers, weights=weights[: 2 * len(layers)], **parts)


def rows(a: Trace, b: Trace) -> list[Setting]:
    return differing_settings(pair_of(a, b))


def test_equal_sides_have_no_rows() -> None:
    dense = with_values(Facts("dense"), units=3)
    assert rows(model("keras", dense), model("pytorch", dense)) == []


def test_a_row_says_each_side_in_its_own_words() -> None:
    a = model(optimizer=[Facts("adam", ADAM, SAID)])
    theirs = {**SAID, "epsilon": "eps=1e-08"}
    b = model("pytorch", optimizer=[Facts("adam", {**ADAM, "epsilon": 1e-8}, theirs)])
    assert rows(a, b) == [Setting("optimizer", "ε", "epsilon=1e-07", "eps=1e-08", "epsilon")]


def test_a_momentum_says_what_it_keeps_where_the_words_are_the_same() -> None:
    a, b = (
        Facts("batch normalization", {"keep": keep}, {"keep": "momentum=0.99"})
        for keep in (0.99, 0.01)
    )
    (row,) = rows(model("keras", a), model("pytorch", b))
    assert (row.a, row.b) == ("momentum=0.99 (keeps 99%)", "momentum=0.99 (keeps 1%)")
    assert phrase(b, ["keep"], "bn") == "has momentum=0.99 (keeps 1%) in bn"


def test_of_many_settings_without_an_effect_the_number_is_said() -> None:
    few = [Setting(f"fc{k}", "precision", "float32", "float16", "precision") for k in range(3)]
    text = without_effect([*few, Setting("fc", "units", "not set", "units=3", "units")], 1)
    assert text.endswith("1 step: fc0: precision, fc1: precision, fc2: precision")
    more = replace(few[0], place="fc3")
    assert without_effect([*few, more], 1).endswith("1 step: precision of 4 layers")


def test_the_table_shows_long_settings_whole() -> None:
    words = "kernel_regularizer=L2(0.0009765625)_and_more_that_cannot_be_broken"
    row = Setting("a_layer_of_the_user", "kernel: pull towards zero", words, "weight_decay=0")
    text = str(Report(("keras", "pytorch"), 1, 1, "float64", 0, levels=(), settings=[row]))
    column = slice(text.splitlines()[2].index("keras"), text.splitlines()[2].index("pytorch"))
    assert words in "".join(line[column].strip() for line in text.splitlines()[4:])


def test_a_side_that_is_not_reproduced_is_not_blamed_where_nothing_is_proven() -> None:
    report = Report(("keras", "pytorch"), 1, 1, "float64", 0, levels=(), odd="keras")
    sentence = "lockstep's reference does not reproduce keras here: something is at work"
    assert sentence in str(report)
    assert sentence not in str(replace(report, causes=[Cause("keras doubles", "loss")]))


def test_the_place_of_an_ε_of_0_has_no_meaning() -> None:
    none = {**ADAM, "epsilon": 0.0}
    a = model(optimizer=[Facts("adam", none, SAID)])
    b = model("pytorch", optimizer=[Facts("adam", {**none, "place": "elsewhere"}, SAID)])
    assert rows(a, b) == []


def test_numbers_that_differ_in_the_last_place_are_equal() -> None:
    assert differing(Facts("x", {"keep": 1 - 0.05}), Facts("x", {"keep": 0.95})) == []
    assert differing(Facts("x", {"keep": 0.95}), Facts("x", {"keep": float32(0.95)})) != []


def test_a_flag_is_not_a_number() -> None:
    assert differing(Facts("x", {"bias": True}), Facts("x", {"bias": 1.0})) == []
    assert differing(Facts("x", {"bias": True}), Facts("x", {"bias": False})) == ["bias"]


def test_what_one_side_does_not_set_is_a_row() -> None:
    a, b = (
        model("keras", Facts("dense")),
        model("pytorch", with_values(Facts("dense"), frozen=True)),
    )
    assert rows(a, b) == [Setting("one", "training", "not set", "frozen=True", "frozen")]


def test_what_a_recurrent_module_returns_is_not_its_own_setting() -> None:
    lstm = Facts("lstm", {"return_sequences": False}, {"return_sequences": "return_sequences"})
    assert rows(model("keras", lstm), model("pytorch", Facts("lstm"))) == []


def test_layers_of_other_kinds_are_one_row() -> None:
    a, b = model("keras", Facts("relu")), model("pytorch", Facts("gelu", {"approximate": True}))
    assert rows(a, b) == [Setting("one", "kind", "relu", "gelu")]


def test_a_layer_that_is_called_twice_has_its_rows_once() -> None:
    ours, theirs = (with_values(Facts("dropout"), rate=rate) for rate in (0.5, 0.25))
    a, b = (model(n, f) for n, f in (("keras", ours), ("pytorch", theirs)))
    a, b = (replace(x, layers=x.layers * 2) for x in (a, b))
    assert len(rows(a, b)) == 1


def decays(
    kernel: float, bias: float, coupled: float, others: Sequence[float] = (0.0, 0.0, 0.0)
) -> list[Setting]:
    traces = []
    for name, (k, b, c) in (("keras", (kernel, bias, coupled)), ("pytorch", others)):
        named = {"kernel_decay": k, "bias_decay": b}
        dense = with_values(Facts("dense"), **{n: v for n, v in named.items() if v})
        sgd = with_values(Facts("sgd"), learning_rate=0.5, **({"coupled_decay": c} if c else {}))
        traces.append(model(name, dense, optimizer=[sgd]))
    return rows(*traces)


def test_a_penalty_of_all_weights_and_a_coupled_decay_are_equal_in_meaning() -> None:
    found = decays(0.25, 0.25, 0.0, (0.0, 0.0, 0.25))
    assert [row.fact for row in found] == ["kernel_decay", "bias_decay", "coupled_decay"]
    assert all(row.equal for row in found)


@pytest.mark.parametrize(
    "ours", [(0.25, 0.0, 0.0), (0.125, 0.125, 0.0), (0.25, 0.25, 0.25), (0.0, 0.0, 0.0)]
)
def test_other_penalties_are_not_equal_to_a_coupled_decay(ours: tuple[float, ...]) -> None:
    found = decays(*ours, others=(0.0, 0.0, 0.25))
    assert found
    assert not any(row.equal for row in found)


@pytest.mark.parametrize(("dtype", "equal"), [("float32", True), ("float64", False)])
def test_decays_that_float32_rounds_to_one_are_equal_in_float32(dtype: str, equal: bool) -> None:
    rate = 2 * float32(0.01)
    penalized = with_values(Facts("dense"), kernel_decay=rate, bias_decay=rate)
    sgd = with_values(Facts("sgd"), learning_rate=0.5)
    a = model("keras", penalized, optimizer=[sgd], dtype=dtype)
    b = model("pytorch", Facts("dense"), optimizer=[with_values(sgd, coupled_decay=0.02)])
    assert [row.equal for row in rows(a, replace(b, dtype=dtype))] == [equal] * 3


FORMS = [
    # what the loss takes and what the model ends in, of each side; whether they come to the same
    ("probabilities", "softmax", "logits", "dense", True),
    ("log-probabilities", "log softmax", "logits", "dense", True),
    ("probabilities", "sigmoid", "logits", "dense", True),
    ("probabilities", "dense", "logits", "dense", False),
    ("probabilities", "softmax", "logits", "softmax", False),
    ("log-probabilities", "softmax", "logits", "dense", False),
]


@pytest.mark.parametrize(("takes", "end", "other", "other_end", "equal"), FORMS)
def test_logits_and_probabilities_are_equal_if_the_models_end_in_them(
    takes: str, end: str, other: str, other_end: str, equal: bool
) -> None:
    losses = [
        with_values(Facts("categorical cross-entropy"), takes=each) for each in (takes, other)
    ]
    a = model("keras", Facts(end), loss=losses[0])
    b = model("pytorch", Facts(other_end), loss=losses[1])
    (row,) = [row for row in rows(a, b) if row.fact == "takes"]
    assert row.equal == equal


def velocities(schedule: Facts | None) -> list[Setting]:
    traces = []
    for name, inside in (("keras", True), ("pytorch", False)):
        sgd = with_values(Facts("sgd"), momentum=0.5, rate_in_velocity=inside)
        traces.append(model(name, optimizer=[sgd], schedule=schedule))
    return rows(*traces)


def test_what_the_learning_rate_multiplies_matters_only_if_it_changes() -> None:
    assert velocities(None) == []
    assert [row.fact for row in velocities(Facts("cosine"))] == ["rate_in_velocity"]


def test_a_schedule_that_one_side_lacks_is_a_row() -> None:
    a, b = model(schedule=Facts("cosine")), model("pytorch")
    assert rows(a, b) == [Setting("schedule", "kind", "cosine", "none")]


def test_rates_are_a_row_only_where_nothing_else_says_why_they_differ() -> None:
    first = with_values(Facts("OneCycleLR"), first_rates=(0.5, 0.25))
    second = with_values(Facts("OneCycleLR"), first_rates=(0.5, 0.125))
    (row,) = rows(model(schedule=first), model("pytorch", schedule=second))
    assert row.fact == "first_rates"
    longer = with_values(second, size=4)
    (row,) = rows(model(schedule=with_values(first, size=2)), model("pytorch", schedule=longer))
    assert row.fact == "size"


@pytest.mark.parametrize(("kind", "count"), [("sgd", 0), ("adam", 1)])
def test_repeated_tokens_matter_only_where_gradients_are_squared(kind: str, count: int) -> None:
    embedding = with_values(Facts("embedding"), gradient="by occurrence")
    optimizer = [Facts(kind, {"learning_rate": 0.5})]
    a = model("keras", embedding, optimizer=optimizer)
    b = model("pytorch", Facts("embedding"), optimizer=optimizer)
    assert len(rows(a, b)) == count


@pytest.mark.parametrize("frozen", [False, True])
def test_two_biases_are_one_if_the_second_is_frozen(frozen: bool) -> None:
    one, two = (with_values(Facts("lstm"), biases=count) for count in (1, 2))
    if frozen:
        two = with_values(two, recurrent_bias_frozen=True)
    found = rows(model("keras", one), model("pytorch", two))
    assert found
    assert all(row.equal == frozen for row in found)


def test_groups_are_compared_where_they_share_weights() -> None:
    dense = Facts("dense")
    one = with_values(Facts("sgd"), learning_rate=0.5)
    two = with_values(Facts("sgd"), learning_rate=0.25)
    a = model("keras", dense, dense, optimizer=[one])
    b = model("pytorch", dense, dense, optimizer=[one, two])
    b.weights[2:] = [replace(weight, group=1) for weight in b.weights[2:]]
    assert [(row.place, row.fact) for row in rows(a, b)] == [
        ("optimizer, groups 1 and 2", "learning_rate")
    ]


def test_layers_with_two_paths_are_named_by_both() -> None:
    ours, theirs = (with_values(Facts("dropout"), rate=rate) for rate in (0.5, 0.25))
    a, b = model("keras", ours), model("pytorch", theirs)
    b = replace(b, layers=[replace(b.layers[0], path="drop")])
    pair = Pair(a, b, ("keras", "pytorch"), Matching([(0, 0)], [WeightPair((0,), (0,))]))
    assert [row.place for row in differing_settings(pair)] == ["one / drop"]
