"""Compiled steps of recurrent layers, attention and the rest are those of the plain code."""

from copy import deepcopy

import numpy as np
import pytest

from scratch import (
    ELU,
    GELU,
    GRU,
    LSTM,
    SELU,
    SGD,
    Adam,
    Batch,
    Bidirectional,
    CategoricalCrossEntropy,
    CosineLoss,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GroupNorm,
    HardSigmoid,
    HardSwish,
    LayerNorm,
    LogSoftmax,
    Masking,
    Mish,
    PositionEmbedding,
    Reshape,
    Residual,
    RMSNorm,
    SelfAttention,
    SequenceLoss,
    Sequential,
    SiLU,
    SimpleRNN,
    Softplus,
    iter_epochs,
    train,
)
from scratch.batches import take_batches
from scratch.compiler import Parts
from scratch.compiler.seeds import StackedEpochs
from scratch.compiler.step import Step
from scratch.training import train_epoch

from .test_compiler import ROWS, assert_compiled_as_plain, orders

pytestmark = pytest.mark.slow

T, D, K = 4, 6, 3
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def masked(make):
    """Return layers that pass over padding: whatever is zero in every number of a step."""
    masking = Masking()
    return [masking, *make(masking.mask)]


LAYERS = {
    "simple": lambda: [SimpleRNN(D, 5)],
    "lstm": lambda: [LSTM(D, 5)],
    "lstm, two biases": lambda: [LSTM(D, 5, biases=2)],
    "gru": lambda: [GRU(D, 5)],
    "gru, reset before": lambda: [GRU(D, 5, reset_after=False)],
    "all steps": lambda: [LSTM(D, 2, return_sequences=True), GRU(2, 5, reverse=True)],
    "both": lambda: [Bidirectional(LSTM(D, 2), SimpleRNN(D, 3, reverse=True))],
    "masked": lambda: masked(lambda mask: [GRU(D, 5, mask=mask)]),
    "masked, all": lambda: masked(
        lambda mask: [
            LSTM(D, 2, mask=mask, return_sequences=True, zero_at_padding=True),
            Bidirectional(GRU(2, 2, mask=mask), LSTM(2, 3, mask=mask, reverse=True)),
        ]
    ),
    "attention": lambda: [PositionEmbedding(T, D), SelfAttention(D, heads=2), *last()],
    "causal": lambda: [Residual(SelfAttention(D, heads=3, causal=True)), *last()],
    "masked attention": lambda: masked(lambda mask: [SelfAttention(D, mask=mask), *last()]),
    "layer norm": lambda: [LayerNorm.keras(D), *last()],
    "group norm": lambda: [GroupNorm.pytorch(D, 3), *last()],
    "rms norm": lambda: [RMSNorm.keras(D), *last()],
    "dense": lambda: [Dense(D, 7), SiLU(), Dense(7, D), *last()],
    **{
        activation.__name__: lambda activation=activation: [activation(), *last()]
        for activation in (
            *(GELU, SiLU, Softplus, ELU, SELU, HardSigmoid, HardSwish, Mish, LogSoftmax),
        )
    },
    "gelu by tanh": lambda: [GELU(approximate=True), *last()],
}


def last():
    return [Flatten(), Dense(T * D, 5)]


def data_for(dtype):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(ROWS, T, D))
    X[rng.random((ROWS, T)) < 0.3] = 0
    return Batch(X.reshape(ROWS, T * D).astype(dtype), rng.integers(K, size=ROWS))


@dtypes
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name, dtype):
    made = Sequential(Reshape(T, D), *LAYERS[name](), Dense(5, K), dtype=dtype)
    made.initialize(np.random.default_rng(0))
    parts = made, CategoricalCrossEntropy(), Adam()
    assert_compiled_as_plain(parts, data_for(dtype), orders(), 4)


@dtypes
@pytest.mark.parametrize("over", ["real", "all"])
def test_loss_of_every_step(over, dtype):
    masking = Masking()
    layers = Reshape(T, D), masking, LSTM(D, 4, mask=masking.mask, return_sequences=True)
    made = Sequential(*layers, Dense(4, K), dtype=dtype).initialize(np.random.default_rng(0))
    data = data_for(dtype)
    y = np.random.default_rng(2).integers(K, size=(ROWS, T))
    for targets, loss in (
        (y, SequenceLoss(CategoricalCrossEntropy(), mask=masking.mask, over=over)),
        (np.where(y == 0, -1, y), SequenceLoss(CategoricalCrossEntropy(), ignore=-1, over=over)),
    ):
        parts = made, loss, Adam()
        compiled, plain = deepcopy(parts), deepcopy(parts)
        epochs = iter_epochs(*compiled, Batch(data.X, targets), orders(), 4, count=False)
        for epoch, order in zip(epochs, orders(), strict=True):
            batches = take_batches(Batch(data.X, targets), order, 4)
            assert epoch == train_epoch(*plain, batches, count=False)
        assert compiled[0].theta.tobytes() == plain[0].theta.tobytes()


@dtypes
def test_loss_of_directions(dtype):
    made = Sequential(Dense(T * D, 3), dtype=dtype)
    made.theta = np.random.default_rng(0).normal(size=made.theta.shape)
    targets = np.random.default_rng(3).normal(size=(ROWS, 3)).astype(dtype)
    data = data_for(dtype)._replace(y=targets)
    plain, compiled = deepcopy(made), deepcopy(made)
    epochs = iter_epochs(compiled, CosineLoss.keras(), Adam(), data, orders(), 4, count=False)
    adam = Adam()
    for epoch, order in zip(epochs, orders(), strict=True):
        batches = take_batches(data, order, 4)
        assert epoch == train_epoch(plain, CosineLoss.keras(), adam, batches, count=False)
    assert compiled.theta.tobytes() == plain.theta.tobytes()


