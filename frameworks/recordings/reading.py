"""Reading a recording: whatever is not as `docs/recordings.md` says is refused in one sentence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from frameworks.recordings.container import MAX_BYTES, RecordingError, unpack
from frameworks.recordings.container import Arrays as Named
from frameworks.recordings.digests import digest
from frameworks.recordings.strict_json import (
    Fields,
    Malformed,
    text_from_json,
    value_from_json,
)
from frameworks.recordings.trace import (
    NOISE,
    Arrays,
    Facts,
    Kept,
    LayerTrace,
    StepTrace,
    Trace,
    Weight,
)

__all__ = ["decode", "read_trace"]

_MAX_STEPS = 10**6
_MAX_LISTED = 5_000  # layers, weights or states: each is compared with each, to find its partner


def read_trace(path: str | Path) -> Trace:
    """Return the trace in a file; RecordingError if it is missing, damaged or contradicts itself.

    Nothing in the file is executed, and no array in it is trusted to have the shape that another
    asks for.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise Malformed("is no file" if path.exists() else "there is no such file")
        if path.stat().st_size > MAX_BYTES:
            raise Malformed(f"has more than {MAX_BYTES:,} bytes")
        return decode(path.read_bytes())
    except Malformed as error:
        raise RecordingError(f"{path}: {error}") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error


def decode(raw: bytes) -> Trace:
    """Return the trace in a file's bytes; Malformed if anything in it is wrong."""
    arrays, fields, version = unpack(raw)
    stored = _Stored(arrays)
    trace = _trace(fields, stored)
    fields.end()
    stored.end()
    _check(trace)
    if version == 1:
        _require_plain_dropout(trace)
    return trace


def _require_plain_dropout(trace: Trace) -> None:
    """Raise Malformed for noise that was switched off when files of version 1 were written."""
    for layer in trace.layers:
        kind, values = layer.facts.kind, layer.facts.values
        plain = kind == "dropout" and not {"whole_channels", "noise_shape"} & values.keys()
        strength = values.get("rate") or values.get("stddev")
        if kind in NOISE and strength and not plain:
            raise Malformed(f"{layer.path} drew nothing when this was recorded: record it again")


def _trace(fields: Fields, stored: "_Stored") -> Trace:
    optimizer = [_facts(item, where) for where, item in fields.items("optimizer")]
    weights = _weights(fields, "weights", stored, len(optimizer))
    states = _weights(fields, "states", stored, len(optimizer))
    return Trace(
        framework=fields.text("framework"),
        dtype=fields.text("dtype"),
        versions=fields.texts("versions"),
        layers=_layers(fields, stored, len(weights), len(states)),
        weights=weights,
        states=states,
        loss=_facts(fields.take("loss", lambda found: found), "loss"),
        optimizer=optimizer,
        schedule=fields.take("schedule", _schedule, None),
        outputs=stored.listed("outputs"),
        first_loss=float(stored.floats("first_loss", ())),
        shorter_loss=stored.number_or_none("shorter_loss"),
        shorter_gradients=stored.like_or_none("shorter_gradients", weights),
        gradients=stored.like("gradients", weights),
        steps=_steps(stored, weights, states),
        final_weights=stored.like("final.weights", weights),
        final_states=stored.like("final.states", states),
        final_outputs=stored.listed("final.outputs"),
        inputs=stored.listed("inputs"),
        targets=stored.listed("targets"),
        digests=fields.texts("digests"),
        notes=tuple(text_from_json(item) for _, item in fields.items("notes", [])),
        batches=_batches(stored),
        steps_per_epoch=fields.whole("steps_per_epoch", None, least=1),
        kept=_kept(fields, stored, weights, states),
        seed=fields.whole("seed", None),
    )


