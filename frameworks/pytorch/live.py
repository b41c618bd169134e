"""A live `nn.Module` with its loss, optimizer and schedule, as comparisons see it."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from frameworks.draws import Dropped
from frameworks.errors import RequestError
from frameworks.live.model import LiveModel, Rows, Training, Written
from frameworks.pytorch.aligning import Remedies
from frameworks.pytorch.calls import Watched, array_of, tensors_in
from frameworks.pytorch.copying import (
    Untouched,
    copy_training,
    modules_in,
    training_begun,
    unwrapped,
)
from frameworks.pytorch.facts import loss_facts, optimizer_facts, schedule_facts
from frameworks.pytorch.handing import Handed, handing
from frameworks.pytorch.live_weights import LiveWeights
from frameworks.pytorch.orientation import AS_IT_IS, Orientation
from frameworks.pytorch.orienting import Orienter, with_channels_first
from frameworks.pytorch.restoring import gradients_restored, restored
from frameworks.pytorch.stepping import Modes, OwnStep, set_modes, step_schedule, take_step
from frameworks.pytorch.tracing import trace_calls
from frameworks.pytorch.user_code import compute_loss, differentiate, run_model
from frameworks.pytorch.watching import gradients_of_calls, watch
from frameworks.recordings.trace import Arrays, Facts, Kept, LayerTrace, Weight

__all__ = ["PyTorchLive"]


_OF_NUMBERS = (  # losses whose targets are no labels
    *("binary cross-entropy", "mean squared error", "mean absolute error", "huber", "poisson"),
)


class PyTorchLive(LiveModel):
    """A copy of an `nn.Module` of any shape, on the CPU."""

    framework = "pytorch"
    written: Written | None = None  # what is compared as PyTorch has it, channels first

    def __init__(self, training: Training, rows: Rows, dtype: str) -> None:
        self.dtype, self._dtype = dtype, getattr(torch, dtype)
        self.training, self._clones, self.notes = copy_training(training, self._dtype)
        self._untouched = Untouched(unwrapped(training.model))
        self._last = 0.0  # the latest step's loss
        self._begun = False  # whether a step has been taken
        self._pending: OwnStep | None = None  # taken, seen and taken back
        self._by_hand = False  # whether a step of the user's own moves weights by itself
        self.network: nn.Module = self.training.model
        self.notes += training_begun(self.network)
        self.handed = Handed(self._dtype)
        own = unwrapped(training.model).named_parameters()
        self.handed.originals = {id(p): name for name, p in own}
        watched = self._discover(rows)
        self._orienter = Orienter(watched)
        self.handed.orientations = self._orientations(rows)
        self._weights = LiveWeights(self.network, watched.calls, self._orienter, self._groups())
        self.notes += [f"no layer uses {name}" for name in self._weights.unused]
        self._remedies = Remedies(self.training)
        self.versions = {"torch": torch.__version__, "device": "cpu"}
        self._read_facts()
        self.takes_labels = True if self.loss_facts.kind == "categorical cross-entropy" else None

    def _read_facts(self) -> None:
        own = self.training
        self.loss_facts = loss_facts(own.loss, None)
        stated = self._remedies.stated
        with handing(self.handed):  # NAdam keeps a product in the default dtype
            read = optimizer_facts(own.optimizer)
        self.optimizer_facts = [stated("optimizer", x) for x in read]
        self.schedule_facts = schedule_facts(own.scheduler, own.step_on)

    def _groups(self) -> dict[int, int]:
        groups = self.training.optimizer.param_groups
        return {id(p): k for k, group in enumerate(groups) for p in group["params"]}

    def _discover(self, rows: Rows) -> Watched:
        """Run the rows once, in evaluation mode; RequestError if the model does not take them."""
        watched = self._watch(rows, training=False)
        if not watched.returned:
            raise RequestError("the PyTorch model returns no tensor")
        return watched

    def _orientations(self, rows: Rows) -> list[Orientation]:
        """Return how what each call of dropout drops from is arranged, in training mode."""
        watched = self._watch(rows, training=True)
        orienter = Orienter(watched)
        known = {
            call.tokens[0]: orienter.before(i)[0]
            for i, call in enumerate(watched.calls)
            if call.tokens
        }
        return [known.get(each, AS_IT_IS) for each in self.handed.read]

    @classmethod
    def adapt(cls, training: Training, X: Arrays) -> Arrays:
        return with_channels_first(unwrapped(training.model), X)

    def canonical_inputs(self, X: Arrays) -> Arrays:
        pairs = zip(X, self._orienter.taken, strict=True)
        return tuple(orientation.to_canonical(x) for x, orientation in pairs)

    def canonical_targets(self, y: Arrays) -> Arrays:
        pairs = zip(y, (*self._orienter.returned, *[AS_IT_IS] * len(y)), strict=False)
        return tuple(own.to_canonical(a) if a.ndim == len(own.axes) else a for a, own in pairs)

    def adapt_targets(self, y: Arrays, outputs: Arrays) -> Arrays:
        fitted = super().adapt_targets(y, outputs)
        if self.loss_facts.kind in _OF_NUMBERS:
            fitted = tuple(a.astype(self.dtype) for a in fitted)
        returned = self._orienter.returned
        triples = zip(fitted, (*outputs, *fitted), (*returned, *[AS_IT_IS] * len(y)), strict=False)
        return tuple(
            own.from_canonical(a) if a.shape[1:] == output.shape[1:] else a
            for a, output, own in triples
        )

    def leaves_target(self, position: int) -> bool:
        """Return whether a loss is given a target as it is: all but those that would refuse it."""
        loss = self.training.loss
        several = isinstance(loss, list | tuple) and position < len(loss)
        kind = loss_facts(loss[position] if several else loss).kind
        return self.targets_as_given or kind != "binary cross-entropy"

    def weights(self) -> list[Weight]:
        return self._weights.read()

    def set_weights(self, arrays: Sequence[np.ndarray]) -> None:
        with self._clones.following(), self._followed():
            self._weights.write(arrays)

    def states(self) -> list[Weight]:
        return self._weights.read_states()

    def set_states(self, arrays: Sequence[np.ndarray]) -> None:
        with self._followed():
            self._weights.write_states(arrays)

    def _followed(self) -> AbstractContextManager[None]:
        """Return a context in which clones follow what is handed over before the first step."""
        return nullcontext() if self._begun else self._weights.followed(self._holders)

    def dropped(self, rows: Rows) -> list[Dropped]:
        masks, self.handed.masks = self.handed.masks, None
        with self._forward(training=True):
            run_model(self.network, self._tensors(rows.X))
        self.handed.masks = masks
        return self.handed.dropped()

    def hand_masks(self, masks: Sequence[np.ndarray] | None) -> None:
        self.handed.masks = masks

    def trace_layers(self, rows: Rows, with_loss: bool = False) -> tuple[list[LayerTrace], Arrays]:
        evaluated = self._watch(rows, training=False)
        trained = self._watch(rows, training=True, modes=self._modes_in_a_step(rows))
        known = with_loss and self.training.step is None
        measure = partial(self._measure, rows) if known else None
        layers = [
            replace(layer, facts=self._remedies.stated(layer.path, layer.facts))
            for layer in trace_calls(evaluated, trained, self._weights, measure)
        ]
        self._shows_autocast = any(call.autocast for call in evaluated.calls)
        return layers, self._canonical(evaluated.outputs)

    def _modes_in_a_step(self, rows: Rows) -> Modes:
        """Return the modes in which the user's own step runs the model, which it may set itself."""
        if self.training.step is not None:
            self._own_step(rows)
        return [] if self._pending is None else self._pending.modes

    def _watch(self, rows: Rows, training: bool, modes: Modes = ()) -> Watched:
        """Run the rows, and note all calls, the inputs and the outputs."""
        X = self._tensors(rows.X)
        with self._forward(training), watch(self.network) as watched:
            set_modes(modes)
            watched.kept += X
            watched.taken = [id(x) for x in X]
            output = run_model(self.network, X)
            returned = _numbers(output)
            watched.kept.append(output)
            watched.returned, watched.outputs = [id(each) for each in returned], returned
        watched.written = self.written
        return watched

    @classmethod
    def as_written(cls, what: Written) -> type[LiveModel]:
        return _ImagesAsWritten if what == "images" else _FeaturesAsWritten

    @property
    def reorders(self) -> bool:
        return self._orienter.reorders

    @property
    def reordered(self) -> Mapping[str, np.ndarray]:
        return self._weights.reordered

    @property
    def turned(self) -> Collection[str]:
        return self._weights.turned

    def _measure(
        self, rows: Rows, added: Mapping[int, np.ndarray]
    ) -> tuple[float, dict[int, np.ndarray]]:
        """Return the loss in training mode, and its gradients for what calls return.

        To some of that, by the positions of the calls, arrays are added.
        """
        X, (y, w) = self._tensors(rows.X), self._targets(rows)
        tensors = {at: torch.from_numpy(a) for at, a in added.items()}
        with self._forward(training=True, grad=True):
            with watch(self.network, tensors) as watched:
                output = run_model(self.network, X)
            loss = compute_loss(self.training.loss, output, y, w)
            gradients = gradients_of_calls(loss, watched)
            return float(loss.detach()), {at: array_of(g) for at, g in gradients.items()}

    @contextmanager
    def _forward(self, training: bool, grad: bool = False) -> Iterator[None]:
        """Run in evaluation mode, or in that in which the latest step has left the modules.

        What that changes in them is restored.
        """
        loss = self.training.loss
        plain = loss if isinstance(loss, list | tuple) else [loss]
        with restored([*plain, *self._modules()]), nullcontext() if training else self._evaluated():
            with handing(self.handed), torch.set_grad_enabled(grad), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "None of the inputs have requires_grad")
                yield  # where a checkpoint would say so

    def _modules(self) -> list[nn.Module]:
        """Return all modules of the network and of its losses."""
        every = (self.network, *modules_in(self.training.loss))
        return [part for each in every for part in each.modules()]

    @contextmanager
    def _evaluated(self) -> Iterator[None]:
        """Be in evaluation mode; a model may do more as it enters a mode, such as merge weights."""
        self.network.eval()
        try:
            yield
        finally:
            self.network.train()

    def _loss(self, rows: Rows) -> torch.Tensor:
        X, (y, w) = self._tensors(rows.X), self._targets(rows)
        return compute_loss(self.training.loss, run_model(self.network, X), y, w)

    def _tensors(self, arrays: Arrays) -> list[torch.Tensor]:
        """Return copies as tensors, floats in the dtype of the comparison."""
        contiguous = map(np.ascontiguousarray, arrays)
        return [
            torch.tensor(a, dtype=self._dtype if a.dtype.kind == "f" else None) for a in contiguous
        ]

    def _targets(self, rows: Rows) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        w = None if rows.w is None else torch.tensor(rows.w, dtype=self._dtype)
        return self._tensors(rows.y or rows.X), w

    def _canonical(self, returned: Sequence[torch.Tensor]) -> Arrays:
        pairs = zip(returned, self._orienter.returned, strict=False)
        return tuple(own.to_canonical(array_of(each.detach())) for each, own in pairs)

    def outputs(self, rows: Rows) -> Arrays:
        with self._forward(training=False):
            return self._canonical(_numbers(run_model(self.network, self._tensors(rows.X))))

    def loss_and_gradients(self, rows: Rows) -> tuple[float, list[np.ndarray]]:
        own = self._weights.own.own
        seen = self.training.step is not None or self._is_hooked
        loss, found = self._own_step(rows) if seen else self._differentiate(rows, own)
        dense = [_dense(found.get(id(p), torch.zeros_like(p))) for p in own]
        return loss, self._weights.canonical([each.detach() for each in dense])

    def of_fewer_rows(self, rows: Rows) -> tuple[float, list[np.ndarray] | None]:
        if self.training.step is not None:
            raise RequestError("a step of your own is not taken once more")
        if self._is_hooked:
            raise RequestError("the hooks of its optimizer are not called once more")
        return self.loss_and_gradients(rows)

    @property
    def _is_hooked(self) -> bool:
        """Whether hooks of the user's are called before the optimizer's steps.

        They may change the gradients; ours, such as `use_rate`, do not.
        """
        hooks = getattr(self.training.optimizer, "_optimizer_step_pre_hooks", {})
        modules = (getattr(hook, "__module__", None) or "" for hook in hooks.values())
        return not all(module.startswith("frameworks.") for module in modules)

    def _differentiate(
        self, rows: Rows, own: Sequence[torch.Tensor]
    ) -> tuple[float, dict[int, torch.Tensor]]:
        with self._forward(training=True, grad=True), gradients_restored(self._modules()):
            loss = self._loss(rows)
            if loss.requires_grad:
                differentiate(loss)
            return float(loss.detach()), {id(p): p.grad for p in own if p.grad is not None}

    def _own_step(self, rows: Rows) -> tuple[float, dict[int, torch.Tensor]]:
        """Return what the user's own step hands to the optimizer: clipped gradients, perhaps.

        The function may count its calls, and so is called once for each batch: `step` then moves to
        where it led.
        """
        X, (y, w) = self._tensors(rows.X), self._targets(rows)
        if self._pending is None or not self._pending.on(X):
            with handing(self.handed):
                self._pending = OwnStep.peek(self.training, X, y, w)
            self._by_hand |= self._pending.by_hand
        return self._pending.loss, self._pending.gradients

    def step(self, rows: Rows) -> float:
        X, (y, w) = self._tensors(rows.X), self._targets(rows)
        taken, self._pending, self._begun = self._pending, None, True
        if taken is not None and taken.on(X):
            taken.after.restore()
            self._last = taken.loss
        else:
            with handing(self.handed):
                self._last = take_step(self.training, X, y, w)
        self.handed.seed += 1
        return self._last

    def kept(self) -> list[Kept]:
        return self._weights.find_kept(self._holders)

    @property
    def _holders(self) -> list[tuple[str, Any]]:
        own = self.training
        named = ("step", own.step), ("optimizer", own.optimizer), ("loss", own.loss)
        return [*named, ("schedule", own.scheduler)]

    def end(self) -> None:
        """State what a step of one's own does: autocast that no layer shows, updates by hand.

        RequestError if the training has changed the user's own model.
        """
        self._untouched.check()
        dtype, loss = self.handed.autocast, self.loss_facts
        if dtype and not self._shows_autocast:
            values, said = {**loss.values, "autocast": dtype}, {**loss.said, "autocast": dtype}
            self.loss_facts = replace(loss, values=values, said=said)
        if self._by_hand:
            self.optimizer_facts = [_by_hand(each) for each in self.optimizer_facts]

    def remarks(self) -> list[str]:
        moved = self._weights.moved_buffers()
        others = [f"the buffer {name} changes in training, and is not compared" for name in moved]
        return [*self.handed.remarks(), *others]

    def end_epoch(self) -> None:
        if self.training.step_on == "epoch":
            step_schedule(self.training.scheduler, self._last)

    def change(self, place: str, name: str, value: Any) -> bool:
        changed = self._remedies.change(place, name, value)
        self._read_facts()
        return changed


def _numbers(output: Any) -> list[torch.Tensor]:
    """Return the floating-point tensors of whatever a module returns."""
    return [each for each in tensors_in(output) if each.is_floating_point()]


def _by_hand(facts: Facts) -> Facts:
    said = {**facts.said, "by_hand": "the step itself"}
    return replace(facts, values={**facts.values, "by_hand": True}, said=said)


def _dense(gradient: torch.Tensor) -> torch.Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient


class _ImagesAsWritten(PyTorchLive):
    """The same, with images as PyTorch has them, beside another such module."""

    written = "images"


class _FeaturesAsWritten(PyTorchLive):
    """The same, with the features of flattened images as PyTorch has them."""

    written = "features"
