"""The experiments' pages: one form, three builders line by line the same, published numbers."""

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from experiments.harness.plan import plan
from experiments.harness.request import Request
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks import Parts, Program, Spec
from frameworks.backends import BACKENDS

from .command import environment

pytestmark = pytest.mark.slow

BUILDERS = ["build_scratch", "build_keras", "build_pytorch"]
NEURONS = {"perceptron", "circle"}  # what pure Python trains too
WEIGHTS = {  # counted by hand
    "perceptron": 3,
    "xor": 3 * 4 + 4,
    "circle": 17,
    "churn": 121,
    "mnist_perceptron": 7_850,
    "mnist": 101_770,
    "mnist_cnn": (9 * 1 + 1) * 16 + (9 * 16 + 1) * 32 + (800 + 1) * 64 + (64 + 1) * 10,
    "diabetes": (10 + 1) * 16 + 16 + 1,
    "digits_autoencoder": 64 * 8 * 2,
    "autoencoder": (784 + 1) * 32 + (32 + 1) * 784,
    "transfer": (9 * 1 + 1) * 8 + (9 * 8 + 1) * 16 + (400 + 1) * 64 + (64 + 1) * 5,
    "regularisation": (784 + 1) * 256 + (256 + 1) * 10,
    "adding_rnn": (2 + 16 + 1) * 16 + 16 + 1,
    "adding_lstm": (2 + 16 + 1) * 64 + 16 + 1,
    "rbm": 64 * 100 + 100 + 64,
    "dbn": (784 + 1) * 256 + (256 + 1) * 256 + (256 + 1) * 10,
    "gan": (1 + 1) + (1 + 1) * 32 + (32 + 1),
    "ring_gan": 2 * ((2 + 1) * 64 + (64 + 1) * 64) + (64 + 1) * 2 + (64 + 1),
    "sorting_transformer": (3 + 11) * 32 + 3 * 64 + 4 * 32**2 + 2 * 32 * 128 + 128 + 32 + 32 * 3,
}
# The numbers that are no Spec's: an image's channels, kernel, pool, kernel, pool, and the factor
# of the learning rate; which layer computes the code.
WRITTEN = {"mnist_cnn": [1, 3, 2, 3, 2, 0.5], "transfer": [1, 3, 2, 3, 2], "autoencoder": [2]}
WRITTEN |= {"gan": [1], "ring_gan": [1]}  # a logit
WRITTEN |= {"sorting_transformer": [1]}  # the label −1, which is not counted
# Their first argument is what Keras infers: the inputs of a layer, or the axis of the columns. A
# wrong one fails, or shows in the shapes of the weights.
STATING_INPUTS = {
    "Dense",
    "Conv2D",
    "nn.Linear",
    "nn.Conv2d",
    "nn.Unflatten",
    "SimpleRNN",
    "LSTM",
    "nn.RNN",
    "nn.LSTM",
}


@pytest.fixture(params=EXPERIMENTS)
def name(request):
    return request.param


@pytest.fixture
def experiment(name):
    return find_experiment(name)


@pytest.fixture
def tree(experiment):
    return ast.parse(experiment.source.read_text())


@pytest.fixture
def functions(tree):
    """Give the page's functions as syntax trees, from top to bottom."""
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


@pytest.fixture
def builders(functions):
    return [function for function in functions if function.name in BUILDERS]


def own_nodes(function):
    """Walk through a function without what it defines inside itself."""
    for statement in function.body:
        if not isinstance(statement, ast.ClassDef | ast.FunctionDef):
            yield from ast.walk(statement)


def local_names(function) -> list[str]:
    """Give the names that a function assigns, in their order, without those of its loops."""
    loops = [n.target for n in own_nodes(function) if isinstance(n, ast.For)]
    stored = (n for n in own_nodes(function) if isinstance(n, ast.Name) and n not in loops)
    return [node.id for node in stored if isinstance(node.ctx, ast.Store)]


def spec_fields(function) -> list[str]:
    """Give the numbers of the spec that a function reads, in their order.

    Where a function inside it makes the optimizers, its numbers are among them.
    """
    own = _read_from_spec(own_nodes(function))
    return own if "learning_rate" in own else _read_from_spec(ast.walk(function))


def _read_from_spec(nodes) -> list[str]:
    read = (n for n in nodes if isinstance(n, ast.Attribute))
    in_order = sorted(read, key=lambda node: (node.lineno, node.col_offset))
    return [n.attr for n in in_order if isinstance(n.value, ast.Name) and n.value.id == "spec"]


