"""A live Keras model trains as the user's own training does, and leaves that alone."""

import json
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.src.backend.common import global_state

from frameworks.draws import Dropped
from frameworks.errors import RequestError
from frameworks.keras.live import KerasLive
from frameworks.live.model import Rows, Training
from tests.frameworks.world import state_of_the_world

from .models import MODELS, drawn, rows_for, trained

pytestmark = pytest.mark.slow

ROUNDING = 1e-14  # relative: the same float64 sums, compiled by TensorFlow and not
X = np.random.default_rng(0).normal(size=(8, 4))
Y = np.random.default_rng(1).normal(size=(8, 2))
ROWS = Rows((X,), (Y,))
SCHEDULE = keras.optimizers.schedules.InverseTimeDecay(0.1, 2, 0.5)


def small(optimizer="sgd", loss="mse", **options):
    """Return a compiled model of one layer."""
    model = drawn(keras.Sequential([keras.Input((4,)), layers.Dense(2, name="out")]))
    model.compile(optimizer, loss, **options)
    return model


@cache
def live_after(name):
    """Return a live model in float64, with the loss and the gradients of its first batch."""
    live = KerasLive(Training(trained(name)), rows_for(name), "float64")
    return live, *live.loss_and_gradients(rows_for(name))


def bits(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [variable.numpy().tobytes() for variable in variables]


def state_of(model):
    config = json.dumps(keras.saving.serialize_keras_object(model.optimizer))
    names = dict(global_state.get_global_attribute("object_name_uids"))
    return bits(model), model.to_json(), config, names


def test_nothing_of_the_user_changes():
    model = trained("mlp")
    world, before = state_of_the_world(), state_of(model)
    live = KerasLive(Training(model), rows_for("mlp"), "float64")
    live.trace_layers(rows_for("mlp"))
    live.step(rows_for("mlp"))
    assert live.change("optimizer", "learning_rate", 0.5)
    assert state_of(model) == before
    assert state_of_the_world() == world


def regularized(optimizer, **options):
    """Return a compiled model in mid-training, in float32, and its next steps by itself."""
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, "relu", kernel_regularizer="l2")(inputs)
    outputs = layers.Dense(2, activity_regularizer="l1")(layers.BatchNormalization()(hidden))
    model = drawn(keras.Model(inputs, outputs))
    model.compile(optimizer, "mse", **options)
    batch = X.astype("float32"), Y.astype("float32")
    model.train_on_batch(*batch)
    return model, lambda: [float(model.train_on_batch(*batch)) for _ in range(3)]


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (keras.optimizers.RMSprop(SCHEDULE, momentum=0.9, global_clipnorm=0.5), {}),
        (keras.optimizers.AdamW(0.01, gradient_accumulation_steps=2, use_ema=True), {}),
        (keras.optimizers.Adam(0.1), {"run_eagerly": True}),
    ],
    ids=["schedule, clipped", "accumulated", "eager"],
)
def test_steps_are_those_of_the_users_own_training_bit_for_bit(optimizer, options):
    model, steps = regularized(optimizer, **options)
    live = KerasLive(Training(model), ROWS, "float32")
    live.loss_and_gradients(ROWS)
    assert [live.step(ROWS) for _ in range(3)] == steps()
    assert bits(model) == bits(live.model)


def test_steps_compiled_by_xla_are_those_of_the_users_own_training():
    model, steps = regularized(keras.optimizers.SGD(0.1), jit_compile=True)
    live = KerasLive(Training(model), ROWS, "float32")
    losses = [live.step(ROWS) for _ in range(3)]
    assert np.allclose(losses, steps(), rtol=1e-6)  # XLA fuses sums of float32 in another order


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_a_tape_of_ones_own(name):
    live, loss, gradients = live_after(name)
    rows, model = rows_for(name), live.model
    with tf.GradientTape() as tape:
        # Without dropout, training and evaluation differ in batch normalization only.
        probabilities = model(rows.X[0], training=name == "cnn")
        own = tf.reduce_mean(-tf.math.log(tf.gather(probabilities, rows.y[0], batch_dims=1)))
    variables = live._weights.own
    found = [tf.convert_to_tensor(g).numpy() for g in tape.gradient(own, variables)]
    assert abs(float(own) - loss) <= ROUNDING * loss
    for ours, theirs in zip(gradients, live._weights.canonical(found), strict=True):
        assert np.abs(ours - theirs).max() <= ROUNDING * max(np.abs(theirs).max(), 1)


