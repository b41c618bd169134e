"""`lockstep diverge`: what it prints, its exit codes, a user's own page, what it refuses."""

import gc
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.diverge import LEVELS
from frameworks.recordings import write_trace

from ...frameworks.recordings.samples import sample_trace
from ..command import lockstep

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SHORT = ("--data", "stand-in", "--epochs", "2", "--limit", "95")
FLOAT32 = (*SHORT, "--dtype", "float32")


@pytest.fixture(autouse=True, scope="module")
def frozen():
    """What other tests have left is not looked at whenever a page is collected."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def own_page(tmp_path):
    """Return a function that writes a page of the user's own: a stock one with replacements."""

    def write(replacements=(), experiment="churn"):
        text = find_experiment(experiment).source.read_text()
        for old, new in dict(replacements).items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "mine.py").write_text(text)
        return tmp_path / "mine.py"

    return write


def without_roundings(text):
    """Return a text without the numbers whose last digits depend on the machine."""
    return re.sub(r"-?0\.\d{9,}|\d\.\de-\d+", "#", text)


def words(answer):
    return " ".join(answer.out.split())


def test_equal_implementations_reach_every_level_and_exit_0(call):
    answer = call("diverge", "churn", "--between", "scratch,pytorch", *SHORT)
    assert answer.code == 0
    assert answer.out.count("✓") == len(LEVELS)
    assert "scratch and pytorch agree." in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_own_page_without_epsilon_hat_parts_at_the_step_for_its_reason(call, own_page):
    path = own_page({"    use_epsilon_hat(optimizer)": "    pass"})
    answer = call("diverge", path, "--between", "scratch,pytorch", *SHORT)
    assert answer.code == 1
    assert "✗ They first differ at the step level: weights.0 (kernel of layer" in answer.out
    assert "pytorch uses Adam with ε = 1e-07 after the bias correction" in words(answer)
    assert "mine  scratch - pytorch" in answer.out


def test_explain_all_names_every_cause_and_goes_on_until_the_two_agree(call, own_page):
    path = own_page(
        {
            "    use_epsilon_hat(optimizer)": "    pass",
            "nn.BCEWithLogitsLoss()": "nn.BCEWithLogitsLoss(reduction='sum')",
        }
    )
    options = "--between", "scratch,pytorch", "--explain-all", "--steps", "6", *SHORT
    answer = call("diverge", path, *options)
    assert answer.code == 1
    assert "They first differ at the loss level" in answer.out
    assert "reduction='sum'" in words(answer)
    assert "adds ε = 1e-07" in words(answer)
    assert "With all remedies the two agree." in answer.out


def test_explain_all_goes_on_to_a_phase_that_differs(call, own_page):
    path = own_page(
        {
            '        Phase("nothing", SPEC),\n': "",
            '        Phase("shifts", Numbers(pixels=1)),\n': "",
            "(256,)": "(8,)",
            "lr=spec.learning_rate,": "lr=spec.learning_rate / (1 + bool(spec.drop_hidden)),",
        },
        "regularisation",
    )
    options = "--explain-all", "--steps", "4", "--data", "stand-in", "--limit", "60"
    answer = call("diverge", path, "--between", "scratch,pytorch", *options)
    assert answer.code == 1
    one, other = answer.out.split("mine, dropout\n")
    assert one.startswith("mine, early stopping\nIts steps are taken without early stopping.\n")
    assert "scratch and pytorch agree" in one
    assert "lr=0.0005" in other


@pytest.mark.parametrize(("pixels", "code"), [("spec.pixels", 0), ("0", 2)])
def test_explain_all_says_that_it_takes_the_rows_as_they_are(call, own_page, pixels, code):
    path = own_page(
        {
            '        Phase("nothing", SPEC),\n': "",
            '        Phase("early stopping", Numbers(patience=5), validate=0.2),\n': "",
            '        Phase("dropout", Numbers(drop_inputs=float32(0.2), drop_hidden=0.5)),\n': "",
            "(256,)": "(8,)",
            "if spec.pixels else None\n    # differs": f"if {pixels} else None\n    # differs",
        },
        "regularisation",
    )
    options = "--explain-all", "--steps", "2", "--data", "stand-in", "--limit", "60"
    answer = call("diverge", path, "--between", "scratch,pytorch", *options)
    assert answer.code == code
    said = "Its steps are taken without augment." if code == 0 else "which scratch alone changes"
    assert said in answer.out + answer.err


