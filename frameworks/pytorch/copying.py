"""A copy of a user's training in another dtype, all its parts still tied to each other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from frameworks.errors import RequestError
from frameworks.live.model import Training
from frameworks.live.originals import refuse_originals_within
from frameworks.live.own_steps import with_own_state
from frameworks.pytorch.clones import Clones
from frameworks.pytorch.dropout import random_numbers_kept
from frameworks.pytorch.layouts import ADD_BIASES
from frameworks.pytorch.rebuilt import pairs_of, refuse_other_weights
from frameworks.pytorch.twins import Twins

__all__ = ["Untouched", "copy_training", "modules_in", "training_begun", "unwrapped"]


_OF_OPTIMIZERS = ("param_groups", "state_dict", "load_state_dict", "register_step_pre_hook")


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside of `torch.compile` or `DataParallel`."""
    inner = getattr(model, "_orig_mod", None) or (
        model.module if isinstance(model, nn.DataParallel) else None
    )
    return model if inner is None else unwrapped(inner)


def training_begun(model: nn.Module) -> list[str]:
    """Put a model into training mode; return notes of what was given in evaluation mode.

    A model that is as a whole has only been looked at: all of it trains. Parts of one stay in it.
    """
    if not model.training:
        model.train()
        return ["the model was given in evaluation mode: all of it trains"]
    left = [(path, each) for path, each in model.named_modules() if not each.training]
    model.train()
    for _, module in left:
        module.training = False
    return [
        f"{path} stays in evaluation mode, in which it was given"
        for path, _ in left
        if not any(path.startswith(f"{other}.") for other, _ in left)
    ]


def copy_training(training: Training, dtype: torch.dtype) -> tuple[Training, Clones, list[str]]:
    """Return a copy on the CPU, in a dtype, clones in it, and notes of what works otherwise there.

    RequestError where something is missing or cannot be copied.
    """
    _require(training)
    model = unwrapped(training.model)
    loss = [*training.loss] if isinstance(training.loss, tuple) else training.loss
    originals, twins = [model, loss, training.optimizer, training.scheduler], Twins()
    try:
        with random_numbers_kept():  # a copy that is built anew draws its first weights
            pairs = pairs_of(model, twins(model), twins.known)
            twins.know(pairs)
            module, loss, optimizer, scheduler = twins(originals)
    except RequestError:
        raise
    except Exception as error:  # of whatever kind a user's object raises
        why = str(error).partition("\n")[0]
        raise RequestError(f"the PyTorch model cannot be copied: {why}") from error
    refuse_other_weights(model, training.optimizer, pairs, optimizer)
    step = with_own_state(training.step, twins)
    refuse_originals_within(training, twins.functions())
    if twins.holds_views_of(model):
        raise RequestError(
            "an optimizer, a hook or a step holds weights of the PyTorch model under another name, "
            "such as p.data, a flat buffer or an array, which those of a copy would not follow: "
            "let it hold the parameters themselves"
        )
    for parameter in module.parameters():
        parameter.stated_dtype = parameter.dtype
    twins.cast(dtype)
    module.to("cpu", dtype)
    for each in (module, *modules_in(loss)):
        each.to("cpu", dtype)
        _cast_attributes(each, dtype)
    notes = _without_inner_dropout(module)
    _fold_frozen_biases(module)
    _carry_hooks(model, module, twins)
    notes += _narrower(model, dtype)
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        notes.append("the scheduler is of another optimizer, whose learning rate it changes")
    clones = Clones(module, optimizer, twins.copied())
    copied = replace(
        training, model=module, loss=loss, optimizer=optimizer, scheduler=scheduler, step=step
    )
    return copied, clones, notes


def _require(training: Training) -> None:
    if training.loss is None and training.step is None:
        raise RequestError(
            "the PyTorch side has no loss: give Training(model, loss=nn.CrossEntropyLoss(), ...)"
        )
    if training.optimizer is None:
        raise RequestError(
            "the PyTorch side has no optimizer: give Training(model, loss=..., "
            "optimizer=torch.optim.Adam(model.parameters()))"
        )
    model = unwrapped(training.model)
    if isinstance(model, torch.jit.ScriptModule):
        raise RequestError(
            "the PyTorch model is compiled to TorchScript, whose layers cannot be watched: give "
            "the nn.Module that it was made from"
        )
    named = (*model.named_parameters(), *model.named_buffers())
    lazy = next((name for name, x in named if is_lazy(x)), None)
    if lazy is not None:
        raise RequestError(
            f"{lazy} of the PyTorch model is lazy and has no shape yet: run the model on a batch "
            "first"
        )
    if training.step is None and not any(p.requires_grad for p in model.parameters()):
        raise RequestError("the PyTorch model has no weight that is trained: all are frozen")
    if not isinstance(training.optimizer, torch.optim.Optimizer) and training.step is None:
        kind = type(training.optimizer).__name__
        raise RequestError(
            f"the optimizer of a PyTorch model is a torch.optim one, not {kind}: give the one that "
            "it wraps, with a scheduler such as LambdaLR, or a step of your own, Training(step=)"
        )
    lacking = [name for name in _OF_OPTIMIZERS if not hasattr(training.optimizer, name)]
    if lacking:
        kind = type(training.optimizer).__name__
        raise RequestError(
            f"the optimizer {kind} has no {lacking[0]}: derive it from torch.optim.Optimizer"
        )
    known = {id(p) for p in model.parameters()}
    held = [p for group in training.optimizer.param_groups for p in group["params"]]
    if held and not any(id(p) in known for p in held):
        raise RequestError(
            "the PyTorch optimizer holds none of the model's parameters: make it with "
            "model.parameters(), of the very model that is compared"
        )
    if not all("lr" in group for group in training.optimizer.param_groups):
        kind = type(training.optimizer).__name__
        raise RequestError(
            f"the optimizer {kind} has a group without a learning rate: give it one, named 'lr'"
        )
    if training.scheduler is not None and not callable(getattr(training.scheduler, "step", None)):
        kind = type(training.scheduler).__name__
        raise RequestError(
            f"the scheduler of a PyTorch model has a method step, but {kind} has none"
        )
    if training.step_on not in ("batch", "epoch"):
        raise RequestError(f"step_on must be 'batch' or 'epoch', got {training.step_on!r}")


