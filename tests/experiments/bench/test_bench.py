"""`lockstep bench`, as it is called."""

import json
import signal

import pytest

from experiments.harness.bench import measure, run
from experiments.harness.bench.run import default_steps, prepare
from experiments.harness.bench.tables import sentences
from experiments.harness.bench.variants import VARIANTS, choose_variants
from experiments.harness.interruption import nothing_within
from experiments.harness.request import Request
from experiments.harness.workers.processes import CellFailed
from experiments.registry import find_experiment
from frameworks import backend
from frameworks.backends import BACKENDS

pytestmark = pytest.mark.slow

SHORT = ("--data", "stand-in", "--steps", "20")


def test_bench_gives_all_figures_as_json(call):
    answer = call("bench", "churn", *SHORT, *"--rounds 2 --with scratch,sklearn --json".split())
    assert (answer.code, answer.err) == (0, "")
    report = json.loads(answer.out)
    assert set(report) == {"schema", "environment", "dtype", "rounds", "experiments"}
    assert (report["schema"], report["dtype"], report["rounds"]) == (1, "float64", 2)
    assert report["environment"]["threads"] == 1
    assert {"numpy", "torch", "scikit-learn"} <= set(report["environment"]["versions"])
    assert report["environment"]["processor"]
    churn = report["experiments"]["churn"]
    assert set(churn) == {
        *("data", "part", "reference", "flops", "limit_gflops", "headline", "variants"),
        *("unavailable", "timings"),
    }
    assert set(churn["flops"]) == {"forward", "backward", "optimizer", "step"}
    assert churn["limit_gflops"] > 0
    assert list(churn["variants"]) == ["scratch", "sklearn"]
    for row in churn["variants"].values():
        assert set(row) == {
            *("name", "family", "us_per_step", "ratio", "gflops", "share", "start", "overhead")
        }
        assert row["us_per_step"] > 0
        assert row["ratio"]["min"] <= row["ratio"]["median"] <= row["ratio"]["max"]
    assert all(len(rounds) == 2 for rounds in churn["timings"].values())  # the first is apart


def test_bench_shows_paired_ratios_within_80_columns(call):
    arguments = ("bench", "perceptron", *SHORT, "--rounds", "1", "--with", "scratch,sklearn,python")
    answer = call(*arguments)
    assert answer.code == 0
    row = next(line for line in answer.out.splitlines() if line.startswith("scratch"))
    assert "1.00 (1.00 .. 1.00)" in row
    assert "as fast as pure Python." in answer.out
    assert "Without sklearn: scikit-learn has the cross-entropy" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_bench_that_cannot_be_done_is_refused_with_the_reason(call, append_to_page):
    code = "def build_python(spec: Spec = SPEC):\n    raise OSError('full')"
    append_to_page("perceptron", code)
    answer = call("bench", "perceptron", *SHORT, "--rounds", "1", "--with", "python")
    assert answer.code == 2
    assert answer.err == "error: perceptron, python: OSError: full\n"


def test_a_builder_that_hangs_in_a_worker_of_bench_is_ended_by_the_timeout(call, monkeypatch):
    class Hangs:
        """In place of a worker's process; tests/reliability/test_workers.py has a real one hang."""

        def __init__(self, *_):
            pass

        def run(self, job, timeout):
            raise CellFailed(nothing_within(timeout))

        def close(self):
            pass

    monkeypatch.setattr(measure, "Worker", Hangs)
    answer = call("bench", "perceptron", *SHORT, "--with", "python", "--timeout", "7")
    said = "perceptron, scratch: nothing was finished within 7 s; --timeout sets how long to wait"
    assert (answer.code, answer.err) == (2, f"error: {said}\n")


def test_a_page_that_hangs_in_bench_itself_is_ended_by_the_timeout(call, monkeypatch):
    timers = []

    def prepare(*_):
        timers.append(signal.getitimer(signal.ITIMER_REAL))
        timer = signal.getsignal(signal.SIGALRM)
        [timer() for _ in range(7)]  # seven seconds

    monkeypatch.setattr(run, "prepare", prepare)
    answer = call("bench", "perceptron", "--timeout", "7")
    assert (answer.code, answer.err[:43]) == (2, "error: nothing was finished within 7 s; --t")
    assert timers[0][1] == 1


@pytest.mark.parametrize("option", ["--steps", "--floor"])
def test_numbers_that_nobody_can_wait_for_are_refused(call, option):
    answer = call("bench" if option == "--steps" else "run", "perceptron", option, "10000000000")
    assert answer.code == 2
    assert f"Invalid value for '{option}': Input should be less than or equal to 1000" in answer.err


def test_bench_refuses_two_forms_at_once(call):
    answer = call("bench", "circle", "--json", "--markdown")
    assert answer.code == 2
    assert "choose one" in answer.err


def test_what_was_finished_is_printed_when_bench_is_stopped(call, monkeypatch):
    measured, calls = run.measure, []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measured(*arguments)

    monkeypatch.setattr(run, "measure", stopped)
    options = "--rounds 1 --with scratch --json".split()
    answer = call("bench", "perceptron", "circle", *SHORT, *options)
    assert answer.code == 130
    assert list(json.loads(answer.out)["experiments"]) == ["perceptron"]


def test_variants_keep_their_order_and_python_has_to_be_asked_for():
    assert [v.name for v in choose_variants(["sklearn", "scratch"])] == ["scratch", "sklearn"]
    assert [v.name for v in choose_variants([])][-2:] == ["pytorch-compile", "sklearn"]


