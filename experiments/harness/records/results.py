"""From the records of a run to its results: everything here can be rebuilt at any time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import Any

from experiments.certified.score import score
from experiments.harness.outcomes.outcome import Case, Verdict
from experiments.harness.records.agreement import Finished, compare_all, grouping
from experiments.harness.records.models import AgreementEntry, Record, Results
from experiments.harness.records.native import compare_native, different
from experiments.harness.records.one_run import OneRun
from experiments.harness.records.store import Store, that_are_missing
from experiments.registry import EXPERIMENTS, known_experiment
from frameworks.backends import BACKENDS
from frameworks.spec import Spec
from frameworks.spec_values import as_setting, label_of, rank_of
from frameworks.task import find_task

__all__ = [
    *("DIGITS", "accepted", "asked_for", "build_results", "certified_digits"),
    *("different_predictions", "judged", "objections", "objections_to", "remarks", "verdict_on"),
]

_JUDGE = re.compile(r"-(keras-sigmoid|nudged-\d+(-again)?)($|\+)")  # see `Head.is_judge`
DIGITS = 12  # of every certified loss that a float64 training has to have right


def build_results(
    store: Store,
    margin: float | None = None,
    experiment: str | None = None,
    known: Sequence[Results] = (),
) -> Results:
    """Compare the trainings of a run, or those of one experiment.

    `margin` is that of native trainings (see `native`); None is the one that they were asked for
    with. What is `known` of an experiment of this run is taken from there: its arrays are not read
    again. What is missing is only said of the whole run. One of an older version kept no plan, and
    is taken for whole.
    """
    records, judges = store.records_and_judges()
    stored = {record.key for record in (*records, *judges)}
    built = {each.cells[0].experiment: each for each in known}
    parts, margins = [], store.plan().margins
    for name, group in groupby(sorted(records, key=_order), lambda record: record.experiment):
        if experiment in (None, name):
            beside = [judge for judge in judges if judge.ok and judge.experiment == name]
            own = margins.get(name) if margin is None else margin
            parts.append(built.get(name) or _compare(store, list(group), beside, own))
    results = Results(
        environment=parts[0].environment,
        cells=[cell for part in parts for cell in part.cells],
        agreement=[entry for part in parts for entry in part.agreement],
        native=[entry for part in parts for entry in part.native],
        missing=[] if experiment else [key for key in store.planned() if key not in stored],
        mixed=[] if experiment else _mixed(records),
        judges_failed=[] if experiment else [_failed(each) for each in judges if not each.ok],
        unplanned=store.lacks_plan() and any(record.packages_sha256 for record in records),
    )
    said = {"verdict": verdict_on(results), "against": objections(results)}
    return results.model_copy(update={} if experiment else said)


def _compare(
    store: Store, records: list[Record], judges: list[Record], margin: float | None
) -> Results:
    """Return the results of one experiment."""
    cells = [record.model_copy(update={"certified": score(record)}) for record in records]
    compared: dict[Any, tuple[list[Record], list[Record]]] = {}
    for cell in cells:
        if cell.mode == "lockstep" and cell.ok:
            compared.setdefault(grouping(cell), ([], []))[0].append(cell)
    for judge in judges:
        if grouping(judge) in compared:
            compared[grouping(judge)][1].append(judge)
    return Results(
        environment=cells[0].environment,
        cells=cells,
        # One group after the other: the arrays of all would not fit into memory.
        agreement=list(chain.from_iterable(_pairs(store, *each) for each in compared.values())),
        native=compare_native([cell for cell in cells if cell.mode == "native"], margin),
    )


def _pairs(store: Store, cells: list[Record], judges: list[Record]) -> list[AgreementEntry]:
    return compare_all(_with_arrays(store, cells), _with_arrays(store, judges))


def judged(results: Results) -> list[Case]:
    """Return everything of a run that is judged, with all that went against.

    That is a training that is missing or failed, also one that judges others, trainings that do not
    belong together, a figure out of its band, too few certified digits, and disagreement.
    """
    cases = [Case("run", "all trainings", (missing,))] if (missing := _missing(results)) else []
    if results.mixed:
        cases.append(Case("run", "one request", tuple(results.mixed)))
    if results.judges_failed:
        cases.append(Case("run", "the trainings that judge", tuple(results.judges_failed)))
    for cell in results.cells:
        name = _name(cell.implementation, cell)
        found = tuple(f"{cell.experiment}, {name}: {each}" for each in objections_to(cell))
        cases.append(Case(cell.experiment, name, found, cell.seconds.fit if cell.seconds else 0.0))
    for entry in results.agreement:
        name = _name(" and ".join(entry.pair), entry)
        line = f"{entry.experiment}, {name}: {entry.reason}"
        unknown = entry.reason or "no limit applies: no noise floor was measured"
        why = "" if entry.verdict else unknown
        found = (line,) if entry.verdict == "differ" else ()
        cases.append(Case(entry.experiment, name, found, not_judged=why))
    for each in results.native:
        name = ", ".join(filter(None, ["native", each.label]))
        cases.append(Case(each.experiment, name, tuple(different(each))))
    return cases


def _mixed(records: Sequence[Record]) -> list[str]:
    """Return which trainings of a folder are not those of one run with the first ones, and why."""
    first = OneRun(reversed(records))  # of several of a kind it keeps the last
    loaded = {_setting(each): each for each in reversed(records) if _rows(each)}
    found = (
        (record, first.unlike_others(record) or _on_other_rows(record, loaded))
        for record in records
    )
    return [
        f"{record.experiment}, {_name(record.implementation, record)}, was trained {unlike}: a "
        "folder holds the trainings of one run"
        for record, unlike in found
        if unlike
    ]


def _on_other_rows(record: Record, loaded: Mapping[tuple[str, str], Record]) -> str:
    """Say that a user's page has loaded other rows for it than for another seed; else ""."""
    known = loaded.get(_setting(record), record)
    if not _rows(record) or _rows(record) == _rows(known):
        return ""
    return f"on other rows of load() than {_name(known.implementation, known)}"


