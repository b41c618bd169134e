"""What PyTorch's modules, functions, losses, optimizers and schedulers say of themselves."""

from frameworks.pytorch.facts.changing import set_fact, set_of_group
from frameworks.pytorch.facts.functions import function_facts
from frameworks.pytorch.facts.layers import layer_facts
from frameworks.pytorch.facts.losses import loss_facts
from frameworks.pytorch.facts.optimizers import optimizer_facts
from frameworks.pytorch.facts.schedules import schedule_facts

__all__ = [
    "function_facts",
    "layer_facts",
    "loss_facts",
    "optimizer_facts",
    "schedule_facts",
    "set_fact",
    "set_of_group",
]
