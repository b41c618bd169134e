"""Steps with an optimizer of their own beside the one that is given, as those of a GAN have."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from lockstep import RequestError, Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(5)
X, LABELS = RNG.normal(size=(40, 6)), RNG.integers(0, 3, 40)
NOTHING = np.zeros((40, 1))
RATE = 0.03125


class Networks(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
        self.critic = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.25), nn.Linear(8, 1))

    def forward(self, rows):
        return self.critic(rows)


def gan(cleared="before", *, every=1, given="critic", computed="as trained", rate=RATE):
    """A GAN whose generator is trained at every n-th batch; `given` names the one Training has."""
    model = Networks()
    rates = {"critic": RATE, "generator": rate}
    optimizers = {name: torch.optim.Adam(getattr(model, name).parameters(), lr=rates[name])
                  for name in rates}  # fmt: skip
    optimizer = optimizers.pop(given)
    taken = [0]

    def step(model, optimizer, loss, rows, targets):
        own = {given: optimizer, **optimizers}
        noise, real = torch.randn(len(rows), 4, dtype=rows.dtype), torch.ones_like(targets)
        if cleared == "at the beginning":
            model.zero_grad()
        elif cleared == "before":
            own["critic"].zero_grad()
        faked = model.generator(noise)
        value = cross_entropy(model(rows), real) + cross_entropy(model(faked.detach()), 0 * real)
        value.backward()
        own["critic"].step()
        taken[0] += 1
        if taken[0] % every and computed != "at every batch":
            return value
        if cleared == "before":
            own["generator"].zero_grad()
        cross_entropy(model(model.generator(noise)), real).backward()
        if not taken[0] % every:
            own["generator"].step()
        if cleared == "behind":
            model.zero_grad()
        return value

    return Training(model, nn.BCEWithLogitsLoss(), optimizer, step=step)


def compared(a, b, targets=NOTHING):
    return diverge(a, b, X, targets, steps=6, batch_size=8)


@pytest.mark.parametrize("given", ["critic", "generator"])
@pytest.mark.parametrize("cleared", ["at the beginning", "behind"])
def test_where_gradients_are_cleared_is_no_difference(cleared, given):
    assert compared(gan(given=given), gan(cleared, given=given)).same
    assert compared(gan(cleared, given=given), gan(given=given)).same


def test_a_gradient_that_no_optimizer_is_stepped_with_is_no_difference():
    seldom, often = (gan(every=2, computed=each) for each in ("as trained", "at every batch"))
    report = compared(seldom, often)
    assert report.same, str(report)
    assert compared(often, seldom).same


@pytest.mark.parametrize("given", ["critic", "generator"])
def test_what_the_second_optimizer_does_is_compared(given):
    report = compared(gan(given=given), gan(given=given, rate=2 * RATE))
    assert (report.level, report.place.split(".")[0]) == ("step", "generator")


def test_one_that_is_trained_more_seldom_is_not_said_to_have_no_gradient():
    report = compared(gan(every=2), gan())
    assert (report.level, report.cause) == ("gradient", None)


def test_weights_that_no_step_moves_are_said_not_to_be_compared():
    report = compared(gan(every=8), gan(every=8, rate=2 * RATE))
    assert report.same, str(report)
    said = "in these steps neither side moves generator.0.kernel, generator.0.bias, "
    assert any(note.startswith(said) for note in report.notes), report.notes
    assert not any("neither side moves" in note for note in compared(gan(), gan()).notes)


def head_of_its_own_in_pytorch(rate=RATE, momentum=0.0):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    of_head = torch.optim.SGD(model[2].parameters(), rate, momentum)

    def step(model, optimizer, loss, rows, labels):
        model.zero_grad()
        value = loss(model(rows), labels)
        value.backward()
        optimizer.step()
        of_head.step()
        return value

    optimizer = torch.optim.SGD(model[0].parameters(), 4 * RATE, momentum)
    return Training(model, nn.CrossEntropyLoss(), optimizer, step=step)


def head_of_its_own_in_keras(rate=RATE):
    layers = [keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)]
    of_head = keras.optimizers.SGD(rate)

    def step(model, optimizer, loss, rows, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(rows, training=True))
        pairs = [*zip(tape.gradient(value, model.trainable_variables),
                      model.trainable_variables, strict=True)]  # fmt: skip
        of_head.apply_gradients(pairs[2:])
        optimizer.apply_gradients(pairs[:2])
        return value

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Training(keras.Sequential(layers), loss, keras.optimizers.SGD(4 * RATE), step=step)


def test_keras_may_have_two_optimizers_too():
    report = compared(head_of_its_own_in_keras(), head_of_its_own_in_pytorch(), LABELS)
    assert report.same, str(report)
    assert compared(head_of_its_own_in_pytorch(), head_of_its_own_in_keras(), LABELS).same
    slower = head_of_its_own_in_keras(RATE / 2)
    assert compared(slower, head_of_its_own_in_pytorch(), LABELS).level == "step"


class TwoParts(keras.Model):
    """A body and a head, of which each has an optimizer; `compiled` is the one that Keras knows."""

    def __init__(self, body, head, compiled="body"):
        super().__init__()
        self.body = keras.layers.Dense(8, "relu")
        self.head = keras.layers.Dense(3)
        self.of_body, self.of_head = body, head
        known = body if compiled == "body" else "rmsprop"
        self.compile(known, keras.losses.SparseCategoricalCrossentropy(True))

    def call(self, rows, training=False):
        return self.head(self.body(rows))

    def train_step(self, data):
        rows, labels = data
        with tf.GradientTape() as tape:
            value = self.compute_loss(y=labels, y_pred=self(rows, training=True))
        body, head = self.body.trainable_variables, self.head.trainable_variables
        of_body, of_head = tape.gradient(value, [body, head])
        self.of_head.apply(of_head, head)
        self.of_body.apply(of_body, body)
        return {"loss": value}


def momentum(rate):
    return keras.optimizers.SGD(rate, momentum=0.5)


def two_parts_in_keras(rate=RATE, **options):
    model = TwoParts(momentum(4 * RATE), momentum(rate), **options)
    model(X[:2])
    return Training(model)


def two_parts_in_pytorch():
    return head_of_its_own_in_pytorch(momentum=0.5)


def stepped_in_keras():
    """The same as a step, with an optimizer beside that is not built before the first one."""
    model, of_head = two_parts_in_keras().model, momentum(RATE)

    def step(model, optimizer, loss, rows, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(rows, training=True))
        body, head = model.body.trainable_variables, model.head.trainable_variables
        of_body, gradients = tape.gradient(value, [body, head])
        of_head.apply(gradients, head)
        optimizer.apply(of_body, body)
        return value

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Training(model, loss, momentum(4 * RATE), step=step)


@pytest.mark.parametrize("side", [two_parts_in_keras, stepped_in_keras])
def test_an_optimizer_beside_begins_without_the_momentum_of_a_step_that_is_taken_back(side):
    for sides in ((side(), two_parts_in_pytorch()), (two_parts_in_pytorch(), side())):
        report = compared(*sides, LABELS)
        assert report.same, str(report)
    slower = two_parts_in_keras(RATE / 2)
    assert compared(side(), slower, LABELS).level == "step"


class CriticOf(keras.Model):
    """A GAN whose `call` runs the critic alone: the generator is its step's."""

    def __init__(self, rate):
        super().__init__()
        self.critic = keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)])
        self.generator = keras.Sequential([keras.layers.Dense(4, "tanh"), keras.layers.Dense(6)])
        self.of_generator = keras.optimizers.SGD(rate)
        self.critic(X[:2])
        self.generator(X[:2])
        self.compile(keras.optimizers.SGD(RATE), "mse")

    def call(self, rows, training=False):
        return self.critic(rows)

    def train_step(self, data):
        rows, _ = data
        with tf.GradientTape() as tape:
            made = tf.stop_gradient(self.generator(rows))
            value = tf.reduce_mean(self.critic(made) - self.critic(rows))
        own = self.critic.trainable_variables
        self.optimizer.apply(tape.gradient(value, own), own)
        with tf.GradientTape() as tape:
            fooled = -tf.reduce_mean(self.critic(self.generator(rows)))
        own = self.generator.trainable_variables
        self.of_generator.apply(tape.gradient(fooled, own), own)
        return {"loss": value}