def test_several_networks_are_named_as_the_documentation_shows(call, own_page):
    page = own_page({"betas=(spec.beta_1, spec.beta_2)": "betas=(0.9, spec.beta_2)"}, "gan")
    path = page.rename(page.with_name("my_gan.py"))
    answer = call(
        "diverge", path, "--between", "scratch,pytorch", "--epochs", "1", "--limit", "768"
    )
    shown = (ROOT / "docs" / "diverge.md").read_text(encoding="utf-8")
    said = answer.out[answer.out.index("✗ They first differ") :]
    assert answer.code == 1
    assert without_roundings(said) in without_roundings(shown)


@pytest.mark.parametrize(
    ("experiment", "between"),
    [*((name, "scratch,pytorch") for name in EXPERIMENTS), ("regularisation", "scratch,keras")],
)
def test_explain_all_finds_nothing_where_there_is_nothing(experiment, between, call):
    """Targets have the form in which the page trains on them, and dropout gets its masks."""
    options = "--steps", "2", "--data", "stand-in", "--limit", "60"
    answer = call("diverge", experiment, "--between", between, "--explain-all", *options)
    if answer.code == 2:
        assert "has a step of its own" in answer.err
    else:
        assert (answer.code, answer.out.count("✗")) == (0, 0)
        assert "evaluation mode" not in answer.out


def test_explain_all_says_why_it_takes_no_program(call):
    answer = call("diverge", "gan", "--between", "scratch,pytorch", "--explain-all")
    assert answer.code == 2
    assert "remedies one network with one loss, and gan has a step of its own" in answer.err


def test_json_holds_levels_and_findings(call, own_page):
    path = own_page({"nn.BCEWithLogitsLoss()": "nn.BCEWithLogitsLoss(reduction='sum')"})
    answer = call("diverge", path, "--json", *SHORT)
    found = json.loads(answer.out)
    assert list(found) == [
        *("schema", "between", "dtype", "seed", "verdict", "levels", "findings"),
        *("noise_floor", "notes", "single_steps", "against"),
    ]
    assert (answer.code, found["verdict"]) == (1, "part")
    assert [level["verdict"] for level in found["levels"]] == ["same", "same", "parted"]
    (finding,) = found["findings"]
    assert finding["level"] == "loss"
    assert finding["difference"]["limit"] == 1e-12
    assert "10 times that of" in finding["cause"]


def test_json_has_null_for_what_is_infinite(call, own_page):
    path = own_page({"loss = nn.BCEWithLogitsLoss()": "loss = lambda z, y: (0 * z / 0).mean()"})
    found = json.loads(call("diverge", path, "--json", *SHORT).out)
    assert found["findings"][0]["difference"]["error"] is None


@pytest.mark.parametrize("option", ["--epochs", "--steps"])
def test_more_steps_than_can_be_drawn_ahead_are_refused(call, option):
    answer = call("diverge", "xor", "--between", "scratch,pytorch", option, "1000000000")
    many = "1,000,000,000"
    said = f"xor would take {many} steps in {many} epochs, and diverge compares at most 1,000,000; "
    assert answer.code == 2
    assert said + "give fewer --epochs or --steps" in " ".join(answer.err.split())


def test_tasks_without_answers_have_no_predictions_to_show(call):
    answer = call("diverge", "diabetes", "--epochs", "2", "--dtype", "float32")
    assert answer.code == 0, answer.out + answer.err
    assert "test outputs" in answer.out
    assert "predictions" not in answer.out


