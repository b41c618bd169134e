"""Native trainings of one process."""

import pytest

from frameworks.keras.lending import lent_keras


@pytest.fixture(autouse=True)
def keras_settings():
    """Put back what the loop in Keras sets for its process."""
    with lent_keras("float64"):
        yield
