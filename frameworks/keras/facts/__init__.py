"""What Keras' layers, losses, optimizers and schedules say of themselves, in canonical terms."""

from frameworks.keras.facts.changing import set_fact, set_of_activation
from frameworks.keras.facts.layers import layer_facts
from frameworks.keras.facts.losses import loss_facts
from frameworks.keras.facts.optimizers import optimizer_facts
from frameworks.keras.facts.schedules import schedule_facts

__all__ = ["layer_facts", "loss_facts", "optimizer_facts", "schedule_facts", "set_fact"]
__all__ += ["set_of_activation"]
