"""Whatever keeps running statistics hands them over, and is held to them."""

import keras
import numpy as np
import pytest
import torch
from keras import layers as L
from torch import nn

from frameworks.pytorch.hooks import use_biased_running_variance
from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
IMAGES, VOLUMES = RNG.normal(size=(24, 2, 4, 4)), RNG.normal(size=(24, 4, 4, 4, 2))
y = RNG.integers(0, 3, 24)
NORMALIZATIONS = {
    "volumes": lambda **own: nn.BatchNorm3d(4, **own),
    "synchronized": lambda **own: nn.SyncBatchNorm(4, **own),
    "of instances": lambda **own: nn.InstanceNorm2d(4, track_running_stats=True, **own),
    "of instances, with weights": lambda **own: nn.InstanceNorm2d(
        4, affine=True, track_running_stats=True, **own
    ),
}


def in_pytorch(seed, normalization, images=nn.Conv2d, pooling=nn.AdaptiveAvgPool2d):
    """A training whose running statistics are those of an earlier one."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        images(2, 4, 3, padding=1), normalization, nn.ReLU(), pooling(1), nn.Flatten(),
        nn.Linear(4, 3),
    )  # fmt: skip
    normalization.running_mean.normal_()
    normalization.running_var.uniform_(0.5, 2.0)
    return training(model)


def of_volumes(seed, normalization):
    return in_pytorch(seed, normalization, nn.Conv3d, nn.AdaptiveAvgPool3d)


def in_keras(trained):
    model = keras.Sequential(
        [L.Input((4, 4, 4, 2)), L.Conv3D(4, 3, padding="same"),
         L.BatchNormalization(momentum=0.875, epsilon=2**-10), L.ReLU(),
         L.GlobalAveragePooling3D(), L.Dense(3)]
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    if trained:
        *_, mean, variance = model.layers[1].weights
        mean.assign(RNG.normal(size=4)), variance.assign(RNG.uniform(0.5, 2.0, size=4))
    return Training(model)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_statistics_of_an_earlier_training_are_handed_over(name):
    make, X = NORMALIZATIONS[name], IMAGES
    side = in_pytorch
    if name == "volumes":
        side, X = of_volumes, np.moveaxis(VOLUMES, -1, 1)
    report = diverge(side(0, make()), side(1, make()), X, y, steps=4, batch_size=8)
    assert report.same, str(report)
    assert "running" not in str(report)  # neither left out nor said to be
    other = side(1, make(momentum=0.25))
    report = diverge(side(0, make()), other, X, y, steps=4, batch_size=8)
    assert (report.level, "momentum=0.25" in str(report)) == ("result", True), str(report)
    assert len(report.causes) == ("instances" not in name), str(report)


@pytest.mark.parametrize("trained", [False, True])
def test_batch_normalization_of_volumes_is_that_of_keras(trained):
    theirs = of_volumes(0, nn.BatchNorm3d(4, eps=2**-10, momentum=0.125))
    report = diverge(in_keras(trained), theirs, VOLUMES, y, steps=4, batch_size=8)
    assert report.level == "result", str(report)
    assert "averages the biased variance" in str(report), str(report)
    use_biased_running_variance(theirs.model)
    report = diverge(in_keras(trained), theirs, VOLUMES, y, steps=4, batch_size=8)
    assert report.same, str(report)


@pytest.mark.parametrize("flat", [nn.SyncBatchNorm, nn.RMSNorm])
def test_a_normalization_of_flattened_images_has_the_order_of_their_features(flat):
    one = keras.layers.BatchNormalization if flat is nn.SyncBatchNorm else L.RMSNormalization
    model = keras.Sequential(
        [L.Input((4, 4, 2)), L.Conv2D(3, 3), L.Flatten(), one(epsilon=2**-10), L.Dense(3)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    own = model.layers[2].weights
    own[0].assign(RNG.uniform(0.5, 2.0, size=12))
    norm = flat(12, eps=2**-10)
    if flat is nn.SyncBatchNorm:
        norm.momentum = 0.01
        use_biased_running_variance(norm)
    theirs = training(nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), norm, nn.Linear(12, 3)))
    X = np.moveaxis(IMAGES, 1, -1)
    report = diverge(Training(model), theirs, X, y, steps=4, batch_size=8)
    assert report.same, str(report)


@pytest.mark.parametrize("momentum", [0.25, None])
def test_the_biased_variance_of_volumes_is_tracked(momentum):
    theirs = use_biased_running_variance(nn.BatchNorm3d(2, momentum=momentum, dtype=torch.float64))
    X = torch.tensor(np.moveaxis(VOLUMES, -1, 1))
    batches, tracked = X.split(8), np.ones(2)
    for t, batch in enumerate(batches):
        theirs(batch)
        new = 1 / (1 + t) if momentum is None else momentum
        tracked += new * (np.var(batch.numpy(), axis=(0, 2, 3, 4)) - tracked)
    np.testing.assert_allclose(
        theirs.running_var.numpy(), tracked, rtol=1e-14
    )  # three roundings a step


def test_statistics_that_are_not_kept_need_no_hook():
    theirs = use_biased_running_variance(nn.BatchNorm2d(2, track_running_stats=False))
    assert theirs(torch.tensor(IMAGES, dtype=torch.float32)).isfinite().all()
