"""Transfer learning: train, freeze, replace the head, train that, unfreeze."""

import numpy as np

from scratch import (
    Adam,
    AdamW,
    Batch,
    CategoricalCrossEntropy,
    Dense,
    ReLU,
    Sequential,
    TrainOnly,
    glorot_uniform,
    layer_mask,
    train,
)


def test_new_head_is_trained_on_a_frozen_body_and_then_the_whole():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    old, new = Batch(X, (X[:, 0] > 0).astype(int)), Batch(X, rng.integers(3, size=60))
    loss, orders = CategoricalCrossEntropy(), [None] * 30
    first = Sequential(Dense(2, 8), ReLU(), Dense(8, 2)).initialize(rng)
    list(train(first, loss, Adam(0.05), old, orders, batch_size=20))
    learnt = [w.copy() for w in first.weights]

    head = Dense(8, 3)
    network = Sequential(*first.layers[:-1], head)
    head.W[:] = glorot_uniform(rng, (8, 3))
    body = [w for w, kept in zip(network.weights, learnt, strict=False) if w.shape == kept.shape]
    assert len(body) == 2
    start = head.W.copy()

    optimizer = TrainOnly(layer_mask(network, head), AdamW(0.05, weight_decay=0.25))
    losses = [epoch.loss for epoch in train(network, loss, optimizer, new, orders, batch_size=20)]
    assert losses[-1] < losses[0]
    for w, kept in zip(body, learnt, strict=False):
        assert w.tobytes() == kept.tobytes()
    assert (head.W != start).all()

    more = [e.loss for e in train(network, loss, Adam(0.05), new, orders, batch_size=20)]
    assert more[-1] < losses[-1]
    assert not np.array_equal(body[0], learnt[0])