def test_every_loop_of_an_implementation_is_a_variant_and_named_in_the_help(call):
    timed = [one for one in BACKENDS.values() if one.loop]
    names = {each.name for one in timed for each in (one, *one.peers)}
    assert set(VARIANTS) == names
    shown = " ".join(call("bench", "--help").out.split()).replace("- ", "-")  # lines end at hyphens
    assert all(f" {name}" in shown for name in names)


def test_a_peer_whose_package_is_not_installed_is_skipped_with_the_reason(call, monkeypatch):
    monkeypatch.setattr(backend, "find_spec", lambda name: None if name == "jax" else name)
    answer = call("bench", "circle", *SHORT, *"--rounds 1 --with scratch,jax-scan".split())
    assert answer.code == 0
    assert "Without jax-scan: jax-scan: jax not installed; run: make setup" in answer.out


NO_SCRATCH = "builders=(build_keras, build_pytorch)"
NO_KERAS_EITHER = "builders=(build_python, build_pytorch)"  # pure Python starts in a second


@pytest.fixture
def without_scratch(tmp_path):
    """Return the circle as a user's own page that has no build_scratch."""
    page = tmp_path / "my_circle.py"
    lines = find_experiment("circle").source.read_text().splitlines()
    lines = [f"    {NO_SCRATCH}," if "builders=" in line else line for line in lines]
    page.write_text("\n".join(lines))
    return page


def test_a_page_without_scratch_is_compared_with_its_first_implementation(call, without_scratch):
    text = without_scratch.read_text().replace(NO_SCRATCH, NO_KERAS_EITHER)
    without_scratch.write_text(text)
    options = ("--steps", "4", "--rounds", "1", "--with", "python,pytorch")
    answer = call("bench", without_scratch, *options)
    assert (answer.code, answer.err) == (0, "")
    assert "time / pytorch" in answer.out
    assert "There is no build_scratch: losses and times are compared with pytorch." in answer.out
    assert "No GFLOP/s: operations are counted from build_scratch" in answer.out
    row = next(line for line in answer.out.splitlines() if line.startswith("pytorch"))
    assert row.split()[2:] == ["1.00", "(1.00", "..", "1.00)", row.split()[-1]]  # no operations
    assert max(map(len, answer.out.splitlines())) <= 80


def test_other_work_is_refused_on_a_page_without_scratch(call, without_scratch):
    text = without_scratch.read_text().replace(NO_SCRATCH, NO_KERAS_EITHER)
    without_scratch.write_text(text.replace("lr=spec.learning_rate", "lr=spec.learning_rate / 2"))
    options = ("--steps", "4", "--rounds", "1", "--with", "python,pytorch")
    answer = call("bench", without_scratch, *options)
    assert answer.code == 2
    assert "my_circle, python: other work was timed: a mean training loss of " in answer.err
    assert "where pytorch has " in answer.err


def test_what_an_experiment_does_not_have_is_named(call, without_scratch):
    text = without_scratch.read_text()
    without_scratch.write_text(text.replace(NO_SCRATCH, NO_KERAS_EITHER))
    options = ("--steps", "4", "--rounds", "1")
    answer = call("bench", without_scratch, *options, "--with", "keras,python,sklearn")
    assert answer.code == 0
    words = " ".join(answer.out.split())
    assert "Without keras: my_circle has no build_keras; there are: build_python" in words
    assert "Without sklearn: my_circle has no build_scratch; there are: build_python" in words
    answer = call("bench", without_scratch, *options, "--with", "keras")
    assert (answer.code, "error: my_circle has no build_keras" in answer.err) == (2, True)


def test_numbers_and_reconstructions_are_timed_like_classes(call):
    options = ("--steps", "4", "--rounds", "1", "--with", "scratch,sklearn")
    answer = call("bench", "diabetes", "digits_autoencoder", *options)
    assert (answer.code, answer.err) == (0, "")
    diabetes, _, autoencoder = answer.out.partition("digits_autoencoder")
    assert "as fast as scikit-learn." in " ".join(diabetes.split())
    assert "Without sklearn: scikit-learn has dense layers with biases only." in autoencoder


def test_each_training_that_is_timed_begins_with_a_page_executed_anew(call, tmp_path):
    """As in `run`: what it keeps at its top is of no other."""
    text = find_experiment("circle").source.read_text().replace("uniform(rng,", "uniform(RNG,")
    (tmp_path / "mine.py").write_text(
        text.replace("\nSPEC =", "\nRNG = np.random.default_rng(0)\nSPEC =")
    )
    options = ("--with", "scratch,pytorch", "--steps", "20", "--rounds", "2")
    answer = call("bench", tmp_path / "mine.py", *options)
    assert answer.code == 0, answer


def test_a_page_with_phases_says_which_of_them_is_timed():
    request = Request(experiments=("dbn",), implementations=("scratch",), policy="stand-in")
    measured, _ = prepare(request, 4, find_experiment("dbn"))
    (line,) = sentences(measured, [])
    assert line.startswith("Timed: the network of without the machines and pre-trained, on the ")


@pytest.mark.parametrize(("experiment", "steps"), [("churn", 1_000), ("circle", 1_000)])
def test_small_steps_are_timed_a_thousand_times(experiment, steps):
    page = find_experiment(experiment)
    assert default_steps(page, page.spec) == steps


def test_long_steps_are_timed_fewer_times():
    mnist, mnist_cnn = map(find_experiment, ("mnist", "mnist_cnn"))
    assert 40 <= default_steps(mnist_cnn, mnist_cnn.spec) < default_steps(mnist, mnist.spec) < 1_000
