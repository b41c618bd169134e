"""The cases that ONNX ships for each of its operators: a node, its inputs, and what it returns."""

import importlib
import warnings
from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import onnx
import onnx.backend.test.case.node as shipped
from onnx import helper

# The place of the last digit, beside 1. A case is computed in its own type, here in float64: what
# ONNX returns may be off by several of them.
SPACING = {
    np.dtype(np.float32): 2.0**-23,
    np.dtype(np.float16): 2.0**-10,
    np.dtype(ml_dtypes.bfloat16): 2.0**-7,
}


class NotInScratch(Exception):
    """What a node asks for has no counterpart in scratch."""


class NodeCase(NamedTuple):
    """Inputs None stand for those that the node leaves out; outputs likewise."""

    name: str
    operator: str
    inputs: list[np.ndarray | None]
    outputs: list[np.ndarray | None]
    attributes: dict[str, Any]

    @property
    def spacing(self) -> float:
        """The relative spacing of the numbers that the case was computed in; 0 for integers."""
        arrays = [a for a in (*self.inputs, *self.outputs) if a is not None]
        return max(SPACING.get(a.dtype, 0.0) for a in arrays)


@cache
def node_cases(module: str) -> list[NodeCase]:
    """Return the cases of a module of `onnx.backend.test.case.node`, by and large an operator's.

    Cases that spell an operator out in others ("_expanded") have the same numbers, and are left
    out. ONNX draws its inputs when the module is imported, from NumPy's global state, which it
    seeds: that state is restored.
    """
    before, state = len(shipped._NodeTestCases), np.random.get_state()  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX's own, when it computes in half precision
        importlib.import_module(f"{shipped.__name__}.{module}")
    np.random.set_state(state)  # noqa: NPY002
    cases = shipped._NodeTestCases[before:]
    return [_case(each) for each in cases if "_expanded" not in each.name]


def _case(case: Any) -> NodeCase:
    (node,), ((inputs, outputs),) = case.model.graph.node, case.data_sets
    return NodeCase(
        case.name.removeprefix("test_"),
        node.op_type,
        _in_places(node.input, inputs),
        _in_places(node.output, outputs),
        {each.name: _value(each) for each in node.attribute},
    )


def _in_places(names: Any, arrays: Any) -> list[np.ndarray | None]:
    present = iter(arrays)
    return [np.asarray(next(present)) if name else None for name in names]


def _value(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value
