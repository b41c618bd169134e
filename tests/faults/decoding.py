"""Faults in a transformer that continues sequences: what it looks at, and what its loss counts."""

from experiments import sorting_transformer as sorting
from frameworks import Parts
from frameworks.task import SEQUENCES

from .fault import fault
from .rewriting import small, write


def scratch(spec: sorting.Numbers = sorting.SPEC) -> Parts:
    return sorting.build_scratch(spec)


def pytorch(spec: sorting.Numbers = sorting.SPEC) -> Parts:
    return sorting.build_pytorch(spec)


sorted_digits = small("small_sorting", sorting, SEQUENCES, scratch=scratch, pytorch=pytorch)
ATTENTION = "forward, layer 4 (attention)"


@fault("looks ahead", "No mask: each position sees the digits that it is to name.",
       ATTENTION, sorted_digits, "scratch,pytorch",
       "pytorch attends without a mask")  # fmt: skip
def _(plant):
    write(plant, sorting.build_pytorch, {"attn_mask=self.later, ": ""})


@fault("a mask of the earlier steps", "The mask excludes what came before, not what comes after.",
       ATTENTION, sorted_digits, "scratch,pytorch",
       "a causal mask that is transposed")  # fmt: skip
def _(plant):
    write(plant, sorting.build_pytorch, {".triu(1)": ".tril(-1)"})


@fault("one head", "All 32 numbers go through a single head.",
       ATTENTION, sorted_digits, "scratch,pytorch",
       "pytorch attends with a causal mask, 1 heads")  # fmt: skip
def _(plant):
    write(
        plant,
        sorting.build_pytorch,
        {"nn.MultiheadAttention(d, heads,": "nn.MultiheadAttention(d, 1,"},
    )


@fault("no positions", "Tokens are read without the vectors of their positions.",
       "forward, layer 2", sorted_digits, "scratch,pytorch",
       "pytorch does not add the layer's weights")  # fmt: skip
def _(plant):
    write(plant, sorting.build_pytorch, {"return x + self.P": "return x"})


@fault("all positions counted", "The sum of the losses is divided by all positions.",
       "loss", sorted_digits, "scratch,pytorch",
       "pytorch has a loss averaged over all positions")  # fmt: skip
def _(plant):
    right = "super().forward(z.flatten(0, 1), y.flatten())"
    write(plant, sorting.build_pytorch, {right: f"{right} * (y != -1).double().mean()"})


@fault("targets a step late", "Position t is to name the digit of position t, not of t + 1.",
       "loss", sorted_digits, "scratch,pytorch",
       "pytorch has a loss averaged over the positions that count, with targets a")  # fmt: skip
def _(plant):
    write(plant, sorting.build_pytorch, {"y.flatten()": "y.roll(1, 1).flatten()"})


@fault("tokens never learned", "The vectors of the tokens are frozen.",
       "gradient, weights.0", sorted_digits, "scratch,pytorch",
       "pytorch has no gradient for weights.0: frozen")  # fmt: skip
def _(plant):
    write(
        plant,
        sorting.build_pytorch,
        {"Tokens(tokens, d),": "Tokens(tokens, d).requires_grad_(False),"},
    )
