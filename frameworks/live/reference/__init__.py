"""What a layer or a loss with given facts returns, by scratch: the reference for both sides."""

from frameworks.live.reference.layers import layer_output
from frameworks.live.reference.losses import loss_value

__all__ = ["layer_output", "loss_value"]
