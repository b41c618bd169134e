"""Programs: two networks that learn against each other are one computation, too."""

import pickle
from functools import cache

import keras
import numpy as np
import pytest
import torch

import frameworks
from experiments import circle
from frameworks import Program

from . import programs
from .cases import table
from .parity import distance

LIMIT = 1e-12  # the suite's own for float64; 1e-14 was measured after 200 steps
EPOCHS = 40  # of five steps, the last of three rows
X = np.random.default_rng(5).normal([2, -1], [0.5, 1], size=(23, 2))


def make(name, **parameters):
    parameters = {"batch_size": 5, "dtype": "float64", "random_state": 1, **parameters}
    return getattr(frameworks, f"{name}Trainer")(programs.BUILDERS[name], **parameters)


@cache
def trained(name):
    return make(name, epochs=EPOCHS).fit(X)


def bytes_of(trainer):
    arrays = [*trainer.get_weights(), *trainer.get_states()]
    return [a.tobytes() for a in arrays]


@pytest.mark.parametrize("name", ["Keras", "PyTorch"])
def test_two_networks_learn_as_in_scratch(name):
    ours, theirs = trained("Scratch"), trained(name)
    assert ours.orders_sha256_ == theirs.orders_sha256_ != ""
    assert ours.draws_sha256_ == theirs.draws_sha256_ != ""
    for loss in ("critic", "generator"):
        a, b = ([record[loss] for record in each.history_] for each in (ours, theirs))
        assert len(a) == EPOCHS
        assert distance(a, b) <= LIMIT
    noise = np.random.default_rng(0).normal(size=(7, programs.LATENT))
    for kind, get in {
        "weights": lambda each: each.get_weights(),
        "states": lambda each: each.get_states(),
        "outputs": lambda each: [each.outputs(noise)],
    }.items():
        for i, (a, b) in enumerate(zip(get(ours), get(theirs), strict=True)):
            assert distance(a, b) <= LIMIT, f"{kind}[{i}]"


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_losses_and_weights_are_recorded_under_their_names(name):
    trainer = trained(name)
    assert list(trainer.history_[0]) == ["critic", "generator", "seconds"]
    shapes = [w.shape for w in trainer.get_weights()]
    assert shapes == [(3, 5), (5,), (5,), (5, 2), (2,), (2, 6), (6,), (6, 1), (1,)]
    assert [a.shape for a in trainer.get_states()] == [(5,), (5,)]
    for before, after in zip(trainer.initial_weights_, trainer.get_weights(), strict=True):
        assert np.all(before != after)


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_a_program_goes_on_after_pickling_as_if_it_had_never_stopped(name):
    whole, parts = make(name, epochs=3).fit(X), make(name).partial_fit(X)
    copy = pickle.loads(pickle.dumps(parts.partial_fit(X)))
    assert bytes_of(copy) == bytes_of(parts) != bytes_of(whole)
    copy.partial_fit(X)
    assert bytes_of(copy) == bytes_of(whole)
    assert copy.draws_sha256_ == whole.draws_sha256_


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_another_seed_draws_other_numbers_in_the_steps(name):
    one, other = make(name, epochs=1).fit(X), make(name, epochs=1, random_state=2)
    other.fit(X, initial_weights=one.initial_weights_)
    assert one.draws_sha256_ != other.draws_sha256_
    assert bytes_of(one) != bytes_of(other)


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_weights_of_all_networks_can_be_set(name):
    trainer = make(name, epochs=1).fit(X)
    weights = [w + 1 for w in trainer.get_weights()]
    trainer.set_weights(weights)
    assert [w.tobytes() for w in trainer.get_weights()] == [w.tobytes() for w in weights]


@cache
def classifier(name):
    parameters = {"epochs": 20, "batch_size": 5, "dtype": "float64", "random_state": 1}
    build = programs.NOISY_BUILDERS[name]
    return getattr(frameworks, f"{name}Classifier")(build, **parameters).fit(*table(3, 23, 4))


