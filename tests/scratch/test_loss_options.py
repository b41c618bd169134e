"""Label smoothing and class weights against PyTorch, by hand, and at the edges."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    NegativeLogLikelihood,
    PerceptronLoss,
)

from .closeness import assert_close, assert_is_gradient
from .graph_losses import LOSSES

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
sizes, seeds = st.integers(1, 9), st.integers(0, 2**32 - 1)
smoothings = st.sampled_from([0.0, 0.1, 0.5])


def leaf(z):
    return torch.tensor(z, dtype=torch.float64, requires_grad=True)


def compare(loss, z, y, theirs, their_z):
    theirs.backward()
    # relative to 1: at z << 0, y = 0 PyTorch's binary loss is a difference of larger numbers
    assert_close([loss.forward(z, y), 1], [theirs.item(), 1], LIMIT)
    assert_close(loss.backward(), their_z.grad, LIMIT)


@given(n=sizes, k=st.integers(2, 6), smoothing=smoothings, seed=seeds)
def test_weighted_mean_with_smoothing_is_cross_entropy_of_torch(n, k, smoothing, seed):
    rng = np.random.default_rng(seed)
    z, y, v = rng.normal(scale=3, size=(n, k)), rng.integers(k, size=n), rng.uniform(0.1, 2, size=k)
    their_z = leaf(z)
    theirs = functional.cross_entropy(
        their_z, torch.tensor(y), weight=torch.tensor(v), label_smoothing=smoothing
    )
    loss = CategoricalCrossEntropy(smoothing=smoothing, class_weights=v, weighted_mean=True)
    compare(loss, z, y, theirs, their_z)


@given(n=sizes, k=st.integers(2, 6), smoothing=smoothings, seed=seeds)
def test_smoothing_alone_is_that_of_torch(n, k, smoothing, seed):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(scale=3, size=(n, k)), rng.integers(k, size=n)
    their_z = leaf(z)
    theirs = functional.cross_entropy(their_z, torch.tensor(y), label_smoothing=smoothing)
    compare(CategoricalCrossEntropy(smoothing=smoothing), z, y, theirs, their_z)


@given(k=st.integers(2, 6), smoothing=smoothings, ignore=st.sampled_from([1, -5]), seed=seeds)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_ignored_labels_weights_and_sums_are_those_of_torch(reduction, k, smoothing, ignore, seed):
    rng = np.random.default_rng(seed)
    z, y, v = rng.normal(scale=3, size=(9, k)), rng.integers(k, size=9), rng.uniform(0.1, 2, k)
    y[0], y[1] = ignore, 0
    options = {"ignore": ignore, "reduction": reduction, "class_weights": v, "weighted_mean": True}
    theirs = {"ignore_index": ignore, "reduction": reduction, "weight": torch.tensor(v)}
    their_z, their_y = leaf(z), torch.tensor(y)
    value = functional.cross_entropy(their_z, their_y, label_smoothing=smoothing, **theirs)
    compare(CategoricalCrossEntropy(smoothing=smoothing, **options), z, y, value, their_z)
    their_z = leaf(z)
    value = functional.nll_loss(their_z, their_y, **theirs)
    compare(NegativeLogLikelihood(**options), z, y, value, their_z)


def test_loss_of_each_row_is_kept_as_torch_returns_it_without_a_reduction():
    rng = np.random.default_rng(0)
    z, y, v = rng.normal(size=(4, 3)), np.array([0, 1, 2, 1]), np.array([0.5, 2.0, 3.0])
    loss = CategoricalCrossEntropy(class_weights=v, ignore=2, smoothing=0.1, weighted_mean=True)
    loss.forward(z, y)
    theirs = functional.cross_entropy(
        torch.tensor(z),
        torch.tensor(y),
        weight=torch.tensor(v),
        ignore_index=2,
        label_smoothing=0.1,
        reduction="none",
    )
    assert_close(loss.ell, theirs, LIMIT)


def test_probability_of_zero_counts_only_where_it_is_the_target():
    a = np.array([[-np.inf, 0.0], [-1.0, -np.inf]])
    assert NegativeLogLikelihood().forward(a, np.array([1, 0])) == 0.5
    assert NegativeLogLikelihood().forward(a, np.array([0, 0])) == np.inf


def test_loss_of_rows_that_are_all_ignored_is_zero():
    weights = {"class_weights": [1, 2, 3], "weighted_mean": True}
    for loss in (
        CategoricalCrossEntropy(ignore=-1),
        CategoricalCrossEntropy(ignore=-1, **weights),
        NegativeLogLikelihood(ignore=-1),
    ):
        assert loss.forward(np.zeros((2, 3)), np.array([-1, -1])) == 0
        assert not loss.backward().any()


def test_label_to_be_ignored_is_no_wrong_label():
    z, y = np.zeros((2, 3)), np.array([2, 7])
    CategoricalCrossEntropy(ignore=7).require(z, y)
    with pytest.raises(ValueError, match="y must hold classes from 0 to 2, got 2 to 7"):
        CategoricalCrossEntropy(ignore=-1).require(z, y)


@given(n=sizes, p=st.floats(0.1, 10), seed=seeds)
def test_binary_class_weights_are_the_pos_weight_of_torch(n, p, seed):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(scale=3, size=(n, 1)), rng.integers(2, size=(n, 1)).astype(float)
    their_z = leaf(z)
    theirs = functional.binary_cross_entropy_with_logits(
        their_z, torch.tensor(y), pos_weight=torch.tensor(p, dtype=torch.float64)
    )
    compare(BinaryCrossEntropy(class_weights=[1, p]), z, y, theirs, their_z)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{loss.__name__} {name}".strip())
        for loss, cases in LOSSES.items()
        for name, case in cases.items()
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_matches_central_difference(case, weighted):
    rng, loss = np.random.default_rng(0), case.make()
    z = case.outputs(rng, (7, *case.steps, case.k))
    y, w = case.targets(rng, z.shape), rng.uniform(0.5, 2, size=7) if weighted else None
    loss.forward(z, y, w)
    dz = loss.backward().copy()
    assert_is_gradient(dz, lambda: loss.forward(z, y, w), z)


def test_smoothing_by_hand():
    # two equal logits: log softmax = -log 2 for both, whatever the targets; the gradient is
    # 1/2 - (1 - 0.2) - 0.1 = -0.4 for the class, 1/2 - 0.1 = 0.4 for the other
    loss = CategoricalCrossEntropy(smoothing=0.2)
    assert loss.forward(np.zeros((1, 2)), np.array([0])) == pytest.approx(np.log(2), rel=1e-15)
    # 1e-15: two roundings, in 0.2 / 2 and 1 - 0.2
    assert loss.backward()[0] == pytest.approx([-0.4, 0.4], rel=1e-15)
    loss = BinaryCrossEntropy(smoothing=0.2)
    assert loss.forward(np.zeros((1, 1)), np.ones((1, 1))) == pytest.approx(np.log(2), rel=1e-15)
    assert loss.backward().item() == pytest.approx(-0.4, rel=1e-15)  # likewise


@pytest.mark.parametrize(("weighted_mean", "divisor"), [(False, 2), (True, 4)])
def test_class_weights_by_hand(weighted_mean, divisor):
    # rows of class 0 and 1, weights 3 and 1: (3 log 2 + log 2) / divisor
    loss = CategoricalCrossEntropy(class_weights=[3, 1], weighted_mean=weighted_mean)
    value = loss.forward(np.zeros((2, 2)), np.array([0, 1]))
    assert value == pytest.approx(4 * np.log(2) / divisor, rel=1e-15)  # a sum's last digit
    expected = np.array([[-1.5, 1.5], [0.5, -0.5]]) / divisor
    assert loss.backward().tolist() == expected.tolist()


FAR = np.array([[1e4, -1e4], [-1e4, 1e4]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_logits_with_smoothing_are_finite(dtype):
    # the losses of the two classes are 0 and 20,000: 0.75 · 0 + 0.25 · 20,000, and the other way
    loss = CategoricalCrossEntropy(smoothing=0.5)
    assert loss.forward(FAR.astype(dtype), np.array([0, 0])) == (5000 + 15_000) / 2
    assert loss.backward().tolist() == [[0.125, -0.125], [-0.375, 0.375]]
    # y = 1 becomes 0.75: 0.25 · 10,000 and 0.75 · 10,000
    loss = BinaryCrossEntropy(smoothing=0.5)
    assert loss.forward(FAR[:, :1].astype(dtype), np.ones((2, 1), dtype)) == 5000
    # 1e-38: below the smallest normal float32
    assert loss.backward().ravel() == pytest.approx([0.125, -0.375], abs=1e-38)


OPTIONS = [
    lambda: BinaryCrossEntropy(smoothing=0.1, class_weights=[2, 3]),
    lambda: CategoricalCrossEntropy(smoothing=0.1, class_weights=[1, 2, 3]),
    lambda: CategoricalCrossEntropy(smoothing=0.1, class_weights=[1, 2, 3], weighted_mean=True),
    lambda: CategoricalCrossEntropy(smoothing=0.1, ignore=1, reduction="sum"),
    lambda: NegativeLogLikelihood(class_weights=[1, 2, 3], ignore=1),
    PerceptronLoss,
]


def arrays(loss, n, dtype):
    rng, k = np.random.default_rng(n), 1 if isinstance(loss, BinaryCrossEntropy) else 3
    y = rng.integers(2, size=(n, 1)).astype(dtype) if k == 1 else rng.integers(3, size=n)
    return rng.normal(size=(n, k)).astype(dtype), y, rng.random(n).astype(dtype)


@pytest.mark.parametrize("make", OPTIONS)
def test_float32_stays_float32_and_inputs_stay_as_they_are(make):
    loss = make()
    inputs = arrays(loss, 4, np.float32)
    kept = [a.copy() for a in inputs]
    assert loss.forward(*inputs).dtype == np.float32
    assert loss.backward().dtype == np.float32
    assert all(np.array_equal(a, k) for a, k in zip(inputs, kept, strict=True))


@pytest.mark.parametrize("make", OPTIONS)
def test_batches_of_another_size_give_what_a_new_loss_gives(make):
    used = make()
    for n in (4, 1, 3, 6):
        new, inputs = make(), arrays(used, n, np.float64)
        assert used.forward(*inputs) == new.forward(*inputs)
        assert used.backward().tobytes() == new.backward().tobytes()


@pytest.mark.parametrize("make", [BinaryCrossEntropy, CategoricalCrossEntropy, *OPTIONS])
def test_mean_over_no_rows_is_refused(make):
    loss = make()
    z, y, _ = arrays(loss, 0, np.float64)
    with pytest.raises(ValueError, match="at least one row"):
        loss.forward(z, y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BinaryCrossEntropy(smoothing=1.5), "smoothing must be at least 0 .* got 1.5"),
        (lambda: CategoricalCrossEntropy(smoothing=-0.1), "smoothing must be .* got -0.1"),
        (lambda: CategoricalCrossEntropy(class_weights=[1, -1]), r"class_weights .* got \[1, -1\]"),
        (lambda: CategoricalCrossEntropy(class_weights=[[1]]), r"class_weights .* got \[\[1\]\]"),
        (lambda: CategoricalCrossEntropy(class_weights=[]), r"class_weights .* got \[\]"),
        (lambda: CategoricalCrossEntropy(class_weights=[1, np.nan]), "class_weights .* finite"),
        (lambda: BinaryCrossEntropy(class_weights=[1, 2, 3]), "class_weights must be two numbers"),
        (lambda: CategoricalCrossEntropy(weighted_mean=True), "weighted_mean needs class_weights"),
        (lambda: NegativeLogLikelihood(reduction="none"), "must be 'mean' or 'sum', got 'none'"),
    ],
)
def test_options_that_make_no_sense_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
