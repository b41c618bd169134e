"""Faults in the loop of a generative adversarial network: a line that is often written wrong.

The step is that of `ring_gan`, too, which has no other faults to plant.
"""

from experiments import gan
from frameworks import Program
from frameworks.task import GENERATION

from .fault import fault
from .rewriting import small
from .rewriting import write as write_page


def scratch(spec: gan.Numbers = gan.SPEC) -> Program:
    return gan.build_scratch(spec)


def pytorch(spec: gan.Numbers = gan.SPEC) -> Program:
    return gan.build_pytorch(spec)


def write(plant, lines):
    write_page(plant, gan.build_pytorch, lines, called=[gan.game_in_pytorch])


adversaries = small("small_gan", gan, GENERATION, scratch=scratch, pytorch=pytorch)


@fault("labels exchanged", "The discriminator answers 1 for what is generated, 0 for samples.",
       "loss, loss", adversaries, "scratch,pytorch",
       "pytorch takes for the loss the sum of the cross-entropies of rows, labelled 0")  # fmt: skip
def _(plant):
    write(plant, {
        "loss(discriminator(real), ones)": "loss(discriminator(real), 0 * ones)",
        "loss(discriminator(fake), 0 * ones)": "loss(discriminator(fake), ones)",
    })  # fmt: skip


@fault("half the discriminator's loss", "The mean of the losses stands for their sum.",
       "loss, loss", adversaries, "scratch,pytorch",
       "is 2 times that of pytorch, and so is every gradient of the discriminator")  # fmt: skip
def _(plant):
    write(plant, {"loss_real + loss_fake": "(loss_real + loss_fake) / 2"})


@fault("saturating loss", "The generator maximises the discriminator's loss.",
       "loss, generator_loss", adversaries, "scratch,pytorch",
       "pytorch takes for the generator loss minus the cross-entropy")  # fmt: skip
def _(plant):
    right = "loss_g = loss(discriminator(fake), ones)"
    write(plant, {right: "loss_g = -loss(discriminator(fake), 0 * ones)"})


@fault("noise used twice", "The generator learns from the samples that the discriminator has seen.",
       "loss, generator_loss", adversaries, "scratch,pytorch",
       "takes for the generator loss the cross-entropy of the samples of noise_d")  # fmt: skip
def _(plant):
    write(plant, {'draws["noise_g"]': 'draws["noise_d"]'})


@fault("gradients of both losses", "Samples are not detached, and gradients are reset too early.",
       "gradient, of the generator", adversaries, "scratch,pytorch",
       "they are not detached, and it is not reset")  # fmt: skip
def _(plant):
    write(plant, {
        'generator(draws["noise_d"]).detach()': 'generator(draws["noise_d"])',
        "optimizer_d.zero_grad()": "optimizer_d.zero_grad(), optimizer_g.zero_grad()",
        "optimizer_g.zero_grad()\n        loss_g": "loss_g",
    })  # fmt: skip


@fault("stock learning rate", "Adam has its own 0.001, which no schedule halves.",
       "step, of the discriminator", adversaries, "scratch,pytorch",
       "for the discriminator, the learning rate of scratch is 10 times")  # fmt: skip
def _(plant):
    write(plant, {"return use_rate(optimizer, rate)": "return optimizer"})


@fault("discriminator's gradients kept", "What the generator's step leaves there is added.",
       "trajectory, of the discriminator", adversaries, "scratch,pytorch",
       "what the step of the generator leaves to the discriminator's: it is never")  # fmt: skip
def _(plant):
    write(plant, {"optimizer_d.zero_grad()": "pass"})


@fault("stock β₁", "Adam averages gradients with 0.9, not with the 0.5 of adversarial networks.",
       "trajectory, of the discriminator", adversaries, "scratch,pytorch",
       "for the discriminator, pytorch uses Adam with β₁ = 0.9")  # fmt: skip
def _(plant):
    write(plant, {"betas=(spec.beta_1,": "betas=(0.9,"})
