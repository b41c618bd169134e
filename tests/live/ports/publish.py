"""The published table: the ports, and what `diverge` says of each mistake."""

import re
from collections import Counter
from typing import NamedTuple

from frameworks.diverge.findings import Level

from .port import Mistake

__all__ = ["Said", "to_markdown"]

HEAD = """# Ports, and what goes wrong in them

Eight models, each written in Keras and in PyTorch as its users write them, and five mistakes that
people make in each. `lockstep.diverge` is asked twice: with the Keras side first, and with the
PyTorch side first. What it should name was written down before; for three of the forty the words
that count as right were widened afterwards, as the report named the mistake in others. A cause is
`right` if it names the mistake itself, `wrong` if it names anything else, and `none` if it names
nothing.
Written by `make ports`; the models and mistakes are in `tests/live/ports/`.
"""


class Said(NamedTuple):
    """What `diverge` says of a mistake."""

    port: str
    mistake: Mistake
    swapped: bool  # the PyTorch side was given first
    same: bool
    level: str
    place: str
    cause: str

    @property
    def level_is_right(self) -> bool:
        """Whether the level is the expected one, or one of them."""
        return self.level in self.mistake.level.split("|")

    @property
    def place_is_right(self) -> bool:
        """Whether the place is the expected one."""
        return re.search(self.mistake.place, self.place.lower()) is not None

    @property
    def judgement(self) -> str:
        """What the cause is: right, wrong or none."""
        if not self.cause:
            return "none"
        return "right" if re.search(self.mistake.cause, self.cause) else "wrong"


def to_markdown(ports: dict[str, tuple[int, Level, str | None]], said: list[Said]) -> str:
    """Return the page; `ports`: each port's steps, its level of losses, and why it differs."""
    lines = [HEAD, *_sum(said), "", "## The ports", "", "| port | steps | losses differ by | |"]
    lines.append("|---|---|---|---|")
    for name, (steps, level, cause) in ports.items():
        lines.append(f"| {name} | {steps} | {level.worst.error:.1e} | {cause or ''} |")
    for port in dict.fromkeys(each.port for each in said):
        heading = port[0].upper() + port[1:]  # LSTM stays as it is
        lines += ["", f"## {heading}", "", "| mistake | first | level | place | cause |"]
        lines.append("|---|---|---|---|---|")
        lines += [_row(each) for each in said if each.port == port]
    return "\n".join([*lines, ""])


def _sum(said: list[Said]) -> list[str]:
    noticed = sum(not each.same for each in said)
    levels = sum(each.level_is_right for each in said)
    places = sum(each.place_is_right for each in said)
    causes = Counter(each.judgement for each in said)
    return [
        f"Of {len(said)} questions, {noticed} were noticed, {levels} at the expected level, "
        f"{places} in the right place; the cause was right in {causes['right']}, not named in "
        f"{causes['none']}, and wrong in {causes['wrong']}."
    ]


def _row(said: Said) -> str:
    first = "PyTorch" if said.swapped else "Keras"
    cause = f"{said.judgement}: {said.cause}" if said.cause else "none"
    cells = said.mistake.name, first, said.level or "none", said.place or "none", cause
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
