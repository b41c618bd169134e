"""A recording made by hand: how any program with NumPy writes its training down.

It needs no framework. `docs/recordings.md` has a complete example, and the format for programs
without NumPy.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from frameworks.recordings.digests import canonical_target, digests_of
from frameworks.recordings.trace import Arrays, Facts, LayerTrace, StepTrace, Trace, Weight
from frameworks.recordings.writing import write_trace

__all__ = ["Recording"]

Given = np.ndarray | Sequence[np.ndarray]  # one array, or several


class Recording:
    """Collects what a training does; `save` writes it.

    Arrays are in the canonical layout: dense kernels (d_in, d_out), convolutions (kh, kw, c_in,
    c_out), images (n, h, w, c), sequences (n, time, d). They are copied when they are given.

    X: all training rows, one array or one for each input of the model; y: their targets, None where
    the inputs are the targets. Weights and states come before the layers that have them, layers and
    steps in their own order; the other calls may come at any time. `save` says what is missing.
    """

    def __init__(
        self,
        framework: str,
        X: Given,
        y: Given | None = None,
        *,
        sample_weight: np.ndarray | None = None,
        dtype: str = "float64",
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self._X = _several(X)
        self._y = () if y is None else tuple(canonical_target(each) for each in _several(y))
        self._w = None if sample_weight is None else np.array(sample_weight)
        self._framework, self._dtype, self._versions = framework, dtype, dict(versions or {})
        self._weights: list[Weight] = []
        self._states: list[Weight] = []
        self._layers: list[LayerTrace] = []
        self._steps: list[StepTrace] = []
        self._batches: list[np.ndarray] = []
        self._facts: dict[str, list[Facts]] = {"loss": [], "optimizer": [], "schedule": []}
        self._given: dict[str, Any] = {"states": []}

    def weights(self, arrays: Mapping[str, np.ndarray], *, trainable: bool = True) -> None:
        """Add initial weights by name, in the order in which the layers run.

        A name is the layer's path and the part: "hidden.kernel", "hidden.bias".
        """
        group = 0 if trainable else -1
        self._weights += [Weight(name, np.array(w), trainable, group) for name, w in arrays.items()]

    def states(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add what layers learn without a gradient, initially: "norm.running_mean".

        Whole numbers, such as a count of batches, are recorded as floating-point ones.
        """
        kept = zip(arrays, _states(arrays.values()) or (), strict=True)
        self._states += [Weight(name, state, False) for name, state in kept]

    def loss(self, kind: str, **facts: Any) -> None:
        """Say what the loss is: "categorical cross-entropy", takes="logits"."""
        self._facts["loss"] = [_facts(kind, facts)]

    def optimizer(self, kind: str, **facts: Any) -> None:
        """Say what the optimizer is: "sgd", learning_rate=0.125, momentum=0.0."""
        self._facts["optimizer"] = [_facts(kind, facts)]

    def schedule(self, kind: str, **facts: Any) -> None:
        """Say how the learning rate changes, if it does."""
        self._facts["schedule"] = [_facts(kind, facts)]

    def layer(
        self,
        path: str,
        kind: str,
        inputs: Given,
        output: np.ndarray,
        *,
        weights: Sequence[str] = (),
        states: Sequence[str] = (),
        training: tuple[Given, np.ndarray] | None = None,
        **facts: Any,
    ) -> None:
        """Add one call of a layer on the first batch, in evaluation mode, in the order of calls.

        weights, states: the names of its own. training: its inputs and output in training mode,
        if these are others.
        """
        training_inputs, training_output = training or (inputs, output)
        self._layers.append(
            LayerTrace(
                path=path,
                facts=_facts(kind, facts),
                weights=_positions(weights, self._weights),
                states=_positions(states, self._states),
                inputs=_several(inputs),
                output=np.array(output),
                training_inputs=_several(training_inputs),
                training_output=np.array(training_output),
            )
        )

    def step(
        self,
        loss: float,
        rows: Sequence[int] | np.ndarray,
        *,
        gradients: Sequence[np.ndarray] | None = None,
        weights: Sequence[np.ndarray] | None = None,
        states: Sequence[np.ndarray] | None = None,
    ) -> None:
        """Add a step: its loss before it, its rows of X, and, of the first at least, the rest.

        gradients: of the loss, for every weight in their order. weights, states: after the step.
        Raises ValueError for rows that are not among those of X.
        """
        self._batches.append(_rows(rows, len(self._X[0])))
        kept = _copies(gradients), _copies(weights), _states(states)
        self._steps.append(StepTrace(float(loss), *kept))

    def outputs(self, before: Given, after: Given) -> None:
        """Say what the model returns for the first batch in evaluation mode.

        before, after: at the initial weights, and after the last step.
        """
        self._given["outputs"], self._given["final outputs"] = _several(before), _several(after)

    def end(self, weights: Sequence[np.ndarray], states: Sequence[np.ndarray] = ()) -> None:
        """Give the weights, and the states, after the last step."""
        self._given |= {"weights": _copies(weights), "states": _states(states)}

    def trace(self) -> Trace:
        """Return all that was given; ValueError that names what is missing."""
        self._check()
        first, rows = self._steps[0], self._batches[0]
        return Trace(
            framework=self._framework,
            dtype=self._dtype,
            versions=self._versions,
            layers=self._layers,
            weights=self._weights,
            states=self._states,
            loss=self._facts["loss"][0],
            optimizer=self._facts["optimizer"],
            schedule=next(iter(self._facts["schedule"]), None),
            outputs=self._given["outputs"],
            first_loss=first.loss,
            gradients=list(first.gradients or ()),
            steps=self._steps,
            final_weights=self._given["weights"],
            final_states=self._given["states"],
            final_outputs=self._given["final outputs"],
            inputs=tuple(array[rows] for array in self._X),
            targets=tuple(array[rows] for array in self._y),
            digests=digests_of(self._X, self._y, self._w, self._batches),
            batches=tuple(self._batches),
        )

    def save(self, path: str | Path) -> None:
        """Write the recording; raises what `trace` and `write_trace` raise."""
        write_trace(self.trace(), path)

    def _check(self) -> None:
        """ValueError if something is missing, or has not the weights' shapes."""
        missing = {
            "weights(...)": not self._weights,
            "loss(...)": not self._facts["loss"],
            "optimizer(...)": not self._facts["optimizer"],
            "step(...), the first with gradients=": not self._steps
            or self._steps[0].gradients is None,
            "outputs(...)": "outputs" not in self._given,
            "end(...)": "weights" not in self._given,
        }
        if any(missing.values()):
            calls = "; ".join(call for call, is_missing in missing.items() if is_missing)
            raise ValueError(f"the recording is not complete; call: {calls}")
        shapes = [w.values.shape for w in self._weights]
        states = [s.values.shape for s in self._states]
        for i, step in enumerate(self._steps, start=1):
            _check_shapes(f"gradients of step {i}", step.gradients, shapes)
            _check_shapes(f"weights after step {i}", step.weights, shapes)
            _check_shapes(f"states after step {i}", step.states, states)
        _check_shapes("weights at the end", self._given["weights"], shapes)
        _check_shapes("states at the end", self._given["states"], states)