# --- what is refused ---


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import nothing_by_this_name", "ModuleNotFoundError: No module named"),
        ("x = 1\nraise ValueError('no')", "ValueError: no (line 2)"),
        ("def f(:", "SyntaxError"),
        ("x = 1", "has no EXPERIMENT = Experiment(...) at its end"),
    ],
)
def test_page_that_is_none_is_refused_in_one_sentence(call, tmp_path, text, error):
    (tmp_path / "bad.py").write_text(text)
    answer = call("diverge", tmp_path / "bad.py", "--between", "scratch,pytorch")
    assert answer.code == 2
    assert error in answer.err
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nowhere.py",), "nowhere.py: no such file"),
        (("chrun",), "did you mean 'churn'?"),
        (("churn", "--between", "scratch"), "--between takes two names"),
        (("churn", "--between", "scratch,torch"), "unknown implementation 'torch'"),
        (("churn", "--between", "scratch,python"), "churn has no build_python"),
        (("circle", "--between", "scratch,python", "--dtype", "float32"), "float64 only"),
        (("churn", "--floor", "1"), "error: --floor must be 0, or at least 2"),
    ],
)
def test_request_that_cannot_be_carried_out_exits_2(call, arguments, error):
    answer = call("diverge", *arguments)
    assert answer.code == 2
    assert error in answer.err


@pytest.mark.parametrize("other", ["keras-jax", "keras-torch"])
def test_two_backends_of_keras_are_refused_in_one_sentence(call, monkeypatch, other):
    monkeypatch.setattr("frameworks.backend.Backend.missing", lambda backend: None)
    answer = call("diverge", "churn", "--between", f"keras,{other}")
    assert answer.code == 2
    assert f"keras and {other} cannot be compared in one process: " in answer.err
    assert "KERAS_BACKEND=tensorflow" in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_builders_with_different_weights_are_refused(call, own_page):
    path = own_page(
        {"nn.Linear(second, spec.outputs)": "nn.Linear(second, spec.outputs, bias=False)"}
    )
    answer = call("diverge", path, "--between", "scratch,pytorch", *SHORT)
    assert answer.code == 2  # the page's weights do not fit one of its networks
    assert "build_pytorch of mine cannot be trained" in answer.err
    assert "expected 5 arrays, got 6; the first that differs is initial_weights[5]: " in answer.err


# --- Keras in a process of its own ---


def test_keras_is_told_its_backend_before_it_is_loaded(tmp_path):
    """Nothing is printed besides, whatever the environment says."""
    arguments = ("diverge", "churn", "--between", "scratch,keras", *SHORT)
    answer = lockstep(*arguments, cwd=tmp_path, KERAS_BACKEND="torch")
    assert answer.code == 0, answer.out + answer.err
    assert "scratch and keras agree." in answer.out
    assert answer.err == ""


# --- the noise floor ---


def test_float32_says_what_it_held_against_what(call):
    answer = call("diverge", "churn", *FLOAT32)
    assert answer.code == 0, answer.out + answer.err
    assert "Limits up to the step level: 16 times scratch's own rounding error" in words(answer)
    assert "the largest distance between any two of 5 trainings of scratch" in words(answer)
    assert "they stay within the noise floor of scratch" in words(answer)
    assert max(map(len, answer.out.splitlines())) <= 80


def test_json_holds_the_floor(call):
    found = json.loads(call("diverge", "churn", "--json", *FLOAT32).out)
    assert found["verdict"] == "same"
    assert found["noise_floor"]["trainings"] == 5


