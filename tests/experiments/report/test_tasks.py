"""What the report shows of each task: classes, a quantity, and reconstructions."""

import numpy as np
import pytest

from frameworks.task import REGRESSION

from .made_up import FULL, by_all, cell, data_of, html
from .reading import Page


@pytest.fixture(scope="module")
def regression(tmp_path_factory) -> Page:
    return Page(html(tmp_path_factory.mktemp("regression"), by_all("diabetes")))


@pytest.fixture(scope="module")
def reconstruction(tmp_path_factory) -> Page:
    cells = by_all("digits_autoencoder")
    for record, _ in cells:
        error = record["test"]["mse"]
        record["acceptance"] = [error / 1.25 * (1 - 1e-6), error / 1.25 * (1 + 1e-6)]
    return Page(html(tmp_path_factory.mktemp("reconstruction"), cells))


def drawn(page: Page, words: str) -> list[str]:
    """Return the text alternatives of the pictures in which these words are."""
    return [found for found in page.alternatives() if words in found]


def test_a_regression_shows_its_metrics_in_the_unit_of_the_target(regression):
    data, (_, arrays) = data_of("diabetes"), cell("diabetes", "scratch")
    true = data.y_test[:, None]
    found = REGRESSION.measure(data.in_units(arrays["outputs"]), data.in_units(true), None)
    assert "RMSE MSE R²" in regression.text
    assert f"{found['rmse']:.6g} {found['mse']:.6g} {found['r2']:.4f}" in regression.text
    assert "the other figures to disease progression." in regression.text
    assert "accuracy" not in regression.text.partition("diabetes agree")[2]


def test_a_regression_draws_predictions_and_residuals_and_nothing_of_classes(regression):
    assert drawn(regression, "Test rows by scratch, keras, pytorch: true disease progression")
    assert drawn(
        regression, "Test rows by scratch, keras, pytorch: predicted disease progression, residual"
    )
    assert drawn(regression, "Training loss over 4 epochs")
    for words in ("Confusion", "ROC", "Calibration", "Training accuracy"):
        assert not drawn(regression, words)
        assert words not in regression.text


def test_rows_of_a_regression_end_in_the_target_as_it_was_measured(regression):
    data = data_of("diabetes")
    first = data.in_units(data.y_train)[0]
    age = data.scaler.inverse_transform(data.X_train)[0, 0]
    assert "s6 disease progression" in regression.text
    assert "scaling age" in regression.text
    assert f"progression {age:.0f} " in regression.text
    assert f" {first:.0f} " in regression.text


@pytest.mark.parametrize("page", ["regression", "reconstruction"])
def test_outputs_are_compared_where_there_are_no_answers(page, request):
    text = request.getfixturevalue(page).text
    assert "agree to 15 digits in all 4 epochs; outputs differ by at most " in text
    assert "predictions differ" not in text
    assert "different predictions" not in text
    assert "weights test loss test outputs" in text


def test_a_reconstruction_shows_inputs_above_what_each_implementation_makes_of_them(
    reconstruction,
):
    rows = [i["alt"] for i in reconstruction.all("img")]
    assert rows == [f"row {i}, {name}" for name in ("input", *FULL) for i in range(10)]
    sources = [i["src"] for i in reconstruction.all("img")]
    assert len(set(sources[:10])) == 10
    assert not set(sources[:10]) & set(sources[10:])
    assert sources[10:20] == sources[20:30]  # equal to the last bit but a few, equal in 8 bits


def test_the_excess_over_an_error_that_is_known_to_be_the_least_is_shown(reconstruction):
    assert "MSE excess seconds import" in reconstruction.text
    assert reconstruction.text.count("+2.5e-01") == 3
    assert "the middle of that range" in reconstruction.text


@pytest.mark.parametrize("low", [0.0, 0.005])
def test_there_is_no_excess_over_a_band_that_is_wide(tmp_path, low):
    cells = by_all("digits_autoencoder")
    for record, _ in cells:
        record["acceptance"] = [low, 1.0]
    page = Page(html(tmp_path, cells))
    assert f"Expected MSE: {low:g} to 1." in page.text
    assert "excess" not in page.text.lower()


def test_the_mean_of_each_pixel_is_added_again_before_it_is_drawn():
    from experiments.harness.report.pictures import unscaled

    data = data_of("digits_autoencoder")
    pixels = unscaled(data, data.X_test)
    assert (pixels.min(), pixels.max()) == (0.0, 1.0)


def test_two_classes_may_have_two_outputs(tmp_path):
    cells = by_all("churn", "xor")
    for _, arrays in cells:
        arrays["outputs"] = np.log(arrays["probabilities"])
    page = Page(html(tmp_path, cells))
    assert drawn(page, "ROC curves; area under the curve: scratch")
    first = cells[3][1]["outputs"][0]
    assert f"{first[0]:.8f}, {first[1]:.8f}" in page.text


def test_seeds_of_a_regression_are_spread_by_its_headline_figure(tmp_path):
    cells = [cell("diabetes", name, seed) for name in FULL for seed in range(3)]
    page = Page(html(tmp_path, cells))
    values = [record["test"]["rmse"] for record, _ in cells[:3]]
    assert "RMSE with 3 seeds, one dot each" in page.text
    assert (
        f"scratch {min(values):.6g} to {max(values):.6g}, mean {np.mean(values):.6g}" in page.text
    )


def test_losses_and_outputs_of_a_regression_that_are_no_numbers_are_reported(tmp_path):
    cells = by_all("diabetes")
    for record, arrays in cells:
        record["history"]["loss"][2:] = [float("nan")] * 2
        record["test"] |= dict.fromkeys(("loss", "rmse", "mse", "r2"), float("nan"))
        arrays["outputs"][0] = np.nan
    page = Page(html(tmp_path, cells))
    assert "they differ; outputs differ by at most inf." in page.text
    assert "nan nan nan nan" in page.text
    assert not drawn(page, "residual")
