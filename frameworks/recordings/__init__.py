"""What a training did, step by step, in terms common to all frameworks: traces, and their files."""

from frameworks.recordings.trace import Arrays, Facts, LayerTrace, StepTrace, Trace, Weight

__all__ = ["Arrays", "Facts", "LayerTrace", "StepTrace", "Trace", "Weight"]