def critic_in_keras(rate=RATE):
    model = CriticOf(rate)
    model(X[:2])
    return Training(model)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))
        self.generator = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 6))

    def forward(self, rows):
        return self.critic(rows)


def critic_in_pytorch():
    model = Critic()
    of_generator = torch.optim.SGD(model.generator.parameters(), RATE)

    def step(model, optimizer, loss, rows, nothing):
        optimizer.zero_grad()
        made = model.generator(rows).detach()
        value = (model.critic(made) - model.critic(rows)).mean()
        value.backward()
        optimizer.step()
        of_generator.zero_grad()
        (-model.critic(model.generator(rows)).mean()).backward()
        of_generator.step()
        return value

    optimizer = torch.optim.SGD(model.critic.parameters(), RATE)
    return Training(model, nn.MSELoss(), optimizer, step=step)


def test_a_network_that_only_a_step_runs_begins_with_the_same_weights_in_keras_too():
    for sides in ((critic_in_keras, critic_in_pytorch), (critic_in_pytorch, critic_in_keras)):
        report = compared(*(side() for side in sides), NOTHING)
        assert report.same, str(report)
        assert not any("only pytorch has" in note for note in report.notes)
    report = compared(critic_in_keras(RATE / 2), critic_in_pytorch(), NOTHING)
    assert report.level == "step", str(report)
    assert report.place.endswith(" / generator.0.kernel")


def test_a_model_that_does_not_use_what_it_is_compiled_with_is_told_to_name_an_optimizer():
    def unused():
        return two_parts_in_keras(compiled="neither").model

    with pytest.raises(RequestError, match="as by optimizer=model.of_body"):
        compared(Training(unused()), two_parts_in_pytorch(), LABELS)
    model = unused()
    report = compared(Training(model, optimizer=model.of_body), two_parts_in_pytorch(), LABELS)
    assert report.same, str(report)


def test_an_optimizer_may_be_built_for_the_part_that_a_step_trains_with_it():
    def side():
        training = two_parts_in_keras()
        training.model.of_body.build(training.model.body.trainable_variables)
        return training

    report = compared(side(), two_parts_in_pytorch(), LABELS)
    assert report.same, str(report)


@pytest.mark.filterwarnings("ignore:`build:UserWarning")
def test_layers_that_the_step_alone_builds_are_refused():
    """What they begin with would be what that step left, which cannot be handed over either."""

    class Late(TwoParts):
        def __init__(self, *optimizers):
            super().__init__(*optimizers)
            self.late = keras.layers.Dense(3)

    model = Late(momentum(4 * RATE), momentum(RATE))
    model(X[:2])

    def step(model, optimizer, loss, rows, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(rows, training=True) + model.late(rows))
        weights = model.body.trainable_variables
        optimizer.apply(tape.gradient(value, weights), weights)
        return value

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    side = Training(model, loss, momentum(RATE), step=step)
    with pytest.raises(RequestError, match="which a call of the model does not: build all layers"):
        compared(side, two_parts_in_pytorch(), LABELS)
