"""Monte Carlo arithmetic: what is nudged, by how much, and that it is done anew at every step."""

import numpy as np
import pytest

from experiments import churn
from frameworks import ScratchClassifier
from frameworks.agreement.nudge import Nudge, NudgedNumber
from frameworks.agreement.nudged import nudged
from frameworks.agreement.variants import change, nudges
from frameworks.scratch.together import fit_together
from scratch import Batch, BatchNorm, Dense, Dropout, Sequential, train_step

EPSILON = {np.float32: 2.0**-23, np.float64: 2.0**-52}


def with_batch_norm(spec=churn.SPEC):
    network = Sequential(BatchNorm.keras(11), Dense(11, 1))
    return churn.build_scratch(spec)._replace(network=network, initial_weights=_weights)


def _weights(spec, rng):
    return [np.ones(11), np.zeros(11), rng.normal(size=(11, 1)), np.zeros(1)]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(95, 11)), rng.integers(0, 2, 95)


@pytest.mark.parametrize("dtype", EPSILON)
def test_a_nudge_is_uniform_within_epsilon_of_the_magnitude(dtype):
    x = np.linspace(1, 2, 100_000, endpoint=False, dtype=dtype)
    nudges = (Nudge(0)(x.copy()) - x) / x / EPSILON[dtype]
    assert 1 <= np.abs(nudges).max() <= 1.5  # ε, and the rounding of the product: ε/2
    assert abs(nudges.mean()) < 0.01  # five standard errors of the mean of 100,000
    assert 0.5 < nudges.std() < 0.7  # √⅓ = 0.58 if it were not rounded


def test_zeros_stay_zeros():
    assert not Nudge(0)(np.zeros(1_000, np.float32)).any()


@pytest.mark.parametrize("dtype", EPSILON)
def test_a_tie_stays_a_tie_and_is_moved_anew_each_time(dtype):
    nudge, x = Nudge(0), np.tile(np.linspace(1, 2, 100, dtype=dtype), (3, 1))
    first, second = nudge(x.copy()), nudge(x.copy())
    for moved in (first, second):
        assert (moved == moved[0]).all()
        assert len(np.unique(moved[0] - x[0])) > 2  # each number has a nudge of its own
    assert (first != second).any()


def test_nudges_of_neighbours_and_of_two_calls_are_unrelated():
    nudge, x = Nudge(0), np.linspace(1, 2, 100_000, endpoint=False)
    first, second = (nudge(x.copy()) - x for _ in range(2))
    for a, b in ((first[1:], first[:-1]), (first, second)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.02  # six standard errors, of 1/√100,000


def test_a_nudged_sum_moves_at_every_addition():
    nudge = Nudge(0)
    total = 0.0
    for _ in range(1_000):
        total += NudgedNumber(1.0, np.dtype(np.float32), nudge) * 8
    assert total != 8_000
    assert total == pytest.approx(8_000, rel=1e-4)  # 1,000 nudges of at most 1.2e-7 each
    assert isinstance(total / 8_000, NudgedNumber)


def test_everything_in_a_step_is_nudged():
    """With nothing but zeros nudged away from it, each of these would stay what it is."""
    X = np.random.default_rng(2).normal(size=(4, 11)).astype(np.float32)
    y = np.ones((4, 1), np.float32)
    spec = churn.SPEC
    seen = {"plain": churn.build_scratch(spec), "nudged": nudged(churn.build_scratch, 2)(spec)}
    results = {}
    for name, parts in seen.items():
        parts.network.bind(np.float32)
        parts.network.set_weights(churn.initial_weights(spec, np.random.default_rng(0)))
        loss, outputs = train_step(*parts[:3], Batch(X, y))
        results[name] = [np.array([loss]), outputs, parts.network.grad, parts.network.theta]
    for plain, moved in zip(*results.values(), strict=True):
        assert (plain != moved).any()
        np.testing.assert_allclose(moved, plain, rtol=1e-5, atol=1e-8)  # a few nudges of 1.2e-7


def test_each_step_of_a_training_is_nudged_anew(monkeypatch, rows):
    drawn = []
    call = Nudge.__call__

    def count(self, x):
        drawn.append(x.size)
        return call(self, x)

    monkeypatch.setattr(Nudge, "__call__", count)
    ScratchClassifier(nudged(churn.build_scratch, 1), epochs=3, batch_size=10).fit(*rows)
    weights = 121
    assert drawn.count(weights) == 2 * 3 * 10  # gradients and new parameters, of every step


def test_a_seed_nudges_alike_and_another_differently(rows):
    def train(mode, seed=0):
        build = change(mode, seed)(churn.build_scratch)
        fitted = ScratchClassifier(build, epochs=2, random_state=0).fit(*rows)
        return np.concatenate([w.ravel() for w in fitted.get_weights()])

    first, second = nudges(2)
    assert np.array_equal(train(first), train(first))
    assert not np.array_equal(train(first), train(second))
    assert not np.array_equal(train(first), train(first, seed=1))
    assert not np.array_equal(train(first), train("lockstep"))


def test_a_nudged_training_has_the_stock_one_s_masks_and_running_means(rows):
    def build(spec=churn.SPEC):
        parts = with_batch_norm(spec)
        first, last = parts.network.layers
        return parts._replace(network=Sequential(first, Dropout(0.5), last))

    options = {"epochs": 3, "batch_size": 10, "dtype": "float64", "random_state": 0}
    stock = ScratchClassifier(build, **options).fit(*rows)
    moved = ScratchClassifier(nudged(build, 1), **options).fit(*rows)
    assert stock.draws_sha256_ == moved.draws_sha256_ != ""
    for ours, theirs in zip(moved.get_states(), stock.get_states(), strict=True):
        assert np.array_equal(ours, theirs)  # those of the rows, before anything is nudged
    weights_moved = zip(moved.get_weights(), stock.get_weights(), strict=True)
    assert all(np.any(ours != theirs) for ours, theirs in weights_moved)
    assert np.all(moved.get_states()[1] != 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [10, 95])
def test_nudged_together_each_is_what_it_is_alone(dtype, size, rows):
    def make(mode, seed):
        build = change(mode, seed)(with_batch_norm)
        options = {"epochs": 3, "batch_size": size, "dtype": dtype}
        return ScratchClassifier(build, random_state=seed, **options)

    cases = [(mode, seed) for seed in (0, 3) for mode in nudges(3)]
    together, alone = ([make(*case) for case in cases] for _ in range(2))
    assert [len(records) for records in fit_together(together, *rows)] == [6, 6, 6]
    for one, other in zip(together, alone, strict=True):
        other.fit(*rows)
        for name in ("loss", "accuracy"):
            assert [e[name] for e in one.history_] == [e[name] for e in other.history_]
        mine, theirs = ([*e.get_weights(), *e.get_states()] for e in (one, other))
        assert all(a.tobytes() == b.tobytes() for a, b in zip(mine, theirs, strict=True))
        # Outputs are nudged, too: they are equal where as many keys have been drawn.
        assert np.array_equal(one.outputs(rows[0]), other.outputs(rows[0]))
    assert len({one.get_weights()[0].tobytes() for one in together}) == 6
