"""How far apart two implementations may be and still agree.

In float64 these limits are fixed; where a training amplifies rounding, and in float32, the noise
floor takes their place (see `noise_floor`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["FLOAT64", "ONE_BATCH", "Limits"]


@dataclass(frozen=True)
class Limits:
    """The largest distances at which two implementations still agree."""

    loss: float  # of every epoch, relative
    weight: float  # of every array at the end, relative to its largest magnitude
    test_loss: float  # relative
    predictions: int  # that differ, on the whole test set
    outputs: float  # of the test rows, relative to the largest magnitude
    arrays: Mapping[str, float] = field(default_factory=dict)  # of those below `weight`, by name

    def of_array(self, name: str) -> float:
        """Return the limit of an array at the end."""
        return self.arrays.get(name, self.weight)


# A prototype reached 4e-16: whatever exceeds these is a bug to be found, not a limit to widen. The
# outputs follow from the weights, and have their limit.
FLOAT64 = Limits(loss=1e-12, weight=1e-9, test_loss=1e-12, predictions=0, outputs=1e-9)

ONE_BATCH = 1e-12  # float64: layers, loss, gradients and the step; 4e-16 was measured