def written_numbers(function) -> list[int | float]:
    """Give the numbers that a function states itself, in their order, without layers' inputs."""
    calls = [n for n in own_nodes(function) if isinstance(n, ast.Call) and n.args]
    stated = [call.args[0] for call in calls if ast.unparse(call.func) in STATING_INPUTS]
    inferred = {id(node) for inputs in stated for node in ast.walk(inputs)}
    found = [
        n for n in own_nodes(function) if isinstance(n, ast.Constant) and id(n) not in inferred
    ]
    in_order = sorted(found, key=lambda node: (node.lineno, node.col_offset))
    return [n.value for n in in_order if type(n.value) in (int, float)]


def test_every_page_is_registered():
    folder = find_experiment("circle").source.parent
    pages = [p.stem for p in folder.glob("*.py") if "\nEXPERIMENT = Experiment(" in p.read_text()]
    assert sorted(pages) == sorted(EXPERIMENTS)


def test_docstring_asks_a_question_and_names_the_source(name, experiment):
    first, _, rest = experiment.about.partition("\n")
    assert re.fullmatch(rf"{name}: .+\?", first, re.IGNORECASE)
    assert experiment.question == first.partition(": ")[2]
    assert "\nSource: " in rest


def test_functions_stand_in_the_order_of_reading(functions):
    names = [function.name for function in functions]
    assert names[:2] == ["load", "initial_weights"]
    assert names[-3:] == BUILDERS


def test_numbers_stand_before_and_the_experiment_after_the_functions(tree, functions):
    lines = {n.targets[0].id: n.lineno for n in tree.body if isinstance(n, ast.Assign)}
    assert lines["SPEC"] < functions[0].lineno
    assert lines["EXPERIMENT"] == max(lines.values()) > functions[-1].end_lineno
    assert tree.body[-1].lineno == lines["EXPERIMENT"]


def test_builders_have_the_signature_that_the_estimators_call(name, experiment):
    names = [build.__name__ for build in experiment.builders]
    assert names == ["build_python"] * (name in NEURONS) + BUILDERS
    for build in experiment.builders:
        signature = inspect.signature(build)
        assert list(signature.parameters) == ["spec"]
        assert signature.parameters["spec"].default is experiment.spec
        assert signature.parameters["spec"].annotation is type(experiment.spec)
        assert signature.return_annotation in (Parts, Program, Parts | Program)


def test_the_spec_has_the_numbers_that_its_builders_read_and_no_others(experiment):
    """A number that nobody reads would be one that is changed without any effect."""
    tree = ast.parse(experiment.source.read_text())
    read = {name for node in tree.body if isinstance(node, ast.FunctionDef)
            for name in spec_fields(node)}  # fmt: skip
    own = {field.name for field in fields(experiment.spec)} - {f.name for f in fields(Spec)}
    assert own - read == set()


def test_builders_have_the_same_local_names_in_the_same_order(builders):
    first, *others = map(local_names, builders)
    parts = [name for name in first if re.match("network|loss|optimizer", name)]
    game = ["optimizer_g", "optimizer_d", "loss_d"]
    assert parts in (["network", "loss", "optimizer"], ["network", "optimizer"], game)
    assert first[-1] in ("optimizer", "loss_d")
    assert others == [first, first]


def test_builders_read_the_same_numbers_of_the_spec_in_the_same_order(builders):
    first, *others = map(spec_fields, builders)
    assert others == [first, first]
    assert "learning_rate" in first


def test_builders_return_the_same_line(builders):
    assert len({ast.unparse(builder.body[-1]) for builder in builders}) == 1


def test_builders_take_every_number_from_the_spec_or_write_the_same(name, builders):
    """A number that stands in one builder alone could be changed in one alone."""
    for builder in builders:
        assert written_numbers(builder) == WRITTEN.get(name, [])


def test_a_page_is_written_for_the_neuron_where_it_can_be():
    written = [n for n in EXPERIMENTS if "python" in find_experiment(n).blueprint.builders]
    assert set(written) == NEURONS


