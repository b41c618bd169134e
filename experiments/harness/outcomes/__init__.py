"""What a command comes to: one `Outcome`, from which every place that states it takes it.

The exit code, the JSON's `verdict` and `against`, the JUnit file, and what GitHub shows all follow
from it, so that they cannot contradict each other.
"""

from experiments.harness.outcomes.outcome import Case, Outcome, Verdict

__all__ = ["Case", "Outcome", "Verdict"]
