"""Where two implementations of a page first differ: found, and printed."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from datasets import Policy
from experiments.harness.outcomes import Case, Outcome, Verdict
from frameworks.errors import RequestError, choose

if TYPE_CHECKING:
    from experiments.harness.experiment import Experiment
    from frameworks.diverge import Side, Walk
    from frameworks.diverge.findings import Level
    from frameworks.live.report import Report
    from frameworks.spec_values import Setting

__all__ = ["Found", "compare_page", "outcome_of"]

_STEPS = 200  # of an explanation, unless --steps is given


class Found(NamedTuple):
    """What a comparison came to, and how to print it once that is announced."""

    outcome: Outcome
    show: Callable[[], None]


def compare_page(
    heard: Callable[[], None],
    what: str,
    between: str,
    dtype: str,
    seed: int,
    settings: list[str] | None,
    epochs: int | None,
    steps: int | None,
    single_step: bool,
    explain_all: bool,
    floor: int,
    limit: int | None,
    data: Policy,
    data_dir: str | None,
    as_json: bool,
    **_others: Any,
) -> Found:
    """Compare two implementations of a page."""
    from threadpoolctl import threadpool_limits

    from experiments.harness.page_code import named
    from experiments.registry import find_experiment
    from frameworks.agreement.noise_floor import check_floor
    from frameworks.backends import BACKENDS
    from frameworks.console import progress_bar

    check_floor(floor)
    names = _two(between)
    found = find_experiment(what)
    setting = _setting(found, settings or [])
    found = found.changed(setting)
    _check(found, names, dtype)
    failure = f"comparing {' and '.join(names)} on {found.name} failed"
    # An explanation has a progress bar of its own.
    progress = nullcontext(lambda *_: None) if explain_all else progress_bar()
    with named(failure, found.source), threadpool_limits(1), progress as report:
        for name in names:
            BACKENDS[name].settled()
        from experiments.harness.phases import How
        from experiments.harness.sides import loaded_anew, sides
        from frameworks.diverge import Walk, walk
        from frameworks.diverge.repeating import refuse_unrepeated

        how = How(dtype, seed, epochs or found.spec.epochs, limit)
        walks: list[Walk] = []
        explained: list[tuple[Side, Report, list[str]]] = []

        def advance(what: str, done: float, total: float | None) -> None:
            heard()
            report(what, done, total)

        loaded = found.load_data(data, data_dir)
        anew = partial(loaded_anew, found, setting, loaded, data_dir) if found.is_users else None
        for a, b in sides(found, loaded, how, names, steps, anew):
            if explain_all:
                explained.append((a, *_explain(a, b, dtype, seed, steps or _STEPS)))
                if explained[-1][1].verdict != "same":
                    break
                continue
            walks.append(walk(a, b, steps, single_step, advance, floor))
            if walks[-1].parts:
                refuse_unrepeated(walks[-1], advance)
                break
    return _explained(found, explained, as_json) if explain_all else _found(walks, as_json)


def _explained(
    experiment: "Experiment", reports: "list[tuple[Side, Report, list[str]]]", as_json: bool
) -> Found:
    """Return what was explained, phase by phase; as JSON, of the last: they agree up to it."""
    _, last, _ = reports[-1]

    def print_it() -> None:
        if as_json:
            print(json.dumps(last.to_dict(), indent=2))
            return
        for side, report, left_out in reports:
            if experiment.phases:
                print(side.blueprint.name)
            for sentence in left_out:
                print(sentence)
            print(report)

    return Found(outcome_of(last.verdict, last.levels, last.against), print_it)


def _explain(a: "Side", b: "Side", dtype: str, seed: int, steps: int) -> "tuple[Report, list[str]]":
    """Compare the networks of two sides as models of one's own, to the last cause.

    Return also sentences on what of their trainings is left out.
    """
    from frameworks.live.entry import diverge
    from frameworks.live.model import Training
    from frameworks.program import Program

    size, opened = min(a.batch_size, len(a.rows[0])), [side.open()[1] for side in (a, b)]
    parts: list[Any] = [each.adapter.parts for each in opened]
    if any(isinstance(each, Program) for each in parts):
        raise RequestError(
            f"--explain-all remedies one network with one loss, and {a.blueprint.name} has a step "
            "of its own: without the option, the first difference is named with its cause"
        )
    options: Any = {"dtype": dtype, "seed": seed, "steps": steps, "batch_size": size}
    targets = tuple(each.batch.y for each in opened)  # in the form in which each trains on them
    augmented = [each.augment is not None for each in parts]
    if any(augmented) and not all(augmented):
        alone = (a, b)[augmented.index(True)].implementation
        raise RequestError(
            f"--explain-all trains on the rows as they are, which {alone} alone changes (augment): "
            "without the option, the first difference is named with its cause"
        )
    for each in opened:
        each.adapter.release_dropout()  # it is handed the masks of `diverge`
    ours, theirs = (Training(each.network, each.loss, each.optimizer) for each in parts)
    report = diverge(ours, theirs, opened[0].batch.X, targets, explain_all=True, **options)
    left_out = {
        "Its steps are taken without early stopping.": a.held_out is not None,
        "Its steps are taken without augment.": all(augmented),
        "Outputs are logits in one builder alone: which answers they stand for is not compared.":
            parts[0].logits != parts[1].logits,
    }  # fmt: skip
    return report, [sentence for sentence, holds in left_out.items() if holds]


def outcome_of(verdict: Verdict, levels: "Sequence[Level]", against: list[str]) -> Outcome:
    """Return the outcome of levels; the first that differs has all that went against."""
    cases, left = [], tuple(against)
    for level in levels:
        why = "no limit applies" if level.verdict == "measured" else ""
        mine = left if level.verdict == "parted" else ()
        left = () if mine else left
        cases.append(Case("levels", level.name, mine, not_judged=why))
    if left:
        cases.append(Case("levels", "single steps", left))
    return Outcome("lockstep diverge", verdict, cases, " ".join(against))


def _setting(experiment: "Experiment", settings: list[str]) -> "Setting":
    """Return other numbers for an experiment, one value each."""
    from frameworks.spec_values import parse_grid

    grid = parse_grid(experiment.spec, settings, experiment.name)
    if len(grid) > 1:
        raise RequestError(f"diverge compares one training: give one value each, not {len(grid)}")
    return grid[0]


def _two(between: str) -> list[str]:
    from frameworks.backends import BACKENDS

    names = [name.strip() for name in between.split(",")]
    if len(names) != 2:
        raise RequestError(f"--between takes two names, as in scratch,keras; got {between!r}")
    return [choose("implementation", name, BACKENDS) for name in names]


def _check(experiment: "Experiment", names: Iterable[str], dtype: str) -> None:
    """Give this process the environment that both need, before either is loaded.

    RequestError if one of them cannot train the experiment, or both not in one process.
    """
    from experiments.harness.records.environment import as_recorded, thread_variables
    from frameworks.backends import BACKENDS

    together = thread_variables(1)
    for name in names:
        backend = BACKENDS[name]
        if why := backend.cannot_train(experiment.blueprint, dtype) or backend.missing():
            raise RequestError(why)
        for variable, value in backend.variables.items():
            if together.setdefault(variable, value) != value:
                raise RequestError(
                    f"{' and '.join(names)} cannot be compared in one process: one needs "
                    f"{variable}={together[variable]}, the other {variable}={value}"
                )
    for variable in os.environ.keys() - as_recorded(os.environ).keys():
        del os.environ[variable]
    os.environ.update(together)


def _found(walks: "list[Walk]", as_json: bool) -> Found:
    """Return what was found, phase by phase."""
    from pydantic import TypeAdapter

    from frameworks.console import make_console
    from frameworks.diverge.show import Divergence, show
    from frameworks.diverge.show import as_json as document

    found = document(walks[-1])  # of several phases the last that was walked: they agree up to it

    def print_it() -> None:
        if as_json:
            print(TypeAdapter(Divergence).dump_json(found, indent=2).decode())
            return
        for done in walks:
            show(make_console(), done)

    return Found(outcome_of(found.verdict, found.levels, found.against), print_it)
