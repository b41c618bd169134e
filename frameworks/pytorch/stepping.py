"""One step of a live PyTorch training, as the user's own loop takes it."""

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from frameworks.errors import RequestError
from frameworks.live.model import Training
from frameworks.pytorch.hooks import noting_gradients
from frameworks.pytorch.user_code import compute_loss, differentiate, reason, run_model

__all__ = ["Modes", "OwnStep", "Snapshot", "set_modes", "step_schedule", "take_step"]

Tensors = Sequence[torch.Tensor]
Modes = Sequence[tuple[nn.Module, bool]]  # whether each module trains


def take_step(training: Training, X: Tensors, y: Tensors, w: torch.Tensor | None) -> float:
    """Take one optimizer step, and one of the schedule if it follows batches; return the loss.

    The model is in the mode in which it begins to train, or in which the latest step has left it.
    """
    network, optimizer = training.model, training.optimizer
    if training.step is not None:
        inputs, targets = (each[0] if len(each) == 1 else tuple(each) for each in (X, y))
        try:
            value = training.step(network, optimizer, training.loss, inputs, targets)
        except RequestError:
            raise
        except Exception as error:  # of whatever kind the user's function raises
            raise RequestError(f"the step of the PyTorch side fails: {reason(error)}") from error
    else:
        losses: list[torch.Tensor] = []

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            losses.append(compute_loss(training.loss, run_model(network, X), y, w))
            differentiate(losses[-1])
            return losses[-1]

        try:
            if isinstance(optimizer, torch.optim.LBFGS):  # which calls it as often as it likes
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
        except RequestError:
            raise
        except Exception as error:  # of whatever kind an optimizer raises
            raise RequestError(
                f"the optimizer of the PyTorch side fails: {reason(error)}"
            ) from error
        value = losses[0]
    try:
        loss = float(value.detach() if isinstance(value, torch.Tensor) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        returned = type(value).__name__
        raise RequestError(f"the step must return the loss, but returned {returned}") from error
    if training.step_on == "batch":
        step_schedule(training.scheduler, loss)
    return loss


@dataclass(frozen=True)
class Snapshot:
    """Everything that a step changes, as it was at one moment."""

    tensors: list[tuple[torch.Tensor, torch.Tensor]]  # parameters and buffers
    gradients: list[tuple[nn.Parameter, torch.Tensor | None]]
    states: list[tuple[Any, Any, list[Any]]]  # of the optimizer and the schedule, and its groups
    modes: Modes

    @classmethod
    def of(cls, training: Training) -> "Snapshot":
        """Copy the state of a training."""
        module = training.model
        parts = (training.optimizer, training.scheduler)
        owners = [each for each in parts if hasattr(each, "state_dict")]  # a schedule may have none
        return cls(
            [(t, t.detach().clone()) for t in (*module.parameters(), *module.buffers())],
            [(p, None if p.grad is None else p.grad.clone()) for p in module.parameters()],
            [
                (each, copy.deepcopy(each.state_dict()), [*getattr(each, "param_groups", ())])
                for each in owners
            ],
            _modes_of(module),
        )

    def moved(self, parameters: Tensors) -> bool:
        """Return whether any of the parameters is another one now."""
        own = {*map(id, parameters)}
        return any(id(t) in own and not torch.equal(t, before) for t, before in self.tensors)

    def restore(self) -> None:
        """Bring that moment back."""
        with torch.no_grad():
            for tensor, before in self.tensors:
                tensor.data.copy_(before)
        for parameter, gradient in self.gradients:
            parameter.grad = None if gradient is None else gradient.clone()
        for owner, state, groups in self.states:
            if groups:  # a step may add one
                owner.param_groups[:] = groups
            _load(owner, copy.deepcopy(state))
        set_modes(self.modes)


def _load(owner: Any, state: Any) -> None:
    """Load a state into an optimizer or a schedule, whose groups stay the same objects.

    An optimizer that it holds may share them. `load_state_dict` makes new ones.
    """
    groups = getattr(owner, "param_groups", None)
    owner.load_state_dict(state)
    if not isinstance(groups, list):
        return
    own, loaded = [*groups], owner.param_groups
    for group, new in zip(own, loaded, strict=True):
        if group is not new:
            content = dict(new)
            group.clear()
            group.update(content)
    groups[:] = loaded[:] = own
    owner.param_groups = groups


@dataclass(frozen=True)
class OwnStep:
    """A step by the user's own function, taken and then taken back: it must not run twice."""

    X: Tensors
    loss: float
    gradients: dict[int, torch.Tensor]  # that the optimizer was handed, by the parameters' ids
    by_hand: bool  # whether it moves weights while no optimizer is stepped, or sets a decay
    modes: Modes  # of the modules when the model was first called; none if it was not
    after: Snapshot

    @classmethod
    def peek(cls, training: Training, X: Tensors, y: Tensors, w: torch.Tensor | None) -> "OwnStep":
        """Take a step, see what it does, and take it back.

        The gradients are those of the first time that the optimizer steps, or what has been
        gathered until then if it waits for more; of weights that another optimizer holds they are
        those of its first step. Of weights that move without any they are those that were computed
        last.
        """
        before = Snapshot.of(training)
        trained = [p for p in training.model.parameters() if p.requires_grad]
        held, decays = {*map(id, _held_by(training.optimizer))}, _decays(training.optimizer)
        handed, by_others = dict[int, torch.Tensor](), dict[int, torch.Tensor]()
        computed: dict[int, Tensors] = {}  # the tensors, and what they were
        modes = list[tuple[nn.Module, bool]]()

        def called(module: nn.Module, _: Any) -> None:
            modes.extend([] if modes else _modes_of(module))

        def note(optimizer: Optimizer) -> None:
            if optimizer is training.optimizer:
                handed.update({} if handed else _gradients_of(training.model.parameters()))
                return
            for p, gradient in _gradients_of(_held_by(optimizer)).items():
                if p not in held:
                    by_others.setdefault(p, gradient)

        keep = partial(_keep_computed, computed)
        handles = [
            # The first is called alone where they are returned, as by autograd.grad.
            handle
            for p in trained
            for handle in (
                p.register_hook(partial(keep, p)),
                p.register_post_accumulate_grad_hook(keep),
            )
        ]
        handles.append(training.model.register_forward_pre_hook(called, prepend=True))
        try:
            with noting_gradients(note), _moving(trained) as moved:
                loss = take_step(training, X, y, w)
            others = [p for p in trained if id(p) not in {**handed, **by_others}]
            last = {id(p): g for p in others if (g := _last(p, computed)) is not None}
            if before.moved(others):
                handed |= last
            elif not handed:
                handed |= _gradients_of(training.model.parameters())
            by_hand = moved() or decays != _decays(training.optimizer)
            gradients = {**handed, **by_others}
            return cls(X, loss, gradients, by_hand, modes, Snapshot.of(training))
        finally:
            for handle in handles:
                handle.remove()
            before.restore()

    def on(self, X: Tensors) -> bool:
        """Return whether it was taken on these rows."""
        return all(torch.equal(ours, theirs) for ours, theirs in zip(self.X, X, strict=True))


@contextmanager
def _moving(parameters: Tensors) -> Iterator[Callable[[], bool]]:
    """Yield what tells whether any of these has moved while no optimizer was stepped."""
    known, inside, found = [p.detach().clone() for p in parameters], 0, False

    def look() -> None:
        nonlocal found
        same = partial(torch.allclose, rtol=0.0, atol=0.0, equal_nan=True)
        found |= not all(map(same, parameters, known))

    def begin(*_: Any) -> None:
        nonlocal inside
        if not inside:  # of optimizers that hold others, only what is around all of them
            look()
        inside += 1

    def end(*_: Any) -> None:
        nonlocal inside, known
        inside -= 1
        known = [p.detach().clone() for p in parameters]

    handles = register_optimizer_step_pre_hook(begin), register_optimizer_step_post_hook(end)
    try:
        yield lambda: found
        look()
    finally:
        for handle in handles:
            handle.remove()


def _modes_of(module: nn.Module) -> Modes:
    return [(each, each.training) for each in module.modules()]


def set_modes(modes: Modes) -> None:
    """Let each module be in its mode."""
    for module, training in modes:
        module.training = training


def _held_by(optimizer: Optimizer) -> list[torch.Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _decays(optimizer: Optimizer) -> list[object]:
    return [group.get("weight_decay") for group in optimizer.param_groups]


def _gradients_of(parameters: Iterable[torch.Tensor]) -> dict[int, torch.Tensor]:
    return {id(p): p.grad.clone() for p in parameters if p.grad is not None}


def _keep_computed(
    computed: dict[int, Tensors], p: torch.Tensor, gradient: torch.Tensor | None = None
) -> None:
    """Keep a gradient, as it is and for what becomes of it, such as by clipping."""
    new = p.grad if gradient is None else gradient
    if new is not None:
        computed[id(p)] = new, new.clone()


def _last(p: torch.Tensor, computed: dict[int, Tensors]) -> torch.Tensor | None:
    """Return a parameter's gradient before it was cleared, in whichever way."""
    known = (p.grad, *computed.get(id(p), ()))
    return next((g.detach().clone() for g in known if g is not None and g.any()), None)


def step_schedule(scheduler: Any, loss: float) -> None:
    """Step the schedule; one that waits for a plateau is given the loss."""
    if scheduler is None:
        return
    with warnings.catch_warnings():  # the copy's optimizer has not been wrapped by the schedule
        warnings.filterwarnings("ignore", message=".*optimizer.step()")
        try:
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(loss)
            else:
                scheduler.step()
        except Exception as error:  # of whatever kind a schedule raises, such as one that has ended
            raise RequestError(
                f"the schedule {type(scheduler).__name__} of the PyTorch side fails: "
                f"{reason(error)}; give it as many steps as are compared, or compare fewer: steps="
            ) from error
