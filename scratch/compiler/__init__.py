"""The compiler: plain NumPy code, noted once, planned, and repeated without the code around it."""

from scratch.compiler.seeds import StackedEpochs
from scratch.compiler.step import Parts, Step
from scratch.compiler.tracing import CannotFollow
from scratch.compiler.training import CompiledEpochs, Measured

__all__ = ["CannotFollow", "CompiledEpochs", "Measured", "Parts", "StackedEpochs", "Step"]