@pytest.mark.parametrize("name", ["Keras", "PyTorch"])
def test_a_classifier_with_a_step_of_its_own_learns_as_in_scratch(name):
    (ours, theirs), (rows, y) = (classifier("Scratch"), classifier(name)), table(3, 23, 4)
    assert ours.draws_sha256_ == theirs.draws_sha256_ != ""
    assert distance(*([r["loss"] for r in c.history_] for c in (ours, theirs))) <= LIMIT
    accuracies = [[r["accuracy"] for r in c.history_] for c in (ours, theirs)]
    assert distance(*accuracies) < 1e-15  # means of means
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert distance(a, b) <= LIMIT
    assert distance(ours.predict_proba(rows), theirs.predict_proba(rows)) <= LIMIT
    assert ours.evaluate(rows, y)["loss"] == pytest.approx(theirs.evaluate(rows, y)["loss"], LIMIT)
    assert ours.score(rows, y) > 0.9


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_what_is_random_in_a_step_shows_in_its_loss(name):
    """Masks first, then what the page draws, from the third stream; the first step by hand."""
    rows, y = (a[:5] for a in table(3, 23, 4))
    model = classifier(name)
    parameters = {**model.get_params(deep=False), "epochs": 1}
    model = type(model)(**parameters).partial_fit(rows, y, classes=[0, 1, 2])
    rng = np.random.default_rng(np.random.SeedSequence(1).spawn(3)[2])
    mask = (rng.random((5, 6)) >= programs.RATE) / (1 - programs.RATE)
    drawn = programs.noise(programs.NOISY, rng, 5)
    W, b, V, c = model.initial_weights_
    noise = drawn["noise"] * (np.arange(5) != drawn["clean"])[:, None]
    z = np.tanh((rows + noise) @ W + b) * mask @ V + c
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(5), y]).mean()
    assert model.history_[0]["loss"] == pytest.approx(loss, rel=1e-14)  # sums of six terms


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_dropout_in_one_of_several_networks_is_an_error(name):
    def build(spec=programs.SPEC):
        program = programs.BUILDERS[name](spec)
        (network,) = programs.NOISY_BUILDERS[name](programs.NOISY).networks
        rows = np.zeros((2, 4))

        def step(batch, draws):
            run = {"Scratch": run_scratch, "Keras": run_keras, "PyTorch": run_pytorch}[name]
            run(network, rows)
            return program.step(batch, draws)

        def weights(spec, rng):
            own = program.initial_weights(spec, rng)
            return [*own, *programs.noisy_weights(programs.NOISY, rng)]

        networks = (*program.networks, network)
        return program._replace(networks=networks, step=step, initial_weights=weights)

    trainer = getattr(frameworks, f"{name}Trainer")(build, epochs=1, dtype="float64")
    with pytest.raises((RuntimeError, ValueError), match=r"without a mask|a mask for each step"):
        trainer.fit(X)


def run_scratch(network, rows):
    network.forward(rows, training=True)


def run_keras(network, rows):
    network(rows, training=True)


def run_pytorch(network, rows):
    network(torch.from_numpy(rows))


def test_optimizers_of_a_keras_program_have_to_be_built():
    def build(spec=programs.SPEC):
        program = programs.build_keras(spec)
        return program._replace(optimizers=(program.optimizers[0], keras.optimizers.Adam()))

    with pytest.raises(TypeError, match="must build its optimizers on the variables they train"):
        frameworks.KerasTrainer(build).fit(X)


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_a_trainer_runs_programs_only_and_says_what_it_was_given(name):
    build = getattr(circle, f"build_{name.lower()}")
    with pytest.raises(TypeError, match=r"^build must return a Program, got Parts$"):
        getattr(frameworks, f"{name}Trainer")(build).fit(X)
    with pytest.raises(TypeError, match=r"^build must take `spec` with a Spec as its default"):
        getattr(frameworks, f"{name}Trainer")(None).fit(X)
    with pytest.raises(ValueError, match="epochs must be an integer, 1 or more, got 0"):
        make(name, epochs=0).fit(X)