class _Stored:
    """The arrays of a file, taken one by one; what nobody takes is refused."""

    def __init__(self, arrays: Named) -> None:
        self._arrays, self._left = arrays, set(arrays)

    @property
    def names(self) -> set[str]:
        """The names of all arrays."""
        return set(self._arrays)

    def one(self, name: str) -> np.ndarray | None:
        """Return an array, or None if there is none of this name."""
        self._left.discard(name)
        return self._arrays.get(name)

    def listed(self, name: str) -> Arrays:
        """Return name.0, name.1, ..., however many there are."""
        found: list[np.ndarray] = []
        while (array := self.one(f"{name}.{len(found)}")) is not None:
            found.append(array)
        return tuple(found)

    def floats(self, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """Return an array of floating-point numbers of a shape, in which None is any length."""
        array = self.one(name)
        if array is None:
            raise Malformed(f"the array {name} is missing")
        fits = len(shape) == array.ndim and all(
            side in (None, found) for side, found in zip(shape, array.shape, strict=True)
        )
        if array.dtype.kind != "f" or not fits:
            raise Malformed(
                f"{name}: expected floating-point numbers of shape {shape}, found"
                f" {array.dtype} of shape {array.shape}"
            )
        return array

    def number_or_none(self, name: str) -> float | None:
        """Return a single floating-point number, or None if there is none of this name."""
        return float(self.floats(name, ())) if name in self._arrays else None

    def mask_or_none(self, name: str, of: str) -> np.ndarray | None:
        """Return truth values in the shape of another array, or one; None if there are none."""
        mask, array = self.one(name), self.one(of)
        if mask is None:
            return None
        shape = () if array is None else array.shape
        if mask.dtype != np.bool_ or mask.shape not in ((), shape):
            raise Malformed(
                f"{name}: expected truth values of shape () or {shape}, found {mask.dtype} of shape"
                f" {mask.shape}"
            )
        return mask

    def whole(self, name: str, least: int) -> np.ndarray:
        """Return a list of whole numbers from `least`."""
        array = self.one(name)
        if array is None or array.dtype != np.int64 or array.ndim != 1 or (array < least).any():
            raise Malformed(f"{name}: expected a list of whole numbers (int64) from {least}")
        return array

    def like(self, name: str, weights: Sequence[Weight]) -> list[np.ndarray]:
        """Return one array of every weight's shape."""
        return [self.floats(f"{name}.{i}", w.values.shape) for i, w in enumerate(weights)]

    def like_or_none(self, name: str, weights: Sequence[Weight]) -> list[np.ndarray] | None:
        """Return one array of every weight's shape, or None if there is not even the first."""
        return self.like(name, weights) if weights and f"{name}.0" in self._arrays else None

    def end(self) -> None:
        """Malformed if there are arrays that nobody has taken."""
        if self._left:
            raise Malformed(f"unknown array {ascii(min(self._left))[:80]}")


def _listed(fields: Fields, name: str) -> list[tuple[str, Any]]:
    found = list(fields.items(name, []))
    if len(found) > _MAX_LISTED:
        raise Malformed(f"{name}: expected at most {_MAX_LISTED:,}, found {len(found):,}")
    return found


def _weights(fields: Fields, name: str, stored: _Stored, groups: int) -> list[Weight]:
    found = []
    for i, (where, item) in enumerate(_listed(fields, name)):
        array = stored.one(f"{name}.{i}")
        shape = () if array is None else array.shape
        each = Fields(item, where)
        group = each.whole("group", 0, least=-1) or 0
        if group >= max(groups, 1):
            raise Malformed(f"{where}.group: the optimizer has {groups} groups, found {group}")
        weight = Weight(
            name=each.text("name"),
            values=stored.floats(f"{name}.{i}", shape),
            trainable=each.flag("trainable", True),
            group=group,
        )
        each.end()
        found.append(weight)
    return found


def _layers(fields: Fields, stored: _Stored, weights: int, states: int) -> list[LayerTrace]:
    found = []
    for i, (where, item) in enumerate(_listed(fields, "layers")):
        each = Fields(item, where)
        layer = LayerTrace(
            path=each.text("path"),
            facts=_facts(each.take("facts", lambda found: found), f"{where}.facts"),
            weights=each.positions("weights", weights),
            states=each.positions("states", states),
            inputs=stored.listed(f"layers.{i}.inputs"),
            output=stored.one(f"layers.{i}.output"),
            training_inputs=stored.listed(f"layers.{i}.training_inputs"),
            training_output=stored.one(f"layers.{i}.training_output"),
            rearranges=each.flag("rearranges", False),
            unread=stored.mask_or_none(f"layers.{i}.unread", f"layers.{i}.training_output"),
        )
        each.end()
        found.append(layer)
    return found


def _facts(found: Any, where: str) -> Facts:
    fields = Fields(found, where)
    values = fields.take("values", _values, {})
    facts = Facts(kind=fields.text("kind"), values=values, said=fields.texts("said"))
    fields.end()
    return facts


def _values(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Malformed("expected an object")
    return {text_from_json(name): value_from_json(value) for name, value in found.items()}


def _schedule(found: Any) -> Facts | None:
    return None if found is None else _facts(found, "schedule")


def _steps(stored: _Stored, weights: list[Weight], states: list[Weight]) -> list[StepTrace]:
    losses = stored.floats("losses", (None,))
    if len(losses) > _MAX_STEPS:
        raise Malformed(f"losses: expected at most {_MAX_STEPS:,}, found {len(losses):,}")
    return [
        StepTrace(
            loss=float(loss),
            gradients=stored.like_or_none(f"steps.{i}.gradients", weights),
            weights=stored.like_or_none(f"steps.{i}.weights", weights),
            states=stored.like_or_none(f"steps.{i}.states", states),
        )
        for i, loss in enumerate(losses)
    ]


def _kept(
    fields: Fields, stored: _Stored, weights: list[Weight], states: list[Weight]
) -> tuple[Kept, ...]:
    found = []
    for i, (where, item) in enumerate(_listed(fields, "kept")):
        each = Fields(item, where)
        own = (
            stored.like(f"kept.{i}.weights", weights),
            stored.like_or_none(f"kept.{i}.states", states) or [],
        )
        flags = each.flag("average", False), each.flag("moved", False)
        found.append(Kept(each.text("name"), *own, *flags))
        each.end()
    return tuple(found)


def _batches(stored: _Stored) -> Arrays:
    """Return the rows of every step, held one after another."""
    if not {"batches.rows", "batches.sizes"} & stored.names:
        return ()
    rows, sizes = stored.whole("batches.rows", 0), stored.whole("batches.sizes", 1)
    if not len(sizes) or sum(sizes.tolist()) != len(rows):
        raise Malformed("batches.sizes: their sum is not the number of batches.rows")
    return tuple(np.split(rows, np.cumsum(sizes)[:-1]))


def _check(trace: Trace) -> None:
    """Malformed if parts of a trace contradict each other."""
    if trace.dtype not in ("float64", "float32"):
        raise Malformed(f"dtype: expected float64 or float32, found {trace.dtype[:80]!r}")
    if not trace.inputs or any(array.ndim == 0 for array in (*trace.inputs, *trace.targets)):
        raise Malformed("expected inputs.0, and a row for each example in inputs and targets")
    counts = {len(array) for array in (*trace.inputs, *trace.targets)}
    if trace.batches:
        counts.add(len(trace.batches[0]))
        if len(trace.batches) != len(trace.steps):
            raise Malformed(f"has {len(trace.steps)} losses, and {len(trace.batches)} batches")
        if trace.digests.get("orders") not in (None, digest(trace.batches)):
            raise Malformed("batches.rows: the rows of the steps have not the digest of orders")
    if len(counts) > 1:
        raise Malformed("inputs, targets and the first batch do not have equally many rows")
