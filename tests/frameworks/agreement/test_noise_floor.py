"""The noise floor: the largest distance of any two trainings that were nudged differently."""

from dataclasses import replace

import numpy as np
import pytest

from frameworks.agreement.distances import Outcome
from frameworks.agreement.limits import FLOAT64, Limits
from frameworks.agreement.noise_floor import NoiseFloor, check_floor, for_doubts, measure_floor
from frameworks.agreement.verdict import NOT_FINITE, judge
from frameworks.errors import RequestError


def nudged(*losses, weight=1.0, wrong=0):
    """Make one training for each of these first losses; the last one has the rest."""
    made = [Outcome([loss, 1.0], {"w": np.array([1.0])}, 1.0, np.zeros(9, int)) for loss in losses]
    made[-1].weights["w"][0] = weight
    made[-1].answers[:wrong] = 1
    return made


def test_the_floor_is_the_largest_distance_of_any_two():
    floor = measure_floor(nudged(1.0, 0.75, 0.5, weight=0.875, wrong=3), "float32")
    assert floor.epochs == [0.5, 0.0]
    assert (floor.loss, floor.weight) == (0.5, 0.125)
    assert (floor.predictions, floor.trainings) == (3, 3)


@pytest.mark.parametrize(("dtype", "unit"), [("float32", 2.0**-23), ("float64", 2.0**-52)])
def test_the_floor_is_at_least_eight_units_in_the_last_place(dtype, unit):
    floor = measure_floor(nudged(1.0, 1.0), dtype)
    assert (floor.loss, floor.weight, floor.test_loss) == (8 * unit, 8 * unit, 8 * unit)


def test_a_doubt_is_judged_by_three_times_as_many_up_to_a_thousand():
    assert [for_doubts(count) for count in (0, 2, 5, 400)] == [0, 6, 15, 1_000]


def test_fewer_than_two_trainings_have_no_floor():
    assert measure_floor(nudged(1.0), "float32") is None
    assert measure_floor([], "float32") is None
    check_floor(0)
    with pytest.raises(RequestError, match="since a distance needs two trainings, .*; got 1$"):
        check_floor(1)


def test_beside_fixed_limits_the_larger_counts_each():
    floor = NoiseFloor(0.5, [0.5], 1e-12, 0.25, predictions=2, trainings=2)
    assert floor.at_least(FLOAT64) == Limits(0.5, FLOAT64.weight, 0.25, 2, FLOAT64.outputs)


@pytest.mark.parametrize("nothing", [np.inf, np.nan])
def test_a_floor_that_is_not_finite_explains_nothing(nothing):
    floor = NoiseFloor(nothing, [nothing], 0.5, 0.5, predictions=9, trainings=2)
    assert floor.at_least(FLOAT64) == FLOAT64
    one = Outcome([1.0], {"w": np.ones(1)}, 1.0, np.zeros(9, int))
    found = judge(one, replace(one, losses=[None]), "float32", floor)
    assert (found.verdict, found.limits, found.reason) == (None, None, NOT_FINITE)


def test_of_two_floors_each_distance_has_the_smaller():
    one = NoiseFloor(0.5, [0.5, 0.25], 0.125, 0.5, 2, 5)
    other = NoiseFloor(0.25, [0.125, 0.5], 0.5, 0.25, 3, 4, outputs=0.5)
    smaller = NoiseFloor(0.25, [0.125, 0.25], 0.125, 0.25, 2, 4, outputs=0.5)
    assert one.narrowed(other) == other.narrowed(one) == smaller
    assert one.narrowed(None) == one


