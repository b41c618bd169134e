"""What became of the mutants: the scores, the table of docs/mutants.md, what is left to explain.

`survivors.toml` explains those that live on, each by its file, its line as it is, and the change:
as equivalent, where no result is different, or as accepted. An entry whose mutant is killed, or no
longer exists, is stale, and as much a failure as a survivor without an entry.
"""

import json
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

from .measurement import STORE
from .operators import Mutant, mutants
from .sampling import wilson
from .session import is_killed

PAGE = Path("docs/mutants.md")
EXPLAINED = Path(__file__).with_name("survivors.toml")
HEADING = "## Result"
COLUMNS = "mutants", "tried", "killed", "timeout", "equivalent", "accepted", "open"
SHARES = "noticed", "at first"


class Outcomes(dict):
    """What became of each (mutant, factor) tried so far, kept in a file as soon as it is known.

    `first` is what became of it the first time, before there was a test for it.
    """

    path = STORE / "outcomes.jsonl"

    def __init__(self):
        self.first = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                *mutant, factor, outcome = json.loads(line)
                self._keep(Mutant(*mutant), factor, outcome)

    def _keep(self, mutant, factor, outcome):
        self[mutant, factor] = outcome
        self.first.setdefault((mutant, factor), outcome)

    def add(self, mutant, factor, outcome):
        self._keep(mutant, factor, outcome)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([*mutant, factor, outcome], ensure_ascii=False) + "\n")

    def forget(self, mutants):
        forgotten = set(mutants)
        kept = [(*key, outcome) for key, outcome in self.items() if key[0] not in forgotten]
        self.clear()
        self.first.clear()
        self.path.unlink(missing_ok=True)
        for entry in kept:
            self.add(*entry)


class Report:
    """The counts for each group, the survivors without an entry, the entries without a survivor.

    The groups are the files, or the folders of a sample: a file's share of it would say little.
    """

    def __init__(self, files, chosen, outcomes, wide, is_sample):
        self.explained, self.outcomes, self.wide = explained(), outcomes, wide
        self.counts, self.open, alive = defaultdict(Counter), [], set()
        chosen = set(chosen)
        for mutant in (mutant for file in files for mutant in mutants_of(file)):
            counts = self.counts[_group(mutant.file, is_sample)]
            counts["mutants"] += 1
            if mutant in chosen and (mutant, 1) in outcomes:
                self._count(mutant, counts)
            if not is_killed(outcomes.get((mutant, 1))):
                alive.add(mutant.key)
        self.stale = [
            key
            for key in self.explained
            if not Path(key[0]).exists() or (key[0] in files and key not in alive)
        ]
        self.total = sum(self.counts.values(), Counter())

    def _count(self, mutant, counts):
        outcome = self.outcomes[mutant, 1]
        if is_killed(outcome):
            if widely := self.outcomes.get((mutant, self.wide)):
                counts.update({"tried wide": 1, "wide": is_killed(widely)})
        elif mutant.key in self.explained:
            outcome = self.explained[mutant.key]
        else:
            self.open.append((outcome, mutant))
            outcome = "open"
        counts.update(["tried", outcome])
        counts["at first"] += is_killed(self.outcomes.first[mutant, 1])

    @property
    def is_bad(self):
        return bool(self.open or self.stale)

    def for_terminal(self):
        """Return what is still to do, and the scores."""
        lines = [
            f"{outcome}: {m.file}, {m.function}\n  {m.text}\n  {m.change}"
            for outcome, m in self.open
        ]
        lines += [f"stale entry: {file}\n  {line}\n  {change}" for file, line, change in self.stale]
        return "\n".join([*lines, self.summary(), "", *self.table()])

    def summary(self):
        """Return the shares killed: of those tried, of the not equivalent ones, of those widely."""
        n = self.total
        share = _killed(n) / max(1, n["tried"])
        text = f"{n['tried']:,} of {n['mutants']:,} mutants tried: {share:.1%} killed; "
        text += f"without the equivalent ones {_share(n, _killed(n))}, when they were first tried "
        text += f"{_share(n, n['at first'])}."
        if n["tried wide"]:
            text += f" With tolerances 100 times as wide {n['tried wide']:,} of those killed were "
            text += f"tried once more: {n['wide'] / n['tried wide']:.1%} killed again."
        return text

    def table(self):
        """Return the lines of the table: counts and shares by group, and of all."""
        names = *COLUMNS, *SHARES
        lines = [f"| | {' | '.join(names)} |", "|---" + "|--:" * len(names) + "|"]
        for group, n in [*self.counts.items(), ("all", self.total)]:
            cells = [group, *(f"{n[name]:,}" for name in COLUMNS)]
            cells += [_share(n, _killed(n)), _share(n, n["at first"])]
            lines.append(f"| {' | '.join(cells)} |")
        return lines

    def write(self, page):
        """Write summary and table at the end of the page, below its last heading."""
        text = page.read_text(encoding="utf-8")
        head = text[: text.index(HEADING)] + HEADING
        page.write_text("\n".join([head, "", self.summary(), "", *self.table(), ""]), "utf-8")


def explained():
    """Return what `survivors.toml` says of each survivor, equivalent or accepted, by its key."""
    entries = tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).items()
    return {
        tuple(key): kind for kind, groups in entries for group in groups for key in group["mutants"]
    }


def mutants_of(file):
    """Yield the mutants of a file alone, without their trees."""
    return (mutant for mutant, _, _ in mutants(file, Path(file).read_text(encoding="utf-8")))


def _group(file, is_sample):
    path = file.removeprefix("scratch/")
    return (path.rpartition("/")[0] or "scratch") if is_sample else path


def _killed(counts):
    return counts["killed"] + counts["timeout"]


def _share(counts, killed):
    """Return the share killed of those tried that are not equivalent, and its 95 % interval."""
    n = counts["tried"] - counts["equivalent"]
    if not n:
        return "–"
    low, high = wilson(killed, n)
    return f"{killed / n:.1%} ({low:.1%} to {high:.1%})"
