"""A step of the user's own on TensorFlow runs as it is written, and what it keeps is its own."""

import random
import weakref
from inspect import getclosurevars

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.src.random.seed_generator import global_seed_generator

from frameworks.keras.live.live_model import KerasLive
from frameworks.live.model import Rows
from lockstep import RequestError, Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)


def side(make, k):
    inner, last = layers.Dense(5, "tanh"), layers.Dense(3, "softmax")
    model = keras.Sequential([keras.Input((6,)), inner, last])
    model.compile(keras.optimizers.SGD(0.125), keras.losses.SparseCategoricalCrossentropy())
    return Training(model, step=make(k, model))


def stepped(model, optimizer, loss, X, y, factor=1.0):
    with tf.GradientTape() as tape:
        value = loss(y, model(X, training=True))
    gradients = tape.gradient(value, model.trainable_variables)
    factor = tf.cast(factor, value.dtype)
    optimizer.apply([factor * each for each in gradients], model.trainable_variables)
    return value


def by_a_list(k, model):
    n = [0]

    def step(*handed):
        n[0] += 1
        return stepped(*handed, factor=1.0 if n[0] % k else 10.0)

    return step


def by_a_variable_of_tensorflow(k, model):
    n = tf.Variable(0)

    def step(*handed):
        n.assign_add(1)
        return stepped(*handed, factor=tf.where(n % k == 0, 10.0, 1.0))

    return step


def by_a_compiled_step(k, model):
    return tf.function(by_a_variable_of_tensorflow(k, model))


def by_a_variable_of_keras(k, model):
    n = {"n": keras.Variable(0, dtype="int32", trainable=False)}

    def step(*handed):
        n["n"].assign_add(1)
        return stepped(*handed, factor=tf.where(n["n"].value % k == 0, 10.0, 1.0))

    return step


@pytest.mark.parametrize(
    "make",
    [
        by_a_list,
        by_a_variable_of_tensorflow,
        by_a_compiled_step,
        by_a_variable_of_keras,
    ],
)
def test_a_step_counts_the_steps_that_are_taken(make):
    one = side(make, 5)
    for _ in range(2):
        assert diverge(one, side(make, 5), X, y, steps=8, batch_size=16).same
    report = diverge(one, side(make, 4), X, y, steps=8, batch_size=16)
    assert report.level == "trajectory", str(report)


def decaying(k, model):
    """A step that knows a layer of the model by a variable around it."""
    dense = model.layers[-1]

    def step(*handed):
        value = stepped(*handed)
        dense.kernel.assign(dense.kernel * (1 - 1 / k))
        return value

    return step


def test_a_step_acts_on_the_copy_of_a_layer_that_it_knows():
    one = side(decaying, 4)
    before = one.model.get_weights()
    assert diverge(one, side(decaying, 4), X, y, steps=4, batch_size=16).same
    assert not diverge(one, side(decaying, 5), X, y, steps=4, batch_size=16).same
    assert all(map(np.array_equal, before, one.model.get_weights()))


def numbers(like):
    return np.linspace(-1.0, 1.0, like.size).reshape(like.shape)


def by_a_teacher(k, model):
    teacher = keras.models.clone_model(model)
    teacher.set_weights([numbers(each) / k for each in model.get_weights()])

    def step(model, optimizer, loss, X, y):
        return stepped(model, optimizer, lambda y, z: loss(y, z - 0.01 * teacher(X)), X, y)

    return step


def by_a_teacher_that_follows(k, model):
    """A step that changes another model, which is set back where the step is."""
    teacher = keras.models.clone_model(model)
    teacher.set_weights([numbers(each) for each in model.get_weights()])

    def step(model, optimizer, loss, X, y):
        value = stepped(model, optimizer, lambda y, z: loss(y, z - 0.01 * teacher(X)), X, y)
        for own, followed in zip(teacher.weights, model.weights, strict=True):
            own.assign((1 - 1 / k) * own + followed / k)
        return value

    return step


def by_a_layer_for_the_inputs(k, model):
    normalization = layers.Normalization()
    normalization.adapt(X * k)
    return lambda model, optimizer, loss, X, y: stepped(model, optimizer, loss, normalization(X), y)


def by_layers_in_a_list(k, model):
    parts = [model.layers[0]]

    def step(*handed):
        value = stepped(*handed)
        for weight in parts[0].weights:
            weight.assign(tf.clip_by_value(weight, -1 / k, 1 / k))
        return value

    return step


