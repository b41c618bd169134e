"""Initial weights: bounds and variances on large draws, beside the frameworks' own draws."""

import inspect
import math

import keras
import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier

import scratch
from scratch import initializers, pytorch_uniform, sklearn_uniform

KERAS = [
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
]
PYTORCH = ["xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"]
SHAPES = [(300, 200), (5, 4, 30, 100)]  # 60,000 weights each, with different fans
SAME_STD = 0.02  # of 60,000 draws the deviation errs by 1/√120,000: this is some seven times that
SAME_BOUND = 1e-3  # the largest of 60,000 uniform draws is within 1/60,000 of the bound: 60 times


def draw(name, shape, **settings):
    return getattr(initializers, name)(np.random.default_rng(0), shape, **settings)


def torch_weight(shape):
    """An empty tensor whose axes are PyTorch's: (d_out, d_in) or (c_out, c_in, kh, kw)."""
    return torch.empty(shape[::-1] if len(shape) == 2 else [shape[i] for i in (3, 2, 0, 1)])


def assert_same_distribution(ours, theirs):
    """Equal mean, deviation and, where the distribution ends, equal ends."""
    ours, theirs = np.ravel(ours), np.ravel(theirs)
    scale = theirs.std()
    assert abs(ours.mean()) < SAME_STD * scale
    assert abs(ours.std() - scale) < SAME_STD * scale
    # how often a weight lies beyond 0.5, 1, 1.5 and 2 deviations tells uniform, cut and normal
    for far in (0.5, 1, 1.5, 2):
        shares = [(np.abs(x) > far * scale).mean() for x in (ours, theirs)]
        assert abs(shares[0] - shares[1]) < 0.01  # a share errs by at most √(1/4/60,000) = 0.002


@pytest.mark.parametrize("shape", SHAPES, ids=["dense", "convolution"])
@pytest.mark.parametrize("name", KERAS)
def test_distribution_is_that_of_keras(name, shape):
    theirs = getattr(keras.initializers, name)(seed=0)(shape)
    assert_same_distribution(draw(name, shape), theirs.numpy())
    ends = np.abs(draw(name, shape)).max(), np.abs(theirs.numpy()).max()
    assert math.isclose(*ends, rel_tol=SAME_BOUND)  # the cut is as sharp as a uniform's bound


@pytest.mark.parametrize("shape", SHAPES, ids=["dense", "convolution"])
@pytest.mark.parametrize("name", PYTORCH)
def test_distribution_is_that_of_torch(name, shape):
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, name + "_")(torch_weight(shape)).numpy()
    assert_same_distribution(draw(name, shape), theirs)
    if "uniform" in name:
        ends = np.abs(draw(name, shape)).max(), np.abs(theirs).max()
        assert math.isclose(*ends, rel_tol=SAME_BOUND)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("xavier_uniform", {"gain": 2.0}, {"gain": 2.0}),
        ("xavier_normal", {"gain": 2.0}, {"gain": 2.0}),
        ("kaiming_uniform", {"slope": 0.5}, {"a": 0.5}),
        ("kaiming_normal", {"slope": 0.5}, {"a": 0.5}),
    ],
)
def test_distribution_with_a_gain_is_that_of_torch(name, ours, theirs):
    torch.manual_seed(0)
    tensor = getattr(torch.nn.init, name + "_")(torch_weight(SHAPES[0]), **theirs)
    assert_same_distribution(draw(name, SHAPES[0], **ours), tensor.numpy())


def test_linear_and_convolution_of_torch_start_as_pytorch_uniform_does():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for layer, weights in (
        (torch.nn.Linear(4, 20000), (4, 20000)),
        (torch.nn.Conv2d(3, 20000, (2, 1)), (2, 1, 3, 20000)),
    ):
        for theirs, shape in ((layer.weight, weights), (layer.bias, weights[-1:])):
            ours, theirs = pytorch_uniform(rng, shape, weights), theirs.detach().numpy()
            assert_same_distribution(ours, theirs)
            assert math.isclose(np.abs(ours).max(), np.abs(theirs).max(), rel_tol=SAME_BOUND)


@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_classifier_of_scikit_learn_starts_as_sklearn_uniform_does(activation):
    X, y = np.zeros((2, 2)), np.array([0, 1])
    theirs = MLPClassifier((20000,), activation, learning_rate_init=1e-12, random_state=0)
    theirs.partial_fit(X, y, classes=[0, 1])  # one step of no size
    rng, logistic = np.random.default_rng(0), activation == "logistic"
    for their, shape in ((theirs.coefs_[0], (2, 20000)), (theirs.intercepts_[0], (20000,))):
        ours = sklearn_uniform(rng, shape, (2, 20000), logistic=logistic)
        assert_same_distribution(ours, their)
        assert math.isclose(np.abs(ours).max(), np.abs(their).max(), rel_tol=SAME_BOUND)


def test_bounds_and_deviations_by_hand():
    # d_in = 8, d_out = 16: √(6/24) = 1/2; √(6/8); √(3/8); 1/√8; a kernel of 2 × 2 has four times
    # the fans
    for name, bound in (
        ("glorot_uniform", 1 / 2),
        ("he_uniform", math.sqrt(3) / 2),
        ("lecun_uniform", math.sqrt(3 / 8)),
    ):
        for shape, shrink in (((8, 16), 1), ((2, 2, 8, 16), 1 / 2)):
            largest = np.abs(draw(name, shape)).max()
            assert 0.95 * bound * shrink < largest < bound * shrink
    largest = np.abs(sklearn_uniform(np.random.default_rng(0), (8, 16), (8, 16))).max()
    assert 0.95 / 2 < largest < 1 / 2  # as Glorot's, unless the activation is said to be logistic


@pytest.mark.parametrize("name", KERAS + PYTORCH)
def test_weights_depend_on_the_generator_alone(name):
    first, again = draw(name, (3, 4)), draw(name, (3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.float64
    rng = np.random.default_rng(0)
    one, other = (getattr(scratch, name)(rng, (3, 4)) for _ in range(2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", KERAS + PYTORCH)
def test_shape_of_a_bias_is_refused(name):
    assert "shape" in inspect.signature(getattr(initializers, name)).parameters
    with pytest.raises(ValueError, match=r"^shape must have at least two axes, got \(3,\)$"):
        draw(name, (3,))
