"""The page about training loops: its code runs, and every loop gives the losses of `fit`."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[1] / "docs" / "training-loops.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def keras_settings():
    """Set back what the page sets in Keras."""
    from frameworks.keras.loading import keras

    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def test_the_loops_of_the_page_give_the_losses_of_fit(keras_settings):
    names: dict = {}
    for block in BLOCK.findall(PAGE.read_text()):
        exec(compile(block, PAGE.name, "exec"), names)
    losses = {name: np.array(values) for name, values in names["losses"].items()}
    fitted = losses.pop("ScratchClassifier")
    assert set(losses) == {
        *("scratch", "pytorch", "keras, tape", "keras, fit"),
        *("PyTorchClassifier", "KerasClassifier"),
    }
    assert fitted.shape == (3,)
    assert fitted[0] != fitted[-1]
    for name, values in losses.items():
        np.testing.assert_allclose(values, fitted, rtol=1e-12, err_msg=name)  # as for every pair