def clamping(known):
    """Return how a step is made that clamps weights, which it knows in some way."""

    def make(k, model):
        held = known(model)

        def step(*handed):
            value = stepped(*handed)
            found = held() if isinstance(held, weakref.ref) else held
            for each in found if isinstance(found, list | weakref.WeakSet) else [found]:
                for weight in getattr(each, "trainable_variables", [each]):
                    weight.assign(tf.clip_by_value(weight, -1 / k, 1 / k))
            return value

        return step

    return make


def by_a_function_that_is_compiled_once(k, model):
    compiled = {}

    def step(model, optimizer, loss, X, y):
        if not compiled:
            compiled["f"] = tf.function(lambda X, y: stepped(model, optimizer, loss, X, y, k))
        return compiled["f"](X, y)

    return step


def by_a_compiled_function_of_the_model(k, model):
    optimizer, loss = model.optimizer, model.loss
    compiled = tf.function(lambda X, y: stepped(model, optimizer, loss, X, y, k))
    return lambda model, optimizer, loss, X, y: compiled(X, y)


def by_a_metric(k, model):
    count = keras.metrics.Sum()

    def step(*handed):
        count.update_state(1.0)
        return stepped(*handed, factor=1.0 if float(count.result()) % k else 10.0)

    return step


@pytest.mark.parametrize(
    "make",
    [
        by_a_teacher,
        by_a_teacher_that_follows,
        by_a_layer_for_the_inputs,
        by_layers_in_a_list,
        by_a_function_that_is_compiled_once,
        by_a_compiled_function_of_the_model,
        by_a_metric,
        clamping(weakref.ref),
        clamping(lambda model: weakref.WeakSet([model])),
        clamping(lambda model: [v.value for v in model.trainable_variables]),
    ],
)
def test_a_step_may_know_layers_and_functions_of_keras(make):
    one, other = side(make, 4), side(make, 5)
    before = one.model.get_weights()
    for _ in range(2):
        assert diverge(one, side(make, 4), X, y, steps=8, batch_size=16).same
    assert not diverge(one, other, X, y, steps=8, batch_size=16).same
    assert all(map(np.array_equal, before, one.model.get_weights()))


def test_a_step_whose_layer_draws_is_said_to_draw():
    def by_an_augmentation(k, model):
        noise = keras.Sequential([layers.GaussianNoise(1.0 / k)])
        return lambda model, optimizer, loss, X, y: stepped(
            model, optimizer, loss, noise(X, training=True), y
        )

    one, other = side(by_an_augmentation, 4), side(by_an_augmentation, 4)
    report = diverge(one, other, X, y, steps=2, batch_size=16)
    assert "the step draws random numbers of its own: no two runs are equal" in report.notes


def test_a_compiled_step_is_said_to_run_eagerly():
    one = side(by_a_compiled_step, 4)
    report = diverge(one, one, X, y, steps=2, batch_size=16)
    assert "tf.function of the step is run eagerly" in " ".join(str(report).split())


@pytest.mark.parametrize(
    ("make", "name"), [(by_a_teacher_that_follows, "teacher"), (by_a_metric, "count")]
)
def test_what_a_step_knows_of_keras_is_set_back_and_not_copied_where_the_step_is(make, name):
    rows = Rows((X[:16],), (y[:16],))
    live = KerasLive(side(make, 4), rows, "float64")

    def known():
        return getclosurevars(live._stepper.own).nonlocals[name]

    own = known()
    before = [v.numpy().copy() for v in own.variables]
    with live._stepper.watching():
        assert known() is own
        live.step(rows)
        assert not all(map(np.array_equal, before, [v.numpy() for v in own.variables]))
    assert all(map(np.array_equal, before, [v.numpy() for v in own.variables]))


def by_a_count_in_a_layer(k, model):
    own = layers.Layer()
    own.n = own.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)

    def step(*handed):
        own.n.assign_add(1)
        return stepped(*handed, factor=tf.where(own.n.value % k == 0, 10.0, 1.0))

    return step


def test_what_another_layer_counts_is_counted_once_in_each_step():
    sides = side(by_a_list, 4), side(by_a_count_in_a_layer, 4)
    assert diverge(*sides, X, y, steps=8, batch_size=16).same
    sides = side(by_a_list, 4), side(by_a_count_in_a_layer, 5)
    assert not diverge(*sides, X, y, steps=8, batch_size=16).same


def drawing(draw):
    def make(k, model):
        def step(model, optimizer, loss, X, y):
            noise = tf.cast(draw(X), X.dtype)
            return stepped(model, optimizer, loss, X + noise / k, y)

        return step

    return make


