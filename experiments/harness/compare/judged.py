"""What a comparison comes to, case by case."""

from experiments.harness.compare import schema
from experiments.harness.compare.views import summary
from experiments.harness.outcomes import Case, Outcome

__all__ = ["outcome_of"]


def outcome_of(comparison: schema.ComparedRuns) -> Outcome:
    """Return the outcome of `lockstep compare`: only what is worse goes against."""
    cases = []
    compared: list[schema.ComparedTraining | schema.ComparedPair] = [*comparison.trainings]
    lost = {str(each) for each in comparison.lost}
    for each in [*compared, *comparison.lost, *comparison.pairs]:
        reasons = each.reasons if isinstance(each, schema.ComparedTraining) else [each.reason]
        not_judged = "; ".join(reasons) if each.verdict == "not judged" else ""
        against = (each.sentence,) if each.verdict == "worse" else ()
        cases.append(Case(each.experiment, str(each), against, not_judged=not_judged))
    refused = [
        (each.training, f"not comparable: {each.reason}") for each in comparison.not_comparable
    ]
    refused += [(name, "only before") for name in comparison.only_before if name not in lost]
    refused += [(name, "only after") for name in comparison.only_after]
    for name, why in refused:
        cases.append(Case(name.partition(" ")[0], name, not_judged=why))
    return Outcome("lockstep compare", comparison.verdict, cases, summary(comparison))
