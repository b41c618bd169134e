"""What scratch's layers, losses, optimizers and schedules say of themselves."""

from frameworks.scratch.facts.layers import layer_facts
from frameworks.scratch.facts.losses import loss_facts
from frameworks.scratch.facts.optimizers import optimizer_facts, schedule_facts, set_fact

__all__ = ["layer_facts", "loss_facts", "optimizer_facts", "schedule_facts", "set_fact"]
