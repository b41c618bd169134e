"""What a result depends on besides its spec and its data: versions, processor, threads, source."""

import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import experiments
from frameworks.backends import BACKENDS

__all__ = [
    *("Surroundings", "as_recorded", "computes", "computing_variables", "environment"),
    *("installed_version", "is_recorded", "packages_digest", "source_digest", "suite_digest"),
    *("surroundings_here", "thread_variables"),
]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # JAX
)
# By these a user gives the numerical libraries other kernels, which round differently.
_KERNEL_VARIABLES = (
    *("ATEN_CPU_CAPABILITY", "DNNL_DEFAULT_FPMATH_MODE", "DNNL_MAX_CPU_ISA", "GLIBC_TUNABLES"),
    *("JAX_DEFAULT_MATMUL_PRECISION", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS"),
    *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "ONEDNN_DEFAULT_FPMATH_MODE"),
    "ONEDNN_MAX_CPU_ISA",
    *("OPENBLAS_CORETYPE", "TF_DETERMINISTIC_OPS", "TF_XLA_FLAGS", "XLA_FLAGS"),
)
_RECORDED = ("TF_ENABLE_ONEDNN_OPTS", *_KERNEL_VARIABLES, *_THREAD_VARIABLES)
# Any other variable of a library may change what it computes, unless it is one of the latter.
_LIBRARIES = (
    *("ATEN_", "BLIS_", "DNNL_", "FBGEMM_", "GOMP_", "GOTO_", "JAX_", "KERAS_NNX_ENABLED"),
    *("KERAS_TORCH_DEVICE", "KMP_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "OPENBLAS_", "PJRT_"),
    *("PYTORCH_", "TF_", "TORCH", "XLA_"),
)
_MESSAGES_MEMORY_AND_PLACES = (
    *("GOMP_CPU_AFFINITY", "JAX_LOG", "JAX_PLATFORMS", "JAX_TRACEBACK", "KMP_AFFINITY"),
    *("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "KMP_WARNINGS", "MKL_SERVICE_FORCE_INTEL"),
    *("MKL_THREADING_LAYER", "OMP_PLACES", "OMP_PROC_BIND", "OMP_WAIT_POLICY", "PYTORCH_ALLOC"),
    *("PYTORCH_CUDA_ALLOC", "TF_CPP_", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR"),
    *("TF_USE_LEGACY_KERAS", "TORCHINDUCTOR_CACHE_DIR", "TORCH_CPP_LOG", "TORCH_EXTENSIONS_DIR"),
    *("TORCH_HOME", "TORCH_LOGS", "TORCH_SHOW_CPP", "XLA_PYTHON_CLIENT"),
)
_CODE = (".py", ".so", ".pyd", ".dll", ".dylib")  # the files of a package that compute
_ROOT = Path(experiments.__file__).parents[1]


@dataclass(frozen=True)
class Surroundings:
    """What trainings in one place depend on, whatever the experiment.

    environment : see `environment`
    packages : returns the digest of an implementation's packages (see `packages_digest`)
    variables : the variables of this process as the command began, whatever a page sets; None where
        others train
    """

    environment: Mapping[str, object]
    packages: Callable[[str], str]
    variables: Mapping[str, str] | None = None


def surroundings_here(threads: int) -> Surroundings:
    """Return the surroundings of this machine's processes."""
    return Surroundings(
        environment(threads),
        lambda name: packages_digest(BACKENDS[name].packages),
        dict(os.environ),
    )


def environment(threads: int) -> dict[str, object]:
    """Return what a reader needs in order to interpret a result; loads no framework."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() not in ("0", "false"),
        "versions": {package: installed_version(package) for package in _packages()},
        **{name: os.environ[name] for name in _KERNEL_VARIABLES if name in os.environ},
    }


def _packages() -> list[str]:
    """Return what results depend on: what implementations need, and what data and figures do."""
    needed = [package for backend in BACKENDS.values() for package in backend.packages]
    return sorted({"numpy", "pandas", "scikit-learn", *needed})


def thread_variables(threads: int) -> dict[str, str]:
    """Return environment variables that give every library the same number of threads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def computing_variables() -> dict[str, str]:
    """Return the variables of this process by which the numerical libraries choose how to compute.

    Those that a record holds, those of the threads, and whatever else may be one.
    """
    return {name: value for name, value in os.environ.items() if computes(name)}


def is_recorded(variable: str) -> bool:
    """Return whether a record says what the variable is, or how many threads there are."""
    return variable in _RECORDED


def as_recorded(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables without those that may change what is computed and are in no record."""
    return {n: value for n, value in variables.items() if is_recorded(n) or not computes(n)}


def computes(name: str) -> bool:
    """Return whether numerical libraries may choose by the variable how to compute."""
    may = name.startswith(_LIBRARIES) and not name.startswith(_MESSAGES_MEMORY_AND_PLACES)
    return may or is_recorded(name)


def source_digest(
    page: Path, text: bytes | None = None, beside: Mapping[Path, bytes] | None = None
) -> str:
    """Return the SHA-256 of the code that computes an experiment's results.

    `page` is its file, `text` what was in it when it was loaded; None: what is in it now. `beside`
    are the files that it imports from its folder, and what was in them. These go by their names
    alone: a page is the same in whatever folder.
    """
    beside = beside or {}
    own = {page: page.read_bytes() if text is None else text, **beside}
    files = [page, *sorted(beside)]
    files += sorted((_ROOT / "experiments/harness/workers").glob("*training.py"))
    for package in ("scratch", "frameworks", "datasets"):
        files += sorted((_ROOT / package).rglob("*.py"))
    digest = sha256()
    for file in files:
        ours = file not in own and file.is_relative_to(_ROOT)
        name = file.relative_to(_ROOT) if ours else Path(file.name)
        content = own[file] if file in own else file.read_bytes()
        digest.update(f"{name.as_posix()}\n".encode() + content)
    return digest.hexdigest()


def suite_digest() -> str:
    """Return the SHA-256 of all code of the suite that computes results, or has them computed."""
    folder = _ROOT / "experiments"
    workers = (folder / "harness/workers").rglob("*.py")
    files = {file: file.read_bytes() for file in [*folder.glob("*.py"), *workers]}
    return source_digest(Path(experiments.__file__), None, files)


@cache
def packages_digest(packages: tuple[str, ...]) -> str:
    """Return the SHA-256 of packages' files: the text of modules, the sizes of all others.

    A version says less: a nightly build, a checkout and a patched file keep theirs. Nothing is
    imported.
    """
    digest = sha256()
    for package in packages:
        found = _spec_on_disk(package)
        for top in (found and found.submodule_search_locations) or ():
            for folder, folders, names in os.walk(top):
                folders.sort()
                for name in sorted(names):
                    if name.endswith(_CODE):
                        digest.update(_identity(os.path.join(folder, name), len(top)))
    return digest.hexdigest()


def _spec_on_disk(package: str) -> ModuleSpec | None:
    """Find a package anew: one that is loaded may have changed where its modules come from."""
    for finder in sys.meta_path:
        if found := finder.find_spec(package, None):
            return found
    return None


def _identity(path: str, start: int) -> bytes:
    """Return a file's path from `start` on with its text, or its size where it is no text."""
    if path.endswith(".py"):
        with open(path, "rb") as file:
            return path[start:].encode() + file.read()
    return f"{path[start:]} {os.stat(path).st_size}".encode()


def installed_version(package: str) -> str | None:
    """Return the version of a package; None if it is not installed. Nothing is imported."""
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