def test_a_page_without_scratch_is_measured_and_says_why(call, own_page):
    path = own_page({"def build_scratch": "def build_numpy", "(build_scratch, ": "("})
    answer = call("diverge", path, "--between", "pytorch,pytorch", *FLOAT32)
    assert answer.code == 0, answer.out + answer.err
    assert "No noise floor can be measured without a build_scratch: whole" in words(answer)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_builder_whose_trainings_differ_among_themselves_is_not_judged(call, own_page, dtype):
    new = {"lr=spec.learning_rate": "lr=np.random.default_rng().uniform(1, 2)"}
    between = ("--between", "scratch,pytorch", "--epochs", "3", "--dtype", dtype)
    answer = call("diverge", own_page(new, "xor"), *between)
    assert answer.code == 2, answer.out + answer.err
    said = "pytorch, trained twice in the same way on mine, differs from itself (weights.0"
    assert said in " ".join(answer.err.split())


@pytest.mark.parametrize(
    ("top", "new"),
    [
        ("RNG = np.random.default_rng(0)", {"uniform(rng, ": "uniform(RNG, "}),
        (
            "COUNT = iter(range(9))",
            {"lr=spec.learning_rate": "lr=spec.learning_rate + next(COUNT)"},
        ),
        (
            "ROWS = []",
            {
                "    return load_xor()": "    ROWS.append(4)\n    return load_xor()",
                "learning_rate=spec.learning_rate": "learning_rate=len(ROWS)",
                "lr=spec.learning_rate": "lr=len(ROWS)",
            },
        ),
    ],
    ids=["a generator", "a count", "what load leaves"],
)
@pytest.mark.parametrize("also", [(), ("--explain-all",)], ids=["levels", "causes"])
def test_what_a_page_keeps_at_its_top_begins_anew_in_each_training(call, own_page, top, new, also):
    path = own_page({"import numpy as np\n": f"import numpy as np\n\n{top}\n"} | new, "xor")
    answer = call("diverge", path, "--between", "scratch,pytorch", "--epochs", "3", *also)
    assert answer.code == 0, answer.out + answer.err


COUNTED = """import sys
import weakref


class Held:
    pass


HELD = Held()
sys.pages.append(weakref.ref(HELD))
sys.living.append(sum(page() is not None for page in sys.pages))
"""


def test_pages_of_trainings_that_are_over_are_forgotten(call, own_page, monkeypatch):
    """Each refers to itself; of a page with much at its top, memory would hold every one."""
    monkeypatch.setattr(sys, "pages", [], raising=False)
    monkeypatch.setattr(sys, "living", [], raising=False)
    path = own_page({"import numpy as np\n": f"import numpy as np\n{COUNTED}"}, "xor")
    answer = call("diverge", path, "--epochs", "3", "--dtype", "float32")
    assert answer.code == 0, answer.out + answer.err
    assert max(sys.living) < len(sys.living) / 2 > 5  # some are compared with one another


OF_ITS_PAGE = {"lr=spec.learning_rate": "lr=spec.learning_rate * (type(spec) is Numbers)"}
PHASES = "phases=[Phase('one', SPEC), Phase('two', Numbers(epochs=9))]"
IN_PHASES = {
    "import numpy as np\n": "import numpy as np\n\nfrom experiments.harness.phases import Phase\n",
    "    spec=SPEC,\n": f"    spec=SPEC,\n    {PHASES},\n",
}
WEIGHTS = {"uniform(rng, ": "uniform(type(spec) is Numbers and rng, "}


@pytest.mark.parametrize(
    ("new", "also"),
    [
        (OF_ITS_PAGE, ()),
        (OF_ITS_PAGE, ("--explain-all",)),
        (OF_ITS_PAGE, ("--set", "hidden=3")),
        (OF_ITS_PAGE | IN_PHASES, ()),
        (WEIGHTS, ()),
    ],
    ids=["levels", "causes", "a setting", "phases", "initial weights"],
)
def test_a_spec_is_of_the_same_execution_as_the_builder_that_asks_its_class(
    call, own_page, new, also
):
    between = ("--between", "scratch,pytorch", "--epochs", "3")
    answer = call("diverge", own_page(new, "xor"), *between, *also)
    assert answer.code == 0, answer.out + answer.err