@pytest.mark.parametrize("implementation", ["scratch", "keras", "pytorch"])
def test_every_implementation_has_the_weights_that_the_page_draws(name, experiment, implementation):
    spec = experiment.spec
    rng = np.random.default_rng(0)
    if experiment.task.decodes:
        data = experiment.load("stand-in", None)
        X, y = data.X_train[:4], data.y_train[:4]
    else:
        X = rng.random((2 * spec.outputs + 2, spec.inputs))
        y = rng.random((len(X), spec.outputs))
    if experiment.task.has_answers:
        y = np.arange(len(X)) % max(2, spec.outputs)
    options = {"epochs": 1, "random_state": 0}
    one = BACKENDS[implementation].make(experiment.blueprint, **options).fit(X, y)
    drawn = experiment.module.initial_weights(spec, np.random.default_rng(0))
    assert [w.shape for w in one.get_weights()] == [w.shape for w in drawn]
    assert sum(w.size for w in one.get_weights()) == WEIGHTS[name]


def test_every_number_of_the_spec_is_one_that_float32_holds(experiment):
    numbers = [getattr(experiment.spec, field.name) for field in fields(experiment.spec)]
    real = [number for number in numbers if isinstance(number, float)]
    assert real == [float(np.float32(number)) for number in real]
    assert real
    assert experiment.spec.rounded == {}


def test_a_number_that_float32_does_not_hold_is_rounded_with_a_note(tmp_path):
    page = (find_experiment("xor").source).read_text()
    (tmp_path / "mine.py").write_text(page.replace("= 1.0\n", "= 0.9\n"))
    planned = plan(Request(experiments=(f"{tmp_path}/mine.py",), implementations=("scratch",)))
    ((_, head),) = planned.heads.items()
    assert head.spec.items()["learning_rate"] == float(np.float32(0.9))
    (note,) = [note for note in planned.notes if "learning_rate" in note]
    assert note.startswith("mine: learning_rate 0.9 is used as 0.8999999761581421, the nearest ")


def test_data_have_the_shapes_and_classes_of_the_spec(experiment):
    data, spec = experiment.begun_on(experiment.load("stand-in", None)), experiment.spec
    assert data.X_train.shape[1] == data.X_test.shape[1] == spec.inputs
    if experiment.task.has_answers:
        assert len(data.class_names) == max(2, spec.outputs)
    elif experiment.task.has_targets:
        outputs = spec.outputs[0] if experiment.task.decodes else spec.outputs
        assert data.y_train.size == len(data.X_train) * outputs


def test_acceptance_band_is_given_for_each_source_that_the_data_can_have(experiment):
    always_real = experiment.load("stand-in", None).source == "real"
    assert set(experiment.band) == ({"real"} if always_real else {"real", "stand-in"})
    best = 1 if experiment.task.has_answers else np.inf
    worst = 0.5 if experiment.task.has_answers else 0  # better than a coin
    assert all(worst < low <= high <= best for low, high in experiment.band.values())


def test_initial_weights_follow_from_the_generator_alone(experiment):
    def draw(seed):
        return experiment.module.initial_weights(experiment.spec, np.random.default_rng(seed))

    for once, again, other in zip(draw(3), draw(3), draw(4), strict=True):
        np.testing.assert_array_equal(once, again, strict=True)
        assert once.ndim == 1 or not np.array_equal(once, other)


def test_published_weights_of_the_perceptron_are_the_published_ones():
    (weights,) = find_experiment("perceptron").module.published_weights()
    assert weights.round(8).tolist() == [[-0.16595599], [0.44064899], [-0.99977125]]


def test_published_weights_of_the_circle_give_the_published_first_output():
    hidden, b, output, c = find_experiment("circle").module.published_weights()
    assert (b.tolist(), c.tolist()) == ([0] * 4, [0])
    assert (hidden.shape, output.shape) == ((2, 4), (4, 1))
    at_origin = 1 / (1 + np.exp(-(np.full(4, 0.5) @ output)))  # each hidden sigmoid is at 0
    assert at_origin.round(8).tolist() == [0.55882367]


def test_a_page_that_plays_another_ones_game_depends_on_its_file_too():
    game = find_experiment("gan").source
    assert find_experiment("ring_gan").beside == {game: game.read_bytes()}
    assert all(find_experiment(name).beside == {} for name in EXPERIMENTS if name != "ring_gan")


def test_importing_every_page_loads_no_framework(tmp_path):
    code = (
        "import sys; from experiments.registry import EXPERIMENTS, find_experiment\n"
        "for name in EXPERIMENTS: find_experiment(name)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, check=True
    )
    loaded = set(done.stdout.decode().split())
    assert {f"experiments.{name}" for name in EXPERIMENTS} <= loaded
    assert loaded & {"torch", "tensorflow", "keras", "sklearn", "pandas"} == set()
