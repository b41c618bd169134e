"""What a PyTorch model does beside its layers is compared, or said not to be compared."""

import random
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import utils

import scratch
from frameworks.live.silent import SILENT, compare_silent
from frameworks.recordings.trace import Facts
from lockstep import RequestError, Training, diverge

from .hand_made import layer_trace, pair_of
from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 6)), RNG.normal(size=(16, 3))


def linear():
    torch.manual_seed(0)
    return nn.Linear(6, 3)


def compared(one, other, **options):
    sides = [training(model, loss=nn.MSELoss()) for model in (one, other)]
    return diverge(*sides, X, Y, **{"steps": 3, "batch_size": 8, **options})


def said(report):
    return "\n".join(report.notes)


def hooked(hook):
    model = linear()
    model.weight.register_hook(hook)
    return model


def test_hooks_of_gradients_act_on_the_copies_that_are_trained():
    report = compared(linear(), hooked(lambda g: 3 * g))
    assert report.cause == "the gradient of kernel in the second pytorch is 3 times that in the " \
                           "first pytorch", str(report)  # fmt: skip
    assert compared(hooked(lambda g: 3 * g), hooked(lambda g: 3 * g)).same


def test_hooks_that_step_optimizers_of_their_own_are_refused():
    model = linear()
    model.bias.register_post_accumulate_grad_hook(lambda p: None)
    with pytest.raises(RequestError, match="bias has a hook that runs after its gradient"):
        compared(model, linear())


class Averaged(nn.Linear):
    """Keeps a running mean that no layer of PyTorch's knows of, and returns without it."""

    def __init__(self):
        super().__init__(6, 3)
        self.register_buffer("running", torch.zeros(3))
        self.register_buffer("constant", torch.ones(3))

    def forward(self, x):
        output = super().forward(x)
        if self.training:
            self.running += output.detach().mean(0)
        return output


def test_a_buffer_that_changes_and_is_not_compared_is_said_to_be():
    report = compared(Averaged(), Averaged())
    assert report.same
    assert "the buffer running changes in training, and is not compared" in report.notes
    assert "constant" not in said(report)


class Expanded(nn.Linear):
    """Keeps an array of which several numbers are one, and cannot be written to."""

    def __init__(self):
        super().__init__(6, 3)
        self.mask = torch.ones(3).bool()[None].expand(4, 3)

    def forward(self, x):
        return super().forward(x) * self.mask[0]


def test_an_expanded_tensor_may_be_an_attribute():
    assert compared(Expanded(), Expanded()).same


class Dropping(nn.Module):
    """A convolution whose whole channels may be dropped."""

    def __init__(self, rate):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.drop = nn.Conv1d(1, 4, 3), nn.Dropout1d(rate)
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        return self.out(self.drop(self.conv(x[:, None])).flatten(1))


def test_rates_of_alpha_dropout_are_compared():
    def alpha(rate):
        return nn.Sequential(linear(), nn.AlphaDropout(rate))

    assert compared(alpha(0.5), alpha(0.25)).place == "layer 1"
    assert compared(alpha(0.5), alpha(0.5)).same


@pytest.mark.parametrize("noise", [nn.AlphaDropout(0.5), nn.Dropout1d(0.5)])
def test_noise_that_one_side_alone_has_is_a_difference(noise):
    noisy = Dropping(0.0)
    noisy.drop = noise
    plain = Dropping(0.0)
    plain.drop = nn.Identity()
    for sides in ((noisy, plain), (plain, noisy)):
        report = compared(*sides)
        assert report.place == "drop", str(report)
        assert "dropout (drop) before out" in report.cause


def test_noise_of_two_kinds_differs_at_one_rate():
    alpha = Dropping(0.5)
    alpha.drop = nn.AlphaDropout(0.5)
    assert not compared(Dropping(0.5), alpha).same


class Attending(nn.MultiheadAttention):
    """Attention of six numbers to themselves, whose weights may be dropped."""

    def __init__(self, rate):
        torch.manual_seed(0)
        super().__init__(3, 1, dropout=rate)

    def forward(self, x):
        rows = x.unflatten(1, (2, 3)).movedim(1, 0)
        return super().forward(rows, rows, rows)[0][0]


def test_the_dropout_inside_of_attention_is_compared_as_it_is_stated():
    report = compared(Attending(0.5), Attending(0.25))
    assert report.level == "forward", str(report)
    assert compared(Attending(0.5), Attending(0.5)).same


