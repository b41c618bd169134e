"""Tests the library in fresh environments, beside other versions than the pinned ones.

    python3 tools/versions.py [NAME ...] [--keras 3.12.*] [--torch 2.13.0] [--folder .versions]

The wheel is built, and for each name installed into a new environment. The tests run in a copy,
where they find the installed library and not the checkout's.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TESTING = ("pytest>=8", "pytest-timeout", "hypothesis", "packaging")
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")

LIVE = ("tests/live",)
RECORDINGS = ("tests/frameworks/recordings",)
REFERENCE = ("tests/scratch/test_by_hand.py", "tests/scratch/test_contracts.py")
WITHOUT_FRAMEWORKS = (
    "tests/live/test_command.py",
    "tests/live/test_recorded_sides.py",
    "tests/live/test_stored_recordings.py",
)


class Environment(NamedTuple):
    """Packages beside the wheel, a program that has to run, and tests that have to pass."""

    packages: tuple[str, ...]
    tests: tuple[str, ...]
    program: str = "import lockstep"


def environments(keras: str, torch: str) -> dict[str, Environment]:
    """Return the environments by name."""
    loads = "from datasets import Dataset; import lockstep; Dataset.from_dict({'a': [1]})"
    oldest = ("numpy==2.0.*", "rich==13.0.*", "safetensors==0.4.3", "scikit-learn==1.6.*")
    alone = WITHOUT_FRAMEWORKS + RECORDINGS + REFERENCE
    return {
        "keras": Environment(
            (f"keras=={keras}", f"torch=={torch}", "tensorflow", "scikit-learn"), LIVE + RECORDINGS
        ),
        "hugging-face": Environment(("datasets",), alone, loads),
        "oldest": Environment(oldest, alone),
    }


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of what is under version control; return its path."""
    source = folder / "source"
    names = ("pyproject.toml", "README.md", "LICENSE", "lockstep.py", "scratch", "frameworks")
    source.mkdir()
    for name in names:
        _copy(ROOT / name, source / name)
    if not run(sys.executable, *PIP, "wheel", "--no-deps", "--wheel-dir", folder, source):
        sys.exit("the wheel could not be built")
    return next(folder.glob("*.whl"))


def _copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(path, to)


def run(*command: str | Path, cwd: Path | None = None) -> bool:
    """Run a command; return whether it succeeded."""
    return subprocess.run([*map(str, command)], cwd=cwd).returncode == 0


def try_environment(environment: Environment, venv: Path, wheel: Path, copy: Path) -> bool:
    """Make an environment, and run its program and its tests; return whether all went well."""
    python = venv / "bin/python"
    return (
        run(sys.executable, "-I", "-m", "venv", "--clear", venv)
        and run(python, *PIP, "install", wheel, *TESTING, *environment.packages)
        and run(python, "-I", "-c", environment.program)
        and run(venv / "bin/pytest", "-q", "-p", "no:cacheprovider", *environment.tests, cwd=copy)
    )


def main() -> int:
    """Try the environments that are asked for; return 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="keras, hugging-face, oldest; default: all")
    parser.add_argument("--keras", default="3.12.*", help="default: %(default)s")
    parser.add_argument("--torch", default="2.13.0", help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=ROOT / ".versions")
    given = parser.parse_args()
    known = environments(given.keras, given.torch)
    if unknown := set(given.names) - set(known):
        parser.error(f"there is no environment {min(unknown)}; there are: {', '.join(known)}")
    failed = []
    with tempfile.TemporaryDirectory() as temporary:
        wheel, copy = build_wheel(Path(temporary)), Path(temporary) / "copy"
        copy.mkdir()
        for name in ("tests", "docs", "pyproject.toml"):
            _copy(ROOT / name, copy / name)
        for name in given.names or known:
            start = time.monotonic()
            print(f"{name}: {' '.join(known[name].packages)}", flush=True)
            fine = try_environment(known[name], given.folder.resolve() / name, wheel, copy)
            print(f"{name}: {'passed' if fine else 'FAILED'}, {time.monotonic() - start:.0f} s")
            failed += [] if fine else [name]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
