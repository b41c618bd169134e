"""Steps of another length: a rate, a schedule, clipped gradients, or another loss, and no other."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments.registry import find_experiment
from frameworks.diverge import walk
from frameworks.diverge.causes.mistakes import MISTAKES
from frameworks.diverge.causes.steps import _clips
from frameworks.diverge.evidence import as_number

from ...experiments.planting import changed
from .pairs import sides

pytestmark = pytest.mark.slow

XOR = find_experiment("xor")


def cause(change):
    """Return the cause that is named, the same in both orders, of a change to PyTorch's parts."""
    planted = sides(XOR, "scratch,pytorch", changed(XOR, "pytorch", change), epochs=8)
    found = {walk(*pair).findings[0].cause for pair in (planted, planted[::-1])}
    assert len(found) == 1
    return found.pop()


def at_each_step(factor):
    """Multiply the learning rate by a factor of the step's number, which begins at 1."""

    def change(parts):
        group = parts.optimizer.param_groups[0]
        rate, taken = group["lr"], []

        def count(optimizer, args, kwargs):
            taken.append(1)
            group["lr"] = rate * factor(len(taken))

        parts.optimizer.register_step_pre_hook(count)

    return change


@pytest.mark.parametrize(
    "rate", ["1.0000000001", "1.00000001", "1.0000001", "1.000001", "1.000004"]
)
def test_a_rate_that_is_off_by_little_is_said_in_the_digits_that_tell(rate):
    """xor's is 1, which float32 holds: not to round it is no cause."""

    def change(parts):
        parts.optimizer.param_groups[0]["lr"] = float(rate)

    assert cause(change) == (
        f"pytorch uses gradient descent with learning rate {rate}; "
        "scratch uses gradient descent with learning rate 1"
    )


def test_a_factor_beside_1_is_said_in_the_digits_that_tell():
    said = cause(at_each_step(lambda t: 1 + 1e-6 * (t > 2)))
    assert said == "the learning rate of pytorch is 1.000001 times that of scratch at step 3"


def test_a_rate_that_is_another_from_a_step_on_is_named_with_it():
    said = "the learning rate of scratch is 2 times that of pytorch from step 1 on"
    assert cause(at_each_step(lambda t: 0.5)) in (said, said.removesuffix(" from step 1 on"))
    said = "the learning rate of scratch is 4 times that of pytorch at step 3"
    assert cause(at_each_step(lambda t: 0.25 if t > 2 else 1.0)) == said


def test_a_warm_up_is_no_rate_of_all_steps():
    assert cause(at_each_step(lambda t: min(1.0, t / 4))) == (
        "the steps of scratch are longer than those of pytorch by factors that vary: 4 at step 1, "
        "2 at step 2, 1.33333 at step 3: another schedule, or gradients that are scaled"
    )


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        (0.0625, "pytorch scales its gradients to a norm of 0.0625, as clipping does"),
        (None, "pytorch clips the norm of its gradients at {}"),
    ],
)
def test_clipped_gradients_are_no_rate(limit, says):
    """At a small limit all are; at one between the first norms, some."""
    norms = []

    def change(parts):
        from torch import nn

        weights = parts.network.parameters

        def clip(*_):
            norm = nn.utils.clip_grad_norm_(weights(), limit or float("inf"))
            norms.append(float(norm))

        parts.optimizer.register_step_pre_hook(clip)

    if limit is None:
        walk(*sides(XOR, "scratch,pytorch", changed(XOR, "pytorch", change), epochs=8))
        *_, third, second, first = sorted({*norms[:4]})
        limit = float(f"{(second + third) / 2:.6g}")
        assert third < limit < second <= first
    assert cause(change) == says.format(as_number(limit))


def test_gradients_of_one_norm_do_not_tell_a_limit_from_a_rate():
    taken = SimpleNamespace(norms=np.full(4, 0.5))
    seen = SimpleNamespace(a=taken, b=taken)
    assert _clips(("scratch", "pytorch"), seen, np.full(4, 0.5)) is None