def _facts(kind: str, values: dict[str, Any]) -> Facts:
    return Facts(kind, values, {name: f"{name}={value!r}" for name, value in values.items()})


def _several(given: Given) -> Arrays:
    """Return one array, or several, as copies in a tuple."""
    several = given if isinstance(given, list | tuple) else (given,)
    return tuple(np.array(each) for each in several)


def _copies(arrays: Sequence[np.ndarray] | None) -> list[np.ndarray] | None:
    return None if arrays is None else [np.array(array) for array in arrays]


def _states(arrays: Iterable[np.ndarray] | None) -> list[np.ndarray] | None:
    """Return copies, in which whole numbers and truth values are floating-point numbers."""
    if arrays is None:
        return None
    copies = [np.array(array) for array in arrays]
    return [a.astype(np.float64) if a.dtype.kind in "iub" else a for a in copies]


def _rows(given: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """Return the rows of a step; ValueError unless they are some of `count`."""
    rows = np.array(given)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows):
        raise ValueError(f"rows: expected the positions of a batch's rows, got {rows!r:.80}")
    if outside := [int(row) for row in rows if not 0 <= row < count]:
        raise ValueError(f"rows: expected positions from 0 to {count - 1} in X, got {outside[0]}")
    return rows.astype(np.int64)


def _positions(names: Sequence[str], among: list[Weight]) -> tuple[int, ...]:
    """Return the positions of names; ValueError for one that is not there."""
    known = [weight.name for weight in among]
    for name in names:
        if name not in known:
            raise ValueError(f"expected one of the names given before, {known}, got {name!r}")
    return tuple(known.index(name) for name in names)


def _check_shapes(
    what: str, arrays: Sequence[np.ndarray] | None, shapes: Sequence[tuple[int, ...]]
) -> None:
    if arrays is not None and (found := [a.shape for a in arrays]) != list(shapes):
        raise ValueError(f"{what}: expected shapes {list(shapes)}, got {found}")