@pytest.mark.parametrize("name", ["cnn", "sentences"])
def test_asking_for_the_loss_moves_nothing(name):
    live, loss, gradients = live_after(name)
    before = bits(live.model)
    again, same = live.loss_and_gradients(rows_for(name))
    assert bits(live.model) == before
    assert again == loss
    assert all(np.array_equal(a, b) for a, b in zip(gradients, same, strict=True))


def test_dropout_multiplies_by_the_masks_that_are_handed_over():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dropout(0.5), layers.Dense(2, use_bias=False, name="out")]
    )
    model.compile(keras.optimizers.SGD(0.5), "mse")
    live = KerasLive(Training(model), ROWS, "float64")
    (dropped,) = live.dropped(ROWS)
    assert dropped == Dropped(0.5, (4,))
    W, mask = live.weights()[0].values, np.where(X > 0, 2.0, 0.0)
    for handed, seen in ((None, X), ([mask], X * mask)):
        live.hand_masks(handed)
        error = seen @ W - Y
        loss, (gradient,) = live.loss_and_gradients(ROWS)
        assert loss == pytest.approx((error**2).mean(), rel=1e-14)  # one sum of 16 numbers
        assert np.abs(gradient - seen.T @ error / 8).max() <= 1e-14  # as many
        assert np.array_equal(live.trace_layers(ROWS)[0][0].training_output, seen)
    assert live.change(live.trace_layers(ROWS)[0][0].path, "rate", 0.25)
    assert live.dropped(ROWS) == [Dropped(0.25, (4,))]


def test_other_randomness_is_switched_off_and_named():
    model = keras.Sequential(
        [
            keras.Input((4, 2)),
            layers.Dropout(0.3, noise_shape=(1, 4, 2), name="noise"),
            layers.LSTM(2, recurrent_dropout=0.4, name="lstm"),
            layers.Dropout(0.0),
        ]
    )
    model.compile("sgd", "mse")
    rows = Rows((X.reshape(8, 4, 1).repeat(2, axis=2),), (Y,))
    live = KerasLive(Training(model), rows, "float64")
    assert [note.partition(" draws")[0] for note in live.notes] == [
        "noise (Dropout)",
        "lstm (LSTM)",
    ]
    assert live.dropped(rows) == []
    for layer in live.trace_layers(rows)[0]:
        assert np.array_equal(layer.output, layer.training_output)


def test_randomness_of_a_layer_of_ones_own_is_named():
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = keras.random.SeedGenerator(0)

        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x), dtype=x.dtype, seed=self.seeds)

    model = keras.Sequential([keras.Input((4,)), Noise()])
    model.compile("sgd", "mse")
    live = KerasLive(Training(model), ROWS, "float64")
    assert "draws random numbers of its own" in live.notes[0]


def test_dropout_that_runs_in_training_only_gets_its_mask():
    class Only(layers.Layer):
        def __init__(self):
            super().__init__()
            self.drop = layers.Dropout(0.5)

        def call(self, x, training=False):
            return self.drop(x, training=True) if training else x

    model = keras.Sequential([keras.Input((4,)), Only()])
    model.compile("sgd", "mse")
    live = KerasLive(Training(model), ROWS, "float64")
    assert live.dropped(ROWS) == [Dropped(0.5, (4,))]
    live.hand_masks([np.zeros((8, 4))])
    assert live.outputs(ROWS)[0].any()
    live.trace_layers(ROWS)