def _setting(record: Record) -> tuple[str, str]:
    return record.experiment, record.label


def _rows(record: Record) -> str:
    return record.digests.rows if record.digests else ""


def _failed(judge: Record) -> str:
    name = _name(f"{judge.implementation} {judge.mode}", judge)
    return f"{judge.experiment}, {name}, by which others are judged, failed: {judge.error}"


def _name(who: str, entry: Record | AgreementEntry) -> str:
    """Name a training or a pair within its experiment."""
    return ", ".join(filter(None, [who, entry.label, f"seed {entry.seed}"]))


def objections(results: Results) -> list[str]:
    """Return, a line each, all that went against."""
    return [line for case in judged(results) for line in case.against]


def verdict_on(results: Results) -> Verdict:
    """Return the verdict on a run; incomplete where a package is missing that it needs."""
    if any(not cell.ok and cell.missing for cell in results.cells):
        return "incomplete"
    return "failed" if objections(results) else "passed"


def asked_for(results: Results) -> int:
    """Return how many trainings were asked for, those by which others are judged aside."""
    return len(results.cells) + sum(not _JUDGE.search(key) for key in results.missing)


def _missing(results: Results) -> str:
    """Say which trainings are missing, or may be; or return an empty string."""
    if results.unplanned:
        return (
            "no plan.json says which trainings were asked for, so that some may be missing; "
            "repeat the commands that asked for them"
        )
    return that_are_missing(results.missing) if results.missing else ""


