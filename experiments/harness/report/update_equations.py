"""The optimizers of `scratch` as equations: one step, from g = dL/dθ to the new θ."""

from collections.abc import Callable
from typing import Any

from experiments.harness.report.forward_equations import Equation
from scratch import optimizers as kinds
from scratch import schedules
from scratch.optimizers.optimizer import Wrapper

__all__ = ["update"]

Lines = list[str]

_ADAM_MEAN = "m ← β_1 m + (1 - β_1) g"
_ADAM_SQUARE = "v ← β_2 v + (1 - β_2) g^2"
_HATS = r"\hat{m} = \frac{m}{1 - β_1^t},  \hat{v} = \frac{v}{1 - β_2^t}"
_NAMES = {
    **{"eta": "η", "beta_1": "β₁", "beta_2": "β₂", "rho": "ρ", "mu": "μ", "tau": "τ"},
    **{"psi": "ψ", "weight_decay": "λ", "limit": "c", "epsilon": "ε"},
}


def update(optimizer: Any, parameters: int = 0) -> list[Equation]:
    """Return the lines of one step, those of wrappers first; the last one says the numbers.

    `parameters`: how many there are; where all of them are trained, none need be called frozen.

    >>> for line in update(kinds.SGD(0.1, momentum=0.9)):
    ...     print(line.latex, "|", line.note)
    v ← μ v + g | the first v is g
    θ ← θ - η v | η = 0.1, μ = 0.9
    """
    lines: list[Equation] = []
    while isinstance(optimizer, Wrapper) and type(optimizer) in _WRAPPERS:
        if not (isinstance(optimizer, kinds.TrainOnly) and len(optimizer.trained) == parameters):
            lines.append(Equation(_WRAPPERS[type(optimizer)](optimizer), _about(optimizer)))
        if isinstance(optimizer, kinds.Scheduled):
            return [*lines, *_own(optimizer.optimizer, scheduled=True)]
        optimizer = optimizer.optimizer
    return [*lines, *_own(optimizer)]


def _own(optimizer: Any, scheduled: bool = False) -> list[Equation]:
    """Return the lines of what is in known wrappers, or of one that a page has written."""
    if type(optimizer) in _WRAPPERS:
        return update(optimizer)
    steps = _STEPS.get(type(optimizer))
    if steps is None:
        name = type(optimizer).__name__
        return [Equation(rf"θ ← \op{{{name}}}(θ, g)", f"{name}: an optimizer of this page")]
    *first, last = steps(optimizer)
    start = {"v ← μ v + g": "the first v is g"}
    numbers = _numbers(optimizer, {"eta"} if scheduled else set())
    return [*(Equation(line, start.get(line, "")) for line in first), Equation(last, numbers)]


def _numbers(optimizer: Any, without: set[str]) -> str:
    """Return the numbers of an optimizer in its symbols.

    >>> _numbers(kinds.Adam.keras(0.002), set())
    'η = 0.002, β₁ = 0.9, β₂ = 0.999, ε̂ = 1e-07'
    """
    said = []
    for name, symbol in _NAMES.items():
        value = getattr(optimizer, name, None)
        if value is None or name in without or (not value and name != "epsilon"):
            continue
        hat = "̂" if name == "epsilon" and getattr(optimizer, "epsilon_hat", False) else ""
        said.append(f"{symbol}{hat} = {value:.6g}")
    return ", ".join(said)


def _about(wrapper: Any) -> str:
    if isinstance(wrapper, kinds.Scheduled):
        per = "the number of the step" if wrapper.every == 1 else "the number of the epoch"
        return f"k = 0, 1, 2, ...: {per}"
    if isinstance(wrapper, kinds.TrainOnly):
        return "all others are frozen"
    return _numbers(wrapper, {"eta"})


def _sgd(o: kinds.SGD) -> Lines:
    rate, g = ("", "η g") if o.rate_in_velocity else ("η ", "g")
    if not o.mu:
        return ["θ ← θ - η g"]
    share = "(1 - τ) g" if o.tau else g
    moved = f"({g} + μ v)" if o.nesterov else "v"
    return [f"v ← μ v + {share}", f"θ ← θ - {rate}{moved}"]


def _adam(o: kinds.Adam) -> Lines:
    if o.epsilon_hat:
        rate = r"\frac{\sqrt{1 - β_2^t}}{1 - β_1^t}"
        return [
            _ADAM_MEAN,
            _ADAM_SQUARE,
            rf"θ ← θ - η {rate} · \frac{{m}}{{\sqrt{{v}} + \hat{{ε}}}}",
        ]
    return [_ADAM_MEAN, _ADAM_SQUARE, _HATS, r"θ ← θ - η \frac{\hat{m}}{\sqrt{\hat{v}} + ε}"]


def _amsgrad(o: kinds.AMSGrad) -> Lines:
    mean, square, *_ = _adam(o)
    largest = r"u ← \op{max}(u, v)"
    rate = r"\frac{\sqrt{1 - β_2^t}}{1 - β_1^t}"
    epsilon = r"\hat{ε}" if o.epsilon_hat else r"ε \sqrt{1 - β_2^t}"
    return [mean, square, largest, rf"θ ← θ - η {rate} · \frac{{m}}{{\sqrt{{u}} + {epsilon}}}"]


