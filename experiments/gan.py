"""gan: can a network learn to draw from a distribution that nobody describes to it?

25,600 samples of N(4, 1.25²). A generator makes numbers of noise, G(z) = a z + b with z ~ N(0, 1);
a discriminator, 32 tanh neurons, is to tell them from the samples, 1 from 0. Each step trains the
discriminator, then the generator, on noise of its own: binary cross-entropy on logits, the
generator's by the labels of samples (it does not saturate). Glorot uniform weights, biases 0;
batches of 256, 40 epochs, 4,000 steps of Adam with learning rate 0.01, halved every 1,000, and
β₁ 0.5.

Source: Goodfellow et al., "Generative adversarial nets", NIPS 2014. Expected: where the generator
has the distribution, the best discriminator answers 1/2 everywhere, and its loss is 2 log 2 =
1.386294, the generator's log 2 = 0.693147: losses that no longer fall are the success here. The
generator must come to within 0.08 of the distribution (Wasserstein distance). Over five seeds it
came to 0.002 to 0.014, its mean to 4.001 to 4.008, its standard deviation to 1.233 to 1.252; over
the last 500 steps the losses were 1.38632 to 1.38644 and 0.69327 to 0.69351.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets import Dataset, Policy, load_gaussian
from experiments.harness.experiment import Experiment
from frameworks import Program, Spec, float32
from frameworks.program import Step, StepBatch
from frameworks.task import GENERATION
from scratch import glorot_uniform, zeros


@dataclass(frozen=True)
class Numbers(Spec):
    """The width of the discriminator, and Adam's numbers."""

    inputs: int = 1  # of a sample, and of the noise that one is made from
    hidden: tuple[int] = (32,)
    epochs: int = 40
    batch_size: int = 256
    learning_rate: float = float32(0.01)
    halve_every: int = 1_000  # steps
    beta_1: float = 0.5
    beta_2: float = float32(0.999)
    epsilon_hat: float = float32(1e-7)


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the samples; they are the same under every policy."""
    return load_gaussian()


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W by Glorot's rule, the generator's first; biases are 0."""
    (hidden,) = spec.hidden
    widths = [(spec.inputs, spec.inputs), (spec.inputs, hidden), (hidden, 1)]
    return [each for w in widths for each in (glorot_uniform(rng, w), zeros(w[1]))]


