"""Pages whose builders return programs: they are run, or refused in a sentence."""

import json

import pytest

from .test_adding_a_page import page_of

STEP = """

def as_program(build, names, measured=True):
    def build_scratch(spec=SPEC):
        from frameworks import Program

        network, loss, optimizer, weights, logits, *_ = build(spec)

        def step(batch, draws):
            value = loss.forward(network.forward(batch.X, training=True), batch.y)
            network.backward_params(loss.backward())
            optimizer.step(network.theta, network.grad)
            return {name: 0.5 if name == "accuracy" else value for name in names}

        measure = loss if measured else None
        return Program((network,), (optimizer,), step, weights, loss=measure, logits=logits)

    return build_scratch


build_scratch = as_program(build_scratch, ARGUMENTS)
"""


@pytest.fixture
def page(tmp_path):
    """Return a function that writes a page whose steps return values of these names."""

    def write(arguments):
        before, mark, after = page_of("mine", "build_scratch").rpartition("EXPERIMENT = ")
        (tmp_path / "mine.py").write_text(
            before + STEP.replace("ARGUMENTS", arguments) + "\n\n" + mark + after
        )
        return tmp_path / "mine.py"

    return write


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_program_is_run_and_all_its_values_are_recorded(call, page, tmp_path, dtype):
    command = ("run", page("['loss', 'accuracy', 'other']"), "--with", "scratch", "--dtype", dtype)
    answer = call(*command, "--epochs", "3", "--out", tmp_path / "run")
    assert answer.code == 0, answer.out + answer.err
    (cell,) = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
    assert cell["history"]["other"] == cell["history"]["loss"]
    report = (tmp_path / "run" / "report.html").read_text()
    assert '<th scope="row">optimizer</th><td>SGD</td>' in report


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("['a', 'b']", "a step of mine returns a, b; it must return loss and accuracy, by wh"),
        ("['loss', 'accuracy'], False", "the program of build_scratch has no loss by "),
    ],
)
def test_a_program_that_cannot_be_run_is_one_sentence(call, page, tmp_path, arguments, says):
    command = ("run", page(arguments), "--with", "scratch", "--json")
    (cell,) = json.loads(call(*command, "--out", tmp_path / "run").out)["cells"]
    assert cell["status"] == "failed"
    assert says in cell["error"]
