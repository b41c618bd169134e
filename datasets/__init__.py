"""The experiments' data: one loader for each data set, verified downloads, built-in stand-ins.

>>> data = load_circle()
>>> data.name, data.source, data.X_train.shape
('circle', 'real', (121, 2))
"""

from datasets.bundled import load_diabetes, load_digits, load_shifted_digits
from datasets.churn import encode_customer, load_churn
from datasets.dataset import Dataset
from datasets.errors import DataError
from datasets.generation import load_gaussian, load_ring
from datasets.inventory import FileStatus, fetch, status, verify
from datasets.mnist import load_mnist
from datasets.policy import Policy
from datasets.sequences import load_adding, load_sorting
from datasets.targets import Classes, Inputs, Quantity, Samples, Sequences, Targets
from datasets.toys import load_circle, load_truth_table, load_xor

__all__ = [
    "Classes",
    "DataError",
    "Dataset",
    "FileStatus",
    "Inputs",
    "Policy",
    "Quantity",
    "Samples",
    "Sequences",
    "Targets",
    "encode_customer",
    "fetch",
    "load_adding",
    "load_churn",
    "load_circle",
    "load_diabetes",
    "load_digits",
    "load_gaussian",
    "load_mnist",
    "load_ring",
    "load_sorting",
    "load_shifted_digits",
    "load_truth_table",
    "load_xor",
    "status",
    "verify",
]
