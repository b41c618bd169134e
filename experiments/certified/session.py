"""`lockstep certify`: compute the certified losses, or recompute and compare them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from math import log10
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from datasets import DataError, Policy
from experiments.certified.certificate import certify, expected_digits
from experiments.certified.lre import relative_error
from experiments.certified.problem import Problem
from experiments.certified.stored import Certificate, find, write
from experiments.harness.experiment import Experiment
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.console import make_console, make_table, progress_bar
from frameworks.errors import RequestError, choose
from frameworks.files import try_folder

__all__ = ["CertifyRequest", "certified_experiments", "difference", "run"]


@dataclass(frozen=True)
class CertifyRequest:
    """The options of `lockstep certify`."""

    experiments: tuple[str, ...]  # none: all
    policy: Policy  # auto: the stand-in, and the real data if available
    data_dir: str | None
    folder: Path  # of the certificates
    check: bool  # compare with them instead of writing them
    epochs: int | None  # the number of first epochs to check; None: all


def run(request: CertifyRequest, as_json: bool) -> int:
    """Certify or check; print a table, and return the exit code."""
    console = make_console(as_json)
    if (bits := np.finfo(np.longdouble).nmant + 1) <= 53:
        raise RequestError(
            f"np.longdouble has {bits} bits on this machine, no more than float64; "
            "certify on one where it has more, such as Linux on x86-64"
        )
    if request.epochs and not request.check:
        raise RequestError("--epochs: only a check can be of the first epochs; add --check")
    if not request.check:
        _require_folder(request.folder)
    problems = [*_problems(request, console)]
    console.print(_announcement(request, problems))
    certificates, objections = [], []
    for problem in problems:
        certificates.append(_compute(problem))
        if reason := _conclude(certificates[-1], request):
            objections.append(f"{problem.name}: {reason}")
    _show(console, certificates, objections, request.check)
    if as_json:
        fields = {"experiment", "data", "digits", "worst_error", "seconds"}
        trainings = [each.model_dump(include=fields) for each in certificates]
        print(json.dumps({"schema": 1, "trainings": trainings, "objections": objections}))
    return 1 if objections else 0


def _require_folder(folder: Path) -> None:
    """RequestError, before anything is computed, where no certificate can be written."""
    try:
        try_folder(folder)
    except OSError as error:
        raise RequestError(
            f"{folder}: cannot be written to ({error.strerror}); choose another --folder"
        ) from error


def certified_experiments() -> dict[str, Experiment]:
    """Return the experiments that have certified losses, by name."""
    return {e.name: e for e in map(find_experiment, EXPERIMENTS) if e.certified}


def difference(stored: Certificate, computed: Certificate) -> str:
    """Return where a certificate first differs from a recomputed one, perhaps of fewer epochs.

    Of several phases, it is the first that has epochs in common with a shorter training.

    Losses differ if one of their certified digits does.
    """
    n = len(computed.loss)
    if computed.trained and computed.epochs < stored.epochs:
        n = computed.trained[0]  # later phases start from a shorter one
    known = len(computed.digests.batch_order)  # of more epochs, if only the first are computed
    orders = {"batch_order": stored.digests.batch_order[:known]}
    drawn = stored.digests.model_copy(update=orders)
    for name, was, now in (
        ("data", stored.data, computed.data),
        ("seed", stored.seed, computed.seed),
        ("digests", drawn, computed.digests),
    ):
        if was != now:
            return f"{name} differ: {was} is stored, {now} is used now"
    if changed := stored.spec_changed(computed.spec):
        return f"spec differ: {changed}"
    if changed := stored.model.changed(computed.model):
        return f"model differ: {changed}"
    if changed := stored.phases_changed(computed.phases):
        return f"phases differ: {changed}"
    if stored.digits > (most := _most_digits(stored)):
        return f"digits: {stored.digits} are stored, its arithmetic gives {most}"
    whole = n == len(stored.loss) == len(computed.loss)
    if whole and stored.trained != computed.trained:
        return f"trained differ: {stored.trained} is stored, {computed.trained} is computed"
    pairs = [*zip_longest(stored.loss[:n], computed.loss[:n])]
    named = [(f"epoch {epoch}", *pair) for epoch, pair in enumerate(pairs, 1)]
    if whole and (stored.test_loss, computed.test_loss) != (None, None):
        named.append(("test loss", stored.test_loss, computed.test_loss))
    for name, c, q in named:
        if c is None or q is None or not relative_error(q, c) <= 10.0**-stored.digits:
            return f"{name}: {c} is stored, {q} is computed"
    return ""


def _most_digits(certificate: Certificate) -> int:
    """Return how many digits may be certified: of those that are written, what is expected."""
    mantissas = (loss.partition("e")[0] for loss in certificate.loss)
    written = max(len(each.replace(".", "").lstrip("-0")) for each in mantissas)
    error = certificate.worst_error.get("float64", 1.0)
    return min(expected_digits(certificate.bits, error), written)


def _problems(request: CertifyRequest, console: Console) -> Iterator[Problem]:
    """Load the requested problems; print those whose data are not available."""
    known = certified_experiments()
    for name in request.experiments:
        if name.endswith(".py"):
            raise RequestError(
                f"{name}: only experiments of the suite are certified: {', '.join(known)}"
            )
    asked = {choose("certified experiment", name, known) for name in request.experiments}
    auto = request.policy == "auto"
    policies: tuple[Policy, ...] = ("stand-in", "real") if auto else (request.policy,)
    for experiment in [known[name] for name in known if not asked or name in asked]:
        sources: set[str] = set()  # the toys are the same under every policy
        for policy in policies:
            try:
                problem = Problem.load(experiment, policy, request.data_dir, request.epochs)
            except DataError as error:
                if not auto:
                    raise
                console.print(Text(f"{experiment.name}, {policy}: left out: {error}"))
                continue
            _require_epochs(request, problem)
            if problem.data.source not in sources:
                sources.add(problem.data.source)
                yield problem


def _require_epochs(request: CertifyRequest, problem: Problem) -> None:
    """Raise RequestError for a check of more epochs than are certified."""
    name, source = problem.experiment.name, problem.data.source
    stored = find(name, source, request.folder)
    if stored is not None and (request.epochs or 0) > (
        most := max(stored.epochs, len(stored.loss))
    ):
        raise RequestError(
            f"--epochs {request.epochs:,}: {name} is certified for {most:,} epochs on {source} "
            "data; ask for no more"
        )


def _announcement(request: CertifyRequest, problems: list[Problem]) -> str:
    """Return the number of trainings, and the time that they took when they were certified."""
    seconds = 0.0
    for problem in problems:
        if stored := find(problem.experiment.name, problem.data.source, request.folder):
            whole = max(1, min(stored.epochs, len(stored.loss)))
            seconds += stored.seconds * min(1, problem.spec.epochs / whole)
    count = "1 training" if len(problems) == 1 else f"{len(problems)} trainings"
    took = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f"{count}, about {took} of computing" if seconds else count


def _compute(problem: Problem) -> Certificate:
    experiment, asked = problem.experiment, problem.spec.epochs
    total = sum(each.epochs(asked, experiment.spec.epochs) for each in experiment.all_phases)
    total = min(total, problem.first or total)
    with progress_bar() as advance:
        return certify(problem, lambda epoch: advance(problem.name, epoch, total))


def _conclude(certificate: Certificate, request: CertifyRequest) -> str:
    """Compare or write a certificate; return an objection, or an empty string."""
    worst = certificate.worst_error
    if "longdouble" in worst:
        bits = np.finfo(np.longdouble).nmant + 1
        expected = expected_digits(bits, worst["float64"])
        if not worst["longdouble"] <= 10.0**-expected:
            return f"longdouble is off by {worst['longdouble']:.1e}, expected {expected} digits"
    if not request.check:
        write(certificate, request.folder)
        return ""
    stored = find(certificate.experiment, certificate.data.source, request.folder)
    if stored is None:
        return f"nothing is stored to check; run: lockstep certify {certificate.experiment}"
    return difference(stored, certificate)


def _show(
    console: Console, certificates: list[Certificate], objections: list[str], check: bool
) -> None:
    table = make_table("experiment", "data", "epochs", "digits", "longdouble", "float64", "seconds")
    for each in certificates:
        own = {"longdouble": "itself", "float64": "itself"}
        right = {name: f"{-log10(error):.2f}" for name, error in each.worst_error.items()}
        table.add_row(
            each.experiment,
            each.data.source,
            str(len(each.loss)),
            str(each.digits),
            *(own | right).values(),
            f"{each.seconds:.1f}",
        )
    console.print(table)
    console.print("digits: certified; longdouble, float64: what NumPy gets right in that type")
    for line in objections:
        console.print(Text(f"✗ {line}", style="red"))
    done = "reproduced" if check else "written"
    console.print(f"{len(certificates) - len(objections)} of {len(certificates)} {done}.")
