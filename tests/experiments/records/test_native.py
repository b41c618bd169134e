"""Native runs: nothing is shared, nothing is compared as lockstep; what the tables say."""

import json
import math
from dataclasses import replace

import keras
import numpy as np
import pytest
import torch

import scratch
from experiments.harness.plan import plan
from experiments.harness.records.native import check_margin, compare_native, different
from experiments.harness.request import Request
from experiments.harness.workers.native_training import usual
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.errors import RequestError
from frameworks.keras.native import with_defaults
from frameworks.pytorch.hooks import step_rate, use_epsilon_hat, use_rate
from frameworks.pytorch.native import train as train_pytorch
from frameworks.scratch.native import with_defaults as with_scratchs_defaults
from frameworks.task import CLASSIFICATION, REGRESSION
from scratch import Batch

from ..command import lockstep
from ..planting import changed
from ..stored_runs import as_record, failed, training

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

OPTIONS = (
    "--native",
    "--margin",
    "0.5",
    "--epochs",
    "2",
    "--limit",
    "200",
    "--data",
    "stand-in",
    "--out",
    "run",
)
NAMES = ["scratch", "keras", "pytorch"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two seeds of churn: the answer, and the results."""
    folder = tmp_path_factory.mktemp("native")
    answer = lockstep("run", "churn", "--seeds", "2", *OPTIONS, cwd=folder)
    assert answer.code == 0, answer.out + answer.err
    return answer, json.loads((folder / "run" / "results.json").read_text())


def test_native_cells_say_so_and_are_never_compared_as_lockstep(trained):
    _, results = trained
    assert [cell["implementation"] for cell in results["cells"]] == NAMES * 2
    for cell in results["cells"]:
        assert (cell["mode"], cell["dtype"], cell["acceptance"]) == ("native", "float32", None)
        assert cell["key"].endswith("-native")
        assert cell["digests"]["batch_order"] is None
        assert {len(values) for values in cell["history"].values()} == {2}
        assert sum(map(sum, cell["test"]["confusion"])) == cell["test"]["n"]
        for accuracy in cell["history"]["accuracy"]:  # a number of the 200 rows
            assert abs(accuracy * 200 - round(accuracy * 200)) < 1e-4  # float32's rounding
    assert results["agreement"] == []


def test_no_two_native_trainings_share_their_weights(trained):
    _, results = trained
    digests = [cell["digests"] for cell in results["cells"]]
    for name in ("initial_weights", "weights"):
        assert len({each[name] for each in digests}) == len(digests)
    assert len({tuple(cell["history"]["loss"]) for cell in results["cells"]}) == len(digests)


def test_the_entry_holds_the_accuracies_and_losses_of_the_cells(trained):
    _, results = trained
    (entry,) = results["native"]
    assert (entry["experiment"], entry["dtype"], entry["margin"]) == ("churn", "float32", 0.5)
    for name in NAMES:
        mine = [cell for cell in results["cells"] if cell["implementation"] == name]
        assert entry["seeds"][name] == [0, 1]
        assert entry["accuracies"][name] == [cell["test"]["accuracy"] for cell in mine]
        assert entry["losses"][name] == [cell["history"]["loss"][-1] for cell in mine]
    assert [pair["pair"] for pair in entry["pairs"]] == [
        ["scratch", "keras"],
        ["scratch", "pytorch"],
        ["keras", "pytorch"],
    ]


def test_the_tables_show_the_distribution_and_the_tests(trained):
    answer, _ = trained
    assert max(map(len, answer.out.splitlines())) <= 80
    for heading in ("test accuracy", "training loss, seeds of", "accuracy "):
        assert any(line.startswith(heading) for line in answer.out.splitlines())
    assert "6 of 6 trainings finished; " in answer.out
    assert "of 3 pairs shown equivalent." in answer.out


def test_a_native_plan_shares_nothing_with_a_lockstep_plan():
    options = {"experiments": ("churn",), "dtype": "float32", "policy": "stand-in"}
    aligned, native = plan(Request(**options)), plan(Request(**options, native=True))
    assert native.store.folder.name.startswith("native-float32-")
    for name in ("key", "fingerprint"):
        mine = {getattr(head, name) for head in native.heads.values()}
        assert mine.isdisjoint(getattr(head, name) for head in aligned.heads.values())


def test_every_experiment_trains_natively_and_python_does_not():
    request = Request(EXPERIMENTS, dtype="float64", policy="stand-in", native=True)
    games = "rbm", "gan", "ring_gan"
    single = [each for each in EXPERIMENTS if not (each in games or find_experiment(each).phases)]
    heads = plan(replace(request, experiments=single)).heads
    assert [cell.experiment for cell in heads] == [name for name in single for _ in NAMES]
    assert [cell.implementation for cell in heads] == NAMES * len(single)
    with pytest.raises(RequestError, match="trained in phases, which --native knows nothing of"):
        plan(request)
    for name in games:
        with pytest.raises(RequestError, match=f"{name} has a step of its own"):
            plan(replace(request, experiments=[name]))


@pytest.mark.parametrize(
    ("given", "what"),
    [({"augment": lambda X, rng: X}, "changes its rows in every epoch"),
     ({"stopping": object()}, "stops early")],
)  # fmt: skip
def test_what_no_framework_does_by_itself_is_refused(monkeypatch, given, what):
    page = find_experiment("xor")
    for name in NAMES:
        page = changed(page, name, lambda parts: parts._replace(**given))
    monkeypatch.setattr("experiments.harness.plan.find_experiments", lambda names: [page])
    request = Request(("xor",), policy="stand-in", native=True)
    with pytest.raises(RequestError, match=f"xor {what}.*leave out --native"):
        plan(request)
    build = page.blueprint.builders["pytorch"]
    with pytest.raises(RequestError, match=f"what build_pytorch.* returns {what}"):
        usual(build)(spec=page.spec)


def test_weights_of_classes_take_the_dtype_of_a_native_training():
    def weighted(parts):
        network = torch.nn.Linear(2, 2)
        loss = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.125)
        return parts._replace(network=network, loss=loss, optimizer=optimizer)

    page = changed(find_experiment("xor"), "pytorch", weighted)
    rows = Batch(np.eye(4)[:, :2], np.array([0, 1, 1, 0]))
    spec = replace(page.spec, inputs=2, outputs=2, epochs=2)
    build = page.blueprint.builders["pytorch"]
    found = train_pytorch(build, spec, 0, rows, page.task, lambda epoch, loss: None)
    assert len(found.history) == 2


def trained_by_pytorch(optimizer_of):
    """Return the losses of six whole-batch epochs, with a page's optimizer or another."""

    def other(parts):
        optimizer = optimizer_of(parts.network)
        return parts if optimizer is None else parts._replace(optimizer=optimizer)

    page = changed(find_experiment("xor"), "pytorch", other)
    rows = Batch(np.eye(4)[:, :2], np.array([[0.0], [1.0], [1.0], [0.0]]))
    spec = replace(page.spec, inputs=2, epochs=6, batch_size=4)
    build = page.blueprint.builders["pytorch"]
    found = train_pytorch(build, spec, 0, rows, page.task, lambda epoch, loss: None)
    return [epoch.loss for epoch in found.history]


def plain(network):
    return torch.optim.Adam(network.parameters(), lr=0.0625)


def in_groups(network):
    groups = [{"params": [p], "lr": 0.0625} for p in network.parameters()]
    return torch.optim.Adam(groups, eps=1e-3, betas=(0.5, 0.5))


def set_afterwards(network):
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-5)
    for group in optimizer.param_groups:
        group["lr"] = 0.0625
    return use_epsilon_hat(optimizer)


