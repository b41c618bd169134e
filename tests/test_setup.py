"""The set-up, run with fake interpreters in a copy of the checkout whose path has a space."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = (
    "awk bash cat chmod cp df dirname flock head ls make mkdir rm sed sh sleep tail touch".split()
)

# Answers what the set-up asks of a Python, and notes what it is told to do.
FAKE_PYTHON = """\
#!/bin/sh
log=$(dirname "$0")/../setup.log
case "$*" in
*'-m venv'*)
    echo venv >>"$CALLS"
    for venv; do :; done
    rm -rf "$venv"
    mkdir -p "$venv/bin" "$venv/lib/python{version}/site-packages"
    cp "$0" "$venv/bin/python"
    touch "$venv/pyvenv.cfg" ;;
*ensurepip*) {ensurepip} ;;
*'-m pip'*) echo pip >>"$CALLS"; eval "${{PIP_DOES:-}}" ;;
*) echo {version} ;;
esac
"""
FAKE_DF = """\
#!/bin/sh
echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
echo "//server/my share 99000000 9000000 ${FREE_KB:-90000000} 10% /mnt/my share"
"""
NO_SPACE = 'echo "OSError: [Errno 28] No space left on device" >>"$log"; exit 1'
NO_REGISTRY = 'echo "Retrying after connection broken by NewConnectionError" >>"$log"; exit 1'


@dataclass
class Checkout:
    root: Path
    bin: Path
    env: dict[str, str]

    def add_command(self, name, text):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def add_python(self, name, version, ensurepip=":"):
        self.add_command(name, FAKE_PYTHON.format(version=version, ensurepip=ensurepip))

    def run(self, *command, **env):
        return subprocess.run(
            command, cwd=self.root, env=self.env | env, capture_output=True, text=True, timeout=60
        )

    def setup(self, *, venv=".venv", python="", **env):
        return self.run("sh", "tools/setup.sh", venv, python, **env)

    @property
    def calls(self):
        path = Path(self.env["CALLS"])
        return path.read_text().split() if path.exists() else []

    @property
    def stamp(self):
        return self.root / ".venv" / ".setup-stamp"


def assert_fails(result, sentence):
    assert result.returncode == 2
    assert sentence in result.stderr.splitlines()[-1]


@pytest.fixture
def checkout(tmp_path):
    root, bin = tmp_path / "a b", tmp_path / "bin"
    for path in ("tools/setup.sh", "Makefile", "pyproject.toml", "constraints.txt", ".ci/run"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    bin.mkdir()
    for name in COMMANDS:
        if found := shutil.which(name):
            (bin / name).symlink_to(found)
    checkout = Checkout(root, bin, {"PATH": str(bin), "CALLS": str(tmp_path / "calls")})
    checkout.add_python("python3", "3.11")
    checkout.add_command("df", FAKE_DF)
    return checkout


def test_first_setup_makes_the_venv_and_says_so_before_and_after(checkout):
    result = checkout.setup()
    assert (result.returncode, checkout.calls) == (0, ["venv", "pip"])
    assert result.stderr.startswith("lockstep: setting up .venv: installing pinned packages")
    assert result.stderr.endswith("or lockstep after: . .venv/bin/activate\n")
    assert len(result.stderr.splitlines()) == 2


def test_setup_adds_what_is_no_part_of_the_library(checkout):
    """The checkout is on the path, and `lockstep` runs the suite, wherever it is called from."""
    checkout.root = checkout.root.rename(checkout.root.with_name("it's here"))
    checkout.setup(PIP_DOES='echo "import frameworks" >.venv/bin/lockstep')
    site_packages = checkout.root / ".venv/lib/python3.11/site-packages"
    assert (site_packages / "lockstep_suite.pth").read_text() == f"{checkout.root}\n"
    python = checkout.root / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$#" "$@"\n')
    script = checkout.root / ".venv/bin/lockstep"
    assert checkout.run(script, "run", "a b").stdout == "5 -P -m experiments run a b\n"


def test_setup_of_a_venv_without_room_for_the_suite_is_not_finished(checkout):
    result = checkout.setup(PIP_DOES="rm -r .venv/lib")
    assert_fails(result, ".venv could not be written")
    assert checkout.stamp.read_text() == ""


def test_second_setup_does_nothing(checkout):
    checkout.setup()
    (checkout.root / "pyproject.toml").touch()  # a checkout renews times, not contents
    result = checkout.setup()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert checkout.calls == ["venv", "pip"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed_into_the_same_venv(checkout, name):
    checkout.setup()
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    checkout.setup()
    assert checkout.calls == ["venv", "pip", "pip"]


@pytest.mark.parametrize("earlier", [[], ["venv", "pip"]], ids=["first", "update"])
def test_interrupted_installation_leaves_no_stamp_and_is_started_over(checkout, earlier):
    if earlier:
        checkout.setup()
        (checkout.root / "constraints.txt").write_text("# changed\n")
    checkout.setup(PIP_DOES="kill -KILL $PPID")
    assert checkout.stamp.read_text() == ""
    checkout.setup()
    assert checkout.calls == (earlier or ["venv"]) + ["pip", "venv", "pip"]


def test_vanished_interpreter_is_started_over(checkout):
    checkout.setup()
    (checkout.root / ".venv/bin/python").unlink()
    (checkout.root / ".venv/bin/python").symlink_to("/nonexistent/python3.11")
    checkout.setup()
    assert checkout.calls == ["venv", "pip", "venv", "pip"]


def test_moved_checkout_is_started_over(checkout):
    checkout.setup()
    checkout.root = checkout.root.rename(checkout.root.with_name("c d"))
    checkout.setup()
    assert checkout.calls == ["venv", "pip", "venv", "pip"]


def test_another_python_is_started_over_only_when_asked_for(checkout):
    checkout.add_python("python3.12", "3.12")
    checkout.setup(python="python3.12")
    checkout.setup()
    assert checkout.calls == ["venv", "pip"]
    checkout.setup(python="python3")
    assert checkout.calls == ["venv", "pip", "venv", "pip"]


def test_venv_made_by_hand_is_kept(checkout):
    checkout.run(checkout.bin / "python3", "-m venv", ".venv")
    assert checkout.setup().returncode == 0
    assert checkout.calls == ["venv", "pip"]  # the first of them is ours


def test_folder_that_is_no_venv_is_left_alone(checkout):
    (checkout.root / "notes").mkdir()
    (checkout.root / "notes/thesis.txt").touch()
    assert_fails(checkout.setup(venv="notes"), "notes is there, but is not a virtual")
    assert checkout.calls == []


@pytest.mark.skipif(shutil.which("flock") is None, reason="two at once are not kept apart")
def test_two_setups_at_once_install_once(checkout):
    command = ["sh", "tools/setup.sh", ".venv"]
    env = checkout.env | {"PIP_DOES": "sleep 0.3"}
    both = [subprocess.Popen(command, cwd=checkout.root, env=env) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert checkout.calls == ["venv", "pip"]


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.14"])
def test_unsupported_python_is_named_with_what_is_needed(checkout, version):
    checkout.add_python("python3", version)
    result = checkout.setup()
    assert_fails(result, f"Python 3.11 to 3.13 is needed, but python3 is Python {version}; name")
    assert len(result.stderr.splitlines()) == 1
    assert checkout.calls == []


def test_missing_python_is_one_sentence(checkout):
    (checkout.bin / "python3").unlink()
    assert_fails(checkout.setup(), "no working python3 was found")
    assert_fails(checkout.setup(python="python9"), "no working python9 was found")


def test_newer_python_on_the_path_replaces_one_that_is_too_old(checkout):
    checkout.add_python("python3", "3.9")
    checkout.add_command("python3.11", "#!/bin/sh\nexit 127\n")  # a launcher with nothing behind
    checkout.add_python("python3.12", "3.12")
    assert checkout.setup().returncode == 0
    assert "echo 3.12" in (checkout.root / ".venv/bin/python").read_text()


def test_missing_ensurepip_names_the_package_to_install(checkout):
    checkout.add_python("python3", "3.11", ensurepip="exit 1")
    assert_fails(checkout.setup(), "apt install python3-venv")
    assert checkout.calls == []


def test_lack_of_space_is_found_before_anything_is_installed(checkout):
    for _ in range(2):  # the empty venv that is left is not taken for one to install into
        result = checkout.setup(FREE_KB="812000")
        assert_fails(result, "not enough space for .venv: 812 MB are free, and it takes")
    assert checkout.calls == ["venv", "venv"]


@pytest.mark.parametrize(
    ("pip_does", "sentence"),
    [
        (NO_SPACE, "no space was left for .venv, which takes"),
        (NO_REGISTRY, "registry could not be reached; pip's log is .venv/setup.log"),
        ("exit 1", "pip could not install the packages; its log is .venv/setup.log"),
    ],
    ids=["space", "registry", "other"],
)
def test_failure_of_pip_is_explained_and_leaves_no_stamp(checkout, pip_does, sentence):
    assert_fails(checkout.setup(PIP_DOES=pip_does), sentence)
    assert checkout.stamp.read_text() == ""


def test_make_passes_names_with_spaces_on(checkout):
    checkout.add_python("my python", "3.12")
    result = checkout.run("make", "setup", "VENV=c d/venv", "PYTHON=my python")
    assert result.returncode == 0, result.stderr
    assert "echo 3.12" in (checkout.root / "c d/venv/bin/python").read_text()


@pytest.mark.parametrize("failing", ["", "check", "test", "slow"])
def test_ci_checks_and_tests_with_the_shared_data(checkout, failing):
    checkout.add_command("make", '#!/bin/sh\necho "$1 $LOCKSTEP_DATA"\n[ "$1" != "$FAILS" ]\n')
    data = checkout.root.with_name("shared") / "data"
    data.mkdir(parents=True)
    result = checkout.run(".ci/run", FAILS=failing)
    assert (result.returncode != 0) == bool(failing)
    assert result.stdout.startswith(f"check {data}\n")
    assert checkout.run(".ci/run", FAILS="", LOCKSTEP_DATA="/mine").stdout == (
        "check /mine\ntest /mine\nslow /mine\n"
    )
