"""Monte Carlo arithmetic: what is nudged, by how much, and equal numbers equally."""

import numpy as np
import pytest

from experiments import churn
from frameworks import ScratchClassifier
from frameworks.agreement.nudge import Nudge, NudgedLayer, NudgedNumber, Ties, nudged
from frameworks.agreement.variants import change, nudges
from scratch import Batch, BatchNorm, Dense, Dropout, Sequential, train_step

EPSILON = {np.float32: 2.0**-23, np.float64: 2.0**-52}


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
def test_a_tie_stays_a_tie_and_equal_numbers_are_moved_equally_at_every_step(dtype):
    nudge, x = Nudge(0), np.tile(np.linspace(1, 2, 100, dtype=dtype), (3, 1))
    first, again, other = nudge(x.copy()), nudge(x.copy()), Nudge(1)(x.copy())
    assert (first == first[0]).all()
    assert len(np.unique(first[0] - x[0])) > 2  # each number has a nudge of its own
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("dtype", EPSILON)
def test_where_ties_break_equal_numbers_part_by_their_place_in_the_last_axis(dtype):
    nudge, x = Nudge(0, Ties(breaking=True)), np.ones((3, 1_000), dtype)
    moved = nudge(x.copy())
    assert (moved == moved[0]).all()
    assert len(np.unique(moved)) > 2
    assert abs(np.corrcoef(moved[0, 1:], moved[0, :-1])[0, 1]) < 0.2  # six standard errors
    assert np.abs(moved - x).max() <= 1.5 * EPSILON[dtype]  # ε and rounding


@pytest.mark.parametrize("breaking", [False, True])
def test_an_array_without_axes_is_nudged_in_place(breaking):
    """So a layer of the page's own may return it, in a program."""
    x = np.array(1.0)
    assert float(Nudge(0, Ties(breaking=breaking))(x)) == float(x) != 1.0


def test_where_ties_break_a_layer_computes_with_nudged_parameters_and_keeps_its_own():
    """Products of equal units with a gradient that sums to 0: each leaves its own rounding."""
    layer = Dense(4, 3)
    layer.W[:] = 0.1
    Sequential(layer)
    ties = Ties([layer])
    nudged_layer, x = NudgedLayer(layer, Nudge(0, ties), Nudge(1, ties)), np.ones((2, 4))
    z = nudged_layer.forward(x, training=True)
    assert z == pytest.approx(np.full((2, 3), 0.4), rel=1e-14)  # a few units in the last place
    dx = nudged_layer.backward(np.array([[1.0, -0.5, -0.5]] * 2))
    assert len(np.unique(dx[0])) > 1
    assert 0 < np.abs(dx).max() < 1e-15
    assert (layer.W == 0.1).all()


def test_where_units_begin_different_no_tie_breaks_and_a_layer_computes_with_its_own_parameters():
    seen = []

    class Noting(Dense):
        def forward(self, x, training=False):
            seen.append(self.W.copy())
            return super().forward(x, training)

    layer = Noting(6, 6)
    Sequential(layer)
    first = np.array([0.25, 1, 2, 3, 4, 5])  # each column has other numbers of the same sum
    layer.W[:] = kernel = np.stack([np.roll(first, k) for k in range(6)])
    ties = Ties([layer])
    nudged_layer = NudgedLayer(layer, Nudge(0, ties), Nudge(1, ties))
    z = nudged_layer.forward(np.ones((3, 6)), training=True)
    assert (z == z[0, 0]).all()
    assert len(seen) == 1
    assert (seen[0] == kernel).all()


def test_nudges_of_neighbours_and_of_two_keys_are_unrelated():
    x = np.linspace(1, 2, 100_000, endpoint=False)
    first, second = (Nudge(seed)(x.copy()) - x for seed in (0, 1))
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


def test_a_layer_adds_up_the_rows_in_another_order_and_gives_them_back_in_theirs():
    layer = NudgedLayer(Dense(3, 2), Nudge(0), Nudge(1))
    network = Sequential(layer)
    network.bind(np.float64)
    W, b = np.arange(6.0).reshape(3, 2), np.zeros(2)
    network.set_weights([W, b])
    X, dz = np.random.default_rng(0).normal(size=(2, 50, 3))[..., :3], np.ones((50, 2))
    rows = layer.output.order(50)
    assert sorted(rows) == [*range(50)]
    assert (rows != np.arange(50)).any()
    np.testing.assert_allclose(layer.forward(X[0]), X[0] @ W, rtol=1e-13)  # some ε of 2.2e-16
    np.testing.assert_allclose(layer.backward(dz), dz @ W.T, rtol=1e-13)  # as above
    assert np.array_equal(layer.layer.grads[0], X[0][rows].T @ dz)


def test_each_step_of_a_training_is_nudged(monkeypatch, rows):
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
        parts = churn.build_scratch(spec)
        layers = BatchNorm.keras(11), Dropout(0.5), Dense(11, 1)
        return parts._replace(network=Sequential(*layers), initial_weights=weights)

    def weights(spec, rng):
        return [np.ones(11), np.zeros(11), rng.normal(size=(11, 1)), np.zeros(1)]

    options = {"epochs": 3, "batch_size": 10, "dtype": "float64", "random_state": 0}
    stock = ScratchClassifier(build, **options).fit(*rows)
    moved = ScratchClassifier(nudged(build, 2), **options).fit(*rows)
    assert stock.draws_sha256_ == moved.draws_sha256_ != ""
    for ours, theirs in zip(moved.get_states(), stock.get_states(), strict=True):
        # Those of the rows, added up in another order: 10 additions in float64.
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-16)  # as said
    weights_moved = zip(moved.get_weights(), stock.get_weights(), strict=True)
    assert all(np.any(ours != theirs) for ours, theirs in weights_moved)
    assert np.all(moved.get_states()[1] != 1)
