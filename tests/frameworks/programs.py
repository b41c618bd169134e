"""Trainings with a step of their own, written like pages: two networks, and one with noise.

A generator with batch normalization learns to draw what a critic cannot tell from the rows: the
critic takes a step on rows and made-up rows, then the generator takes one against it.
"""

import numpy as np

from frameworks import Program, float32
from frameworks.default_network import DenseSpec
from scratch import glorot_uniform

SPEC = DenseSpec(inputs=2, hidden=(5, 6), learning_rate=float32(0.02), beta_1=0.5)
LATENT, KEEP, EPSILON = 3, 0.875, 2**-10


def initial_weights(spec: DenseSpec, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the generator's, with gamma and beta, then the critic's."""
    first, second = spec.hidden
    return [
        glorot_uniform(rng, (LATENT, first)),
        rng.uniform(0.5, 1.5, first),
        rng.normal(size=first),
        glorot_uniform(rng, (first, spec.inputs)),
        rng.normal(size=spec.inputs),
        glorot_uniform(rng, (spec.inputs, second)),
        rng.normal(size=second),
        glorot_uniform(rng, (second, 1)),
        rng.normal(size=1),
    ]


def draws(spec: DenseSpec, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Draw what the generator makes rows from, once for the critic's step and once for its own."""
    return {name: rng.normal(size=(n, LATENT)) for name in ("for critic", "for generator")}


def build_scratch(spec: DenseSpec = SPEC) -> Program:
    from scratch import Adam, BatchNorm, BinaryCrossEntropy, Dense, LeakyReLU, Sequential, Tanh

    first, second = spec.hidden
    generator = Sequential(
        Dense(LATENT, first, bias=False),
        BatchNorm(first, momentum=KEEP, epsilon=EPSILON, unbiased_running_variance=False),
        Tanh(),
        Dense(first, spec.inputs),
    )
    critic = Sequential(Dense(spec.inputs, second), LeakyReLU(0.25), Dense(second, 1))
    loss = BinaryCrossEntropy()

    def adam():
        return Adam(
            spec.learning_rate,
            beta_1=spec.beta_1,
            beta_2=spec.beta_2,
            epsilon=spec.epsilon_hat,
            epsilon_hat=True,
        )

    generator_optimizer, critic_optimizer = adam(), adam()

    def step(batch, draws):
        real, made_up = np.ones((len(batch.X), 1)), np.zeros((len(batch.X), 1))

        on_real = loss.forward(critic.forward(batch.X, training=True), real)
        critic.backward_params(loss.backward())
        gradient = critic.grad.copy()
        rows = generator.forward(draws["for critic"], training=True)
        on_made_up = loss.forward(critic.forward(rows, training=True), made_up)
        critic.backward_params(loss.backward())
        critic_optimizer.step(critic.theta, gradient + critic.grad)

        rows = generator.forward(draws["for generator"], training=True)
        fooled = loss.forward(critic.forward(rows, training=True), real)
        generator.backward_params(critic.backward(loss.backward()))
        generator_optimizer.step(generator.theta, generator.grad)
        return {"critic": on_real + on_made_up, "generator": fooled}

    networks, optimizers = (generator, critic), (generator_optimizer, critic_optimizer)
    return Program(networks, optimizers, step, initial_weights, draws)


def build_keras(spec: DenseSpec = SPEC) -> Program:
    import keras
    import tensorflow as tf
    from keras import layers, ops

    first, second = spec.hidden
    generator = keras.Sequential(
        [
            layers.Input((LATENT,)),
            layers.Dense(first, use_bias=False),
            layers.BatchNormalization(momentum=KEEP, epsilon=EPSILON),
            layers.Activation("tanh"),
            layers.Dense(spec.inputs),
        ]
    )
    critic = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(second),
            layers.LeakyReLU(0.25),
            layers.Dense(1),
        ]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)

    def adam(network):
        optimizer = keras.optimizers.Adam(
            spec.learning_rate, beta_1=spec.beta_1, beta_2=spec.beta_2, epsilon=spec.epsilon_hat
        )
        optimizer.build(network.trainable_variables)
        return optimizer

    generator_optimizer, critic_optimizer = adam(generator), adam(critic)

    def step(batch, draws):
        made = generator(draws["for critic"], training=True)
        with tf.GradientTape() as tape:
            of_real, of_made = critic(batch.X, training=True), critic(made, training=True)
            told = loss(ops.ones_like(of_real), of_real) + loss(ops.zeros_like(of_made), of_made)
        gradients = tape.gradient(told, critic.trainable_weights)
        critic_optimizer.apply(gradients, critic.trainable_weights)

        with tf.GradientTape() as tape:
            made = generator(draws["for generator"], training=True)
            of_made = critic(made, training=True)
            fooled = loss(ops.ones_like(of_made), of_made)
        gradients = tape.gradient(fooled, generator.trainable_weights)
        generator_optimizer.apply(gradients, generator.trainable_weights)
        return {"critic": told, "generator": fooled}

    networks, optimizers = (generator, critic), (generator_optimizer, critic_optimizer)
    return Program(networks, optimizers, step, initial_weights, draws)