@dtypes
def test_a_program_that_does_not_repeat_is_left_for_the_plain_code(dtype, monkeypatch):
    """It may be noticed in the middle of a training only: at the second batch of the rows left."""

    def note(step, *arguments):
        original(step, *arguments)
        run = step.program.run

        def run_and_spoil():
            run()
            step.results[0][...] += 1

        step.program.run = run_and_spoil

    layers = Reshape(T, D), LSTM(D, 5), Dropout(0.3, np.random.default_rng(5)), Dense(5, K)
    made = Sequential(*layers, dtype=dtype).initialize(np.random.default_rng(0))
    plain, spoilt = (deepcopy((made, CategoricalCrossEntropy(), Adam())) for _ in range(2))
    data, original = data_for(dtype), Step.__init__
    expected = [train_epoch(*plain, take_batches(data, order, 4)) for order in orders()]
    monkeypatch.setattr(Step, "__init__", note)
    assert not Parts(*deepcopy(spoilt)).can_be_compiled(data)
    monkeypatch.setattr(Parts, "can_be_compiled", lambda parts, batch: True)
    assert train(*spoilt, data, orders(), 4) == expected
    assert spoilt[0].theta.tobytes() == plain[0].theta.tobytes()


def words(vocabulary, dtype):
    """Return sequences of words, with the next word of each as its target, or -1 at padding."""
    X = np.random.default_rng(0).integers(vocabulary, size=(ROWS, T))
    return Batch(X.astype(dtype), np.where(X == 0, -1, np.roll(X, 1, axis=1)))


def reader(dtype, d=6, vocabulary=5, **options):
    embedding = Embedding(vocabulary, d, padding=0, **options)
    layers = PositionEmbedding(T, d), Residual(SelfAttention(d, 2, mask=embedding.mask, bias=False))
    network = Sequential(embedding, *layers, Dense(d, vocabulary), dtype=dtype)
    return network.initialize(np.random.default_rng(1))


@dtypes
@pytest.mark.parametrize(("freeze", "vocabulary"), [(True, 5), (False, 9)])
def test_embeddings_and_losses_that_leave_words_out_are_compiled(dtype, freeze, vocabulary):
    compiled = (
        reader(dtype, vocabulary=vocabulary, freeze_padding=freeze),
        SequenceLoss(CategoricalCrossEntropy(), ignore=-1),
        Adam(),
    )
    plain, data = deepcopy(compiled), words(vocabulary, dtype)
    assert Parts(*deepcopy(compiled)).can_be_compiled(data)
    epochs = iter_epochs(*compiled, data, orders(), 4, count=False)
    for epoch, order in zip(epochs, orders(), strict=True):
        assert epoch == train_epoch(*plain, take_batches(data, order, 4), count=False)
    assert compiled[0].theta.tobytes() == plain[0].theta.tobytes()


def test_embeddings_of_many_seeds_are_those_of_each_alone():
    def parts():
        return SequenceLoss(CategoricalCrossEntropy(), ignore=-1), Adam()

    networks, data = [reader(float, d=2 * s) for s in (2, 2)], words(5, float)
    networks[1].initialize(np.random.default_rng(7))
    alone = deepcopy(networks)
    seeds = [(network, *parts()) for network in networks]
    assert StackedEpochs([Parts(*each) for each in seeds], data, 4).train([None, None])
    for network, stacked in zip(alone, networks, strict=True):
        train_epoch(network, *parts(), take_batches(data, None, 4), count=False)
        assert network.theta.tobytes() == stacked.theta.tobytes()


@pytest.mark.parametrize("word", [-1, 5])
def test_a_word_that_is_not_there_is_named_in_a_compiled_step_too(word):
    parts, data = (
        Parts(reader(float), SequenceLoss(CategoricalCrossEntropy()), Adam()),
        words(5, float),
    )
    step = Step(parts, data._replace(y=np.maximum(data.y, 0)))
    step.run()
    assert step.repeats
    step.batch.X[2, 1] = word
    before = parts.network.theta.copy()
    with pytest.raises(ValueError, match="X must hold indices from 0 to 4, got"):
        step.run()
    assert np.array_equal(parts.network.theta, before)


def test_what_the_compiler_cannot_follow_is_trained_all_the_same():
    """A mask of the loss is that of another batch when an epoch's losses are measured."""
    masking, rng = Masking(), np.random.default_rng(0)
    layers = Reshape(T, D), masking, Dense(D, K)
    made = Sequential(*layers).initialize(rng)
    loss = SequenceLoss(CategoricalCrossEntropy(), mask=masking.mask)
    plain, data = deepcopy((made, loss)), data_for(float)
    data = data._replace(y=rng.integers(K, size=(ROWS, T)))
    assert not Parts(made, loss, SGD(0.1)).are_own()
    for epoch in iter_epochs(made, loss, SGD(0.1), data, [None] * 3, 4, count=False):
        assert epoch == train_epoch(*plain, SGD(0.1), take_batches(data, None, 4), count=False)
    assert made.theta.tobytes() == plain[0].theta.tobytes()
