"""What a comparison requires of a live model: the seam between the front door and a framework."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from frameworks.draws import Dropped
from frameworks.live.targets import fit_target
from frameworks.recordings.trace import Arrays, Facts, Kept, LayerTrace, Weight

__all__ = ["LiveModel", "Rows", "Training", "Written"]

Written = Literal["images", "features"]  # what is laid out as a framework has it


@dataclass(frozen=True)
class Training:
    """A live model and how it is trained: what a user hands over.

    A compiled `keras.Model` brings its loss and optimizer with it. `step`, if given, is the user's
    own training step, called as `step(model, optimizer, loss, X, y)` with copies of the objects and
    the framework's own tensors; it returns the loss.
    """

    model: Any  # keras.Model | torch.nn.Module | a classifier of `frameworks`
    loss: Any = None
    optimizer: Any = None
    scheduler: Any = None
    step_on: str = "batch"  # or "epoch": when the scheduler steps
    step: Callable[..., Any] | None = None
    name: str = ""  # in the report; "keras" or "pytorch" if empty


@dataclass(frozen=True)
class Rows:
    """The rows of one batch, in the layout that `LiveModel.adapt` returns."""

    X: Arrays  # one for each input of the model
    y: Arrays  # one for each target; () where the inputs are the targets
    w: np.ndarray | None = None  # the rows' weights


class LiveModel(ABC):
    """A copy of a user's model with its loss, optimizer and schedule, in a dtype of ours.

    The user's objects and all global state stay as they were. Weights, gradients, states and the
    arrays of traces are canonical (see `frameworks.recordings.trace`), and in the order in which
    the layers run.
    """

    framework: str
    dtype: str
    loss_facts: Facts
    optimizer_facts: list[Facts]
    schedule_facts: Facts | None
    versions: Mapping[str, str]
    notes: list[str]
    takes_labels: bool | None = None  # the loss: classes as labels, or one-hot; None: either
    targets_as_given: bool = False  # one side's own, or of a step of its own: not shaped

    @abstractmethod
    def __init__(self, training: Training, rows: Rows, dtype: str) -> None:
        """Copy the model and find its layers by running it on some rows, with or without targets.

        RequestError, with a sentence that names the object and the remedy, for what cannot be
        copied, run or trained.
        """

    @classmethod
    @abstractmethod
    def adapt(cls, training: Training, X: Arrays) -> Arrays:
        """Return inputs with the channels of images elsewhere, as the model may take them."""

    @classmethod
    def as_written(cls, what: Written) -> "type[LiveModel] | None":
        """Return the kind that lays these out as the framework has them; None if that is this.

        They are images, or only the features of images that are flattened.
        """
        return None

    @property
    def reorders(self) -> bool:
        """Whether features are in another order than the framework has them."""
        return False

    @property
    def reordered(self) -> Mapping[str, np.ndarray]:
        """The order of the features of kernels that have another one in the framework, by name."""
        return {}

    @property
    def turned(self) -> Collection[str]:
        """The names of those whose images had their axes exchanged before they were flattened."""
        return ()

    def canonical_inputs(self, X: Arrays) -> Arrays:
        """Return inputs, given as the model takes them, with images channels-last."""
        return X

    def canonical_targets(self, y: Arrays) -> Arrays:
        """Return targets, given as `adapt_targets` returns them, with images channels-last."""
        return y

    def adapt_targets(self, y: Arrays, outputs: Arrays) -> Arrays:
        """Return targets as the loss takes them; `outputs`: those of some rows, canonical."""
        pairs = zip(y, (*outputs, *y[len(outputs) :]), strict=False)
        return tuple(
            fit_target(target, output.shape, self.takes_labels, self.notes, self.leaves_target(k))
            for k, (target, output) in enumerate(pairs)
        )

    def leaves_target(self, position: int) -> bool:
        """Return whether a target keeps its shape, (n,) or (n, 1), whatever the output's is."""
        return self.targets_as_given

    @abstractmethod
    def weights(self) -> list[Weight]:
        """Return copies of the weights; one that several layers share stands once."""

    @abstractmethod
    def set_weights(self, arrays: Sequence[np.ndarray]) -> None:
        """Copy in weights of the shapes that `weights` returns."""

    @abstractmethod
    def states(self) -> list[Weight]:
        """Return copies of what layers learn without a gradient."""

    @abstractmethod
    def set_states(self, arrays: Sequence[np.ndarray]) -> None:
        """Copy in states of the shapes that `states` returns."""

    @abstractmethod
    def dropped(self, rows: Rows) -> list[Dropped]:
        """Return what each call of a dropout layer drops, in the order of the calls."""

    @abstractmethod
    def hand_masks(self, masks: Sequence[np.ndarray] | None) -> None:
        """Use these masks, 0 or 1/(1 − rate), in training mode; None: drop nothing."""

    @abstractmethod
    def trace_layers(self, rows: Rows, with_loss: bool = False) -> tuple[list[LayerTrace], Arrays]:
        """Run the rows in evaluation and in training mode; return the layers and the outputs.

        The outputs are those in evaluation mode. States that training mode changes are restored.
        `with_loss`, what the loss does not read is noted, where that is known.
        """

    @abstractmethod
    def outputs(self, rows: Rows) -> Arrays:
        """Return the outputs in evaluation mode."""

    @abstractmethod
    def loss_and_gradients(self, rows: Rows) -> tuple[float, list[np.ndarray]]:
        """Return the loss in training mode and its gradient for every weight; nothing moves."""

    def of_fewer_rows(self, rows: Rows) -> tuple[float, list[np.ndarray] | None]:
        """Return the loss in training mode of any number of rows, and its gradients; nothing moves.

        None for gradients that would take too long. RequestError where the model, or a step of the
        user's own, cannot take the rows.
        """
        return self.loss_and_gradients(rows)

    @abstractmethod
    def step(self, rows: Rows) -> float:
        """Take one step as the user's training does; return its loss."""

    @abstractmethod
    def end_epoch(self) -> None:
        """Step what steps once in an epoch."""

    def end(self) -> None:  # noqa: B027 - most frameworks do nothing
        """Do what the user's training does after its last step."""

    def remarks(self) -> list[str]:
        """Say what was met in training that is not compared, or runs otherwise."""
        return []

    def kept(self) -> list[Kept]:
        """Return the arrays that are kept beside the model, one for each weight and state."""
        return []

    @abstractmethod
    def change(self, place: str, name: str, value: Any) -> bool:
        """Change a setting of the copy; return whether that was possible.

        `place` is a layer's path, "loss", "optimizer", "optimizer, group 2" or "schedule"; the name
        is that in its facts.
        """