def numbers_to_come():
    """Return what NumPy and Keras would draw next; Python's seed the layers of the sides."""
    of_numpy = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - as users draw
    return of_numpy["key"].tolist(), global_seed_generator().state.numpy().tolist()


@pytest.mark.parametrize(
    "draw",
    [
        lambda X: tf.random.normal(X.shape),
        lambda X: keras.random.normal(X.shape),
        lambda X: np.random.normal(size=X.shape),  # noqa: NPY002 - as users write it
        lambda X: random.random(),
    ],
    ids=["tensorflow", "keras", "numpy", "python"],
)
def test_what_a_step_draws_is_the_same_on_both_sides_and_for_all_else_as_before(draw):
    make, before = drawing(draw), numbers_to_come()
    report = diverge(side(make, 4), side(make, 4), X, y, steps=4, batch_size=16)
    assert report.same, str(report)
    assert "random numbers are drawn beside dropout: the same ones in every run" in report.notes
    assert not diverge(side(make, 4), side(make, 5), X, y, steps=4, batch_size=16).same
    assert numbers_to_come() == before


def test_numbers_are_drawn_from_tensorflow_as_without_a_comparison():
    def drawn(between):
        tf.random.set_seed(0)
        first = tf.random.normal((2,))
        between()
        return [*first.numpy(), *tf.random.normal((2,)).numpy()]

    make = drawing(lambda X: tf.random.normal(X.shape))
    one, other = side(make, 4), side(make, 4)
    plain = drawn(lambda: None)
    assert drawn(lambda: diverge(one, other, X, y, steps=2, batch_size=16)) == plain


def test_steps_draw_other_numbers_one_after_the_other():
    rows, drawn = Rows((X[:16],), (y[:16],)), []

    class Drawing:
        draws = drawn  # of the class, and so of all its copies

        def __call__(self, *handed):
            Drawing.draws.append(float(tf.random.normal(())))
            return stepped(*handed)

    live = KerasLive(side(lambda k, model: Drawing(), 4), rows, "float64")
    live.loss_and_gradients(rows)
    live.step(rows)
    live.step(rows)
    assert drawn[0] == drawn[1] != drawn[2]


class Held:
    """A way to the user's own model that no copy knows of: by a class."""

    models: list = []  # noqa: RUF012 - as users write it


def test_a_step_that_changes_the_model_itself_is_refused_and_the_change_is_taken_back():
    def make(k, model):
        def step(*handed):
            for weight in Held.models[0].trainable_variables:
                weight.assign(tf.clip_by_value(weight, -1 / k, 1 / k))
            return stepped(*handed)

        return step

    one, other = side(make, 4), side(make, 5)
    Held.models[:] = [one.model]
    before = one.model.get_weights()
    with pytest.raises(RequestError, match="changes .*kernel of the Keras model itself"):
        diverge(one, other, X, y, steps=2, batch_size=16)
    assert all(map(np.array_equal, before, one.model.get_weights()))


class Registered(layers.Layer):
    """Finds its own layer by a table of the class."""

    table: dict = {}  # noqa: RUF012 - as users write it

    def __init__(self):
        super().__init__()
        self.inner, self.key = layers.Dense(5), len(self.table)
        self.table[self.key] = self.inner

    def call(self, x):
        return self.table[self.key](x)


def test_a_layer_that_finds_its_parts_by_a_registry_is_refused():
    def made():
        model = keras.Sequential([keras.Input((6,)), Registered(), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return Training(model)

    with pytest.raises(RequestError, match="copy of the Keras model uses .*kernel of the model it"):
        diverge(made(), made(), X, y, steps=2, batch_size=16)


def factors_from(k):
    return (10.0 if n % k == 0 else 1.0 for n in range(1, 10_000))


def by_a_generator(k):
    factors = factors_from(k)
    return side(lambda k, model: lambda *handed: stepped(*handed, factor=next(factors)), k)


def by_a_schedule_with_a_generator(k):
    factors = factors_from(k)
    one = side(lambda k, model: None, k)
    return Training(one.model, scheduler=lambda epoch: 0.01 * next(factors), step_on="epoch")


@pytest.mark.parametrize("made", [by_a_generator, by_a_schedule_with_a_generator])
def test_a_training_by_a_generator_differs_from_itself_and_is_not_judged(made):
    with pytest.raises(RequestError, match="trained twice in the same way, differs from itself"):
        diverge(made(3), made(4), X, y, steps=8, batch_size=16)
