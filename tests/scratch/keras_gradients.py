"""What a Keras layer computes, and its gradients, for tests to compare with."""

import tensorflow as tf


def gradients(layer, X, upstream, **call):
    """Return a Keras layer's output, dX and the gradients of its trained variables, as arrays."""
    X = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(X)
        outputs = layer(X, **call)
        value = tf.reduce_sum(outputs * upstream)
    dX, *grads = tape.gradient(value, [X, *(v.value for v in layer.trainable_variables)])
    return outputs, dX, [tf.convert_to_tensor(g).numpy() for g in grads]
