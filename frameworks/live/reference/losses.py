"""What a loss with given facts is, in plain formulas.

Those of scratch start from logits; here are also the forms that start from probabilities, clipped
as the frameworks clip them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import scratch
from frameworks.recordings.trace import Facts

__all__ = ["loss_value"]

Array = np.ndarray
Values = Mapping[str, Any]
# The losses of rows, or of elements; and the weights that their weighted mean divides by.
Parts = tuple[Array, Array | None]


def loss_value(facts: Facts, outputs: Array, targets: Array) -> float | None:
    """Return the loss; None if it cannot be expressed.

    `outputs` are canonical (n, ..., k), `targets` as `canonical_target` returns them: labels of
    classes (n, ...), or numbers shaped as the outputs but for a last axis of 1.
    """
    read = _READERS.get(facts.kind)
    if read is None or "axis" in facts.values:
        return None
    try:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            parts = read(facts.values, outputs, targets)
    except (ValueError, IndexError, KeyError):  # shapes or settings that do not fit
        return None
    return None if parts is None else _reduced(facts.values, *parts)


def _reduced(values: Values, parts: Array, weights: Array | None) -> float | None:
    reduction = values.get("reduction")
    if reduction == "mean":
        return float(parts.mean() if weights is None else parts.sum() / weights.sum())
    if reduction == "sum":
        return float(parts.sum())
    if reduction in ("sum of the rows' means", "mean of the rows' sums"):
        rows = parts.reshape(len(parts), -1)
        means = parts.mean(axis=-1) if parts.ndim > 1 else parts
        summed = reduction == "sum of the rows' means"
        return float(means.sum() if summed else rows.sum(axis=1).mean())
    return None


def _categorical(values: Values, outputs: Array, targets: Array) -> Parts | None:
    """−Σ t log p for every row, t being one-hot, smoothed and weighted class by class."""
    k = outputs.shape[-1]
    log_p = _log_probabilities(values, outputs.reshape(-1, k))
    if targets.shape == outputs.shape:
        hot, kept = targets.reshape(-1, k), None
    else:
        labels = targets.reshape(-1).astype(int)
        kept = labels != values["ignored"] if "ignored" in values else None
        hot = np.eye(k)[np.where(kept, labels, 0) if kept is not None else labels]
    smoothing = values.get("smoothing", 0.0)
    t = (1 - smoothing) * hot + smoothing / k
    weights = None if kept is None else kept.astype(float)
    if "class_weights" in values:
        v = np.asarray(values["class_weights"])
        of_rows = hot @ v
        weights = of_rows if weights is None else of_rows * weights
        t = t * v
    elif "weights_of_rows" in values:
        t = t * (hot @ np.asarray(values["weights_of_rows"]))[:, None]
    with np.errstate(invalid="ignore"):
        rows = -np.where(t != 0, t * log_p, 0.0).sum(axis=-1)
    return (rows if kept is None else rows * kept), weights


def _log_probabilities(values: Values, z: Array) -> Array:
    if values["takes"] == "log-probabilities":
        return z
    if values["takes"] == "logits":
        z = z - z.max(axis=-1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    p = z / z.sum(axis=-1, keepdims=True)
    if clip := values.get("clip"):
        p = np.clip(p, clip, 1 - clip)
    return np.log(p)


def _binary(values: Values, outputs: Array, targets: Array) -> Parts:
    """−(v₁ y log p + v₀ (1−y) log(1−p)) for every element."""
    y = _shaped(targets, outputs)
    v_0, v_1 = (1.0, 1.0)
    if len(weights := values.get("class_weights", ())) == 2:
        v_0, v_1 = weights
    smoothing = values.get("smoothing", 0.0)
    y = (1 - smoothing) * y + smoothing / 2
    if values["takes"] == "logits":
        soft = scratch.Softplus()
        return v_1 * y * soft.forward(-outputs) + v_0 * (1 - y) * soft.forward(outputs), None
    p = outputs
    if clip := values.get("clip"):
        p = np.clip(p, clip, 1 - clip)
    least = values.get("least_logarithm", -np.inf)
    first, second = (np.maximum(each, least) for each in (np.log(p), np.log1p(-p)))
    return -(v_1 * y * first + v_0 * (1 - y) * second), None


def _shaped(targets: Array, outputs: Array) -> Array:
    """Return targets shaped as the outputs, but for axes of length 1."""
    return targets.reshape(outputs.shape)


def _squared(values: Values, outputs: Array, targets: Array) -> Parts:
    e = outputs - _shaped(targets, outputs)
    return e * e, None


def _half_squared(values: Values, outputs: Array, targets: Array) -> Parts:
    return _squared(values, outputs, targets)[0] / 2, None


def _absolute(values: Values, outputs: Array, targets: Array) -> Parts:
    return np.abs(outputs - _shaped(targets, outputs)), None


def _huber(values: Values, outputs: Array, targets: Array) -> Parts:
    e, delta = np.abs(outputs - _shaped(targets, outputs)), values["delta"]
    h = np.where(e <= delta, e * e / 2, delta * e - delta * delta / 2)
    return h / values["divisor"], None


def _divergence(values: Values, outputs: Array, targets: Array) -> Parts | None:
    """Σ y log(y/p) for every row."""
    if values["reduction"] not in ("mean", "sum") or targets.shape != outputs.shape:
        return None
    p, y = outputs, targets
    if values["takes"] == "log-probabilities":
        log_p = p
    else:
        clip = values.get("clip", 0.0)
        p, y = (np.clip(each, clip, 1) if clip else each for each in (p, y))
        log_p = np.log(p)
    return np.where(y > 0, y * (np.log(np.where(y > 0, y, 1)) - log_p), 0.0).sum(-1), None


def _cosine(values: Values, outputs: Array, targets: Array) -> Parts:
    y = _shaped(targets, outputs)
    lengths = np.linalg.norm(outputs, axis=-1) * np.linalg.norm(y, axis=-1)
    return values["offset"] - (outputs * y).sum(-1) / lengths, None


def _poisson(values: Values, outputs: Array, targets: Array) -> Parts | None:
    """Each element's p − t log(p + ε); the outputs are the rates p, or their logarithms."""
    t = _shaped(targets, outputs)
    if values.get("full") or values["takes"] not in ("rates", "logarithms"):
        return None
    if values["takes"] == "logarithms":
        return np.exp(outputs) - t * outputs, None
    return outputs - t * np.log(outputs + values["epsilon"]), None


_READERS: dict[str, Callable[[Values, Array, Array], Parts | None]] = {
    "categorical cross-entropy": _categorical,
    "binary cross-entropy": _binary,
    "mean squared error": _squared,
    "half squared error": _half_squared,
    "mean absolute error": _absolute,
    "huber": _huber,
    "poisson": _poisson,
    "kl divergence": _divergence,
    "cosine": _cosine,
}
