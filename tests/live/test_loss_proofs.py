"""Causes in the loss and its gradient: each is confirmed where it is planted, nowhere else."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from frameworks.diverge.differences import difference
from frameworks.live.pairs import Compared
from frameworks.live.proofs import Proof, prove
from frameworks.live.proofs.sentences import advice
from frameworks.recordings.trace import Facts, LayerTrace, StepTrace, Trace, Weight
from tests.live.hand_made import both_ways, loss_proof, pair_of, trace, with_values

RNG = np.random.default_rng(4)
Z, LABELS = RNG.normal(size=(6, 3)), RNG.integers(0, 3, 6).astype(float)
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
CE = with_values(
    Facts("categorical cross-entropy"), reduction="mean", takes="logits", smoothing=0.0
)
MSE = with_values(Facts("mean squared error"), reduction="mean")


def cross_entropy(z: np.ndarray, **options: Any) -> float:
    return float(F.cross_entropy(torch.tensor(z), torch.tensor(LABELS).long(), **options))


def side(name: str, facts: Facts, loss: float, z: np.ndarray = Z, **parts: Any) -> Trace:
    """Return the trace of a model whose last layer returns z."""
    layer = LayerTrace("last", Facts("dense"), (), (), (z,), z, (z,), z)
    parts = {"layers": [layer], "targets": (LABELS,), **parts}
    return trace(name, loss=facts, first_loss=loss, outputs=(z,), **parts)


SETTINGS = {
    "smoothing": (
        with_values(CE, smoothing=0.25),
        cross_entropy(Z, label_smoothing=0.25),
        "keras has smoothing=0.0 in its loss, pytorch smoothing=0.25 in its loss",
    ),
    "reduction": (
        with_values(CE, reduction="sum"),
        cross_entropy(Z, reduction="sum"),
        "keras has reduction='mean' in its loss, pytorch reduction='sum' in its loss",
    ),
    "class_weights": (
        with_values(CE, class_weights=(1.0, 2.0, 4.0)),
        cross_entropy(Z, weight=torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)),
        "keras has no weights of the classes in its loss; pytorch "
        "class_weights=(1.0, 2.0, 4.0) in its loss",
    ),
    "ignored": (
        with_values(CE, ignored=0),
        cross_entropy(Z, ignore_index=0),
        "keras has no class that is ignored in its loss, pytorch ignored=0 in its loss",
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_whose_exchange_explains_the_loss_are_the_cause(name: str) -> None:
    facts, loss, sentence = SETTINGS[name]
    (cause,) = loss_proof(side("keras", CE, cross_entropy(Z)), side("pytorch", facts, loss)).causes
    assert cause.settings == (name,)
    assert cause.sentence == sentence


def test_a_loss_of_another_kind_is_the_cause() -> None:
    y = RNG.normal(size=(6, 3))
    mse, mae = float(((Z - y) ** 2).mean()), float(np.abs(Z - y).mean())
    a = side("keras", MSE, mse, targets=(y,))
    absolute = with_values(Facts("mean absolute error"), reduction="mean")
    (cause,) = loss_proof(a, side("pytorch", absolute, mae, targets=(y,))).causes
    assert cause.sentence == (
        "keras has a mean squared error for its loss, pytorch a mean absolute error for its loss"
    )


def test_logits_given_for_probabilities_are_the_cause() -> None:
    """Both models end in a softmax; one loss takes its probabilities, the other softmaxes again."""
    a = side(
        "keras",
        with_values(CE, takes="probabilities"),
        float(-np.log(P)[range(6), LABELS.astype(int)].mean()),
        P,
    )
    b = side("pytorch", CE, cross_entropy(P), P)
    found = Compared("outputs", difference("the outputs", 1.0, 2.0, 1e-12))
    (cause,) = both_ways(pair_of(a, b), "forward", found).causes
    assert cause.settings == ("takes",)
    assert cause.sentence == (
        "keras takes its outputs for probabilities (takes='probabilities'), pytorch its outputs "
        "for logits (takes='logits')"
    )


W = RNG.normal(size=(4, 3))


def penalized(name: str, decay: float, added: float, loss: float) -> Trace:
    """Return a model whose last layer states a gradient of `decay` w, and adds to the loss."""
    facts = with_values(Facts("dense"), kernel_decay=decay) if decay else Facts("dense")
    layer = LayerTrace("last", facts, (0,), (), (Z,), Z, (Z,), Z)
    own = {"layers": [layer], "weights": [Weight("last.kernel", W)]}
    return side(name, CE, loss + added, **own)


def test_a_penalty_that_one_side_states_is_the_cause() -> None:
    loss, penalty = cross_entropy(Z), 0.25 * float((W * W).sum())
    a, b = penalized("keras", 0.5, penalty, loss), penalized("pytorch", 0.0, 0.0, loss)
    (cause,) = loss_proof(a, b).causes
    assert cause.settings == ("decay",)
    assert cause.sentence == (
        f"keras adds penalties of {penalty:.6g} to its loss, pytorch no penalty"
    )


def test_penalties_that_differ_by_rounding_are_said_in_as_many_digits_as_tell_them_apart() -> None:
    loss, penalty = cross_entropy(Z), 0.25 * float((W * W).sum())
    more = 1 + 1e-8
    a, b = (
        penalized("keras", 0.5, penalty, loss),
        penalized("jax", 0.5 * more, more * penalty, loss),
    )
    (cause,) = loss_proof(a, b).causes
    larger, smaller = map(float, re.findall(r"\d\.\d+", cause.sentence))
    assert (larger, smaller) == pytest.approx((more * penalty, penalty), rel=1e-12)
    assert larger > smaller


def test_a_penalty_that_is_stated_but_left_out_is_a_mistake() -> None:
    loss, penalty = cross_entropy(Z), 0.25 * float((W * W).sum())
    a, b = penalized("keras", 0.5, penalty, loss), penalized("pytorch", 0.5, 0.0, loss)
    proof = loss_proof(a, b)
    assert [c.sentence for c in proof.causes] == [
        "pytorch leaves out the penalties that its layers state"
    ]
    assert proof.odd == "pytorch"


PLANTED = {
    "sum of rows": (6 * cross_entropy(Z), "takes the sum over the rows, not their mean"),
    "half": (cross_entropy(Z) / 2, "takes half of its loss"),
    "twice": (2 * cross_entropy(Z), "takes its loss twice"),
    "negated": (-cross_entropy(Z), "negates its loss"),
    "softmax": (cross_entropy(P), "applies a softmax before a loss that takes logits"),
    "smoothed": (
        cross_entropy(Z, label_smoothing=0.1),
        "smooths its labels by 0.1, not 0.0",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_mistake_in_the_loss_is_named_and_its_side_is_odd(name: str) -> None:
    loss, sentence = PLANTED[name]
    proof = loss_proof(side("keras", CE, cross_entropy(Z)), side("pytorch", CE, loss))
    assert [cause.sentence for cause in proof.causes] == [f"pytorch {sentence}"]
    assert proof.odd == "pytorch"


NEGATIVES = [
    *[(f"{name}, not quite", loss * (1 + 1e-6)) for name, (loss, _) in PLANTED.items()],
    *[(f"{name}, and 1", loss + 1) for name, (loss, _) in PLANTED.items()],
    ("a factor of no origin", 1.2345 * cross_entropy(Z)),
    ("a smoothing that nobody asks for", cross_entropy(Z, label_smoothing=0.123456)),
]


@pytest.mark.parametrize("case", NEGATIVES, ids=[name for name, _ in NEGATIVES])
def test_a_loss_that_is_near_a_mistake_is_not_named(case: tuple[str, float]) -> None:
    a, b = side("keras", CE, cross_entropy(Z)), side("pytorch", CE, case[1])
    assert loss_proof(a, b) == Proof(odd="pytorch")


def test_no_cause_where_no_side_has_the_loss_that_it_states() -> None:
    assert loss_proof(side("keras", CE, 17.0), side("pytorch", CE, 18.0)) == Proof()


def test_no_cause_for_a_loss_that_has_no_formula() -> None:
    unknown = Facts("triplet", {"reduction": "mean"})
    assert loss_proof(side("keras", unknown, 1.0), side("pytorch", unknown, 2.0)) == Proof()


# The gradient.
KERNEL, BIAS = RNG.normal(size=(3, 3)), RNG.normal(size=3)
AGAIN = RNG.normal(size=(3, 3)), RNG.normal(size=3)  # of another batch
START = [RNG.normal(size=(3, 3)), RNG.normal(size=3)]
Change = Callable[[np.ndarray, int], np.ndarray]


def gradient_proof(
    change: Change,
    trainable: tuple[bool, bool] = (True, True),
    of_keras: Change = lambda g, k: g,
    again: tuple[Change, Change] | None = None,
    known: bool = True,
) -> Proof:
    """Prove why the gradients differ that changes make of the same ones.

    In another batch, if that is `known`, the changes are the same, unless `again` has others.
    """
    names = [("keras", ["dense.kernel", "dense.bias"]), ("pytorch", ["fc.kernel", "fc.bias"])]
    gradients = [[of(g, k) for k, g in enumerate((KERNEL, BIAS))] for of in (of_keras, change)]
    traces = []
    for (name, parts), g, free in zip(names, gradients, ((True, True), trainable), strict=True):
        weights = [Weight(p, w, f) for p, w, f in zip(parts, START, free, strict=True)]
        layer = LayerTrace("fc", Facts("dense"), (0, 1))
        traces.append(trace(name, weights=weights, gradients=g, layers=[layer]))
    changes = again or (of_keras, change)
    ours, theirs = (tuple(of(g, k) for k, g in enumerate(AGAIN)) for of in changes)
    pair = replace(pair_of(*traces), again=(ours, theirs) if known else None)
    found = difference("gradient", gradients[0][0], gradients[1][0], 1e-12)
    first = Compared("fc.kernel", found, weights=pair.matching.weights[0])
    return both_ways(pair, "gradient", first)


@pytest.mark.parametrize("stated", [True, False])
def test_a_bias_that_one_side_lacks_is_the_cause_if_both_say_so(stated: bool) -> None:
    traces = []
    for name, word, has in (("keras", "use_bias", True), ("pytorch", "bias", not stated)):
        facts = Facts("dense", {"bias": has}, {"bias": f"{word}={has}"})
        layer = LayerTrace("fc", facts, (0, 1) if name == "keras" else (0,))
        parts = [Weight("fc.kernel", START[0]), Weight("fc.bias", START[1])][: len(layer.weights)]
        gradients = [KERNEL, BIAS][: len(parts)]
        traces.append(trace(name, layers=[layer], weights=parts, gradients=gradients))
    found = difference("gradient of fc.bias", BIAS, np.zeros(3), 1e-12)
    proof = both_ways(pair_of(*traces), "gradient", Compared("fc.bias", found))
    assert len(proof.causes) == stated
    for cause in proof.causes:
        assert (cause.place, cause.settings) == ("fc", ("bias",))
        assert cause.sentence == "keras has a bias in fc, pytorch no bias in fc"
        assert cause.advice == "give fc of pytorch bias=True"


NORM = float(np.sqrt((KERNEL**2).sum() + (BIAS**2).sum()))
GRADIENTS: dict[str, tuple[Change, str, str | None]] = {
    "a factor": (
        lambda g, k: 3 * g,
        "the gradient of dense.kernel / fc.kernel and dense.bias / fc.bias in pytorch is 3 times "
        "that in keras",
        None,
    ),
    "opposite signs": (
        lambda g, k: -g,
        "the gradients of dense.kernel / fc.kernel and dense.bias / fc.bias have opposite signs in "
        "keras and pytorch",
        None,
    ),
    "a decay": (
        lambda g, k: g + 0.125 * START[k],
        "pytorch adds 0.125 w to the gradient of dense.kernel / fc.kernel and dense.bias / "
        "fc.bias, keras does not",
        None,
    ),
    "clipped elements": (
        lambda g, k: np.clip(g, -0.25, 0.25),
        "pytorch clips every element of the gradient at ± 0.25",
        None,
    ),
    "detached": (
        lambda g, k: 0 * g if k == 0 else g,
        "in pytorch no gradient reaches fc.kernel, though it is trained",
        "pytorch",
    ),
    "transposed": (
        lambda g, k: g.T,
        "the gradients of dense.kernel / fc.kernel in keras and pytorch are each other transposed",
        None,
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_change_of_the_gradient_is_named(name: str) -> None:
    change, sentence, odd = GRADIENTS[name]
    (cause,) = gradient_proof(change).causes
    assert cause.odd == odd
    assert cause.sentence == sentence


def test_a_weight_that_is_frozen_as_it_says_is_a_setting() -> None:
    (cause,) = gradient_proof(lambda g, k: 0 * g if k == 0 else g, (False, True)).causes
    assert (cause.settings, cause.odd) == (("frozen",), None)
    assert cause.sentence == "keras trains dense.kernel, pytorch has fc.kernel frozen"


NORM_AGAIN = float(np.sqrt(sum((g**2).sum() for g in AGAIN)))


def as_it_is(g: np.ndarray, k: int) -> np.ndarray:
    return g


def times(factor: float) -> Change:
    return lambda g, k: factor * g


def to_a_norm(limit: float, norm: float, added: float = 1e-6) -> Change:
    """Return what PyTorch does to gradients of a norm above a limit; Keras adds nothing."""
    return times(limit / (norm + added))


def said_of(of_keras: Change, change: Change, again: tuple[Change, Change]) -> list[str]:
    return [c.sentence for c in gradient_proof(change, of_keras=of_keras, again=again).causes]


@pytest.mark.parametrize("added", [1e-6, 0.0])
def test_a_norm_is_named_that_one_side_has_in_both_batches(added: float) -> None:
    ours, theirs = (to_a_norm(0.125, norm, added) for norm in (NORM, NORM_AGAIN))
    said = "pytorch scales the whole gradient to a norm of 0.125, as clipping does"
    assert said_of(as_it_is, ours, (as_it_is, theirs)) == [said]


def test_a_side_clips_if_it_scales_at_need_alone() -> None:
    ours = to_a_norm(2.5, NORM)
    assert NORM > 2.5
    said = "pytorch clips the norm of the whole gradient at 2.5"
    assert said_of(as_it_is, ours, (times(0.1), times(0.1))) == [said]


def test_both_norms_are_named_where_both_sides_have_one() -> None:
    ours, theirs = (
        [to_a_norm(limit, norm) for norm in (NORM, NORM_AGAIN)] for limit in (0.25, 0.5)
    )
    said = "keras scales the whole gradient to a norm of 0.25, pytorch to 0.5, as clipping does"
    assert said_of(ours[0], theirs[0], (ours[1], theirs[1])) == [said]


def test_each_weights_gradient_may_have_a_norm_of_its_own() -> None:
    def alone(g: np.ndarray, k: int) -> np.ndarray:
        return g * (0.25 / (float(np.linalg.norm(g)) + 1e-6))

    said = "pytorch scales each weight's gradient to a norm of 0.25, as clipping does"
    assert said_of(as_it_is, alone, (as_it_is, alone)) == [said]


def test_a_norm_of_two_digits_in_one_batch_is_no_limit() -> None:
    to_one = times(1 / NORM)
    said = f"is {NORM:.6g} times that in pytorch"
    (sentence,) = said_of(as_it_is, to_one, (as_it_is, to_one))
    assert sentence.endswith(said)


def test_a_factor_that_is_another_one_in_each_batch_is_not_named() -> None:
    (sentence,) = said_of(as_it_is, times(0.5), (as_it_is, times(0.25)))
    assert sentence.endswith(
        "differ by a factor that is another one in the next batch, as by clipping"
    )


def test_no_factor_is_named_where_one_batch_alone_is_known() -> None:
    assert gradient_proof(times(2), known=False) == Proof()


def near() -> Iterator[tuple[str, Change]]:
    rng = np.random.default_rng(3)
    for name, (change, _, _) in GRADIENTS.items():
        noise = [1 + 1e-6 * rng.normal(size=g.shape) for g in (KERNEL, BIAS)]
        if name != "detached":  # noise on a gradient of zero is none
            yield f"{name}, not quite", lambda g, k, c=change, n=noise: c(g, k) * n[k]
        yield f"{name}, and 1", lambda g, k, c=change: c(g, k) + 1
    yield "a norm that nobody asks for", lambda g, k: g * (1 + k) * 0.123456 / NORM
    yield "another factor for each", lambda g, k: (2 + k) * g
    yield "another decay for each", lambda g, k: g + (1 + k) * START[k]


NEAR = list(near())


@pytest.mark.parametrize("case", NEAR, ids=[name for name, _ in NEAR])
def test_a_gradient_that_is_near_a_change_is_not_named(case: tuple[str, Change]) -> None:
    assert gradient_proof(case[1]) == Proof()


# Running variances, at the end.
def variances(unbiased: bool, factor: float) -> Trace:
    keep, steps, m = 0.75, 3, 6
    facts = with_values(Facts("batch normalization"), keep=keep, unbiased=unbiased)
    start, gained = np.full(3, 2.0), np.array([0.5, 1.0, 1.5])
    layer = LayerTrace("norm", facts, (), (0, 1), (Z,), Z, (Z,), Z)
    assert len(Z) == m
    final = keep**steps * start + factor * gained
    own = trace(
        "pytorch" if unbiased else "keras",
        layers=[layer],
        states=[Weight("norm.mean", np.zeros(3), False), Weight("norm.variance", start, False)],
        final_states=[np.zeros(3), final],
    )
    return replace(own, steps=[StepTrace(1.0)] * steps)


@pytest.mark.parametrize(("factor", "count"), [(6 / 5, 1), (7 / 6, 0), (1.21, 0)])
def test_a_running_variance_that_is_m_over_m_minus_1_times_as_large_is_unbiased(
    factor: float, count: int
) -> None:
    pair = pair_of(variances(False, 1.0), variances(True, factor))
    found = Compared("norm.variance", difference("norm.variance", 1.0, factor, 1e-9))
    causes = both_ways(pair, "result", found).causes
    sentence = "keras averages the biased variance in norm, pytorch the unbiased variance in norm"
    assert [cause.sentence for cause in causes] == [sentence] * count


def test_levels_without_proofs_have_none() -> None:
    pair = pair_of(trace(), trace("pytorch"))
    assert prove(pair, "inputs", Compared("inputs", difference("", 1.0, 2.0, 0.0))) == Proof()


# What the steps show of the gradient.
def given(name: str, gradients: Sequence[np.ndarray | None], first: np.ndarray) -> Trace:
    """Return steps of 0.5 g from given gradients; None is a step that is not taken."""
    w, steps = np.ones(3), []
    for g in gradients:
        w = w if g is None else w - 0.5 * g
        steps.append(StepTrace(1.0, [np.zeros(3) if g is None else g], [w]))
    layer = LayerTrace("fc", Facts("dense"), (0,))
    own = {"weights": [Weight("fc.kernel", np.ones(3))], "gradients": [first], "layers": [layer]}
    return trace(name, steps=steps, **own)


G = [RNG.normal(size=3) for _ in range(4)]


def proof_of(a: Trace, b: Trace, level: str) -> Proof:
    pair = pair_of(a, b)
    found = difference("fc.kernel", a.gradients[0], b.gradients[0] + 1, 1e-12)
    return both_ways(pair, level, Compared("fc.kernel", found, weights=pair.matching.weights[0]))


def test_an_optimizer_that_waits_for_several_batches_is_named() -> None:
    a, b = given("keras", G, G[0]), given("pytorch", [None, None, G[2], None], np.zeros(3))
    (cause,) = proof_of(a, b, "gradient").causes
    assert cause.sentence == "in pytorch the optimizer takes its first step after 3 batches"


def test_a_weight_that_moves_has_a_gradient_whatever_was_recorded() -> None:
    a, b = given("keras", G, G[0]), given("pytorch", G, np.zeros(3))
    assert proof_of(a, b, "gradient") == Proof()


LAGS = {
    "the gradient of the previous step": [G[0], G[0], G[1], G[2]],
    "the first gradient": [G[0]] * 4,
}


@pytest.mark.parametrize("which", LAGS)
def test_a_step_that_is_given_an_earlier_gradient_is_named(which: str) -> None:
    a, b = given("keras", G, G[0]), given("pytorch", LAGS[which], G[0])
    proof = proof_of(a, b, "trajectory")
    assert [cause.sentence for cause in proof.causes] == [f"in pytorch every step uses {which}"]
    assert proof.odd == "pytorch"


def test_a_gradient_that_repeats_on_both_sides_lags_on_none() -> None:
    same = [G[0], G[0], G[1], G[2]]
    assert (
        proof_of(given("keras", same, G[0]), given("pytorch", same, G[0]), "trajectory") == Proof()
    )


def test_a_loss_in_evaluation_mode_is_named() -> None:
    """The outputs in evaluation mode are others, as behind dropout."""
    b = side("pytorch", CE, cross_entropy(Z / 2))
    layer = replace(b.layers[0], output=Z / 2)
    b = replace(b, layers=[layer], outputs=(Z / 2,))
    a = side("keras", CE, cross_entropy(Z))
    a = replace(a, layers=[layer], outputs=(Z / 2,))
    (cause,) = loss_proof(a, b).causes
    assert cause.sentence == "pytorch computes its loss in evaluation mode"


@pytest.mark.parametrize(("momentum", "keep"), [(0.5, 0.75), (0.25, "cumulative")])
def test_no_momentum_is_advised_where_its_sense_is_not_known_or_no_number_does(momentum, keep):
    own = Facts("batch normalization", {"keep": 1 - momentum}, {"keep": f"momentum={momentum}"})
    target = Facts("batch normalization", {"keep": keep}, {"keep": "as it is"})
    assert advice("pytorch", "norm", own, target, ["keep"]) == ""