def test_rows_are_weighted_as_by_fit():
    model, w = small(), np.arange(8.0)
    live = KerasLive(Training(model), ROWS, "float64")
    loss, _ = live.loss_and_gradients(Rows((X,), (Y,), w))
    each = ((live.outputs(ROWS)[0] - Y) ** 2).mean(axis=1)
    assert loss == pytest.approx((w * each).sum() / 8, rel=1e-14)  # one sum of 8 numbers


def test_a_loss_and_an_optimizer_can_be_given():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    training = Training(model, loss="mae", optimizer=keras.optimizers.SGD(0.25))
    live = KerasLive(training, ROWS, "float64")
    assert live.loss_facts.kind == "mean absolute error"
    loss, before = live.loss_and_gradients(ROWS)[0], live.weights()[1].values
    assert loss == pytest.approx(np.abs(live.outputs(ROWS)[0] - Y).mean(), rel=1e-14)  # of 16
    live.step(ROWS)
    assert np.abs(live.weights()[1].values - before).max() <= 0.25  # η times a mean of signs


def test_a_step_of_ones_own_is_taken_instead():
    def step(model, optimizer, loss, X, y):
        with tf.GradientTape() as tape:
            value = 3.0 * loss(y, model(X, training=True))
        optimizer.apply(tape.gradient(value, model.trainable_variables))
        return value

    model = small()
    tripled = KerasLive(Training(model, step=step), ROWS, "float64").loss_and_gradients(ROWS)
    loss, gradients = KerasLive(Training(model), ROWS, "float64").loss_and_gradients(ROWS)
    assert tripled[0] == pytest.approx(3 * loss, rel=1e-15)  # one rounding
    assert all(
        np.allclose(a, 3 * b, rtol=1e-14) for a, b in zip(tripled[1], gradients, strict=True)
    )


def test_a_train_step_of_the_models_own_is_taken():
    class Own(keras.Sequential):
        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                loss = keras.ops.mean((self(x) - y) ** 4)
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables))
            return {"loss": loss}

    model = Own([keras.Input((4,)), layers.Dense(2)])
    model.compile("sgd")
    live = KerasLive(Training(model), ROWS, "float64")
    loss, _ = live.loss_and_gradients(ROWS)
    own = ((live.outputs(ROWS)[0] - Y) ** 4).mean()
    assert loss == pytest.approx(own, rel=1e-14)  # one sum of 16 numbers


def test_several_inputs_and_outputs_come_in_the_models_order():
    a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
    outputs = {"mean": layers.Dense(1, name="mean")(a), "sum": layers.Add(name="sum")([b, b])}
    model = keras.Model({"a": a, "b": b}, outputs)
    model.compile("sgd", {"mean": "mse", "sum": "mae"}, loss_weights={"mean": 0.5, "sum": 2.0})
    rows = Rows((X, Y), (Y[:, :1], Y))
    live = KerasLive(Training(model), rows, "float64")
    mean, total = live.outputs(rows)
    assert np.array_equal(total, 2 * Y)
    own = 0.5 * ((mean - Y[:, :1]) ** 2).mean() + 2 * np.abs(Y).mean()
    assert live.loss_and_gradients(rows)[0] == pytest.approx(own, rel=1e-14)  # 24 numbers


def test_targets_that_are_missing_are_the_inputs():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    model.compile("sgd", "mse")
    rows = Rows((X,), ())
    live = KerasLive(Training(model), rows, "float64")
    own = ((live.outputs(rows)[0] - X) ** 2).mean()
    assert live.loss_and_gradients(rows)[0] == pytest.approx(own, rel=1e-14)  # 32 numbers


def test_a_schedule_by_epochs_sets_the_rate():
    training = Training(small(), scheduler=lambda epoch, rate: 0.5**epoch, step_on="epoch")
    live = KerasLive(training, ROWS, "float64")
    rates = []
    for _ in range(3):
        rates.append(float(live.model.optimizer.learning_rate))
        live.end_epoch()
    assert rates == [1.0, 0.5, 0.25]