def test_a_part_that_was_left_in_evaluation_mode_stays_in_it():
    def followed_by(part):
        return nn.Sequential(linear(), part)

    report = compared(followed_by(nn.Dropout(0.5).eval()), followed_by(nn.Dropout(0.5)))
    assert report.place == "layer 1", str(report)
    assert "the first pytorch: 1 stays in evaluation mode, in which it was given" in report.notes
    report = compared(followed_by(nn.BatchNorm1d(3).eval()), followed_by(nn.BatchNorm1d(3)))
    assert report.cause == "the first pytorch normalizes with the running statistics in layer 1"


def test_a_model_that_is_in_evaluation_mode_as_a_whole_is_trained_and_it_is_said():
    model = nn.Sequential(linear(), nn.Dropout(0.5))
    report = compared(model, nn.Sequential(linear(), nn.Dropout(0.5)).eval())
    assert report.same, str(report)
    assert "the second pytorch: the model was given in evaluation mode: all of it trains" in (
        report.notes
    )


def test_a_parameter_of_a_single_number_keeps_its_shape():
    class Scaled(nn.Linear):
        def __init__(self):
            super().__init__(6, 3)
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return self.scale * super().forward(x)

    report = compared(Scaled(), Scaled())
    assert report.same, str(report)


def test_rates_of_dropout_of_whole_channels_are_compared():
    report = compared(Dropping(0.5), Dropping(0.25), explain_all=True)
    assert report.cause == "the first pytorch has p=0.5 in drop, the second pytorch p=0.25 in drop"
    assert report.explanation.rest == "", str(report)
    assert compared(Dropping(0.5), Dropping(0.5)).same


class Skipping(nn.Linear):
    """Returns zeros at random, more or less often."""

    def __init__(self, rate):
        torch.manual_seed(0)
        super().__init__(6, 3)
        self.rate = rate

    def forward(self, x):
        output = super().forward(x)
        return 0 * output if self.training and torch.rand(()) < self.rate else output


def test_what_is_drawn_beside_dropout_is_drawn_anew_in_every_step():
    """Of the first numbers that the seeds 0, 1, 2, ... draw, that of 6 is between the two rates."""
    report = compared(Skipping(0.5), Skipping(0.6), steps=7)
    assert (report.level, report.step) == ("trajectory", 7), str(report)
    report = compared(Skipping(0.5), Skipping(0.5))
    assert report.same
    assert "random numbers are drawn beside dropout" in said(report)


def by_python():
    return random.random()


def by_numpy():
    return np.random.rand()  # noqa: NPY002 - as a user's model may


class Drawing(Skipping):
    def __init__(self, rate, draw):
        super().__init__(rate)
        self.draw = draw

    def forward(self, x):
        output = nn.Linear.forward(self, x)
        return 0 * output if self.training and self.draw() < self.rate else output


@pytest.mark.parametrize("draw", [by_python, by_numpy])
def test_global_numbers_of_python_and_numpy_are_drawn_from_the_seed_and_restored(draw):
    expected = (random.getstate(), str(np.random.get_state()))  # noqa: NPY002 - likewise
    report = compared(Drawing(0.5, draw), Drawing(0.5, draw))
    assert report.same, str(report)
    assert "random numbers are drawn beside dropout" in said(report)
    assert not compared(Drawing(0.1, draw), Drawing(0.9, draw)).same
    assert expected == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002 - likewise


class Autocast(nn.Linear):
    """A dense layer in the precision that autocast chooses."""

    def __init__(self, enabled):
        torch.manual_seed(0)
        super().__init__(6, 3)
        self.enabled = enabled

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.enabled):
            return super().forward(x)


def test_narrow_precision_is_said_not_to_be_compared_in_float64():
    report = compared(Autocast(True), linear().bfloat16())
    assert "autocast leaves float64 as it is" in said(report)
    assert "bfloat16 is computed in float64 throughout" in said(report)
    assert report.without_effect.endswith("dense: precision"), report.without_effect
    assert not compared(Autocast(True), Autocast(True)).without_effect


def test_autocast_in_a_step_of_ones_own_is_a_setting():
    def step(model, optimizer, loss, X, y):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(model(X), y)
        value.backward()
        optimizer.step()
        return value

    own = training(linear(), loss=nn.MSELoss(), step=step)
    report = diverge(own, training(linear(), loss=nn.MSELoss()), X, Y, steps=1, batch_size=8)
    assert report.same
    assert report.without_effect.endswith("loss: autocast"), report.without_effect


