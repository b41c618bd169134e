"""A Dask cluster in this process, for those that train on one."""

import pytest


@pytest.fixture(scope="module")
def cluster():
    """Two workers of a thread each."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    options = {"processes": False, "dashboard_address": ":0", "silence_logs": 60}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    """A client of the cluster."""
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:
        yield client
