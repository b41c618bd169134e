"""What a result depends on besides its spec and its data: versions, processor, threads, source."""

import os
import platform
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import experiments

__all__ = ["environment", "source_digest", "thread_variables"]

_PACKAGES = ("numpy", "torch", "tensorflow", "keras", "scikit-learn", "pandas")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# By these a user gives the numerical libraries other kernels, which round differently.
_KERNEL_VARIABLES = (
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)
_ROOT = Path(experiments.__file__).parents[1]
_TRAINING = ("training", "variants", "nudge", "native_training", "native_loops")


def environment(threads: int) -> dict[str, object]:
    """Return what a reader needs in order to interpret a result; loads no framework."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
        "versions": {package: _version(package) for package in _PACKAGES},
        **{name: os.environ[name] for name in _KERNEL_VARIABLES if name in os.environ},
    }


def thread_variables(threads: int) -> dict[str, str]:
    """Return environment variables that give every library the same number of threads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def source_digest(experiment: str) -> str:
    """Return the SHA-256 of the code that computes an experiment's results."""
    harness = _ROOT / "experiments/harness"
    files = [_ROOT / "experiments" / f"{experiment}.py"]
    files += [harness / f"{name}.py" for name in _TRAINING]
    for package in ("scratch", "frameworks", "datasets"):
        files += sorted((_ROOT / package).rglob("*.py"))
    digest = sha256()
    for file in files:
        digest.update(f"{file.relative_to(_ROOT).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """Return the processor's name; `platform.processor()` is empty on most Linux systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
