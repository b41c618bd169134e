"""The order of the two sides changes neither verdict nor cause, and no clean side is named."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from frameworks import Parts
from frameworks.diverge import walk
from frameworks.diverge.first_batch import rounding_limit
from frameworks.diverge.layers import align
from frameworks.diverge.show import as_json
from frameworks.errors import RequestError
from frameworks.probe import LayerOutput

from .toy import HIDDEN, SPLIT, both_ways, build_pytorch, build_scratch, draw, side


def causes(a, b, **options):
    """Return the finding of a walk, whose cause is the same in both orders."""
    (finding,) = both_ways(a, b, **options)[0].findings
    return finding


# --- verdicts ---


def normalized(build):
    def draw_normalized(spec, rng):
        weights = draw(spec, rng)
        return [*weights[:2], np.ones(HIDDEN), np.zeros(HIDDEN), *weights[2:]]

    def build_normalized(spec):
        parts = build(spec)
        if build is build_scratch:
            from scratch import BatchNorm, Sequential

            first, *rest = parts.network.layers
            network = Sequential(first, BatchNorm.keras(HIDDEN), *rest)
            return parts._replace(network=network, initial_weights=draw_normalized)
        from frameworks.pytorch.hooks import use_biased_running_variance

        first, *rest = parts.network
        network = nn.Sequential(first, nn.BatchNorm1d(HIDDEN, eps=1e-3, momentum=1 - 0.99), *rest)
        use_biased_running_variance(network)
        optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
        return Parts(network, parts.loss, optimizer, draw_normalized)

    return build_normalized


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_bias_before_a_batch_normalization_raises_no_alarm(dtype):
    a = side("scratch", build=normalized(build_scratch), dtype=dtype)
    b = side("pytorch", build=normalized(build_pytorch), dtype=dtype)
    for found in both_ways(a, b, floor=0):
        assert not found.findings


class Coarse(nn.Linear):
    def forward(self, x):
        z = super().forward(x)
        return z.to(torch.bfloat16).to(z.dtype) if z.dtype == torch.float32 else z


def coarse(parts):
    parts.network[0].__class__ = Coarse


def test_a_side_that_computes_coarsely_does_not_excuse_itself():
    a, b = side("scratch", dtype="float32"), side("pytorch", coarse, dtype="float32")
    assert causes(a, b, floor=0).level == "forward"
    single = [walk(*pair, single=True, steps=3).single.parted for pair in ((a, b), (b, a))]
    assert len(single[0]) == len(single[1]) == 3


def test_a_limit_in_float32_is_finite():
    least = rounding_limit(0.0, 0.0)
    assert rounding_limit(np.inf, np.nan) == least > 0
    assert rounding_limit(np.inf, 1e-3) == rounding_limit(1e-3, np.inf) == 16e-3


def overflowing(parts):
    from scratch import CategoricalCrossEntropy

    class Overflowing(CategoricalCrossEntropy):
        def forward(self, z, y, w=None):
            loss = super().forward(z, y, w)
            return np.inf if len(z) == 6 else loss  # in the last batch of an epoch

    return parts._replace(loss=Overflowing())


def test_a_floor_that_is_not_finite_judges_nothing():
    a, b = side("scratch", overflowing, dtype="float32"), side("pytorch", dtype="float32")
    found = walk(a, b, floor=2)
    assert any(note.startswith("the noise floor is not finite") for note in found.notes)
    assert found.floor is None
    assert as_json(found).verdict == "measured"


def test_shapes_that_do_not_fit_are_said_in_a_sentence():
    class Shorter(nn.Tanh):
        def forward(self, x):
            return super().forward(x)[:, :-1]

    def change(parts):
        parts.network[1] = Shorter()

    with pytest.raises(
        RequestError, match=r"build_pytorch of toy cannot be trained: .* has no outputs for a row"
    ):
        walk(side("scratch"), side("pytorch", change))


# --- causes ---


def test_what_is_not_finite_has_no_cause_but_a_step():
    def change(parts):
        def hook(optimizer, args, kwargs):
            taken.append(1)
            if len(taken) == 6:
                for weight in optimizer.param_groups[0]["params"]:
                    weight.grad.fill_(float("nan"))

        taken = []
        parts.optimizer.register_step_pre_hook(hook)

    for found in both_ways(side("scratch"), side("pytorch", change)):
        (finding,) = found.findings
        assert (finding.level, finding.cause) == ("trajectory", None)
        assert finding.details == ["pytorch is not finite from step 6 on"]
        assert found.notes == []


@pytest.mark.parametrize("shift", [3e-8, 2.3456e-7])
def test_a_tiny_change_of_the_loss_is_no_smoothing(shift):
    class Tiny(nn.CrossEntropyLoss):
        def forward(self, z, y):
            return super().forward(z, y) + shift

    finding = causes(side("scratch"), side("pytorch", lambda p: p._replace(loss=Tiny())))
    assert (finding.level, finding.cause) == ("loss", None)


def test_smoothed_labels_are_named():
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    finding = causes(side("scratch"), side("pytorch", lambda p: p._replace(loss=smooth)))
    assert finding.cause == "pytorch smooths the labels by 0.1"


@pytest.mark.parametrize("place", [0, 1])
def test_a_layer_of_zeros_is_no_dropout(place):
    def change(parts):
        layer = parts.network[place]
        stock = type(layer)

        class Zeros(stock):
            def forward(self, x):
                return 0 * super().forward(x)

        Zeros.__name__ = stock.__name__
        layer.__class__ = Zeros

    assert causes(side("scratch"), side("pytorch", change)).cause is None


def test_a_gradient_of_zeros_is_not_clipped():
    class Zero(nn.CrossEntropyLoss):
        def forward(self, z, y):
            loss = super().forward(z, y)
            return loss.detach() + 0 * loss

    finding = causes(side("scratch"), side("pytorch", lambda p: p._replace(loss=Zero())))
    assert finding.cause.startswith("pytorch has no gradient for weights.0")


def test_a_factor_says_which_side_has_more():
    double = nn.CrossEntropyLoss()
    forward = double.forward
    double.forward = lambda z, y: 8 * forward(z, y)
    finding = causes(side("scratch"), side("pytorch", lambda p: p._replace(loss=double)))
    assert finding.cause.startswith("the loss of pytorch is 8 times that of scratch, as a sum over")


def test_a_single_step_is_no_evidence_of_gradients_that_add_up():
    def change(parts):
        for weight in parts.network.parameters():
            weight.register_hook(lambda g: g + 1e-3)

    finding = causes(side("scratch"), side("pytorch", change), steps=1)
    assert finding.cause is None


def test_equal_numbers_of_another_type_are_not_shifted():
    data = replace(SPLIT, y_test=SPLIT.y_test.astype(np.int32))
    finding = causes(side("scratch"), side("pytorch", data=data))
    assert finding.cause == (
        "pytorch holds equal numbers as int32; scratch holds equal numbers as int64"
    )


def test_layers_correspond_alike_in_both_orders_and_those_with_weights_first():
    def layers(*kinds):
        return [LayerOutput(kind, kind, None, 2 * (kind == "dense")) for kind in kinds]

    rng = np.random.default_rng(0)
    for _ in range(300):
        a, b = (layers(*rng.choice(["relu", "tanh", "dense"], rng.integers(1, 6))) for _ in "ab")
        assert align(a, b) == [(i, j) for j, i in align(b, a)]
    assert align(layers("dense", "relu"), layers("relu", "dense")) == [(0, 1)]
