"""The adding problem: the LSTM remembers the two numbers, the tanh network mostly does not."""

import numpy as np
import pytest

from datasets import load_adding
from experiments.registry import find_experiment
from frameworks import ScratchRegressor

pytestmark = pytest.mark.slow

RIGHT = 0.08  # published for sums scaled to [0, 1], as 0.04


@pytest.fixture(scope="module")
def errors():
    """Give the errors on the test sequences, by page: trained as the page says, in float32."""
    found = {}
    for name in ("adding_rnn", "adding_lstm"):
        page = find_experiment(name).module
        data, spec = page.load(), page.SPEC
        model = ScratchRegressor(
            build=page.build_scratch,
            epochs=spec.epochs,
            batch_size=spec.batch_size,
            dtype="float32",
            random_state=0,
        )
        model.fit(data.X_train, data.y_train)
        found[name] = np.abs(model.predict(data.X_test) - data.y_test)
    return found


def test_the_lstm_gets_more_than_93_percent_of_the_sums_right(errors):
    assert (errors["adding_lstm"] < RIGHT).mean() > 0.93
    assert (errors["adding_lstm"] ** 2).mean() < 0.003


def test_the_tanh_network_gets_fewer_than_85_percent_right(errors):
    assert (errors["adding_rnn"] < RIGHT).mean() < 0.85


def test_always_answering_one_has_the_error_of_the_sums_variance():
    data = load_adding()
    expected = ((1 - data.y_test) ** 2).mean()
    assert abs(expected - 1 / 6) < 0.02  # three standard errors of 1,000 sequences


def test_one_number_is_marked_in_each_half():
    X = load_adding().X_test.reshape(-1, 30, 2)
    numbers, markers = X[..., 0], X[..., 1]
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert (markers[:, :15].sum(axis=1) == 1).all()
    assert (markers[:, 15:].sum(axis=1) == 1).all()
    assert set(np.unique(markers)) == {0, 1}
    np.testing.assert_array_equal((numbers * markers).sum(axis=1), load_adding().y_test)