def _carry_hooks(model: nn.Module, module: nn.Module, twins: Twins) -> None:
    """Register what a user's hooks do to gradients with a copy, whose parameters are without them.

    RequestError for hooks that run once a gradient is stored: they step the user's own optimizers.
    """
    pairs = zip(model.named_parameters(), module.parameters(), strict=True)
    for (name, own), copied in pairs:
        if getattr(own, "_post_accumulate_grad_hooks", None):
            raise RequestError(
                f"{name} has a hook that runs after its gradient is accumulated, which cannot be "
                "copied: remove it, and give Training a step that does the same"
            )
        for hook in (own._backward_hooks or {}).values():
            copied.register_hook(twins.bound(hook))


def _narrower(model: nn.Module, dtype: torch.dtype) -> list[str]:
    """Say that weights of half precision are computed with in another one."""
    dtypes = {p.dtype for p in model.parameters()} & {torch.float16, torch.bfloat16}
    names = ", ".join(sorted(str(each).removeprefix("torch.") for each in dtypes))
    wide = str(dtype).removeprefix("torch.")
    return [f"{names} is computed in {wide} throughout"] if dtypes else []


def modules_in(loss: Any) -> Iterator[nn.Module]:
    """Yield the modules among the losses, one or several."""
    for each in loss if isinstance(loss, list | tuple) else [loss]:
        if isinstance(each, nn.Module):
            yield each


def _cast_attributes(module: nn.Module, dtype: torch.dtype) -> None:
    """Cast plain tensors, which `to` does not see."""
    for each in module.modules():
        for name, value in vars(each).items():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                setattr(each, name, value.detach().to("cpu", dtype))


def _without_inner_dropout(module: nn.Module) -> list[str]:
    """Switch off dropout that draws inside of PyTorch's own kernels; return notes that say so."""
    notes = []
    for path, each in module.named_modules():
        if isinstance(each, nn.RNNBase | nn.MultiheadAttention) and each.dropout:
            notes.append(
                f"the dropout of {path}, {each.dropout:g}, is switched off, since no masks can be "
                "given to it"
            )
            each.stated_dropout, each.dropout = each.dropout, 0.0
    return notes


def _fold_frozen_biases(module: nn.Module) -> None:
    """Add a recurrent module's frozen second bias to its first: the computation is the same."""
    for each in module.modules():
        if not isinstance(each, ADD_BIASES):
            continue
        for name, second in each.named_parameters(recurse=False):
            if name.startswith("bias_hh") and not second.requires_grad:
                with torch.no_grad():
                    getattr(each, name.replace("bias_hh", "bias_ih")).add_(second)
                    second.zero_()


class Untouched:
    """The weights and buffers of a user's own model, which no training of a copy may change.

    Nor may it change their gradients, as a backward pass does that reaches them.
    """

    def __init__(self, model: nn.Module) -> None:
        named = (*model.named_parameters(), *model.named_buffers())
        self._before = [(name, x, x.detach().clone()) for name, x in named]
        self._gradients = [(name, x, _clone(x.grad)) for name, x in named if x.is_leaf]

    def check(self) -> None:
        """Raise RequestError if something has changed, and take it back."""
        changed = [each for each in self._before if not _equal(each[1].detach(), each[2])]
        reached = [each for each in self._gradients if not _same(each[1].grad, each[2])]
        with torch.no_grad():
            for _, own, before in changed:
                own.data.copy_(before)
            for _, own, gradient in reached:
                own.grad = gradient
        names = [*(each[0] for each in changed), *(f"{each[0]}.grad" for each in reached)]
        if names:
            raise RequestError(
                f"the training of a copy changes {names[0]} of the PyTorch model itself, "
                "which something reaches in a way that cannot be copied: let it use what it is "
                "called with"
            )


def _clone(gradient: torch.Tensor | None) -> torch.Tensor | None:
    return None if gradient is None else gradient.detach().clone()


def _same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    """Return whether two gradients are equal, or both are none; sparse ones are not looked at."""
    if a is None or b is None or a.is_sparse or b.is_sparse:
        return (a is None) == (b is None)
    return _equal(a.detach(), b)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.is_floating_point():
        a, b = a.nan_to_num(), b.nan_to_num()
    return torch.equal(a, b)