def test_what_a_stateful_layer_carries_on_is_not_touched_by_looking():
    model = keras.Sequential(
        [keras.Input(batch_shape=(8, 4, 1)), layers.LSTM(2, stateful=True, name="lstm")]
    )
    model.compile("sgd", "mse")
    rows = Rows((X[..., None],), (Y,))
    live = KerasLive(Training(model), rows, "float64")
    first = live.outputs(rows)[0]
    live.loss_and_gradients(rows)
    assert np.array_equal(live.outputs(rows)[0], first)
    live.step(rows)
    assert not np.array_equal(live.outputs(rows)[0], first)


def test_a_setting_can_be_changed_between_two_steps():
    live = KerasLive(Training(small(keras.optimizers.SGD(0.5))), ROWS, "float64")
    start = [weight.values for weight in live.weights()]
    moves = []
    for rate in (0.5, 0.25):
        assert live.change("optimizer", "learning_rate", rate)
        live.set_weights(start)
        live.step(ROWS)
        moves.append(live.weights()[0].values - start[0])
    assert np.allclose(moves[0], 2 * moves[1], rtol=1e-12)  # a difference of numbers near 1
    assert live.optimizer_facts[0].values["learning_rate"] == 0.25
    assert not live.change("out", "epsilon", 0.1)
    assert not live.change("nowhere", "epsilon", 0.1)


def test_a_setting_that_a_compiled_step_has_read_can_be_changed():
    live = KerasLive(Training(trained("cnn")), rows_for("cnn"), "float64")
    loss, _ = live.loss_and_gradients(rows_for("cnn"))
    assert live.change("norm", "epsilon", 0.5)
    assert abs(live.loss_and_gradients(rows_for("cnn"))[0] - loss) > 1e-3
    assert live.change("norm", "epsilon", trained("cnn").get_layer("norm").epsilon)
    assert live.loss_and_gradients(rows_for("cnn"))[0] == loss


def test_a_model_without_loss_or_optimizer_is_refused():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    with pytest.raises(RequestError, match="has no loss: compile it, or write Training"):
        KerasLive(Training(model), ROWS, "float64")
    with pytest.raises(RequestError, match="has no optimizer: compile it, or write Training"):
        KerasLive(Training(model, loss="mse"), ROWS, "float64")


def test_rows_and_targets_that_do_not_fit_are_refused_in_kerass_own_words():
    with pytest.raises(
        RequestError, match=r"fails on rows of shape \(3,\): Input 0 .* have value 4"
    ):
        KerasLive(Training(small()), Rows((X[:, :3],), (Y,)), "float64")
    live = KerasLive(Training(small(loss="categorical_crossentropy")), ROWS, "float64")
    with pytest.raises(RequestError, match=r"does not take targets of shape \(8, 4\)"):
        live.step(Rows((X,), (X,)))


def test_an_optimizer_of_another_model_is_refused():
    optimizer = keras.optimizers.SGD()
    optimizer.build(small().trainable_variables)
    with pytest.raises(RequestError, match="built for other weights"):
        KerasLive(Training(small(), optimizer=optimizer), ROWS, "float64")


def test_of_a_step_that_uses_the_optimizer_twice_the_first_gradients_are_noted():
    def step(model, optimizer, loss, X, y):
        for gradient in (1.0, 2.0):
            optimizer.apply([gradient + keras.ops.zeros_like(w) for w in model.trainable_variables])
        return loss(y, model(X))

    live = KerasLive(Training(small(), step=step), ROWS, "float64")
    _, gradients = live.loss_and_gradients(ROWS)
    assert all(np.all(gradient == 1) for gradient in gradients)


def test_a_step_that_does_not_use_the_optimizer_is_refused():
    live = KerasLive(Training(small(), step=lambda *_: 0.0), ROWS, "float64")
    with pytest.raises(RequestError, match="has to use the model's optimizer, and this one does"):
        live.step(ROWS)