def objections_to(cell: Record) -> list[str]:
    """Return what went against in one training."""
    if not cell.ok:
        return [f"failed: {cell.error}"]
    found = []
    if accepted(cell) is False:
        assert cell.acceptance is not None
        metric = find_task(cell.task).headline
        low, high = (format(x, ".8g") for x in cell.acceptance)
        value = _number(cell.headline, metric.form)
        found.append(f"{metric.title} {value}, expected {low} to {high}")
    digits, where = certified_digits(cell) or (DIGITS, "")
    if digits < DIGITS:
        found.append(f"{where}: {digits:.2f} certified digits, expected {DIGITS}")
    return found


def remarks(cells: Sequence[Record], agreement: Sequence[AgreementEntry]) -> Iterator[str]:
    """Yield what there is to know of the verdicts: certificates and limits that do not hold."""
    own = [cell for cell in cells if not cell.setting]
    outdated = {cell.certified.outdated: None for cell in own if cell.certified}
    for change in filter(None, outdated):
        yield f"the page has changed since it was certified ({change}): no digits are counted"
    if words := _unpublished(cells):
        yield words
    for entry in agreement:
        if entry.verdict != "differ" and entry.reason:
            which = ", ".join(filter(None, [" - ".join(entry.pair), entry.label]))
            yield f"{which}, seed {entry.seed}: {entry.reason}"


def _unpublished(cells: Sequence[Record]) -> str:
    """Say of changed trainings that what their page publishes is not about them."""
    page = known_experiment(cells[0].experiment) if cells else None
    changed = {} if page is None else {k: v for cell in cells for k, v in _changed(cell, page.spec)}
    if page is None or not changed:
        return ""
    about = ["what the page says", *[f"its expected {page.task.headline.title}"] * bool(page.band)]
    about += ["its certificate"] * bool(page.certified)
    of_page = " and ".join(filter(None, [", ".join(about[:-1]), about[-1]]))
    hold = "holds" if len(about) == 1 else "hold"
    return f"judged by agreement alone: {of_page} {hold} for its own {label_of(changed)}"


def _changed(cell: Record, own: Spec) -> list[tuple[str, object]]:
    """Return what the page has where a number was set that is not the page's own."""
    numbers = [(name, getattr(own, name, None), value) for name, value in as_setting(cell.setting)]
    return [(name, mine) for name, mine, value in numbers if mine != value]


def accepted(cell: Record) -> bool | None:
    """Say whether a training's headline figure is in its band; None where it has none."""
    if cell.acceptance is None or not cell.ok:
        return None
    (low, high), value = cell.acceptance, cell.headline
    return value is not None and low <= value <= high


def certified_digits(cell: Record) -> tuple[float, str] | None:
    """Return the fewest digits of a certified loss that a training has right, and of which loss."""
    certified = cell.certified
    if certified is None or certified.worst_lre is None:
        return None
    scores = [(certified.worst_lre, f"epoch {certified.worst_epoch}")]
    if certified.test_lre is not None:
        scores.append((certified.test_lre, "test loss"))
    return min(scores)


def different_predictions(entries: Sequence[AgreementEntry]) -> tuple[int, int] | None:
    """Count the predictions that differ over all pairs, and all that were compared.

    None where the task has no answers: outputs are compared there.
    """
    counts = [entry.prediction_mismatches for entry in entries]
    if None in counts:
        return None
    return sum(filter(None, counts)), sum(entry.n_predictions for entry in entries)


def _with_arrays(store: Store, records: list[Record]) -> list[Finished]:
    return [Finished.of(record, store.arrays_of(record)) for record in records]


def _order(record: Record) -> tuple[Any, ...]:
    """Order as the lists of experiments and implementations do; unknown names come last."""

    def position(name: str, known: Any) -> tuple[int, str]:
        return ([*known].index(name) if name in known else len(known), name)

    return (
        position(record.experiment, EXPERIMENTS),
        record.dtype,
        rank_of(record.setting),
        record.seed,
        position(record.implementation, BACKENDS),
    )


def _number(value: float | None, form: str) -> str:
    return "nan" if value is None else format(value, form)
