"""Saving an estimator's weights, and loading them into any implementation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from frameworks import weight_files
from frameworks.adapter import Adapter
from frameworks.draws import Draws
from frameworks.validation import check_parameters, check_weights, unchanged_if_it_fails
from frameworks.weight_files import StoredNetwork, WeightFileError

__all__ = ["SavesWeights"]

# The limit for outputs of the same network, relative to the largest: sums in another order change
# them by about 1e-15 and 1e-6, another activation by far more, unless it acts alike on the rows.
_CLOSE = {"float64": 1e-9, "float32": 1e-3}


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
        rows = self._rows_of_file()
        network = StoredNetwork(
            weights=adapter.get_weights(),
            classes=getattr(self, "classes_", None),
            features=getattr(self, "feature_names_in_", None),
            inputs=rows,
            outputs=adapter.outputs(rows),
            states=adapter.get_states(),
            targets=getattr(self, "_target_shape", None),
        )
        try:
            content = weight_files.encode(network)
            self._rebuild(weight_files.decode(content))
            weight_files.write(Path(path), content)
        except WeightFileError as error:
            raise WeightFileError(f"{path}: {error}") from error

    def _rows_of_file(self) -> np.ndarray:
        """Return made-up rows, with whose outputs a file is checked."""
        return weight_files.check_rows(self._row_shape, self._adapter.dtype)

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
                self._row_shape = network.inputs.shape[1:]
                adapter = self._rebuild(network)
        except WeightFileError as error:
            raise WeightFileError(f"{path}: {error}") from error
        self.n_features_in_ = network.inputs.shape[1]
        vars(self).pop("feature_names_in_", None)
        if network.features is not None:
            self.feature_names_in_ = network.features
        self._begin(adapter, Draws(self.random_state), 0.0)
        return self

    def _rebuild(self, network: StoredNetwork) -> Adapter:
        """Build the network with a file's weights; WeightFileError if they do not fit."""
        checked = network.inputs, network.outputs
        dtypes = {str(array.dtype) for array in [*network.weights, *network.states, *checked]}
        if dtypes != {self.dtype}:
            raise WeightFileError(f"expected {self.dtype}, found {' and '.join(sorted(dtypes))}")
        try:
            adapter = self._build_adapter()
            adapter.set_weights(check_weights(network.weights, adapter.get_weights()))
            adapter.set_states(check_weights(network.states, adapter.get_states(), "states"))
            outputs = adapter.outputs(network.inputs)
        except (ValueError, TypeError, RuntimeError) as error:  # whatever a builder raises
            raise WeightFileError(f"does not fit this network: {error}") from error
        distance = _distance(outputs, network.outputs)
        if not distance <= _CLOSE[self.dtype]:
            raise WeightFileError(
                f"holds another network, whose outputs differ by {distance:.1e}; build, or hidden, "
                "must be that of its training, and layers may keep nothing but weights and states"
            )
        return adapter


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference, relative to the largest magnitude; infinite for NaN."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.abs(a - b).max() / (max(np.abs(a).max(), np.abs(b).max()) or 1))
