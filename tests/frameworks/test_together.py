"""Several seeds trained in one pass: each is, bit for bit, what `fit` makes of it alone."""

import numpy as np
import pytest

from experiments import churn, diabetes
from frameworks import ScratchClassifier, ScratchRegressor
from frameworks.scratch import together
from frameworks.scratch.together import fit_together
from scratch import BatchNorm, Dense, Dropout, ReLU, Sequential
from scratch.compiler import CannotFollow

from .cases import table


def with_batch_norm(spec=churn.SPEC):
    layers = BatchNorm.keras(11), Dense(11, 4), BatchNorm.pytorch(4), ReLU(), Dense(4, 1)
    return churn.build_scratch(spec)._replace(network=Sequential(*layers), initial_weights=_drawn)


def with_dropout(spec=churn.SPEC):
    layers = Dropout(0.5), *churn.build_scratch(spec).network.layers
    return churn.build_scratch(spec)._replace(network=Sequential(*layers))


def _drawn(spec, rng):
    shapes = [(11,), (11,), (11, 4), (4,), (4,), (4,), (4, 1), (1,)]
    return [rng.uniform(0.5, 1, shape) for shape in shapes]


CASES = {
    "several batches, the last not full": (ScratchClassifier, churn.build_scratch, 10),
    "one batch of all rows": (ScratchClassifier, churn.build_scratch, 95),
    "batch normalization": (ScratchClassifier, with_batch_norm, 10),
    "a regression": (ScratchRegressor, diabetes.build_scratch, 20),
}


def estimators(case, dtype, seeds, epochs=3):
    kind, build, size = CASES[case]
    options = {"epochs": epochs, "batch_size": size, "dtype": dtype}
    return [kind(build, **options, random_state=seed) for seed in seeds]


def rows(regression=False):
    return (table(n=95, d=10)[0], table(n=95, d=10)[0][:, 0]) if regression else table(n=95, d=11)


def without_seconds(history):
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in history]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_each_is_what_it_is_alone(case, dtype):
    X, y = rows(regression=case == "a regression")
    seeds = 7, 0, 3
    stacked, alone = (estimators(case, dtype, seeds) for _ in range(2))
    epochs = list(fit_together(stacked, X, y))
    assert [len(records) for records in epochs] == [3, 3, 3]
    for one, other in zip(stacked, alone, strict=True):
        other.fit(X, y)
        assert without_seconds(one.history_) == without_seconds(other.history_)
        assert one.orders_sha256_ == other.orders_sha256_
        for ours, theirs in zip(
            [*one.initial_weights_, *one.get_weights(), *one.get_states(), one.outputs(X)],
            [*other.initial_weights_, *other.get_weights(), *other.get_states(), other.outputs(X)],
            strict=True,
        ):
            assert ours.tobytes() == theirs.tobytes()
        assert one.seconds_["fit"] == sum(epoch["seconds"] for epoch in one.history_)
    assert not np.array_equal(stacked[0].get_weights()[0], stacked[1].get_weights()[0])


def test_what_one_epoch_took_is_shared_among_all():
    stacked = estimators("batch normalization", "float64", range(3))
    for records in fit_together(stacked, *rows()):
        assert len({record["seconds"] for record in records}) == 1


def test_dropout_has_to_be_trained_alone():
    seeds = [ScratchClassifier(with_dropout, random_state=seed) for seed in range(2)]
    with pytest.raises(CannotFollow, match="cannot be stacked"):
        next(fit_together(seeds, *rows()))


@pytest.mark.parametrize("own", [{"augment": lambda spec, rng, X: -X}, {"stopping": object()}])
def test_rows_and_an_end_of_its_own_have_to_be_trained_alone(own):
    def build(spec=churn.SPEC):
        return churn.build_scratch(spec)._replace(**own)

    seeds = [ScratchClassifier(build, random_state=seed) for seed in range(2)]
    with pytest.raises(CannotFollow, match="of its own"):
        next(fit_together(seeds, *rows()))


@pytest.mark.parametrize(("limit", "value", "trained"), [("_MOST", 2, 2), ("_MOST_BYTES", 1, 1)])
def test_no_more_are_trained_than_memory_holds(limit, value, trained, monkeypatch):
    monkeypatch.setattr(together, limit, value)
    seeds = estimators("batch normalization", "float32", range(4))
    assert [len(each) for each in fit_together(seeds, *rows())] == [trained] * 3
