"""The sentences of causes: which side has what, alike whichever side comes first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from frameworks.live.wording import in_words, spoken
from frameworks.recordings.trace import Facts

__all__ = ["advice", "both", "listed", "phrase"]

_ADAMS = ("adam", "adamw")


def both(names: tuple[str, str], ours: str, theirs: str) -> str:
    """Say what each side does, in the order of their names; a verb they share is said once.

    >>> both(("pytorch", "keras"), "has eps=1e-05", "has epsilon=0.001")
    'keras has epsilon=0.001, pytorch eps=1e-05'
    """
    (one, its), (other, has) = sorted(zip(names, (ours, theirs), strict=True))
    verb, _, rest = has.partition(" ")
    several = " and " in its + has
    if its.startswith(f"{verb} ") and not several:
        has = rest
    if "the bias correction" in its:
        has = has.replace("the bias correction", "it")
    separator = ";" if several or "," in its + has else ","
    return f"{one} {its}{separator} {other} {has}"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last


def phrase(facts: Facts, settings: Sequence[str], where: str = "") -> str:
    """Return what a side does by some of its settings: "has epsilon=0.001 in bn".

    >>> phrase(Facts("batch normalization"), ["statistics"], "norm")
    'normalizes, in training mode alone, with the batch statistics in norm'
    """
    rest, found = list(settings), []
    if facts.kind in _ADAMS and {"place", "epsilon"} & set(rest):
        found.append(_epsilon(facts.values))
        rest = [name for name in rest if name not in ("place", "epsilon")]
    corrections = [name for name in rest if name.startswith("correction_")]
    if facts.kind in _ADAMS and corrections:
        numbers = [f"{_BETAS[name]} = {facts.values[name]:.10g}" for name in corrections]
        found.append(f"corrects the bias with {listed(numbers)}")
        rest = [name for name in rest if name not in corrections]
    if _DECAYS.keys() & set(rest):
        found.append(_decay(facts))
        rest = [name for name in rest if name not in _DECAYS]
    found += [say(facts.values.get(name)) for name, say in _VERBS.items() if name in rest]
    rest = [name for name in rest if name not in _VERBS]
    words = dict.fromkeys(in_words(facts, name, _unstated(name)) for name in sorted(rest))
    found += [f"has {listed(list(words))}"] if words else []
    return listed(found) + (f" in {where}" if where else "")


def _unstated(name: str) -> str:
    """Return what a side has that does not state a setting.

    >>> _unstated("coupled_decay"), _unstated("padded_with")
    ('no weight decay', 'nothing that says what is padded with')
    """
    brief = spoken(name).partition(",")[0]
    return f"nothing that says {brief}" if brief.startswith(("what ", "how ")) else f"no {brief}"


_VERBS: dict[str, Callable[[Any], str]] = {
    "unbiased": lambda is_so: f"averages the {'unbiased' if is_so else 'biased'} variance",
    "other": lambda number: f"computes with {number}",
    "statistics": lambda which: (
        f"normalizes with the {which} statistics"
        if which
        else "normalizes, in training mode alone, with the batch statistics"
    ),
}
_EXACT_GELU = "write Keras' GELU as x * 0.5 * (1 + ops.erf(x * 2**-0.5)), which rounds no constant"
_BETAS = {"correction_beta_1": "β₁", "correction_beta_2": "β₂"}


_DECAYS = {"coupled_decay": "through the gradient", "decoupled_decay": "beside the gradient"}


def _decay(facts: Facts) -> str:
    """Return how the weights decay, and what was meant if the framework rounded it."""
    said = []
    for name, how in _DECAYS.items():
        words = facts.said.get(name, "")
        if facts.values.get(name):
            rounded = f" ({words})" if "rounded to" in words else ""
            said.append(f"by {facts.values[name]:.10g} {how}{rounded}")
    return f"decays the weights {listed(said)}" if said else "does not decay the weights"


def _epsilon(values: Mapping[str, Any]) -> str:
    """Return where Adam adds its ε."""
    return f"adds ε = {values['epsilon']:g} {values['place']}"


def advice(name: str, place: str, own: Facts, target: Facts, settings: Sequence[str]) -> str:
    """Return what to write on a side to get another's settings; "" where no words of its own do.

    >>> ours = Facts("dropout", {"rate": 0.5}, {"rate": "rate=0.5"})
    >>> theirs = Facts("dropout", {"rate": 0.2}, {"rate": "p=0.2"})
    >>> advice("pytorch", "drop", theirs, ours, ["rate"])
    'give drop of pytorch p=0.5'
    """
    if own.kind == "gelu" and [*settings] == ["constant"]:
        return "" if own.values.get("approximate") else _EXACT_GELU
    written = []
    for setting in settings:
        word, _, rest = own.said.get(setting, "").partition("=")
        value: Any = target.values.get(setting)
        if not word.isidentifier() or not rest or value is None or "," in rest:
            return ""
        if isinstance(value, str) and " " in value:  # our words, not the framework's
            return ""
        if setting == "keep" and (value := _momentum(own, value)) is None:
            return ""
        if own.values[setting] != target.values[setting] and rest != repr(own.values[setting]):
            if setting != "keep":  # the framework has other words for the value
                return ""
        written.append(f"{word}={value!r}")
    return f"give {place} of {name} {listed(list(dict.fromkeys(written)))}" if written else ""


def _momentum(own: Facts, keep: Any) -> float | None:
    """Return a momentum in the sense of one side: what is kept, or what is taken of the new.

    None where no number does, and where a half does not tell the sense.
    """
    if not isinstance(keep, float) or own.values["keep"] == 0.5:
        return None
    kept = own.said["keep"] == f"momentum={own.values['keep']!r}"
    return keep if kept else float(f"{1 - keep:.12g}")