def ended(**arrays):
    weights = {name: np.array([value]) for name, value in arrays.items()}
    return Outcome([1.0], weights, 1.0, np.zeros(9, int), np.ones((9, 1)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_array_that_rounding_alone_moves_excuses_no_other(dtype):
    floor = measure_floor([ended(bias=1.0, kernel=1.0), ended(bias=0.25, kernel=1.0)], dtype)
    verdicts = {
        name: judge(ended(bias=1.0, kernel=1.0), ended(bias=bias, kernel=kernel), dtype, floor)
        for name, bias, kernel in (("bias", 0.5, 1.0), ("kernel", 1.0, 0.9375))
    }
    assert verdicts["bias"].verdict == "agree"
    assert verdicts["kernel"].verdict == "differ"
    assert verdicts["kernel"].reason.startswith("kernel differs by 6.2e-02, limit ")


def test_nor_does_it_excuse_an_array_that_rounding_moves_less():
    floor = measure_floor(
        [ended(keys=x, other=y) for x, y in ((1.0, 1.0), (-0.5, 0.75))], "float32"
    )
    assert floor.weight == 1.5
    slip = judge(ended(keys=1.0, other=1.0), ended(keys=1.0, other=-0.75), "float32", floor)
    assert slip.reason == "other differs by 1.8e+00, limit 1.5e+00"


def test_losses_of_float64_may_not_part_before_those_of_nudged_trainings_do():
    def of_losses(*losses):
        return replace(ended(kernel=1.0), losses=losses)

    floor = measure_floor([of_losses(1.0, x, x) for x in (1.0, 2.0)], "float64")
    first = of_losses(1.0, 1.0, 1.0)
    assert judge(first, of_losses(1.0, 1.5, 1.25), "float64", floor).verdict == "agree"
    sooner = judge(first, of_losses(1.25, 1.5, 1.25), "float64", floor)
    assert sooner.verdict == "differ"
    assert sooner.reason == "epoch 1: the loss differs by 2.0e-01, limit 1.0e-12 (the noise floor)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_array_of_which_rounding_leaves_no_sign_is_not_judged(dtype):
    floor = measure_floor([ended(keys=x, other=1.0) for x in (1e-10, -4e-11, 3e-11)], dtype)
    opposite = ended(keys=-1e-10, other=1.0)
    assert judge(ended(keys=1e-10, other=1.0), opposite, dtype, floor).verdict == "agree"
    for slip in (ended(keys=1e-10, other=1.01), ended(keys=np.nan, other=1.0), ended(other=1.0)):
        assert judge(ended(keys=1e-10, other=1.0), slip, dtype, floor).verdict == "differ"


def test_outputs_have_a_floor_of_their_own():
    floor = measure_floor([ended(bias=1.0), ended(bias=0.25)], "float64")
    one, other = ended(bias=1.0), replace(ended(bias=1.0), outputs=np.full((9, 1), 0.9375))
    assert judge(one, other, "float64", floor).reason.startswith("the outputs differ by 6.2e-02")


def columns(loss, *values):
    return Outcome([loss], {"kernel": np.array([values, values])}, loss, np.zeros(9, int))


@pytest.mark.parametrize(("values", "ties"), [((1.0, 2.0), True), ((1.0, 1.0), False)])
def test_units_that_begin_equal_are_named_only_where_columns_part(values, ties):
    """A training may be far from others for another reason, such as a unit that is sampled."""
    keeping = [columns(1.0, 1.0, 1.0)] * 2
    floor = measure_floor(keeping, "float64", [columns(1.5, *values)])
    assert floor.loss == pytest.approx(1 / 3)
    assert (floor.ties, floor.limits.loss) == (ties, (16 if ties else 1) * floor.loss)


def counted(*accuracies):
    return replace(ended(bias=1.0), accuracies=accuracies)


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.5, "agree"), (0.375, "differ")])
def test_rounding_may_decide_which_rows_are_right_by_as_much_as_it_does_in_scratch(
    accuracy, verdict
):
    floor = measure_floor([counted(0.75, 1.0), counted(0.5, 1.0)], "float64")
    found = judge(counted(0.75, 1.0), counted(accuracy, 1.0), "float64", floor)
    assert (floor.accuracy, found.verdict) == (0.25, verdict)
    alike = measure_floor([counted(0.75, 1.0)] * 2, "float64")
    assert judge(counted(0.75, 1.0), counted(0.5, 1.0), "float64", alike).verdict == "differ"


def test_of_two_floors_each_array_has_the_smaller():
    one, other = (
        measure_floor([ended(a=1.0, b=1.0), ended(a=a, b=b)], "float64")
        for a, b in ((0.5, 0.75), (0.75, 0.5))
    )
    assert one.narrowed(other).arrays == other.narrowed(one).arrays == {"a": 0.25, "b": 0.25}
