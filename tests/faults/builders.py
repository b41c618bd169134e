"""Faults in a port: what a Keras or PyTorch builder gets wrong."""

from dataclasses import replace

import frameworks.pytorch.adapter
from experiments.churn import EXPERIMENT as churn
from experiments.circle import EXPERIMENT as circle
from experiments.mnist import EXPERIMENT as mnist
from frameworks.keras.adapter import KerasAdapter

from .fault import fault
from .image_pages import images, pytorch_images


def keras_parts(plant, make):
    """Build another Keras network on the page: `make(spec, stock parts)`."""
    own = plant.experiment.spec
    plant.build(lambda build: lambda spec=own: make(spec, build(spec)))


@fault("channels flattened one by one", "PyTorch's images are flattened without a permute.",
       "forward, the input of layer 6", images, "scratch,pytorch",
       "channel by channel")  # fmt: skip
def _(plant):
    own = images.spec
    plant.build(lambda build: lambda spec=own: pytorch_images(spec, channels_last=False))


@fault("kernel not transposed", "PyTorch's (d_out, d_in) is taken for (d_in, d_out), both ways.",
       "forward, layer 3", churn, "scratch,pytorch", "kernel is transposed")  # fmt: skip
def _(plant):
    original = frameworks.pytorch.adapter.layout_of

    def untransposed(module):
        layout = original(module)
        square = layout.own and layout.own[0].shape == (6, 6)
        return replace(layout, to_canonical=list, from_canonical=list) if square else layout

    plant.patch.setattr(frameworks.pytorch.adapter, "layout_of", untransposed)


@fault("ReLU after the last layer", "The output layer has an activation too.",
       "forward, the network's outputs", mnist, "scratch,pytorch", "applies a ReLU")  # fmt: skip
def _(plant):
    from torch import nn

    plant.parts(lambda parts: parts._replace(network=nn.Sequential(*parts.network, nn.ReLU())))


@fault("softmax twice in Keras", "The last layer has a softmax, the loss takes logits.",
       "forward, the network's outputs", mnist, "scratch,keras", "applies a softmax")  # fmt: skip
def _(plant):
    import keras
    from keras import layers

    def make(spec, parts):
        (hidden,) = spec.hidden
        network = keras.Sequential(
            [
                layers.Input((spec.inputs,)),
                layers.Dense(hidden, activation="relu"),
                layers.Dense(spec.outputs, activation="softmax"),
            ]
        )
        return parts._replace(network=network)

    keras_parts(plant, make)


@fault("from_logits forgotten", "Keras takes logits for probabilities.", "loss", churn,
       "scratch,keras", "given logits for probabilities")  # fmt: skip
def _(plant):
    import keras

    def make(spec, parts):
        return parts._replace(loss=keras.losses.BinaryCrossentropy())

    keras_parts(plant, make)


@fault("L2 without its ½", "Keras' kernel_regularizer is λ Σ w², and counts in the loss.", "loss",
       circle, "scratch,keras", "penalty of 0.125")  # fmt: skip
def _(plant):
    import keras

    def make(spec, parts):
        for layer in parts.network.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.regularizer = keras.regularizers.L2(0.125)
        return parts

    keras_parts(plant, make)


@fault("order of Keras' seeded shuffle", "fit(shuffle=True) repeats one permutation.",
       "trajectory, the epoch's loss", churn, "scratch,keras",
       "repeats the first epoch's order")  # fmt: skip
def _(plant):
    train = KerasAdapter.train

    def changed(self, data, orders, batch_size):
        orders = list(orders)
        return train(self, data, [orders[0]] * len(orders), batch_size)

    plant.patch.setattr(KerasAdapter, "train", changed)
