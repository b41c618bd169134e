"""The numbers of a training under the names that the field has for them."""

from typing import Any

from experiments.harness.report.trained import Trained

__all__ = ["hyperparameters"]

_NAMES = {
    "hidden": "hidden units",
    "beta_1": "β₁",
    "beta_2": "β₂",
    "epsilon_hat": "ε̂",
    "norm_epsilon": "ε of layer normalisation",
    "halve_every": "learning rate halved every",
    "drop_inputs": "dropout of inputs",
    "drop_hidden": "dropout of hidden units",
    "patience": "early stopping after",
    "pixels": "random shifts up to",
    "frozen": "transferred layers",
    "shuffle": "rows",
    "steps": "time steps",
    "heads": "attention heads",
}
_UNITS = {"halve_every": "steps", "patience": "epochs without improvement", "pixels": "pixels"}
_OPTIONAL = ("halve_every", "drop_inputs", "drop_hidden", "patience", "pixels", "frozen")  # 0: off
_SWITCHES = {"shuffle": ("in order", "shuffled every epoch"), "frozen": ("trained", "frozen")}


def hyperparameters(trained: Trained) -> list[tuple[str, str]]:
    """Return each number's name and value; what is switched off, or has no effect, is left out.

    The page's own numbers only: older records hold those of every page. A user's page has its own
    names, which stay as they are.
    """
    head, page = trained.head, trained.experiment
    is_ours = page is not None and not page.is_users
    rows = max((each.record.n_train or 0 for each in trained.done), default=0)
    is_full = 0 < rows <= head.spec.batch_size
    shown = []
    for name, value in head.spec.items().items():
        is_set = name in head.setting
        without_effect = name == "shuffle" and is_full
        if (page and not hasattr(page.spec, name)) or (without_effect and not is_set):
            continue
        if is_ours and name in _OPTIONAL and not value and not is_set:
            continue
        known = name if is_ours or name == "shuffle" else ""
        text = "several" if trained.sweep and is_set else _text(known, value)
        text += " (full batch)" if name == "batch_size" and is_full else ""
        shown.append((_NAMES.get(known, name.replace("_", " ")), text))
    return shown


def _text(name: str, value: Any) -> str:
    """Format a number in the digits that were meant, not in those of float32.

    >>> _text("learning_rate", 0.0010000000474974513), _text("hidden", [6, 6]), _text("layers", [])
    ('0.001', '6, 6', 'none')
    >>> _text("halve_every", 1875), _text("shuffle", True), _text("bias", False)
    ('1,875 steps', 'shuffled every epoch', 'no')
    """
    if isinstance(value, bool):
        return _SWITCHES.get(name, ("no", "yes"))[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return f"{text} {_UNITS[name]}" if name in _UNITS else text
