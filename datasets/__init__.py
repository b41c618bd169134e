"""The experiments' data: one loader for each data set, verified downloads, built-in stand-ins.

>>> data = load_circle()
>>> data.name, data.source, data.X_train.shape
('circle', 'real', (121, 2))
"""

from datasets.churn import encode_customer, load_churn
from datasets.dataset import Dataset
from datasets.errors import DataError
from datasets.inventory import FileStatus, fetch, status, verify
from datasets.mnist import load_mnist
from datasets.policy import Policy
from datasets.toys import load_circle, load_truth_table, load_xor

__all__ = [
    "DataError",
    "Dataset",
    "FileStatus",
    "Policy",
    "encode_customer",
    "fetch",
    "load_churn",
    "load_circle",
    "load_mnist",
    "load_truth_table",
    "load_xor",
    "status",
    "verify",
]
