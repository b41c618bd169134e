"""Variables of the environment that change what libraries compute: recorded, or set back."""

import subprocess
import sys

import pytest

from experiments.harness.plan import plan
from experiments.harness.records.environment import as_recorded
from experiments.harness.request import Request
from experiments.registry import find_experiment

from ..command import lockstep

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

# By these JAX compiles otherwise, TensorFlow multiplies with the weights of an earlier step, OpenMP
# uses fewer threads than the record says, and nobody has named the last.
SET_BACK = ("JAX_DISABLE_MOST_OPTIMIZATIONS", "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "OMP_THREAD_LIMIT")
SET_BACK += ("MKL_DOMAIN_NUM_THREADS", "KERAS_TORCH_DEVICE", "XLA_SOMETHING_NEW")
LEFT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TORCH_HOME": "/t", "KMP_DUPLICATE_LIB_OK": "1", "TF2": "1"}
LEFT |= {"XLA_FLAGS": "", "GLIBC_TUNABLES": "", "TF_ENABLE_ONEDNN_OPTS": "0", "PATH": "/bin"}
BOTH = "scratch,pytorch"


@pytest.fixture
def page(tmp_path):
    """A user's page, which is the circle's."""
    path = tmp_path / "mine.py"
    path.write_text(find_experiment("circle").source.read_text())
    return path


@pytest.mark.parametrize(
    "variable",
    ["ATEN_CPU_CAPABILITY", "NPY_ENABLE_CPU_FEATURES", "DNNL_MAX_CPU_ISA", "TF_DETERMINISTIC_OPS"],
)
def test_a_variable_that_chooses_other_kernels_is_in_every_record(variable, monkeypatch):
    monkeypatch.setenv(variable, "default")
    (head,) = plan(Request(experiments=("xor",), implementations=("scratch",))).heads.values()
    assert head.environment.items()[variable] == "default"


@pytest.mark.parametrize("value", ["0", "false", "FALSE", "1", "true"])
def test_tensorflows_own_kernels_are_recorded_as_tensorflow_reads_the_variable(value, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
    (head,) = plan(Request(experiments=("xor",), implementations=("scratch",))).heads.values()
    assert head.environment.onednn is (value in ("1", "true"))


def test_what_may_change_results_and_is_in_no_record_is_set_back():
    assert as_recorded(dict.fromkeys(SET_BACK, "1") | LEFT) == LEFT


@pytest.mark.parametrize(
    "command", [("run", "--with", "scratch", "--out", "run"), ("diverge", "--between", BOTH)]
)
def test_no_process_that_trains_has_a_variable_that_no_record_holds(command, page):
    """As for `churn` in keras-jax: its weights were others, and nothing said why."""
    fails = f"    import os\n\n    assert not {{*os.environ}} & {{*{SET_BACK}}}\n"
    starts = "    from scratch import SGD, Dense"
    page.write_text(page.read_text().replace(starts, f"{fails}{starts}", 1))
    name, *options = command
    variables = dict.fromkeys(SET_BACK, "1")
    answer = lockstep(name, page.name, *options, "--epochs", "2", cwd=page.parent, **variables)
    assert answer.code == 0, answer


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        ("ATEN_CPU_CAPABILITY", "set it where lockstep is started"),
        ("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "leave it as it was"),
    ],
)
def test_a_page_that_chooses_other_kernels_is_refused(page, variable, remedy):
    sets = f'import os\nos.environ["{variable}"] = "default"\n'
    page.write_text(page.read_text().replace("import numpy", f"{sets}import numpy", 1))
    options = ("--with", "scratch", "--epochs", "2", "--out", "run")
    answer = lockstep("run", page.name, *options, cwd=page.parent)
    assert answer.code == 1
    said = " ".join(answer.out.split())
    assert f"mine.py sets {variable}, by which libraries" in said
    assert remedy in said


def run_beginning_with(page, sets, implementations):
    """Run a page that executes a line before anything else."""
    lines = f"import os\nfrom unittest.mock import patch\n{sets}\n"
    page.write_text(page.read_text().replace("import numpy", f"{lines}import numpy", 1))
    options = ("--with", implementations, "--epochs", "2", "--out", "run")
    return lockstep("run", page.name, *options, cwd=page.parent)


@pytest.mark.parametrize(
    "sets",
    [
        "with patch.dict(os.environ, ATEN_CPU_CAPABILITY='default'): pass",
        "os.putenv('ATEN_CPU_CAPABILITY', 'default')",
    ],
)
def test_a_page_that_chooses_other_kernels_for_a_moment_is_refused(page, sets):
    answer = run_beginning_with(page, sets, "scratch")
    assert answer.code == 1
    assert "mine.py sets ATEN_CPU_CAPABILITY, by which" in " ".join(answer.out.split())


@pytest.mark.parametrize(
    "sets",
    [
        "with patch.dict(os.environ, MY_OWN='default'): pass",
        "os.environ['OMP_NUM_THREADS'] = os.environ['OMP_NUM_THREADS']",
    ],
)
def test_a_page_may_set_what_chooses_nothing_else(page, sets):
    answer = run_beginning_with(page, sets, "scratch,pytorch")
    assert answer.code == 0, answer


TOP, BUILDER = "import numpy", "    import torch\n"
LOAD, STEP = "    return load_circle()", "    optimizer = torch"
THREADS = "torch.set_num_threads(2)"


@pytest.mark.parametrize(
    ("place", "code", "name"),
    [
        (TOP, THREADS, "torch.set_num_threads"),
        (LOAD, THREADS, "torch.set_num_threads"),
        (BUILDER, THREADS, "torch.set_num_threads"),
        (STEP, f"network.register_forward_hook(lambda *_: {THREADS})", "torch.set_num_threads"),
        (TOP, "torch.backends.mkldnn.enabled = False", "torch.backends.mkldnn.enabled"),
        (BUILDER, "torch.set_flush_denormal(True)", "torch.set_flush_denormal"),
    ],
)
def test_a_page_that_sets_pytorchs_threads_or_kernels_is_refused(page, place, code, name):
    """Its record would say that one thread had trained, or oneDNN."""
    indent = place[: len(place) - len(place.lstrip())]
    lines = f"{indent}import torch\n{indent}{code}\n"
    assert place in page.read_text()
    page.write_text(page.read_text().replace(place, lines + place, 1))
    options = ("--with", "pytorch", "--epochs", "2", "--out", "run")
    answer = lockstep("run", page.name, *options, cwd=page.parent)
    assert answer.code == 1, answer
    said = " ".join(answer.out.split())
    assert f"mine.py changes what {name} sets, by which libraries" in said


def test_a_page_that_sets_the_threads_of_blas_is_refused(page):
    sets = "from threadpoolctl import threadpool_limits\nthreadpool_limits(2)\n"
    page.write_text(page.read_text().replace(TOP, f"{sets}{TOP}", 1))
    options = ("--with", "scratch", "--epochs", "2", "--out", "run")
    answer = lockstep("run", page.name, *options, cwd=page.parent)
    assert answer.code == 1, answer
    assert "changes what threadpoolctl.threadpool_limits sets" in " ".join(answer.out.split())


def test_what_users_set_for_keras_changes_no_training(call, tmp_path, monkeypatch):
    """Otherwise convolutions take the channels first, and one of eleven batches is trained on."""
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "keras.json").write_text('{"image_data_format": "channels_first", "epsilon": 0.1}')
    monkeypatch.setenv("KERAS_HOME", str(settings))
    for name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
        monkeypatch.setenv(name, "1")
    options = ("--epochs", "2", "--limit", "320", "--out", tmp_path / "run")
    answer = call("run", "mnist_cnn", "--with", "scratch,keras", "--data", "stand-in", *options)
    assert answer.code == 0, answer
    assert "1 of 1 pair agrees" in answer.out


def test_sets_of_texts_have_one_order_in_all_processes_that_execute_a_page(page):
    """By Python's own seed, a page that orders columns by a set would train otherwise in each."""
    names = "".join(f"{chr(97 + k)}" for k in range(20))
    show = "import sys; print(''.join({*sys.argv[1]}))"
    seeded = [sys.executable, "-c", show, names]
    zero = {"PYTHONHASHSEED": "0"}
    expected = subprocess.run(seeded, env=zero, capture_output=True, text=True, check=True).stdout
    starts = "    from scratch import SGD, Dense", "    return load_circle()"
    fails = f"    assert ''.join({{*{names!r}}}) == {expected.strip()!r}\n"
    for start in starts:  # in workers; in the command
        assert start in page.read_text()
        page.write_text(page.read_text().replace(start, f"{fails}{start}", 1))
    options = ("--with", "scratch", "--epochs", "2", "--out", "run")
    answer = lockstep("run", page.name, *options, cwd=page.parent, PYTHONHASHSEED="1")
    assert answer.code == 0, answer
