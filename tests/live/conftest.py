"""PyTorch's initial weights are the same in every run; PyTorch is not loaded for that."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _same_initial_weights():
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
