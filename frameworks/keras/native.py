"""Keras as its users write it (see `frameworks.native`)."""

from frameworks.native import Report, Trained
from frameworks.program import Builder
from frameworks.spec import Spec
from scratch import Batch

__all__ = ["train"]


def train(build: Builder, spec: Spec, seed: int, data: Batch, report: Report) -> Trained:
    """Train with `compile` and `fit`.

    After `set_random_seed`, Keras' `fit` draws one permutation and repeats it in every epoch.
    """
    import keras

    keras.utils.set_random_seed(seed)
    keras.config.set_floatx(data.X.dtype.name)
    keras.config.set_dtype_policy(data.X.dtype.name)
    parts = build(spec)
    network, rate = parts.network, spec.learning_rate
    initial_weights = network.get_weights()
    accuracy = keras.metrics.SparseCategoricalAccuracy()
    if spec.outputs == 1:
        accuracy = keras.metrics.BinaryAccuracy(threshold=0.0 if parts.logits else 0.5)
    if spec.halve_every:
        decay = keras.optimizers.schedules.ExponentialDecay
        rate = decay(rate, spec.halve_every, decay_rate=0.5, staircase=True)
    network.compile(type(parts.optimizer)(rate), parts.loss, metrics=[accuracy])
    epochs = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: report(epoch + 1, logs["loss"])
    )
    options = {"shuffle": spec.shuffle, "verbose": 0, "callbacks": [epochs]}
    history = network.fit(data.X, data.y, spec.batch_size, spec.epochs, **options).history
    results = list(zip(history["loss"], history[accuracy.name], strict=True))
    weights = network.get_weights()
    return Trained(results, initial_weights, weights, lambda X: network.predict(X, verbose=0))