def test_a_loss_that_grows_is_no_rate():
    def change(parts):
        calls, loss = [], parts.loss

        def grown(outputs, targets):
            calls.append(1)
            return loss(outputs, targets) * (1.0 if len(calls) < 6 else 1.25)

        return parts._replace(loss=grown)

    assert "rate" not in (cause(change) or "")


def at_each_gradient(which, change):
    """Change some gradients of PyTorch before each step, of which the number is handed over."""

    def planted(parts):
        taken = []

        def act(*_):
            taken.append(1)
            for parameter in [*parts.network.parameters()][which]:
                parameter.grad.copy_(change(parameter.grad, len(taken)))

        parts.optimizer.register_step_pre_hook(act)

    return planted


FIRST, LAST, ALL = slice(0, 1), slice(1, 2), slice(None)  # kernels


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (lambda t: 4.0, "the learning rate of weights.0 of pytorch is 4 times that of scratch"),
        (lambda t: 0.25, "the learning rate of weights.0 of scratch is 4 times that of pytorch"),
        (lambda t: float(t), "the learning rate of weights.0 of pytorch is 2 times that of scratch "
                             "at step 2"),
        (lambda t: 3.0 if t > 2 else 1.0, "the learning rate of weights.0 of pytorch is 3 times "
                                          "that of scratch at step 3"),
        (lambda t: 1.0 + t, None),
    ],
)  # fmt: skip
def test_the_rate_of_some_weights_is_named_where_its_factor_is_the_same_at_every_step(factor, says):
    assert cause(at_each_gradient(FIRST, lambda g, t: g * factor(t))) == says


def test_a_gradient_of_one_norm_is_no_rate_of_some_weights():
    assert cause(at_each_gradient(FIRST, lambda g, t: g / g.norm())) is None


def test_weights_stand_still_only_where_all_that_differs_does():
    still = "pytorch does not move weights.1"
    assert cause(at_each_gradient(LAST, lambda g, t: 0 * g)) == f"{still}: frozen, or left out"
    later = at_each_gradient(LAST, lambda g, t: g * float(t > 1))
    assert cause(later) == f"{still} in its first step"

    def faster(parts):
        parts.optimizer.param_groups[0]["lr"] *= 1.5
        at_each_gradient(LAST, lambda g, t: 0 * g)(parts)

    assert cause(faster) is None


def test_a_bias_whose_gradient_is_zero_is_not_summed_over_the_wrong_axis():
    """The gradients of a softmax add up to 0 over the classes, and tell nothing of an axis."""
    layer = SimpleNamespace(x=np.ones((6, 2)), weights=[np.ones((2, 3)), np.ones(3)])
    summed = MISTAKES["dense"]["sums the bias's gradient over the wrong axis"]
    dz = np.random.default_rng(0).normal(size=(6, 3))
    _, (_, wrong) = summed(layer, dz)
    np.testing.assert_array_equal(wrong, dz.sum(1)[:3])
    centred = dz - dz.mean(1, keepdims=True)
    _, (_, own) = summed(layer, centred)
    np.testing.assert_array_equal(own, centred.sum(0))


def test_kernels_whose_centred_gradient_is_zero_are_not_frozen():
    assert cause(at_each_gradient(ALL, lambda g, t: g - g.mean(0, keepdim=True))) is None


def test_a_rate_that_doubles_is_no_step_that_is_taken_twice():
    """Without a memory the two are the same numbers; with one, only the step is twice."""
    said = "the learning rate of pytorch is 2 times that of scratch at step 3"
    assert cause(at_each_step(lambda t: 2.0 if t > 2 else 1.0)) == (
        f"{said}, or that step is taken twice"
    )


@pytest.mark.parametrize("setting", [{"weight_decay": 0.01}, {"momentum": 0.5, "nesterov": True}])
def test_rates_are_no_cause_where_another_setting_differs_as_well(setting):
    def both(parts):
        parts.optimizer.param_groups[0].update(setting)
        at_each_step(lambda t: 0.5 if t > 2 else 1.0)(parts)

    assert cause(both) is None
