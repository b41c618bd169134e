"""What a Keras loss says of itself: a name, a function or an object."""

from typing import Any

from frameworks.keras.loading import keras
from frameworks.live.stating import Entry, facts
from frameworks.recordings.trace import Facts

__all__ = ["loss_facts"]

Entries = dict[str, Entry]

_KINDS = {
    "categorical_crossentropy": "categorical cross-entropy",
    "sparse_categorical_crossentropy": "categorical cross-entropy",
    "binary_crossentropy": "binary cross-entropy",
    "categorical_focal_crossentropy": "categorical focal cross-entropy",
    "binary_focal_crossentropy": "binary focal cross-entropy",
    "mean_squared_error": "mean squared error",
    "mean_absolute_error": "mean absolute error",
    "mean_absolute_percentage_error": "mean absolute percentage error",
    "mean_squared_logarithmic_error": "mean squared logarithmic error",
    "huber": "huber",
    "kl_divergence": "kl divergence",
    "poisson": "poisson",
    "cosine_similarity": "cosine",
    "log_cosh": "log-cosh",
    "hinge": "hinge",
    "squared_hinge": "squared hinge",
    "categorical_hinge": "categorical hinge",
}
_OF_ROWS = ("categorical cross-entropy", "kl divergence", "cosine", "categorical hinge")
_CLIP = 1e-7


def loss_facts(loss: Any, logits: bool | None = None) -> Facts:
    """Return the facts of a loss.

    `logits` says whether Keras finds the logits behind the model's last activation, and computes
    the loss from them; None if it is not known. Only then are probabilities not clipped.
    """
    loss = keras.losses.get(loss)
    name, arguments = _function(loss)
    kind = _KINDS.get(name, name)
    entries: Entries = {"reduction": _reduction(kind, getattr(loss, "reduction", None))}
    if "cross-entropy" in kind:
        entries |= _cross_entropy(arguments, logits)
    if kind == "huber":
        delta = float(arguments.get("delta", 1.0))
        entries |= {"delta": (delta, f"delta={delta}"), "divisor": (1.0, "no division by δ")}
    if kind == "poisson":
        entries |= {"takes": ("rates", name), "epsilon": (_CLIP, "log(p + 1e-07)")}
    if kind == "cosine":
        entries["offset"] = 0.0, "−cos"
    if kind == "kl divergence":
        entries |= {"takes": ("probabilities", name), "clip": (_CLIP, "clipped at 1e-07")}
    for option in ("alpha", "gamma", "apply_class_balancing"):
        if "focal" in kind and option in arguments:
            entries[option] = arguments[option], f"{option}={arguments[option]}"
    return facts(kind, entries)


def _function(loss: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of the function that is computed, and its arguments."""
    if hasattr(loss, "fn"):
        return loss.fn.__name__, loss._fn_kwargs
    return getattr(loss, "__name__", type(loss).__name__), {}


def _reduction(kind: str, reduction: str | None) -> Entry:
    """Return over what is summed; a sum of Keras is one of means over the last axis."""
    said = f"reduction={reduction!r}" if reduction else "a function: the mean"
    if reduction in (None, "sum_over_batch_size", "mean"):
        return "mean", said
    if reduction == "sum" and kind not in _OF_ROWS:
        return "sum of the rows' means", f"{said}, of means over the last axis"
    return {"mean_with_sample_weight": "weighted mean"}.get(reduction, reduction), said


def _cross_entropy(arguments: dict[str, Any], logits: bool | None) -> Entries:
    from_logits = bool(arguments.get("from_logits", False))
    takes = "logits" if from_logits else "probabilities"
    smoothing = float(arguments.get("label_smoothing", 0.0))
    entries: Entries = {
        "takes": (takes, f"from_logits={from_logits}"),
        "smoothing": (smoothing, f"label_smoothing={smoothing}"),
    }
    if takes == "probabilities" and not logits:
        entries["clip"] = _CLIP, "probabilities clipped at 1e-07"
    if (ignored := arguments.get("ignore_class")) is not None:
        entries["ignored"] = ignored, f"ignore_class={ignored}"
    if (axis := arguments.get("axis", -1)) != -1:
        entries["axis"] = axis, f"axis={axis}"
    return entries
