"""What a training did, step by step, in terms common to all frameworks: traces, and their files."""

from frameworks.recordings.container import RecordingError
from frameworks.recordings.digests import check_rows, check_same_data, digest, digests_of
from frameworks.recordings.reading import read_trace
from frameworks.recordings.recording import Recording
from frameworks.recordings.trace import Arrays, Facts, Kept, LayerTrace, StepTrace, Trace, Weight
from frameworks.recordings.writing import write_trace

__all__ = [
    "Arrays",
    "Facts",
    "Kept",
    "LayerTrace",
    "Recording",
    "RecordingError",
    "StepTrace",
    "Trace",
    "Weight",
    "check_rows",
    "check_same_data",
    "digest",
    "digests_of",
    "read_trace",
    "write_trace",
]
