"""Training steps of a Keras model on JAX: a function of the variables' values, compiled by XLA."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np

from frameworks.errors import RequestError
from frameworks.keras.live.recording import replaced
from frameworks.keras.live.stepping import (
    Data,
    Run,
    Stepper,
    Trained,
    loss_in,
    require_use,
    unwarned,
)
from frameworks.keras.loading import keras

__all__ = ["JaxStepper"]

# The values of the trainable, other, optimizer and metric variables.
State = tuple[list[Any], list[Any], list[Any], list[Any]]


class JaxStepper(Stepper):
    """Compiles a step for each number of rows, unless the model is not to be compiled."""

    @staticmethod
    def lent() -> AbstractContextManager[Any]:
        return jax.enable_x64(True)  # differs: JAX has 32 bits by default

    @staticmethod
    def to_numpy(tensor: Any) -> np.ndarray:
        return np.array(tensor)

    def reset(self) -> None:
        if self.own is not None:
            raise RequestError(
                "a step of your own has no variables to assign on JAX: override train_step of the "
                "model instead"
            )
        compiled = self.model.jit_compile and not self.model.run_eagerly
        self._run = jax.jit(self._take_state) if compiled else self._take_state

    def step(self, data: Data, masks: Sequence[Any] | None) -> float:
        self.model.reset_metrics()
        variables = self._variables()
        trained, others, slots, metrics = ([v.value for v in each] for each in variables)
        state = trained, others, slots, metrics
        scale = self.model.optimizer.loss_scale_factor or 1.0
        self._trained = [Trained(v, scale) for v in self.model.trainable_variables]
        loss, self._gradients, after = self._run(state, data, masks)
        for own, values in zip(variables[:3], after, strict=True):
            for variable, value in zip(own, values, strict=True):
                variable.assign(value)
        return float(loss)

    def gradients_of_outputs(self, run: Run, added: list[Any]) -> tuple[Any, list[Any]]:
        """Differentiate for what is added."""
        with keras.StatelessScope(), unwarned():
            loss, found = jax.value_and_grad(lambda added: run(added)[0])(added)
        return loss, found

    def _take_state(
        self, state: State, data: Data, masks: Sequence[Any] | None
    ) -> tuple[Any, list[Any], State]:
        """Return the loss, the gradients that reach the optimizer, and the state after the step."""
        optimizer, seen = self.model.optimizer, []
        apply = optimizer.stateless_apply

        def watched(slots: list[Any], gradients: list[Any], weights: list[Any]) -> Any:
            seen.append(gradients)
            return apply(slots, gradients, weights)

        handed = self.dropout.handed(masks, all_of_them=self._is_stock)
        with handed, replaced(optimizer, stateless_apply=watched), unwarned():
            logs, after = self.model.train_step(state, data if data.w is not None else data[:2])
        require_use(self.model, seen)
        return loss_in(logs), seen[0], after[:3]

    def _variables(self) -> list[list[Any]]:
        model = self.model
        trained, others = model.trainable_variables, model.non_trainable_variables
        return [trained, others, model.optimizer.variables, model.metrics_variables]