def test_a_phase_stops_early_by_the_rows_that_it_holds_out(call, own_page):
    small = {
        '        Phase("nothing", SPEC),\n': "",
        '        Phase("shifts", Numbers(pixels=1)),\n': "",
        '        Phase("dropout", Numbers(drop_inputs=float32(0.2), drop_hidden=0.5)),\n': "",
        "(256,)": "(8,)",
        "Numbers(patience=5)": "Numbers(patience=1, learning_rate=0.25)",
        "stopping = EarlyStopping(patience=spec.patience)": "stopping = EarlyStopping(patience=2)",
    }
    size = ("--data", "stand-in", "--limit", "60", "--epochs", "25")
    answer = call("diverge", own_page(small, "regularisation"), *size)
    assert answer.code == 1, answer.out + answer.err
    assert "level: the number of epochs trained, by" in words(answer)
    cause = "pytorch stops early with patience=2; scratch stops early with patience=1."
    assert cause in words(answer)


def test_the_names_that_keras_gives_are_those_of_a_new_process(call, own_page):
    loss = "    loss = keras.losses.MeanSquaredError"
    path = own_page({loss: f"    network.get_layer('dense_1')\n{loss}"}, "xor")
    answer = call("diverge", path, "--between", "scratch,keras", "--epochs", "3")
    assert answer.code == 0, answer.out + answer.err


def test_a_page_that_can_be_executed_only_once_is_refused_with_the_remedy(call, own_page):
    once = "import sys\n\nassert not hasattr(sys, __file__), 'already set'\n"
    set_it = "setattr(sys, __file__, 'as torch.set_num_interop_threads')\n\n"
    path = own_page({"import numpy as np\n": f"{once}{set_it}import numpy as np\n"}, "xor")
    answer = call("diverge", path)
    assert answer.code == 2
    assert "already set (line" in answer.err
    assert "let it skip what can be done only once in a process" in " ".join(answer.err.split())


def test_a_page_that_is_saved_while_it_is_compared_is_refused(call, own_page):
    path = own_page(experiment="xor")
    saved = "from pathlib import Path\n    Path(__file__).write_text('# another')\n    "
    path.write_text(path.read_text().replace("return load_xor()", f"{saved}return load_xor()"))
    answer = call("diverge", path)
    assert answer.code == 2
    assert "was changed meanwhile; repeat the command" in answer.err


def test_chaos_on_a_users_page_agrees_by_the_floor_of_float64(call, own_page):
    path = own_page(
        {
            "Sigmoid(),\n        Dense(hidden": "Tanh(),\n        Dense(hidden",
            "Sequential, Sigmoid": "Sequential, Sigmoid, Tanh",
            "nn.Sigmoid(),\n        nn.Linear(hidden": "nn.Tanh(),\n        nn.Linear(hidden",
        },
        "circle",
    )
    answer = call("diverge", path, "--epochs", "340")
    assert answer.code == 0, answer.out + answer.err
    assert "The training amplifies rounding: its losses differ by up to" in words(answer)
    assert "they stay within the noise floor of scratch" in words(answer)


def test_two_recordings_are_compared_by_the_same_command(call, tmp_path):
    trace, (a, b) = sample_trace(steps=2), (tmp_path / "a.trace", tmp_path / "b.trace")
    write_trace(trace, a)
    write_trace(replace(trace, gradients=[2 * g for g in trace.gradients]), b)
    assert call("diverge", a, a).code == 0
    answer = call("diverge", a, b, "--json")
    found = json.loads(answer.out)
    assert (answer.code, found["between"]) == (1, ["the first keras", "the second keras"])
    assert found["level"] == "gradient"


def test_recordings_take_no_option_of_experiments(call, tmp_path):
    path = tmp_path / "a.trace"
    answer = call("diverge", path, path, "--single-step")
    assert (answer.code, answer.out) == (2, "")
    assert "--single-step is for experiments; two recordings take --json and --junit" in answer.err
    answer = call("diverge", path)
    assert answer.code == 2
    assert f"a recording is compared with another: lockstep diverge {path}" in answer.err
    assert "there is no such file" in call("diverge", path, path).err
