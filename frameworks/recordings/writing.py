"""Writing a trace into a file: see `docs/recordings.md` for every name in it."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from frameworks.files import write_whole
from frameworks.recordings.container import MAX_BYTES, Arrays, RecordingError, identity, pack
from frameworks.recordings.reading import decode
from frameworks.recordings.trace import Facts, Kept, LayerTrace, Trace, Weight

__all__ = ["write_trace"]

_NAMED = 20  # of what is left out, before the rest, which is steps, is counted


def write_trace(trace: Trace, path: str | Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Write a trace into a file of at most `max_bytes`, atomically.

    What does not fit is left out, in this order: the arrays of the last steps, those of the layers
    in training mode, those of the layers in evaluation mode, those of the first step. A UserWarning
    and the notes in the file then say what. Raises RecordingError if the rest does not fit either,
    anything has no form in the file or could not be read again, or the file cannot be written.
    """
    path = Path(path)
    try:
        arrays, left_out = _within(_essential(trace), list(_optional(trace)), max_bytes)
        document = _document(trace)
        sentence = f"left out to keep the file below {max_bytes:,} bytes: {_named(left_out)}"
        if left_out:
            document["notes"].append(sentence)
        content = pack(arrays, document)
        decode(content)
    except ValueError as error:
        raise RecordingError(f"{path}: cannot be written: {error}") from error
    if left_out:
        warnings.warn(f"{path}: {sentence}", stacklevel=2)
    try:
        write_whole(path, content)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written ({error.strerror})") from error


def _essential(trace: Trace) -> Arrays:
    """Return by name the arrays without which there is nothing to compare."""
    arrays = {
        "losses": np.array([step.loss for step in trace.steps], float),
        "first_loss": np.array(trace.first_loss, float),
    }
    if trace.shorter_loss is not None:
        arrays["shorter_loss"] = np.array(trace.shorter_loss, float)
    if trace.batches:
        arrays["batches.rows"] = np.concatenate(trace.batches).astype(np.int64)
        arrays["batches.sizes"] = np.array([len(rows) for rows in trace.batches], np.int64)
    lists: dict[str, Iterable[np.ndarray]] = {
        "inputs": trace.inputs,
        "targets": trace.targets,
        "weights": (weight.values for weight in trace.weights),
        "states": (state.values for state in trace.states),
        "outputs": trace.outputs,
        "gradients": trace.gradients,
        "final.weights": trace.final_weights,
        "final.states": trace.final_states,
        "final.outputs": trace.final_outputs,
    }
    for i, kept in enumerate(trace.kept):
        lists |= {f"kept.{i}.weights": kept.weights, f"kept.{i}.states": kept.states}
    for name, listed in lists.items():
        arrays |= _numbered(name, listed)
    return arrays


def _optional(trace: Trace) -> Iterator[tuple[str, Arrays]]:
    """Yield what may be left out, the most telling first: in words, and its arrays by name."""
    steps = [
        _numbered(f"steps.{i}.gradients", step.gradients or ())
        | _numbered(f"steps.{i}.weights", step.weights or ())
        | _numbered(f"steps.{i}.states", step.states or ())
        for i, step in enumerate(trace.steps)
    ]
    if steps:
        yield "the weights and gradients of step 1", steps[0]
    if trace.shorter_gradients:
        shorter = _numbered("shorter_gradients", trace.shorter_gradients)
        yield "the gradients of a shorter batch", shorter
    for mode, prefix in (("evaluation", ""), ("training", "training_")):
        arrays: Arrays = {}
        for i, layer in enumerate(trace.layers):
            arrays |= _numbered(f"layers.{i}.{prefix}inputs", getattr(layer, f"{prefix}inputs"))
            if (output := getattr(layer, f"{prefix}output")) is not None:
                arrays[f"layers.{i}.{prefix}output"] = np.asarray(output)
            if prefix and layer.unread is not None:
                arrays[f"layers.{i}.unread"] = layer.unread
        yield f"the layers' inputs and outputs in {mode} mode", arrays
    for i, each in enumerate(steps[1:], start=2):
        yield f"the weights and gradients of step {i}", each


