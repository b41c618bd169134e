"""An experiment in equations: the forward pass, the loss and the update, as its networks have them.

They are read off the objects that the page's scratch builder returns, so that they say what is
computed, not what somebody once wrote about it.
"""

from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from experiments.harness.page_code import named
from experiments.harness.phases import Phase
from experiments.harness.report.forward_equations import Equation, forward_pass
from experiments.harness.report.loss_equations import loss_equation, output_of
from experiments.harness.report.mathml import to_mathml
from experiments.harness.report.trained import Trained
from experiments.harness.report.update_equations import update
from frameworks.errors import RequestError
from frameworks.program import Parts, Program
from frameworks.spec import Spec
from frameworks.spec_values import as_setting
from scratch import Layer

__all__ = ["Block", "Built", "Group", "built", "equations", "in_equations"]


class Built(NamedTuple):
    """What the scratch builder of a page returns for one of its phases."""

    phase: Phase
    spec: Spec
    parts: Parts | Program


class Group(NamedTuple):
    """Lines under one heading, each as MathML with a note."""

    name: str
    lines: list[tuple[Markup, str]]


@dataclass(frozen=True)
class Block:
    """The equations of a training; `title` names its phases where there are several."""

    title: str
    groups: list[Group]


def equations(trained: Trained) -> list[Block]:
    """Return the equations of an experiment, one block for all phases that share them."""
    blocks: dict[str, tuple[list[str], list[Group]]] = {}
    for phase, spec, parts in built(trained):
        groups = in_equations(parts, spec)
        blocks.setdefault(str(groups), ([], groups))[0].append(phase.name)
    return [
        Block(", ".join(names) if len(blocks) > 1 else "", groups)
        for names, groups in blocks.values()
    ]


def built(trained: Trained) -> list[Built]:
    """Return what the scratch builder returns, phase by phase; nothing where it may not be called.

    What no worker has finished a training with is not built: see `Trained.not_built`.
    """
    page = trained.experiment
    if page is None or "scratch" not in page.blueprint.builders:
        return []
    if trained.not_built:
        return []
    try:
        with named(f"build_scratch() of {page.name} failed", page.source):
            page = page.changed(as_setting(trained.head.setting))
            found = []
            build, data = page.blueprint.builders["scratch"], trained.data
            for phase in page.all_phases:
                spec = phase.spec if data is None or page.phases else page.spec_for(data)
                found.append(Built(phase, spec, build(spec=spec)))
            networks = [network for each in found for network in each.parts.networks]
            return found if all(isinstance(each, Layer) for each in networks) else []
    except RequestError:
        return []  # the network is not drawn either, and the reason stands there


def in_equations(parts: Parts | Program, spec: Spec) -> list[Group]:
    """Return the equations of what a builder returned."""
    outputs = spec.outputs if isinstance(spec.outputs, int) else spec.outputs[-1]
    loss = loss_equation(parts.loss, outputs)
    output = output_of(parts.loss) if loss else "a"
    names = getattr(parts, "names", ()) or [""] * len(parts.networks)
    groups = [
        _group(f"forward pass{', ' * bool(name)}{name}", forward_pass(network, output))
        for name, network in zip(names, parts.networks, strict=True)
    ]
    if loss:
        groups.append(_group("loss", [loss]))
    elif isinstance(parts, Program):
        note = "losses and updates in an order of its own: the function step in the source"
        groups.append(Group("step", [(Markup(), note)]))
    sizes = [sum(p.size for p in network.params) for network in parts.networks]
    steps = [update(each, size) for each, size in zip(parts.optimizers, sizes, strict=False)]
    alike = [lines for i, lines in enumerate(steps) if lines not in steps[:i]]
    return groups + [_group("update, g = dL/dθ", lines) for lines in alike]


def _group(name: str, lines: list[Equation]) -> Group:
    return Group(name, [(to_mathml(line.latex), line.note) for line in lines])
