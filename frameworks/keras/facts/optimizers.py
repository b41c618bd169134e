"""What a Keras optimizer says of itself.

The numbers are those that act: on TensorFlow, Adam rounds its betas to float32 in the bias
correction, and nowhere else; SGD rounds its momentum, and every optimizer its weight decay.
"""

from collections.abc import Callable
from typing import Any

from frameworks.keras.facts.rounding import held, rounded, words
from frameworks.keras.facts.schedules import schedule_of
from frameworks.live.stating import Entry, facts, given, number, own_kind
from frameworks.recordings.trace import Facts

__all__ = ["optimizer_facts"]

Entries = dict[str, Entry]

BEFORE = "before the bias correction"
_INSIDE = "inside the root"


def optimizer_facts(optimizer: Any) -> list[Facts]:
    """Return the facts of the optimizer's one group of weights."""
    if (inner := getattr(optimizer, "inner_optimizer", None)) is not None:  # of a loss scale
        (found,) = optimizer_facts(inner)
        scaled = "dynamic", "LossScaleOptimizer"
        entries = {name: (value, found.said[name]) for name, value in found.values.items()}
        return [facts(found.kind, entries | {"loss_scale": scaled})]
    kind = _kind(optimizer)
    entries = _common(optimizer)
    if (read := _READERS.get(_stock(optimizer))) is not None:
        entries |= read(optimizer)
    if kind == "adam" and "decoupled_decay" in entries:
        kind = "adamw"
    return [facts(kind, entries)]


def _kind(optimizer: Any) -> str:
    """Return the kind whose step the optimizer takes; a user's own step has a name of its own."""
    owner = next(cls for cls in type(optimizer).__mro__ if "update_step" in vars(cls))
    own_step = not owner.__module__.startswith("keras.")
    return own_kind(type(optimizer)) if own_step else _stock(optimizer)


def _stock(optimizer: Any) -> str:
    """Return the kind of Keras' step that the optimizer has, or would have without its own."""
    stock = (cls for cls in type(optimizer).__mro__ if cls.__module__.startswith("keras."))
    return next(cls for cls in stock if "update_step" in vars(cls)).__name__.lower()


def _common(optimizer: Any) -> Entries:
    entries: Entries = {"learning_rate": _learning_rate(optimizer)}
    if decay := optimizer.weight_decay:
        entries["decoupled_decay"] = rounded(decay), words("weight_decay", decay)
        if excluded := _excluded(optimizer):
            entries["not_decayed"] = excluded, f"exclude_from_weight_decay({excluded})"
    names = {
        "clip_value": "clipvalue",
        "clip_norm": "clipnorm",
        "clip_global_norm": "global_clipnorm",
        "loss_scale": "loss_scale_factor",
        "accumulated": "gradient_accumulation_steps",
    }
    entries |= given(optimizer, **{k: v for k, v in names.items() if getattr(optimizer, v)})
    if optimizer.use_ema:
        entries |= given(optimizer, average="ema_momentum", overwritten="ema_overwrite_frequency")
    return entries


def _excluded(optimizer: Any) -> tuple[str, ...]:
    """Return the patterns and the number of variables that do not decay."""
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    some = len(getattr(optimizer, "_exclude_from_weight_decay", ()))
    found = () if pattern is None else tuple(sorted(pattern.pattern.split("|")))
    return (*found, f"{some} variables") if some else found


def _learning_rate(optimizer: Any) -> Entry:
    """Return η at the first step; of a variable, the number that it holds."""
    schedule = schedule_of(optimizer)
    if schedule is not None:
        return number(schedule(0)), f"learning_rate={type(schedule).__name__}"
    eta = number(optimizer.learning_rate)
    return eta, held("learning_rate", eta)


def _sgd(optimizer: Any) -> Entries:
    mu = float(optimizer.momentum)
    if not mu:
        return {"momentum": (0.0, f"momentum={mu}")}
    return {
        "momentum": (rounded(mu), words("momentum", mu)),
        **given(optimizer, nesterov="nesterov"),
        "dampening": (0.0, "no dampening"),
        "rate_in_velocity": (True, "the velocity contains the learning rate"),
    }


def _adam(optimizer: Any) -> Entries:
    entries = given(optimizer, beta_1="beta_1", beta_2="beta_2", epsilon="epsilon")
    entries |= given(optimizer, amsgrad="amsgrad")
    entries["place"] = BEFORE, "√v + epsilon, " + BEFORE
    return entries | {f"correction_{n}": _corrected(n, optimizer) for n in ("beta_1", "beta_2")}


def _corrected(name: str, optimizer: Any) -> Entry:
    beta = float(getattr(optimizer, name))
    return rounded(beta), words(name, beta)


def _nadam(optimizer: Any) -> Entries:
    """NAdam rounds its betas everywhere but in the product of the momenta."""
    base = rounded(0.96)
    return {
        "beta_1": _corrected("beta_1", optimizer),
        "beta_2": _corrected("beta_2", optimizer),
        "correction_beta_1": (float(optimizer.beta_1), f"beta_1={optimizer.beta_1}"),
        **given(optimizer, epsilon="epsilon"),
        "momentum_decay": (1.0, "0.96ᵗ"),
        "momentum_base": (base, words("0.96", 0.96)),
    }


def _adamax(optimizer: Any) -> Entries:
    return {
        **given(optimizer, beta_1="beta_1", beta_2="beta_2", epsilon="epsilon"),
        "correction_beta_1": _corrected("beta_1", optimizer),
        "place": ("outside the maximum", "max(β₂ u, |g|) + epsilon"),
    }


def _rmsprop(optimizer: Any) -> Entries:
    entries = given(optimizer, rho="rho", epsilon="epsilon", centered="centered")
    entries |= given(optimizer, momentum="momentum")
    entries["place"] = _INSIDE, "√(v + epsilon)"
    if optimizer.momentum:
        entries["rate_in_velocity"] = True, "the velocity contains the learning rate"
    return entries


def _adagrad(optimizer: Any) -> Entries:
    start = optimizer.initial_accumulator_value
    return {
        **given(optimizer, epsilon="epsilon"),
        "start": (rounded(start), words("initial_accumulator_value", float(start))),
        "place": (_INSIDE, "√(s + epsilon)"),
    }


def _adadelta(optimizer: Any) -> Entries:
    return given(optimizer, rho="rho", epsilon="epsilon")


def _lion(optimizer: Any) -> Entries:
    return {name: _corrected(name, optimizer) for name in ("beta_1", "beta_2")}


_READERS: dict[str, Callable[[Any], Entries]] = {
    "sgd": _sgd,
    "adam": _adam,
    "nadam": _nadam,
    "adamax": _adamax,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "lion": _lion,
}
