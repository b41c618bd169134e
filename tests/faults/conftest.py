import pytest


@pytest.fixture(scope="session")
def published():
    return []