def _numbered(name: str, arrays: Iterable[np.ndarray]) -> Arrays:
    return {f"{name}.{i}": np.asarray(array) for i, array in enumerate(arrays)}


def _within(
    essential: Arrays, optional: Sequence[tuple[str, Arrays]], max_bytes: int
) -> tuple[Arrays, list[str]]:
    """Return the arrays that fit into a file, and in words what is left out."""
    margin = max_bytes // 64  # for names and text
    seen: set[bytes] = set()
    free = max_bytes - margin - _new_bytes(essential, seen)
    if free < 0:
        raise ValueError(
            f"its weights, gradients, inputs and outputs take {max_bytes - margin - free:,} bytes,"
            f" and a recording may have {max_bytes:,}; use a smaller model or batch"
        )
    arrays, left_out = dict(essential), list[str]()
    for what, group in optional:
        if not group:
            continue
        needed = _new_bytes(group, seen)
        if left_out or needed > free:
            left_out.append(what)
        else:
            free -= needed
            arrays |= group
    return arrays, left_out


def _named(left_out: Sequence[str]) -> str:
    """Return what is left out as one text, of which a file holds so much."""
    more = len(left_out) - _NAMED
    return ", ".join(left_out[:_NAMED]) + (f", and {more} steps more" if more > 0 else "")


def _new_bytes(arrays: Arrays, seen: set[bytes]) -> int:
    """Return the bytes of arrays that are not among those seen, and add them to these."""
    found = {identity(array): array.nbytes for array in arrays.values()}
    new = sum(size for which, size in found.items() if which not in seen)
    seen |= found.keys()
    return new


def _document(trace: Trace) -> dict[str, Any]:
    """Return what a file says of a trace beside its arrays."""
    return {
        "framework": _text(trace.framework),
        "dtype": _text(trace.dtype),
        "versions": _texts(trace.versions),
        "layers": [_layer(layer) for layer in trace.layers],
        "weights": [_weight(weight) for weight in trace.weights],
        "states": [_weight(state) for state in trace.states],
        "loss": _facts(trace.loss),
        "optimizer": [_facts(group) for group in trace.optimizer],
        "schedule": None if trace.schedule is None else _facts(trace.schedule),
        "digests": _texts(trace.digests),
        "notes": [_text(note) for note in trace.notes],
        "steps_per_epoch": trace.steps_per_epoch,
        "seed": trace.seed,
        **({"kept": [_kept(each) for each in trace.kept]} if trace.kept else {}),
    }


def _kept(kept: Kept) -> dict[str, Any]:
    return {"name": _text(kept.name), "average": kept.average, "moved": kept.moved}


def _layer(layer: LayerTrace) -> dict[str, Any]:
    return {
        "path": _text(layer.path),
        "facts": _facts(layer.facts),
        "weights": list(layer.weights),
        "states": list(layer.states),
        "rearranges": layer.rearranges,
    }


def _weight(weight: Weight) -> dict[str, Any]:
    return {
        "name": _text(weight.name),
        "trainable": weight.trainable,
        "group": weight.group,
    }


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "kind": _text(facts.kind),
        "values": {_text(k): _value(v, f"{facts.kind}'s {k}") for k, v in facts.values.items()},
        "said": _texts(facts.said),
    }


def _texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {_text(name): _text(text) for name, text in texts.items()}


def _text(text: str) -> str:
    """Return a text on one line, with whatever does not print escaped."""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _value(value: Any, what: str) -> Any:
    """Return a setting's value as JSON holds it; ValueError if it cannot."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [_value(item, what) for item in value]
    raise ValueError(f"{what}: expected numbers, text, lists of them or None, got {value!r:.80}")
