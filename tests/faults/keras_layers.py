"""Faults in what Keras has in one layer: an activation, and a penalty."""

import scratch
from frameworks import Parts

from .fault import fault
from .pages import MOMENTUM, dense_weights, page


def keras_momentum(spec=MOMENTUM, activations=("tanh", "tanh", "tanh")) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            *(layers.Dense(d, a) for d, a in zip(spec.hidden, activations, strict=True)),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(spec.learning_rate, momentum=0.875)
    return Parts(network, loss, optimizer, dense_weights)


def scratch_activated(spec=MOMENTUM) -> Parts:
    a, b, c = spec.hidden
    network = scratch.Sequential(
        scratch.Dense(spec.inputs, a),
        scratch.Tanh(),
        scratch.Dense(a, b),
        scratch.Tanh(),
        scratch.Dense(b, c),
        scratch.Tanh(),
        scratch.Dense(c, spec.outputs),
    )
    optimizer = scratch.SGD.keras(spec.learning_rate, momentum=0.875)
    return Parts(network, scratch.CategoricalCrossEntropy(), optimizer, dense_weights)


activated = page("activated", MOMENTUM, scratch=scratch_activated, keras=keras_momentum)


def inside(plant, *activations):
    plant.build(lambda build: lambda spec=MOMENTUM: keras_momentum(spec, activations))


@fault("wrong activation inside the first layer", "Dense(8, 'relu') stands for a tanh.",
       "forward, layer 2", activated, "scratch,keras",
       "keras has a ReLU there; scratch has a tanh there")  # fmt: skip
def _(plant):
    inside(plant, "relu", "tanh", "tanh")


@fault("activation forgotten inside a layer", "Dense(8) stands for Dense(8, 'tanh').",
       "forward, the input of layer 5", activated, "scratch,keras",
       "keras takes the output before it as it is")  # fmt: skip
def _(plant):
    inside(plant, "tanh", None, "tanh")


@fault("another activation inside a layer", "Dense(8, 'sigmoid') stands in the middle.",
       "forward, layer 4", activated, "scratch,keras", "keras has a sigmoid there")  # fmt: skip
def _(plant):
    inside(plant, "tanh", "sigmoid", "tanh")


@fault("penalty of Keras", "L2(1e-4) is set in Keras' kernels alone.", "loss", activated,
       "scratch,keras", "keras adds a penalty of 0.0001 Σ w² over kernels")  # fmt: skip
def _(plant):
    def change(parts):
        import keras

        for layer in parts.network.layers:
            layer.kernel.regularizer = keras.regularizers.L2(1e-4)

    plant.parts(change)