def scheduled(network):
    optimizer = plain(network)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.25)
    optimizer.register_step_post_hook(lambda *args: schedule.step())
    return optimizer


def at_a_rate(network):
    return use_rate(plain(network), step_rate(0.0625, 0.25, 2))


def test_pytorch_is_trained_at_the_rates_that_a_page_gives():
    expected = trained_by_pytorch(plain)
    assert trained_by_pytorch(in_groups) == trained_by_pytorch(set_afterwards) == expected
    assert trained_by_pytorch(scheduled) == trained_by_pytorch(at_a_rate) != expected


def test_keras_is_trained_at_a_schedule_of_a_pages_own():
    class Falling(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.25 / (1.0 + keras.ops.cast(step, "float32"))

    rate = Falling()
    assert with_defaults(keras.optimizers.SGD(rate, momentum=0.5))._learning_rate is rate
    again = with_defaults(keras.optimizers.Adam(0.125, epsilon=1e-3))
    assert (float(again.learning_rate.numpy()), again.epsilon) == (0.125, 1e-7)


@pytest.mark.parametrize("kind", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_keras_clips_as_a_page_does_also_in_an_optimizer_of_its_own(kind):
    class Own(keras.optimizers.SGD):
        def __init__(self, rate):
            super().__init__(rate)

    for make in (Own, keras.optimizers.SGD):
        own = make(0.125)
        setattr(own, kind, 0.5)
        assert getattr(with_defaults(own), kind) == 0.5


def test_scratch_trains_only_the_weights_that_a_page_trains():
    mask = np.array([True, False, True])
    own = scratch.TrainOnly(mask, scratch.ClipValue(0.5, scratch.SGD(0.25, momentum=0.5)))
    theta, stock = np.zeros(3), with_scratchs_defaults(own)
    for _ in range(2):
        stock.step(theta, np.ones(3))
    assert theta.tolist() == [-0.25, 0.0, -0.25]  # two clipped steps, without the momentum
    assert own.optimizer.optimizer.mu == 0.5


def test_a_margin_of_nothing_is_refused(call, tmp_path):
    answer = call("run", "xor", "--native", "--margin", "0", "--out", tmp_path / "run")
    assert (answer.code, "--margin must be above 0" in answer.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_a_margin_of_a_report_without_native_runs_is_refused(call, tmp_path):
    run = tmp_path / "run"
    assert call("run", "xor", "--with", "scratch", "--epochs", "1", "--out", run).code < 2
    answer = call("report", run, "--margin", "0.5")
    assert (answer.code, "--margin is that of the means of native runs" in answer.err) == (2, True)


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0, math.nan])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(RequestError, match="above 0"):
        check_margin(margin, [REGRESSION, CLASSIFICATION])


def test_a_figure_with_a_unit_is_tested_within_a_margin_that_was_asked_for_only():
    def regression(implementation, seed):
        record, _ = training(implementation=implementation, seed=seed, mode="native")
        record |= {"task": "regression", "test": {"loss": 0.5, "n": 9, "rmse": 55.0, "mse": 3.0}}
        return as_record(record)

    cells = [regression(name, seed) for name in ("scratch", "keras") for seed in range(3)]
    (entry,) = compare_native(cells)
    assert (entry.margin, entry.pairs) == (None, [])
    (entry,) = compare_native(cells, margin=2.5)
    assert (entry.margin, [pair.verdict for pair in entry.pairs]) == (2.5, ["equivalent"])
    with pytest.raises(RequestError, match="--margin must be above 0, for the RMSE of a regress"):
        compare_native(cells, margin=-1.0)


def native(implementation, seed, accuracy):
    record, _ = training(implementation=implementation, seed=seed, mode="native", dtype="float32")
    record["history"] = {"loss": [1.0, 0.5, accuracy / 2], "accuracy": [0.5, 0.75, 0.875]}
    record["test"]["accuracy"] = accuracy
    return as_record(record)


def test_an_entry_holds_every_seed_and_tests_every_pair():
    names = ("scratch", "keras", "pytorch")
    cells = [native(name, seed, 0.8 + seed / 1_000) for name in names for seed in range(4)]
    broken, _ = failed(implementation="keras", seed=4, mode="native", dtype="float32")
    (entry,) = compare_native([*cells, as_record(broken)], margin=0.01)
    assert entry.accuracies == dict.fromkeys(names, [0.8, 0.801, 0.802, 0.803])
    assert entry.losses["keras"] == [0.4, 0.4005, 0.401, 0.4015]
    assert entry.seeds["keras"] == [0, 1, 2, 3]
    assert [pair.pair for pair in entry.pairs] == [
        ("scratch", "keras"),
        ("scratch", "pytorch"),
        ("keras", "pytorch"),
    ]
    assert {pair.verdict for pair in entry.pairs} == {"equivalent"}


def test_one_seed_is_shown_and_not_tested():
    (entry,) = compare_native([native("scratch", 0, 0.8), native("keras", 0, 0.8)])
    assert (entry.pairs, entry.accuracies["keras"]) == ([], [0.8])


@pytest.mark.parametrize(
    "spoilt",
    [{"history": {"loss": [0.75, 0.5, math.nan]}}, {"test": {"loss": math.nan}}],
    ids=["the last epoch's loss", "the test loss"],
)
def test_trainings_that_end_in_nan_are_not_equivalent(spoilt):
    """With weights of NaN every row is of the first class: equal accuracies, which say nothing."""
    cells = [
        as_record(training(implementation=name, mode="native", seed=seed, **spoilt)[0])
        for name in ("scratch", "pytorch")
        for seed in (0, 1, 2)
    ]
    (entry,) = compare_native(cells)
    assert [pair.verdict for pair in entry.pairs] == ["not shown"]
    assert list(different(entry)) == [
        f"churn, {name}, native: 3 of 3 trainings ended in a loss that is not finite"
        for name in ("scratch", "pytorch")
    ]


@pytest.mark.parametrize(
    ("values", "inputs"),
    [
        ({"data": {"sha256": "6b" * 32}}, "the data differ"),
        ({"digests": {"rows": "6b" * 32}}, "the rows that load() returned differ"),
        ({"spec": {"batch_size": 20}}, "the specs differ"),
    ],
)
def test_nothing_is_shown_by_trainings_on_other_data(values, inputs):
    cells = [native("scratch", seed, 0.8) for seed in (0, 1, 2)]
    cells += [native("keras", seed, 0.8) for seed in (0, 1)]
    record, _ = training(implementation="keras", mode="native", dtype="float32", seed=2, **values)
    (entry,) = compare_native([*cells, as_record(record)], margin=0.5)
    assert [(pair.verdict, pair.inputs) for pair in entry.pairs] == [("not shown", inputs)]
    assert list(different(entry)) == [f"churn, scratch and keras, native: {inputs}"]
    assert [pair.inputs for pair in compare_native(cells, margin=0.5)[0].pairs] == [""]


@pytest.mark.parametrize("others", [["scratch", "pytorch"], ["scratch"], []])
def test_seeds_that_are_one_training_show_nothing(others):
    """As where a builder sets the seed: copies of one number would count as a sample."""
    cells = [native(name, seed, 0.8 + seed / 1_000) for name in others for seed in (0, 1, 2)]
    cells += [native("keras", seed, 0.7) for seed in (0, 1, 2)]
    own = cells[-1].digests.model_copy(update={"weights": cells[-2].digests.weights})
    cells[-1] = cells[-1].model_copy(update={"digests": own})
    (entry,) = compare_native(cells, margin=0.01)
    said = "seeds 1 and 2 of keras came to the same weights, as where a builder sets the seed"
    shown = {pair.pair: (pair.verdict, pair.inputs) for pair in entry.pairs}
    assert {shown[pair] for pair in shown if "keras" in pair} <= {("not shown", said)}
    assert shown.get(("scratch", "pytorch"), ("equivalent", "")) == ("equivalent", "")
    assert list(different(entry)) == [f"churn, native: {said}"]


def test_an_optimizer_of_the_pages_own_is_not_compared_with_a_kind_by_default():
    cells = [native(name, seed, 0.8 + seed / 1_000) for name in NAMES for seed in (0, 1, 2)]
    own = {"own_optimizer": True}
    cells[6:] = [cell.model_copy(update=own) for cell in cells[6:]]
    (entry,) = compare_native(cells, margin=0.01)
    assert [pair.verdict for pair in entry.pairs] == ["equivalent", "not shown", "not shown"]
    said = "trains with an optimizer class of the page's own, as the page sets it, and"
    assert list(different(entry)) == [
        f"churn, {name} and pytorch, native: pytorch {said} {name} with a stock one, at its "
        "defaults"
        for name in ("scratch", "keras")
    ]
    (entry,) = compare_native([cell.model_copy(update=own) for cell in cells], margin=0.01)
    assert {pair.verdict for pair in entry.pairs} == {"equivalent"}


def test_weights_of_nan_are_not_called_the_same():
    nan = {"history": {"loss": [0.75, 0.5, math.nan]}}
    cells = [native("scratch", seed, 0.8 + seed / 1_000) for seed in (0, 1)]
    for seed in (0, 1):
        spoilt = {"mode": "native", "dtype": "float32", "seed": seed, **nan}
        record, _ = training(implementation="keras", **spoilt)
        record["digests"]["weights"] = cells[0].digests.weights
        cells.append(as_record(record))
    (entry,) = compare_native(cells, margin=0.01)
    assert [(pair.verdict, pair.inputs) for pair in entry.pairs] == [("not shown", "")]


def test_pairs_are_those_of_equal_seeds():
    def cell(implementation, seed, accuracy):
        record, _ = training(implementation=implementation, seed=seed, mode="native")
        record["test"]["accuracy"] = accuracy
        return as_record(record)

    cells = [cell("scratch", seed, 0.5 + seed / 8) for seed in (0, 1, 2)]
    cells += [cell("keras", seed, 0.5 + seed / 8) for seed in (1, 2, 3)]
    (pair,) = compare_native(cells)[0].pairs
    assert pair.paired_standard_error == 0.0  # seeds 1 and 2 are equal in both
    assert pair.difference == -0.125
