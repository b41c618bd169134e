"""The published table: which fault was caught, at which level, and what was given as the cause."""

HEAD = """# Faults on purpose

Mistakes that people make when they write a network or port one, each planted at run time in one
implementation and held against a clean one in {dtype}. `caught` is the verdict that `lockstep run`
gives, `level` the one at which `lockstep diverge` names the first difference, `likely cause` what
it adds where a test on the numbers confirms it. Written by `{command}`; the faults are in
`tests/faults/`.
"""
COMMANDS = {
    "float64": "make faults",
    "float32": 'make faults ARGS="--faults-dtype float32 --clean-seeds 50 --faults-table '
    'docs/faults-float32.md"',
}


def to_markdown(dtype, faults, clean):
    """Return the page, in the catalogue's order.

    `faults`: (fault, verdict, level, cause); `clean`: (experiment, pair, false alarms, seeds).
    """
    caught = sum(verdict == "differ" for _, verdict, _, _ in faults)
    named = sum(level == fault.level for fault, _, level, _ in faults)
    explained = sum(bool(cause) for *_, cause in faults)
    lines = [
        HEAD.format(dtype=dtype, command=COMMANDS[dtype]),
        f"{caught} of {len(faults)} caught, {named} named at the expected level, {explained} with "
        "a likely cause.",
        "",
    ]
    for area in dict.fromkeys(fault.area for fault, *_ in faults):
        lines += [f"## {area.capitalize()}", "", "| fault | caught | level | likely cause |"]
        lines.append("|---|---|---|---|")
        for fault, verdict, level, cause in faults:
            if fault.area == area:
                yes = "yes" if verdict == "differ" else "no"
                name = f"**{fault.name}** {fault.says}"
                cells = (name, yes, level or "none", cause)
                row = " | ".join(cell.replace("|", "\\|") for cell in cells)
                lines.append(f"| {row} |")
        lines.append("")
    return "\n".join([*lines, *_false_alarms(clean)])


def _false_alarms(clean):
    if not clean:
        return []
    lines = ["## False alarms", "", "No fault planted: every level has to agree, for every seed."]
    lines += ["", "| experiment | between | seeds | false alarms |", "|---|---|---|---|"]
    lines += [f"| {name} | {pair} | {n} | {alarms} |" for name, pair, alarms, n in clean]
    return [*lines, ""]