def draw_noise(spec: Numbers, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Draw the noise of one step on n rows: the discriminator's, and the generator's."""
    return {name: rng.normal(size=(n, spec.inputs)) for name in ("noise_d", "noise_g")}


def game_in_scratch(
    generator: Any, discriminator: Any, optimizer_g: Any, optimizer_d: Any
) -> tuple[Step, Any]:
    """Return, in NumPy, a step of both networks, and the discriminator's loss."""
    from scratch import BinaryCrossEntropy

    loss = BinaryCrossEntropy()

    def step(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        real, ones = batch.X, np.ones((len(batch.X), 1))
        fake = generator.forward(draws["noise_d"])
        loss_real = loss.forward(discriminator.forward(real), ones)
        discriminator.backward_params(loss.backward())
        gradient_real = discriminator.grad.copy()
        loss_fake = loss.forward(discriminator.forward(fake), 0 * ones)
        discriminator.backward_params(loss.backward())
        optimizer_d.step(discriminator.theta, gradient_real + discriminator.grad)

        fake = generator.forward(draws["noise_g"])
        loss_g = loss.forward(discriminator.forward(fake), ones)
        generator.backward_params(discriminator.backward(loss.backward()))
        optimizer_g.step(generator.theta, generator.grad)
        return {"loss": loss_real + loss_fake, "generator_loss": loss_g}

    def loss_d(fake: np.ndarray, real: np.ndarray) -> float:
        ones = np.ones((len(real), 1))
        on_real, on_fake = discriminator.predict(real), discriminator.predict(fake)
        return loss.forward(on_real, ones) + loss.forward(on_fake, 0 * ones)

    return step, loss_d


def game_in_keras(
    generator: Any, discriminator: Any, optimizer_g: Any, optimizer_d: Any
) -> tuple[Step, Any]:
    """Return, in Keras, a step of both networks, and the discriminator's loss."""
    import keras
    import tensorflow as tf
    from keras import ops

    loss = keras.losses.BinaryCrossentropy(from_logits=True)

    def step(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        real, ones = batch.X, ops.ones_like(batch.X[:, :1])
        fake = generator(draws["noise_d"], training=True)
        with tf.GradientTape() as tape:
            loss_real = loss(ones, discriminator(real, training=True))
            loss_fake = loss(0 * ones, discriminator(fake, training=True))
            loss_d = loss_real + loss_fake
        weights = discriminator.trainable_variables
        optimizer_d.apply(tape.gradient(loss_d, weights), weights)

        with tf.GradientTape() as tape:
            fake = generator(draws["noise_g"], training=True)
            loss_g = loss(ones, discriminator(fake, training=True))
        weights = generator.trainable_variables
        optimizer_g.apply(tape.gradient(loss_g, weights), weights)
        return {"loss": loss_d, "generator_loss": loss_g}

    def loss_d(real: Any, fake: Any) -> Any:
        ones = ops.ones_like(real[:, :1])
        on_real, on_fake = discriminator(real), discriminator(fake)
        return loss(ones, on_real) + loss(0 * ones, on_fake)

    return step, loss_d


def game_in_pytorch(
    generator: Any, discriminator: Any, optimizer_g: Any, optimizer_d: Any
) -> tuple[Step, Any]:
    """Return, in PyTorch, a step of both networks, and the discriminator's loss."""
    import torch
    from torch import nn

    loss = nn.BCEWithLogitsLoss()

    def step(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        real, ones = batch.X, torch.ones_like(batch.X[:, :1])
        fake = generator(draws["noise_d"]).detach()
        loss_real = loss(discriminator(real), ones)
        loss_fake = loss(discriminator(fake), 0 * ones)
        loss_d = loss_real + loss_fake
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        fake = generator(draws["noise_g"])
        loss_g = loss(discriminator(fake), ones)
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        return {"loss": loss_d, "generator_loss": loss_g}

    def loss_d(fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        ones = torch.ones_like(real[:, :1])
        on_real, on_fake = discriminator(real), discriminator(fake)
        return loss(on_real, ones) + loss(on_fake, 0 * ones)

    return step, loss_d


def build_scratch(spec: Numbers = SPEC) -> Program:
    """Build it in NumPy."""
    from scratch import (
        Adam,
        Dense,
        Scheduled,
        Sequential,
        StepRate,
        Tanh,
    )

    (hidden,) = spec.hidden
    generator = Sequential(Dense(spec.inputs, spec.inputs))
    discriminator = Sequential(
        Dense(spec.inputs, hidden),
        Tanh(),
        Dense(hidden, 1),
    )

    def adam() -> Scheduled:
        rate = StepRate(spec.learning_rate, factor=0.5, size=spec.halve_every)
        optimizer = Adam(
            beta_1=spec.beta_1,
            beta_2=spec.beta_2,
            epsilon=spec.epsilon_hat,
            epsilon_hat=True,
        )
        return Scheduled(rate, optimizer)

    optimizer_g, optimizer_d = adam(), adam()
    step, loss_d = game_in_scratch(generator, discriminator, optimizer_g, optimizer_d)
    return Program(
        networks=(generator, discriminator),
        optimizers=(optimizer_g, optimizer_d),
        step=step,
        initial_weights=initial_weights,
        draws=draw_noise,
        loss=loss_d,
        names=("generator", "discriminator"),
        algorithm="adversarial training",
    )


def build_keras(spec: Numbers = SPEC) -> Program:
    """Build it in Keras."""
    import keras
    from keras import layers

    (hidden,) = spec.hidden
    generator = keras.Sequential([layers.Input((spec.inputs,)), layers.Dense(spec.inputs)])
    discriminator = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(hidden),
            layers.Activation("tanh"),
            layers.Dense(1),
        ]
    )

    def adam(network: keras.Model) -> keras.optimizers.Adam:
        rate = keras.optimizers.schedules.ExponentialDecay(
            spec.learning_rate, spec.halve_every, decay_rate=0.5, staircase=True
        )
        optimizer = keras.optimizers.Adam(
            rate,
            beta_1=spec.beta_1,
            beta_2=spec.beta_2,
            epsilon=spec.epsilon_hat,
        )
        optimizer.build(network.trainable_variables)
        return optimizer

    optimizer_g, optimizer_d = adam(generator), adam(discriminator)
    step, loss_d = game_in_keras(generator, discriminator, optimizer_g, optimizer_d)
    return Program(
        networks=(generator, discriminator),
        optimizers=(optimizer_g, optimizer_d),
        step=step,
        initial_weights=initial_weights,
        draws=draw_noise,
        loss=loss_d,
        names=("generator", "discriminator"),
        algorithm="adversarial training",
    )


def build_pytorch(spec: Numbers = SPEC) -> Program:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import step_rate, use_epsilon_hat, use_rate

    (hidden,) = spec.hidden
    generator = nn.Sequential(nn.Linear(spec.inputs, spec.inputs))
    discriminator = nn.Sequential(
        nn.Linear(spec.inputs, hidden),
        nn.Tanh(),
        nn.Linear(hidden, 1),
    )

    def adam(network: nn.Module) -> torch.optim.Adam:
        rate = step_rate(spec.learning_rate, factor=0.5, size=spec.halve_every)
        optimizer = torch.optim.Adam(
            network.parameters(),
            betas=(spec.beta_1, spec.beta_2),
            eps=spec.epsilon_hat,
        )
        use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
        return use_rate(optimizer, rate)  # differs: its own schedulers count apart from it

    optimizer_g, optimizer_d = adam(generator), adam(discriminator)
    step, loss_d = game_in_pytorch(generator, discriminator, optimizer_g, optimizer_d)
    return Program(
        networks=(generator, discriminator),
        optimizers=(optimizer_g, optimizer_d),
        step=step,
        initial_weights=initial_weights,
        draws=draw_noise,
        loss=loss_d,
        names=("generator", "discriminator"),
        algorithm="adversarial training",
    )


EXPERIMENT = Experiment(
    page=__name__,
    data="25,600 samples",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    task=GENERATION,
    band={"real": (1e-4, 0.08)},  # Wasserstein distance to N(4, 1.25²)
    certified="longdouble",
)
