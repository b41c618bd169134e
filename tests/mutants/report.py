"""What became of the mutants: the scores, the table of docs/mutants.md, what is left to explain.

`survivors.toml` explains those that live on, each by its file, its line as it is, and the change:
as equivalent, where no result is different, or as accepted. An entry that fits no survivor is
stale, and as much a failure as a survivor without an entry.
"""

import json
import tomllib
from collections import Counter
from pathlib import Path

from .operators import Mutant, mutants
from .session import STORE, is_killed

PAGE = Path("docs/mutants.md")
EXPLAINED = Path(__file__).with_name("survivors.toml")
HEADING = "## Result"
COLUMNS = "mutants", "killed", "timeout", "equivalent", "accepted", "open", "tried wide", "wide"


class Outcomes(dict):
    """What became of each (mutant, factor) tried so far, kept in a file as soon as it is known."""

    path = STORE / "outcomes.jsonl"

    def __init__(self):
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                *mutant, factor, outcome = json.loads(line)
                self[Mutant(*mutant), factor] = outcome

    def add(self, mutant, factor, outcome):
        self[mutant, factor] = outcome
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([*mutant, factor, outcome], ensure_ascii=False) + "\n")

    def forget(self, files):
        kept = [(*key, outcome) for key, outcome in self.items() if key[0].file not in files]
        self.clear()
        self.path.unlink(missing_ok=True)
        for entry in kept:
            self.add(*entry)


class Report:
    """The counts for each file, the survivors without an entry, the entries without a survivor."""

    def __init__(self, files, outcomes, wide):
        explained = self.explained = {
            tuple(mutant): kind
            for kind, groups in tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).items()
            for group in groups
            for mutant in group["mutants"]
        }
        self.counts, self.open, used = {}, [], set()
        for file in files:
            counts = self.counts[file] = Counter()
            for mutant, _, _ in mutants(file, Path(file).read_text(encoding="utf-8")):
                outcome = outcomes.get((mutant, 1), "not tried")
                if not is_killed(outcome):
                    used.add(mutant.key)
                    if mutant.key not in explained:
                        self.open.append((outcome, mutant))
                    outcome = explained.get(mutant.key, "open")
                counts.update(["mutants", outcome])
                if is_killed(outcome) and (widely := outcomes.get((mutant, wide))):
                    counts.update({"tried wide": 1, "wide": is_killed(widely)})
        self.stale = [key for key in explained if key[0] in files and key not in used]
        self.total = sum(self.counts.values(), Counter())

    @property
    def is_bad(self):
        return bool(self.open or self.stale)

    def scores(self):
        """Return the shares killed: of all, of the not equivalent ones, of those tried widely."""
        n = self.total
        killed, different = n["killed"] + n["timeout"], n["mutants"] - n["equivalent"]
        return killed / n["mutants"], killed / different, n["wide"] / max(1, n["tried wide"])

    def for_terminal(self):
        """Return what is still to do, and the scores."""
        lines = [
            f"{outcome}: {m.file}, {m.function}\n  {m.text}\n  {m.change}"
            for outcome, m in self.open
        ]
        lines += [f"stale entry: {file}\n  {line}\n  {change}" for file, line, change in self.stale]
        return "\n".join([*lines, self.summary()])

    def summary(self):
        raw, after, wide = self.scores()
        return (
            f"{self.total['mutants']} mutants: {raw:.1%} killed; without the equivalent ones "
            f"{after:.1%}. With tolerances 100 times as wide {self.total['tried wide']} of those "
            f"killed were tried once more: {wide:.1%} killed again."
        )

    def write(self, page):
        """Write summary and table at the end of the page, below its last heading."""
        text = page.read_text(encoding="utf-8")
        head = text[: text.index(HEADING)] + HEADING
        lines = [self.summary(), "", f"| file | {' | '.join(COLUMNS)} |", "|---" + "|--:" * 8 + "|"]
        for file, counts in [*self.counts.items(), ("all", self.total)]:
            if counts:
                cells = [file.removeprefix("scratch/"), *(str(counts[name]) for name in COLUMNS)]
                lines.append(f"| {' | '.join(cells)} |")
        page.write_text(head + "\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
