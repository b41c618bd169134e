"""ONNX's own cases of every operator that scratch has a layer, a loss or an optimizer for.

Each is computed by scratch, in float64, and compared with what ONNX ships, or listed in
`not_in_scratch` with a reason. The list is strict: what it names must not be computed.
"""

from fnmatch import fnmatchcase

import numpy as np
import pytest

from . import image_operators, layer_operators, sequence_operators, training_operators
from .node_cases import NotInScratch, node_cases
from .not_in_scratch import NOT_IN_SCRATCH, reason_of

OPERATORS = {
    **image_operators.OPERATORS,
    **layer_operators.OPERATORS,
    **sequence_operators.OPERATORS,
    **training_operators.OPERATORS,
}
# The modules of ONNX's cases have the operators' names in lower case, but for these.
MODULES = {
    "BatchNormalization": "batch_normalization",
    "InstanceNormalization": "instance_normalization",
    "SoftmaxCrossEntropyLoss": "softmax_cross_entropy_loss",
}
SPACINGS = 4  # an output of ONNX's, in its own precision, is off by so many; measured: 2.2
TYPED = {"averagepool_2d_ceil_last_window_starts_on_pad": 2e-4}  # an output typed in, to 4 decimals


def cases_of(operator):
    return node_cases(MODULES.get(operator, operator.lower()))


def as_float64(a):
    floating = a is not None and a.dtype.kind not in "biu"
    return a.astype(np.float64) if floating else a


def compute(case):
    """Return the outputs that the case wants; NotInScratch if one of them is not there."""
    inputs = [as_float64(a) for a in case.inputs]
    outputs = OPERATORS[case.operator](*inputs, **case.attributes)
    outputs = list(outputs) if isinstance(outputs, tuple | list) else [outputs]
    outputs += [None] * (len(case.outputs) - len(outputs))
    wanted = [i for i, expected in enumerate(case.outputs) if expected is not None]
    if any(outputs[i] is None for i in wanted):
        raise NotInScratch("an output")
    return [(outputs[i], case.outputs[i]) for i in wanted]


def error_of(case):
    """Return the largest error of all outputs, relative to their largest magnitude, or NaN."""
    errors = []
    for actual, expected in compute(case):
        expected = expected.astype(np.float64)
        assert np.shape(actual) == expected.shape, case.name
        scale, error = np.abs(expected).max(), np.abs(actual - expected).max()
        errors.append(error / scale if scale else error)
    return np.max(errors)


def is_computed(case):
    """Tell whether scratch computes what the case wants."""
    try:
        return error_of(case) <= limit_of(case)
    except (NotInScratch, AttributeError, TypeError, ValueError):
        return False


def limit_of(case):
    return TYPED.get(case.name, SPACINGS * case.spacing)


@pytest.mark.parametrize("operator", OPERATORS)
def test_cases_of_onnx_are_computed_or_listed_with_a_reason(operator):
    cases = [case for case in cases_of(operator) if case.operator == operator]
    assert cases
    errors = {case.name: error_of(case) for case in cases if reason_of(case.name) is None}
    limits = {case.name: limit_of(case) for case in cases}
    assert {name: error for name, error in errors.items() if not error <= limits[name]} == {}
    stale = [case.name for case in cases if reason_of(case.name) and is_computed(case)]
    assert stale == []


def test_every_listed_name_is_that_of_a_case():
    names = [case.name for operator in OPERATORS for case in cases_of(operator)]
    assert [each for each in NOT_IN_SCRATCH if not any(fnmatchcase(n, each) for n in names)] == []


def test_most_cases_are_computed():
    names = [case.name for operator in OPERATORS for case in cases_of(operator)]
    listed = sum(reason_of(name) is not None for name in names)
    assert (len(names), listed) == (394, 80)  # those of the pinned version