def build_pytorch(spec: DenseSpec = SPEC) -> Program:
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_biased_running_variance, use_epsilon_hat

    first, second = spec.hidden
    generator = nn.Sequential(
        nn.Linear(LATENT, first, bias=False),
        nn.BatchNorm1d(first, eps=EPSILON, momentum=1 - KEEP),
        nn.Tanh(),
        nn.Linear(first, spec.inputs),
    )
    use_biased_running_variance(generator)  # differs: PyTorch keeps the unbiased one
    critic = nn.Sequential(nn.Linear(spec.inputs, second), nn.LeakyReLU(0.25), nn.Linear(second, 1))
    loss = nn.BCEWithLogitsLoss()

    def adam(network):
        betas = spec.beta_1, spec.beta_2
        optimizer = torch.optim.Adam(
            network.parameters(), lr=spec.learning_rate, betas=betas, eps=spec.epsilon_hat
        )
        return use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction

    generator_optimizer, critic_optimizer = adam(generator), adam(critic)

    def step(batch, draws):
        made = generator(draws["for critic"]).detach()
        of_real, of_made = critic(batch.X), critic(made)
        told = loss(of_real, torch.ones_like(of_real)) + loss(of_made, torch.zeros_like(of_made))
        critic_optimizer.zero_grad()
        told.backward()
        critic_optimizer.step()

        of_made = critic(generator(draws["for generator"]))
        fooled = loss(of_made, torch.ones_like(of_made))
        generator_optimizer.zero_grad()
        fooled.backward()
        generator_optimizer.step()
        return {"critic": told, "generator": fooled}

    networks, optimizers = (generator, critic), (generator_optimizer, critic_optimizer)
    return Program(networks, optimizers, step, initial_weights, draws)


BUILDERS = {"Scratch": build_scratch, "Keras": build_keras, "PyTorch": build_pytorch}


# --- a classifier that is trained on rows with noise, through a network with dropout ---

NOISY = DenseSpec(inputs=4, outputs=3, hidden=(6,), learning_rate=0.25)
RATE = 0.25


def noisy_weights(spec: DenseSpec, rng: np.random.Generator) -> list[np.ndarray]:
    shapes = (spec.inputs, *spec.hidden), spec.hidden, (*spec.hidden, spec.outputs), spec.outputs
    return [rng.normal(size=shape) for shape in shapes]


def noise(spec: DenseSpec, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Draw noise for every number, and one row in which there is none."""
    return {"noise": rng.normal(size=(n, spec.inputs)) / 8, "clean": rng.integers(n)}


def noisy_scratch(spec: DenseSpec = NOISY) -> Program:
    from scratch import SGD, CategoricalCrossEntropy, Dense, Dropout, Sequential, Tanh

    (hidden,) = spec.hidden
    layers = Dense(spec.inputs, hidden), Tanh(), Dropout(RATE), Dense(hidden, spec.outputs)
    network, loss = Sequential(*layers), CategoricalCrossEntropy()
    optimizer = SGD(spec.learning_rate)

    def step(batch, draws):
        X = batch.X + draws["noise"] * (np.arange(len(batch.X)) != draws["clean"])[:, None]
        outputs = network.forward(X, training=True)
        value = loss.forward(outputs, batch.y)
        network.backward_params(loss.backward())
        optimizer.step(network.theta, network.grad)
        return {"loss": value, "accuracy": (outputs.argmax(1) == batch.y).mean()}

    return Program((network,), (optimizer,), step, noisy_weights, noise, loss)


def noisy_keras(spec: DenseSpec = NOISY) -> Program:
    import keras
    import tensorflow as tf
    from keras import layers, ops

    (hidden,) = spec.hidden
    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(hidden),
            layers.Activation("tanh"),
            layers.Dropout(RATE),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(spec.learning_rate)
    optimizer.build(network.trainable_variables)

    def step(batch, draws):
        noisy = ops.cast(ops.arange(len(batch.X), dtype="int64") != draws["clean"], batch.X.dtype)
        with tf.GradientTape() as tape:
            outputs = network(batch.X + draws["noise"] * noisy[:, None], training=True)
            value = loss(batch.y, outputs)
        optimizer.apply(tape.gradient(value, network.trainable_weights), network.trainable_weights)
        right = ops.cast(ops.argmax(outputs, 1) == ops.cast(batch.y, "int32"), outputs.dtype)
        return {"loss": value, "accuracy": ops.mean(right)}

    return Program((network,), (optimizer,), step, noisy_weights, noise, loss)


def noisy_pytorch(spec: DenseSpec = NOISY) -> Program:
    import torch
    from torch import nn

    (hidden,) = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, hidden),
        nn.Tanh(),
        nn.Dropout(RATE),
        nn.Linear(hidden, spec.outputs),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)

    def step(batch, draws):
        noisy = (torch.arange(len(batch.X)) != draws["clean"])[:, None]
        outputs = network(batch.X + draws["noise"] * noisy)
        value = loss(outputs, batch.y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        accuracy = (outputs.argmax(1) == batch.y).to(outputs.dtype).mean()
        return {"loss": value, "accuracy": accuracy}

    return Program((network,), (optimizer,), step, noisy_weights, noise, loss)


NOISY_BUILDERS = {"Scratch": noisy_scratch, "Keras": noisy_keras, "PyTorch": noisy_pytorch}