class Limited(nn.Linear):
    """A dense layer whose outputs are limited, far above what they are."""

    def __init__(self, limit):
        torch.manual_seed(0)
        super().__init__(6, 3)
        self.limit = limit

    def forward(self, x):
        return torch.clamp(super().forward(x), -9.0, self.limit)


def test_a_limit_that_is_met_nowhere_is_a_setting():
    report = compared(Limited(50.0), Limited(100.0), steps=1)
    assert report.same
    assert report.without_effect.endswith(": max"), report.without_effect
    assert not compared(Limited(50.0), Limited(50.0), steps=1).without_effect


def test_a_parametrization_is_a_setting():
    def parametrized(limit):
        model = linear()
        within = nn.Hardtanh(-limit, limit)
        nn.utils.parametrize.register_parametrization(model, "weight", within)
        return model

    report = compared(parametrized(50.0), parametrized(100.0), steps=1)
    assert report.same
    assert "parametrization" in report.without_effect, report.without_effect


def test_autocast_is_a_difference_in_float32():
    assert compared(Autocast(False), Autocast(True), dtype="float32").level == "forward"


class Growing(nn.Module):
    """Multiplies the squared error by the number of the call."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, z, y):
        self.calls += 1
        return self.calls * nn.functional.mse_loss(z, y)


def growing():
    calls = 0

    def loss(z, y):
        nonlocal calls
        calls += 1
        return calls * nn.functional.mse_loss(z, y)

    return loss


def test_a_plain_loss_that_counts_its_calls_counts_those_of_steps_alone():
    function = growing()
    sides = training(linear(), loss=Growing()), training(linear(), loss=function)
    report = diverge(*sides, X, Y, steps=3, batch_size=8)
    assert report.same, str(report)
    assert function(torch.ones(1), torch.zeros(1)) == 1  # the first call of the user's own


class OwnSchedule:
    """Halves the rate in every step, and does not say of which optimizer."""

    def __init__(self, optimizer):
        self.trained = optimizer

    def step(self):
        self.trained.param_groups[0]["lr"] /= 2


def test_schedules_are_those_of_the_optimizer_given_or_said_not_to_be():
    side = training(linear(), loss=nn.MSELoss())
    other = torch.optim.SGD(side.model.parameters(), lr=1.0)
    stale = torch.optim.lr_scheduler.StepLR(other, 1)
    plain = training(linear(), loss=nn.MSELoss())

    def with_schedule(scheduler):
        given = training(linear(), loss=nn.MSELoss(), scheduler=scheduler)
        return diverge(plain, given, X, Y, steps=4, batch_size=8)

    report = with_schedule(stale)
    assert report.same
    assert "the scheduler is of another optimizer" in said(report)
    with pytest.raises(RequestError, match=re.escape("has a method step, but int has none")):
        with_schedule(3)


def test_a_schedule_of_ones_own_is_followed():
    side = training(linear(), loss=nn.MSELoss())
    object.__setattr__(side, "scheduler", OwnSchedule(side.optimizer))
    report = diverge(training(linear(), loss=nn.MSELoss()), side, X, Y, steps=4, batch_size=8)
    assert report.level == "trajectory", str(report)


def test_the_strengths_of_switched_off_noise_are_compared_in_one_order():
    some, other = (Facts("lstm", dict.fromkeys(SILENT, value)) for value in (0.25, 0.5))
    a, b = (
        layer_trace(name, facts, [X], X) for name, facts in (("keras", some), ("pytorch", other))
    )
    assert [found.key[0] for found in compare_silent(pair_of(a, b))] == [*SILENT]


class Counting(nn.Linear):
    """Is damped in its first four calls, and centres its rows on an average that it keeps."""

    def __init__(self, keep):
        torch.manual_seed(0)
        super().__init__(6, 3)
        self.keep, self.calls, self.seen = keep, 0, []
        self.register_buffer("average", torch.zeros(3))
        self.held = torch.zeros(3)

    def forward(self, x):
        self.calls += 1
        self.seen.append(len(x))
        assert len(self.seen) == self.calls
        h = super().forward(x) * min(1.0, self.calls / 4)
        if not self.training:
            return h
        if self.keep == "in place":
            self.average.mul_(0.75).add_(h.detach().mean(0))
        elif self.keep == "another tensor":
            self.average = 0.75 * self.average + h.detach().mean(0)
        elif self.keep == "attribute":
            self.held = 0.75 * self.held + h.detach().mean(0)
        return h - self.average - self.held


@pytest.mark.parametrize("keep", ["another tensor", "attribute"])
def test_what_a_model_keeps_is_moved_by_its_own_steps_alone(keep):
    report = compared(Counting(keep), Counting("in place"))
    assert report.same, str(report)
    assert "average changes" in said(report)
    assert not compared(Counting(keep), Counting("")).same


def test_a_loss_is_not_excused_where_no_step_has_moved_a_weight():
    losses = nn.MSELoss(), nn.MSELoss(reduction="sum")
    still = partial(torch.optim.SGD, lr=0.0)
    sides = [training(linear(), loss=loss, optimizer=still) for loss in losses]
    assert diverge(*sides, X, Y, steps=2, batch_size=8).level == "loss"


def test_a_schedule_that_has_not_acted_yet_is_named_beside_the_verdict():
    later = training(linear(), loss=nn.MSELoss(), step_on="epoch")
    later = replace(later, scheduler=torch.optim.lr_scheduler.StepLR(later.optimizer, 1))
    sides = training(linear(), loss=nn.MSELoss()), later
    report = diverge(*sides, X, Y, steps=1, batch_size=8)
    assert report.same, str(report)
    assert str(report).endswith("agree, as far as they were judged.")
    assert report.to_dict()["notes"][-1] == (
        "settings that differ made no difference in 1 step: schedule: kind"
    )
    assert not diverge(*sides, X, Y, steps=3, batch_size=8).same


def test_a_setting_of_the_loss_that_no_target_meets_is_named_beside_the_verdict():
    sides = [training(linear(), loss=nn.CrossEntropyLoss(ignore_index=k)) for k in (-100, 0)]
    report = diverge(*sides, X, np.ones(16, int), steps=1, batch_size=8)
    assert report.same, str(report)
    assert "loss: class that is ignored" in report.without_effect


def normalized(norm, seed=0, **options):
    torch.manual_seed(seed)
    return nn.Sequential(norm(nn.Linear(6, 4), **options), nn.Tanh(), nn.Linear(4, 3))


@pytest.mark.parametrize("norm", [utils.spectral_norm, utils.parametrizations.spectral_norm])
def test_both_sides_of_a_spectral_normalization_start_from_the_same_vectors(norm):
    report = compared(normalized(norm), normalized(norm, seed=1))
    assert report.same, str(report)
    assert not any("0" in note for note in report.notes), said(report)  # nothing is left out
    assert not compared(normalized(norm), normalized(norm, n_power_iterations=3)).same


@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
def test_both_sides_of_an_orthogonal_weight_start_from_the_same_base(kind):
    def turned(**options):
        return normalized(utils.parametrizations.orthogonal, orthogonal_map=kind, **options)

    report = compared(turned(), turned(seed=1))
    assert report.same, str(report)


def test_weights_from_which_a_hook_computes_others_are_paired_as_they_are():
    report = compared(normalized(utils.spectral_norm), normalized(lambda layer: layer))
    assert not report.same
    assert any(
        "has 0.weight_orig, 0.weight_orig.u, 0.weight_orig.v" in note for note in report.notes
    )


class AnnealedInPyTorch(nn.CrossEntropyLoss):
    calls = 0

    def forward(self, outputs, targets):
        self.calls += 1
        return super().forward(outputs, targets) / (1 + self.calls)


class AnnealedInScratch(scratch.CategoricalCrossEntropy):
    calls = 0

    def forward(self, *given):
        self.calls += 1
        return super().forward(*given) / (1 + self.calls)

    def backward(self):
        return super().backward() / (1 + self.calls)


@pytest.mark.parametrize("turned", [False, True])
def test_a_loss_of_scratch_that_counts_its_calls_is_called_once_a_step(turned):
    network = scratch.Sequential(scratch.Dense(4, 5), scratch.ReLU(), scratch.Dense(5, 3))
    network.theta[:] = np.random.default_rng(0).normal(size=network.theta.shape)
    ours = Training(network, loss=AnnealedInScratch(), optimizer=scratch.SGD(2**-4))
    port = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    sgd = torch.optim.SGD(port.parameters(), lr=2**-4)
    theirs = Training(port, loss=AnnealedInPyTorch(), optimizer=sgd)
    X, y = np.random.default_rng(1).normal(size=(24, 4)), np.arange(24) % 3
    sides = (theirs, ours) if turned else (ours, theirs)
    report = diverge(*sides, X, y, steps=6, batch_size=8)
    assert report.same, str(report)
