"""Saving an estimator's weights, and loading them into any implementation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from frameworks import weight_checks, weight_files
from frameworks.adapter import Adapter
from frameworks.draws import Draws
from frameworks.validation import check_parameters, check_weights, unchanged_if_it_fails
from frameworks.weight_checks import Check
from frameworks.weight_files import StoredNetwork, WeightFileError

__all__ = ["SavesWeights"]


class SavesWeights:
    """The file methods of `LockstepEstimator`, which has these attributes."""

    dtype: str
    random_state: Any
    feature_names_in_: np.ndarray
    n_features_in_: int
    _row_shape: tuple[int, ...]
    _adapter: Adapter
    _build_adapter: Callable[[], Adapter]
    _take_targets: Callable[[StoredNetwork], None]
    _begin: Callable[[Adapter, Draws, float], None]

    def save_weights(self, path: str | Path) -> None:
        """Write weights, states and labels to a safetensors file that every implementation loads.

        The file holds neither `build`, `hidden` and `activation`, nor `dtype`, nor the optimizer's
        state. Raises WeightFileError if it cannot be written, or the network could not be loaded
        from it.
        """
        check_is_fitted(self)
        adapter = self._adapter
        weights, states = adapter.get_weights(), adapter.get_states()
        try:
            checks = _checks_of(self._rebuild(weights, states), self._rows_to_try())
            _compare(adapter, checks)
            network = StoredNetwork(
                weights=weights,
                classes=getattr(self, "classes_", None),
                features=getattr(self, "feature_names_in_", None),
                checks=checks,
                states=states,
                targets=getattr(self, "_target_shape", None),
            )
            content = weight_files.encode(network)
            weight_files.decode(content)
            weight_files.write(Path(path), content)
        except WeightFileError as error:
            raise WeightFileError(f"{path}: {error}") from error

    def _rows_to_try(self) -> list[np.ndarray]:
        """Return made-up rows, with whose outputs a file is checked: numbers, or else tokens.

        Of tokens there are as many as an embedding has vectors.
        """
        shape, dtype = self._row_shape, self._adapter.dtype
        counts = {len(w) for w in self._adapter.get_weights() if w.ndim == 2}
        tokens = (weight_checks.tokens(shape, dtype, n) for n in sorted(counts, reverse=True))
        return [weight_checks.numbers(shape, dtype), *tokens]

    def load_weights(self, path: str | Path) -> Self:
        """Load labels, weights and states saved by any implementation; return self, as if fitted.

        `build`, or `hidden` and `activation`, and `dtype` must be those of the estimator that saved
        them. The optimizer and `history_` start afresh. Raises WeightFileError if the file does not
        fit or is damaged, and leaves the estimator as it was.
        """
        check_parameters(self)
        try:
            with unchanged_if_it_fails(self):
                network = weight_files.decode(weight_files.read(Path(path)))
                self._take_targets(network)
                self._row_shape = network.checks[0].inputs.shape[1:]
                adapter = self._rebuild(network.weights, network.states)
                _compare(adapter, network.checks)
        except WeightFileError as error:
            raise WeightFileError(f"{path}: {error}") from error
        self.n_features_in_ = self._row_shape[0]
        vars(self).pop("feature_names_in_", None)
        if network.features is not None:
            self.feature_names_in_ = network.features
        self._begin(adapter, Draws(self.random_state), 0.0)
        return self

    def _rebuild(self, weights: list[np.ndarray], states: list[np.ndarray]) -> Adapter:
        """Build the network with these weights and states; WeightFileError if they do not fit."""
        dtypes = {str(array.dtype) for array in [*weights, *states]}
        if dtypes != {self.dtype}:
            raise WeightFileError(f"expected {self.dtype}, found {' and '.join(sorted(dtypes))}")
        try:
            adapter = self._build_adapter()
            adapter.set_weights(check_weights(weights, adapter.get_weights()))
            adapter.set_states(check_weights(states, adapter.get_states(), "states"))
        except Exception as error:  # whatever a builder raises
            raise WeightFileError(f"does not fit this network: {error}") from error
        return adapter


def _checks_of(adapter: Adapter, rows: list[np.ndarray]) -> dict[int, Check]:
    """Return the checks of a network that is built anew; WeightFileError if there are none."""
    try:
        return weight_checks.checks_of(adapter, rows)
    except Exception as error:  # of a framework's own, or the user's
        raise WeightFileError(f"has no outputs for made-up rows: {error}") from error


def _compare(adapter: Adapter, checks: dict[int, Check]) -> None:
    """WeightFileError unless an adapter answers as the checks say."""
    for i, check in checks.items():
        try:
            distance = check.distance(adapter.outputs(check.inputs, i))
        except Exception as error:  # of a framework's own, or the user's
            raise WeightFileError(f"does not fit this network: {error}") from error
        if distance:
            raise WeightFileError(
                f"holds another network, whose outputs differ by {distance:.1e}; build, or hidden "
                "and activation, must be that of its training, and layers may keep nothing but "
                "weights and states"
            )