def test_pure_python_runs_no_programs():
    build = programs.noisy_scratch
    with pytest.raises(TypeError, match="which runs no programs"):
        frameworks.PythonClassifier(build, dtype="float64").fit(*table(3, 23, 4))


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_float32_is_given_the_same_numbers_in_float32(name):
    single, double = (make(name, epochs=1, dtype=dtype).fit(X) for dtype in ("float32", "float64"))
    assert single.draws_sha256_ == double.draws_sha256_
    assert {a.dtype.name for a in [*single.get_weights(), *single.get_states()]} == {"float32"}
    for loss in ("critic", "generator"):
        a, b = single.history_[0][loss], double.history_[0][loss]
        assert a != b
        assert a == pytest.approx(b, rel=1e-4)  # five steps, rounded to 1e-7 each


@pytest.mark.parametrize("name", programs.BUILDERS)
def test_an_epoch_s_record_is_a_mean_over_its_rows(name):
    """Not over its batches, the last of which holds three rows and not five."""

    def build(spec=programs.SPEC):
        program = programs.BUILDERS[name](spec)
        return program._replace(step=lambda batch, draws: {"mean": mean(batch.X[:, 0])})

    def mean(x):
        return keras.ops.mean(x) if name == "Keras" else x.mean()

    trainer = getattr(frameworks, f"{name}Trainer")(build, epochs=2, batch_size=5, dtype="float64")
    trainer.fit(X)
    means = [record["mean"] for record in trainer.history_]
    assert means == pytest.approx([X[:, 0].mean()] * 2, rel=1e-14)  # a sum of 23 terms
    assert trainer.initial_weights_[0].tobytes() == trainer.get_weights()[0].tobytes()


def with_values(change):
    """Return what lets a program's steps return other values: change(values, step's number)."""

    def replaced(parts):
        taken = []

        def step(batch, draws):
            taken.append(1)
            return change(parts.step(batch, draws), len(taken))

        return parts._replace(step=step)

    return replaced


WRONG = {
    "must return its values by name": with_values(lambda values, n: None),
    "must have a name, ": with_values(lambda values, n: values | {"\x1b[31m": values["critic"]}),
    "other than seconds": with_values(lambda values, n: values | {"seconds": values["critic"]}),
    "between 0 and 1": with_values(lambda values, n: values | {"accuracy": n}),
    "return the same values": with_values(
        lambda values, n: values | ({"late": values["critic"]} if n > 6 else {})
    ),
    "of which no layer keeps 'chains'": lambda parts: parts._replace(states=("chains",)),
    "must name each of its 2 networks": lambda parts: parts._replace(names=("one",)),
    "draws must return arrays by name": lambda parts: parts._replace(draws=lambda *_: None),
    "draws must return real numbers": lambda parts: parts._replace(draws=lambda *_: {"z": "a"}),
    "must return its optimizer, got None": lambda parts: parts._replace(optimizers=(None, None)),
}


@pytest.mark.parametrize("says", WRONG)
@pytest.mark.parametrize("name", ["Scratch", "PyTorch"])
def test_a_program_that_is_wrong_is_refused_by_what_is_wrong(name, says):
    def build(spec=programs.SPEC):
        return WRONG[says](programs.BUILDERS[name](spec))

    trainer = getattr(frameworks, f"{name}Trainer")(build, epochs=2, batch_size=5)
    with pytest.raises((TypeError, ValueError), match=says):
        trainer.fit(X)
    assert not hasattr(trainer, "history_")


def test_a_buffer_that_a_step_replaces_is_compared_as_it_is_at_the_end():
    class Counting(torch.nn.Linear):
        def __init__(self):
            super().__init__(2, 2)
            self.register_buffer("chains", torch.zeros(2))

    def build(spec=programs.SPEC):
        network = Counting()

        def step(batch, draws):
            network.chains = network.chains + 1
            return {"loss": batch.X.sum()}

        optimizer = torch.optim.SGD(network.parameters())
        return Program(
            (network,), (optimizer,), step, lambda *_: [np.eye(2), np.zeros(2)], states=("chains",)
        )

    trainer = frameworks.PyTorchTrainer(build, epochs=1, batch_size=5).fit(X)
    assert trainer.get_states()[0].tolist() == [5, 5]
