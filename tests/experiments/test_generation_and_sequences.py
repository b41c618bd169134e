"""The GAN and the sorting transformer: what they reach, and what is made of their outputs."""

from dataclasses import replace

import numpy as np
import pytest

from datasets import DataError, load_gaussian, load_ring, load_sorting
from experiments import gan, ring_gan, sorting_transformer
from experiments.harness.records.agreement import compare_all
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from experiments.harness.report.document import render
from frameworks import PyTorchSequencer, ScratchRegressor, ScratchSequencer
from frameworks.program import with_spec
from frameworks.task import GENERATION

from .planting import train

pytestmark = pytest.mark.slow

ASKED = 6  # digits to be sorted


def parameters(page, **others):
    spec = page.SPEC
    options = {"epochs": spec.epochs, "batch_size": spec.batch_size, "random_state": 0}
    return options | {"dtype": "float64"} | others


@pytest.fixture(scope="module")
def generator():
    data = load_gaussian()
    model = ScratchRegressor(build=gan.build_scratch, **parameters(gan))
    return model.fit(data.X_train, data.y_train)


def sequencer(cls, build, **others):
    data = load_sorting()
    model = cls(build=build, **parameters(sorting_transformer, **others))
    return model.fit(data.X_train, data.y_train)


@pytest.fixture(scope="module")
def sorter():
    return sequencer(ScratchSequencer, sorting_transformer.build_scratch)


@pytest.fixture(scope="module")
def beginners():
    scratch = sequencer(ScratchSequencer, sorting_transformer.build_scratch, epochs=3)
    return scratch, sequencer(PyTorchSequencer, sorting_transformer.build_pytorch, epochs=3)


def test_the_generator_has_the_distribution(generator):
    data = load_gaussian()
    found = GENERATION.measure(generator.outputs(data.X_test), data.y_test, None)
    low, high = gan.EXPERIMENT.band["real"]
    assert low <= found["wasserstein"] <= high
    # Over five seeds the mean was off by up to 0.009, the standard deviation by up to 0.017.
    assert found["mean"] == pytest.approx(4, abs=0.05)  # seeds: 4.001 to 4.008
    assert found["deviation"] == pytest.approx(1.25, abs=0.05)  # seeds: 1.233 to 1.252


def test_both_losses_end_where_nothing_can_be_told_apart(generator):
    last = generator.history_[-5:]  # 500 steps
    means = (np.mean([epoch[name] for epoch in last]) for name in ("loss", "generator_loss"))
    # Over five seeds they were off by up to 0.00015 and 0.00037.
    assert [*means] == pytest.approx([2 * np.log(2), np.log(2)], abs=1e-3)  # 3e-4 over five seeds


def test_a_saved_generator_and_its_discriminator_are_loaded_again(generator, tmp_path):
    generator.save_weights(tmp_path / "gan.safetensors")
    model = ScratchRegressor(build=gan.build_scratch, **parameters(gan))
    model.load_weights(tmp_path / "gan.safetensors")
    line = np.linspace(0, 8, 5).reshape(-1, 1)
    for network in (0, 1):
        assert np.array_equal(model.outputs(line, network), generator.outputs(line, network))


def test_the_generator_of_the_ring_covers_at_least_seven_of_eight_modes():
    data, options = load_ring(), parameters(ring_gan, dtype="float32")
    model = ScratchRegressor(build=ring_gan.build_scratch, **options)
    samples = model.fit(data.X_train, data.y_train).outputs(data.X_test)
    low, high = ring_gan.EXPERIMENT.band["real"]
    assert (low, high) == (7, len(data.targets.centres))
    assert low <= data.targets.covered(samples) <= high
    assert data.targets.near(samples) > 0.6  # over six seeds 0.666 to 0.916


def test_a_record_holds_how_many_modes_the_samples_cover():
    trained = train(ring_gan.EXPERIMENT, "scratch", epochs=1, limit=256)
    targets, samples = load_ring().targets, trained.outcome.outputs
    assert trained.record.headline == trained.record.test.modes == targets.covered(samples)
    assert trained.record.test.near_modes == targets.near(samples)


def test_the_three_games_on_the_ring_agree():
    names = ("scratch", "keras", "pytorch")
    pairs = compare_all([train(ring_gan.EXPERIMENT, name, epochs=2, limit=200) for name in names])
    assert [pair.verdict for pair in pairs] == ["agree"] * 3, [pair.reason for pair in pairs]


def test_every_unseen_sequence_is_sorted(sorter):
    data = load_sorting()
    assert len(data.X_test) == 182
    assert np.array_equal(sorter.predict(data.X_test), np.sort(data.X_test[:, :ASKED], axis=1))
    assert sorter.score(data.X_test, data.y_test) == 1


def test_without_attention_few_sequences_are_sorted():
    data, spec = load_sorting(), replace(sorting_transformer.SPEC, heads=0)
    build = with_spec(sorting_transformer.build_scratch, spec)
    right = sequencer(ScratchSequencer, build).score(data.X_test, data.y_test)
    assert 0.05 < right < 0.10  # over five seeds 0.077 to 0.099


