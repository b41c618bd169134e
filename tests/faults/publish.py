"""The published table: which fault was caught, where, and whether the cause named is right."""

from collections import Counter

HEAD = """# Faults on purpose

Mistakes that people make when they write a network or port one, each planted at run time in one
implementation and held against a clean one in {dtype}. `caught` is the verdict that `lockstep run`
gives, `place` where `lockstep diverge` names the first difference. `cause` judges the likely cause
that it adds where a test on the numbers confirms one: `right`, `symptom` if it is true and follows
from the fault, `none`, or `wrong`. Each pair is compared in both orders, and the worse of the two
counts. Written by `{command}`; the faults are in `tests/faults/`.
"""
COMMANDS = {
    "float64": "make faults",
    "float32": 'make faults ARGS="--faults-dtype float32 --clean-seeds 50 --faults-table '
    'docs/faults-float32.md"',
}
JUDGED = ("right", "symptom", "none", "wrong")


def to_markdown(dtype, faults, clean):
    """Return the page, in the catalogue's order.

    `faults`: (fault, verdict, level, place, judged, cause); `clean`: (experiment, pair, false
    alarms, seeds).
    """
    lines = [HEAD.format(dtype=dtype, command=COMMANDS[dtype]), *_summary(faults), ""]
    for area in dict.fromkeys(fault.area for fault, *_ in faults):
        lines += [f"## {area.capitalize()}", ""]
        lines += ["| fault | caught | place | cause | named |", "|---|---|---|---|---|"]
        for fault, verdict, level, place, judged, cause in faults:
            if fault.area == area:
                yes = "yes" if verdict == "differ" else "no"
                name = f"**{fault.name}** {fault.says}"
                cells = (name, yes, f"{level}: {place}" if level else "none", judged, cause)
                row = " | ".join(cell.replace("|", "\\|") for cell in cells)
                lines.append(f"| {row} |")
        lines.append("")
    return "\n".join([*lines, *_false_alarms(clean)])


def _summary(faults):
    """Count what was caught, where it was named, and how the causes are judged."""
    caught = sum(verdict == "differ" for _, verdict, *_ in faults)
    levels = sum(level == fault.level for fault, _, level, *_ in faults)
    places = sum(
        level == fault.level and fault.place in place for fault, _, level, place, *_ in faults
    )
    judged = Counter(each[4] for each in faults)
    n = len(faults) or 1  # only clean seeds were asked for
    yield f"{caught} of {len(faults)} caught, {levels} named at the right level,"
    yield f"{places} at the right place."
    shares = (f"{kind} {judged[kind]} ({judged[kind] / n:.0%})" for kind in JUDGED)
    yield f"Causes: {', '.join(shares)}."


def _false_alarms(clean):
    if not clean:
        return []
    lines = ["## False alarms", "", "No fault planted: every level has to agree, for every seed."]
    lines += ["", "| experiment | between | seeds | false alarms |", "|---|---|---|---|"]
    lines += [f"| {name} | {pair} | {n} | {alarms} |" for name, pair, alarms, n in clean]
    return [*lines, ""]