def _rmsprop(o: kinds.RMSprop) -> Lines:
    lines = ["v ← ρ v + (1 - ρ) g^2"]
    spread = "v"
    if o.centered:
        lines.append(r"\bar{g} ← ρ \bar{g} + (1 - ρ) g")
        spread = r"v - \bar{g}^2"
    root = rf"\sqrt{{{spread} + ε}}" if o.epsilon_in_root else rf"\sqrt{{{spread}}} + ε"
    scaled = rf"\frac{{g}}{{{root}}}"
    if not o.mu:
        return [*lines, f"θ ← θ - η {scaled}"]
    inside, outside = ("η ", "") if o.rate_in_velocity else ("", "η ")
    return [*lines, f"b ← μ b + {inside}{scaled}", f"θ ← θ - {outside}b"]


def _adagrad(o: kinds.Adagrad) -> Lines:
    root = r"\sqrt{s + ε}" if o.epsilon_in_root else r"\sqrt{s} + ε"
    return ["s ← s + g^2", rf"θ ← θ - η \frac{{g}}{{{root}}}"]


def _adadelta(o: kinds.Adadelta) -> Lines:
    return [
        "v ← ρ v + (1 - ρ) g^2",
        r"Δ = \frac{\sqrt{u + ε}}{\sqrt{v + ε}} g",
        "u ← ρ u + (1 - ρ) Δ^2",
        "θ ← θ - η Δ",
    ]


def _adamax(o: kinds.Adamax) -> Lines:
    norm, bottom = ("|g| + ε", "u") if o.epsilon_in_norm else ("|g|", "u + ε")
    step = rf"θ ← θ - \frac{{η}}{{1 - β_1^t}} · \frac{{m}}{{{bottom}}}"
    return [_ADAM_MEAN, rf"u ← \op{{max}}(β_2 u, {norm})", step]


def _nadam(o: kinds.NAdam) -> Lines:
    ahead = r"\frac{μ_{t+1} m}{1 - Π_{t+1}} + \frac{(1 - μ_t) g}{1 - Π_t}"
    return [
        _ADAM_MEAN,
        _ADAM_SQUARE,
        rf"\hat{{m}} = {ahead},  \hat{{v}} = \frac{{v}}{{1 - β_2^t}}",
        r"θ ← θ - η \frac{\hat{m}}{\sqrt{\hat{v}} + ε}",
    ]


def _lamb(o: kinds.LAMB) -> Lines:
    return [
        _ADAM_MEAN,
        _ADAM_SQUARE,
        rf"{_HATS},  u_j = (\frac{{\hat{{m}}}}{{\sqrt{{\hat{{v}}}} + ε}} + λ θ)_j",
        r"θ_j ← θ_j - η \frac{‖θ_j‖}{‖u_j‖} u_j",
    ]


def _lion(o: kinds.Lion) -> Lines:
    return [
        "c = β_1 m + (1 - β_1) g",
        r"m ← β_2 m + (1 - β_2) g",
        r"θ ← θ - η \op{sign}(c)",
    ]


def _schedule(o: kinds.Scheduled) -> str:
    match o.schedule:
        case schedules.ConstantRate(start=start):
            return f"η = {_number(start)}"
        case schedules.StepRate(start=start, factor=factor, size=size):
            return f"η = {_number(start)} · {_number(factor)}^{{⌊k / {size}⌋}}"
        case schedules.ExponentialRate(start=start, factor=factor, size=size):
            return f"η = {_number(start)} · {_number(factor)}^{{k / {_number(size)}}}"
        case schedules.InverseTimeRate(start=start, decay=decay, size=size):
            return rf"η = \frac{{{_number(start)}}}{{1 + {_number(decay)} k / {_number(size)}}}"
        case schedules.CosineRate(start=start, size=size, end=end):
            half = rf"\frac{{1}}{{2}} ({_number(start)} - {_number(end)})"
            return rf"η = {_number(end)} + {half} (1 + \op{{cos}}(π k / {size}))"
    name = getattr(o.schedule, "__name__", type(o.schedule).__name__)
    return rf"η = \op{{{name}}}(k)"


def _number(value: float) -> str:
    """Return a number in the notation of `mathml`.

    >>> _number(0.0010000000474974513), _number(2e-5)
    ('0.001', '2 · 10^{-5}')
    """
    digits, _, power = f"{value:.6g}".partition("e")
    return f"{digits} · 10^{{{int(power)}}}" if power else digits


_WRAPPERS: dict[type, Callable[[Any], str]] = {
    kinds.Scheduled: _schedule,
    kinds.TrainOnly: lambda o: r"θ, g \text{: those of the trained layers}",
    kinds.ClipNorm: lambda o: r"g ← g · \op{min}(1, \frac{c}{‖g‖})",
    kinds.ClipEachNorm: lambda o: r"g_j ← g_j · \op{min}(1, \frac{c}{‖g_j‖})",
    kinds.ClipValue: lambda o: r"g ← \op{min}(\op{max}(g, -c), c)",
    kinds.CoupledWeightDecay: lambda o: "g ← g + λ θ",
    kinds.DecoupledWeightDecay: lambda o: "θ ← θ - η λ θ",
    kinds.AdamW: lambda o: "θ ← θ - η λ θ",
}
_STEPS: dict[type, Callable[[Any], Lines]] = {
    kinds.SGD: _sgd,
    kinds.Adam: _adam,
    kinds.AMSGrad: _amsgrad,
    kinds.RMSprop: _rmsprop,
    kinds.Adagrad: _adagrad,
    kinds.Adadelta: _adadelta,
    kinds.Adamax: _adamax,
    kinds.NAdam: _nadam,
    kinds.LAMB: _lamb,
    kinds.Lion: _lion,
}
