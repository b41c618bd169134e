"""What a comparison comes to, case by case."""

from experiments.harness.compare import schema
from experiments.harness.compare.views import summary
from experiments.harness.outcomes import Case, Outcome

__all__ = ["outcome_of"]


def outcome_of(comparison: schema.ComparedRuns) -> Outcome:
    """Return the outcome of `lockstep compare`: only what is worse goes against."""
    cases = []
    compared: list[schema.ComparedTraining | schema.ComparedPair] = [*comparison.trainings]
    for each in [*compared, *comparison.pairs]:
        reasons = each.reasons if isinstance(each, schema.ComparedTraining) else [each.reason]
        not_judged = "; ".join(reasons) if each.verdict == "not judged" else ""
        against = (each.sentence,) if each.verdict == "worse" else ()
        cases.append(Case(each.experiment, str(each), against, not_judged=not_judged))
    return Outcome("lockstep compare", comparison.verdict, cases, summary(comparison))