def test_decoding_does_not_look_at_the_answer(beginners):
    X = load_sorting().X_test
    hidden = X.copy()
    hidden[:, ASKED:] = 2
    for model in beginners:
        assert np.array_equal(model.predict(X), model.predict(hidden))


def test_answers_are_right_where_every_token_after_true_ones_is(beginners):
    data, (model, _) = load_sorting(), beginners
    accuracy = model.evaluate(data.X_test, data.y_test)["sequence_accuracy"]
    assert 0 < accuracy < 1
    assert model.score(data.X_test, data.y_test) == accuracy


def test_pytorch_loads_what_scratch_has_learned_and_decodes_the_same(beginners, tmp_path):
    scratch, pytorch = beginners
    X = load_sorting().X_test
    assert np.array_equal(scratch.predict(X), pytorch.predict(X))
    scratch.save_weights(tmp_path / "sorter.safetensors")
    build = sorting_transformer.build_pytorch
    loaded = PyTorchSequencer(build=build, **parameters(sorting_transformer))
    loaded.load_weights(tmp_path / "sorter.safetensors")
    assert np.array_equal(loaded.predict(X), scratch.predict(X))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda y: y[:, 1:], "expected a token for each of X"),
        (lambda y: np.full_like(y, -1), "got -1 everywhere"),
        (lambda y: y + 1, "expected -1 to 2, got 0 to 3"),
        (lambda y: y + 0.5, "expected tokens, whole numbers, got -0.5"),
    ],
)
def test_targets_that_are_no_sequences_are_refused(change, says):
    data = load_sorting()
    build = sorting_transformer.build_scratch
    model = ScratchSequencer(build=build, **parameters(sorting_transformer))
    with pytest.raises(ValueError, match=says):
        model.fit(data.X_train, change(data.y_train))


@pytest.mark.parametrize("outputs", [3, (11,), (6, 3, 1)])
def test_a_spec_that_names_no_steps_and_tokens_is_refused(outputs):
    data, spec = load_sorting(), replace(sorting_transformer.SPEC, outputs=outputs)
    build = with_spec(sorting_transformer.build_scratch, spec)
    model = ScratchSequencer(build=build, **parameters(sorting_transformer))
    with pytest.raises(ValueError, match=r"^spec\.outputs must be \(steps, tokens\), got"):
        model.fit(data.X_train, data.y_train)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda y: y[:1], r"inconsistent numbers of samples: \[182, 1\]"),
        (lambda y: np.hstack([y, y]), "expected a token for each of X"),
        (lambda y: y.astype(str), "strings"),
    ],
    ids=["one row", "twice as wide", "text"],
)
def test_answers_are_scored_against_tokens_of_the_same_shape_only(beginners, change, says):
    data, (model, _) = load_sorting(), beginners
    with pytest.raises(ValueError, match=says):
        model.score(data.X_test, change(data.y_test))


def test_data_say_what_is_wrong_with_samples_and_tokens():
    ring, digits = load_ring(), load_sorting()
    with pytest.raises(DataError, match="expected float64 samples"):
        replace(ring, y_train=ring.y_train[:-1])
    with pytest.raises(DataError, match="expected -1 before the last 6 steps"):
        replace(digits, y_train=np.abs(digits.y_train))
    assert ring.targets.covered(ring.y_test) == 8


def test_the_report_shows_samples_discriminator_answers_and_attention(call, tmp_path):
    pages = ("gan", "ring_gan", "sorting_transformer")
    command = ("run", *pages, "--with", "scratch", "--epochs", "2", "--limit", "500")
    answer = call(*command, "--out", tmp_path / "run")
    assert answer.code == 0, answer.out + answer.err
    html = (tmp_path / "run" / "report.html").read_text()
    for words in ("Shaded: the true density", "2 log 2 = 1.3863", "right answers: scratch"):
        assert words in html
    assert "of 8 modes have a sample" in html
    assert html.count("game_in_scratch") == 4  # defined and called, in both reports' sources
    assert html.count("Attention for ") >= 2
    edited = by_other_code(Store(tmp_path / "run"))
    assert "Attention for " not in edited  # it would be drawn with another network
    assert edited.count("what is said here of the task, the network") == 3


def by_other_code(store: Store) -> str:
    """Return the report of a run, as if the pages had been edited since."""
    results = build_results(store)
    cells = [each.model_copy(update={"source_sha256": "0" * 64}) for each in results.cells]
    return render(results.model_copy(update={"cells": cells}), store, None)


def test_the_report_draws_no_attention_where_there_is_none(call, tmp_path):
    command = ("run", "sorting_transformer", "--set", "heads=0", "--with", "scratch")
    answer = call(*command, "--epochs", "1", "--limit", "100", "--out", tmp_path / "run")
    assert answer.code == 0, answer.out + answer.err
    assert "Attention for " not in (tmp_path / "run" / "report.html").read_text()
