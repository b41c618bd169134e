"""What native loops take from the optimizer of a builder."""

from dataclasses import replace

import numpy as np
import pytest

from .pages import BUILDERS, NAMES, SPEC, X, Y, build_pytorch, build_scratch, by_hand, flat, train

KINDS_OF_KERAS = (
    "SGD RMSprop Adam AdamW Adadelta Adagrad Adamax Adafactor Nadam Ftrl Lion Lamb Muon"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_of_an_optimizer_the_learning_rate_is_taken_and_no_other_number(name):
    """Three steps by hand: neither momentum nor weight decay."""
    trained, told = train(name)
    weights, losses = by_hand(trained)
    assert flat(trained.weights) == pytest.approx(weights, rel=1e-12)  # rounding of three steps
    assert [epoch.loss for epoch in trained.history] == pytest.approx(losses, rel=1e-12)  # the same
    assert told == [(i, epoch.loss) for i, epoch in enumerate(trained.history, 1)]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_clipped_as_the_page_clips_them(name):
    trained, _ = train(name, replace(SPEC, clipped=True))
    weights, losses = by_hand(trained, limit=0.125)
    steps = 3 * 0.0625 * 0.125  # at most 1e-6/0.125 shorter: PyTorch divides by the norm + 1e-6
    assert flat(trained.weights) == pytest.approx(weights, rel=0, abs=steps * 1e-5)
    assert losses[-1] != pytest.approx(by_hand(trained)[1][-1], rel=0.01)


def test_the_sizes_of_lamb_are_those_of_the_network_not_a_setting(monkeypatch):
    def build(spec, sizes=(1, 1)):
        from scratch import LAMB

        return build_scratch(spec)._replace(optimizer=LAMB(0.0625, sizes=sizes, epsilon=0.5))

    ends = []
    for make in (build, lambda spec: build(spec, None)):
        monkeypatch.setitem(BUILDERS, "scratch", make)
        trained, _ = train("scratch")
        ends.append(flat(trained.weights))
    assert (ends[0] != ends[1]).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_is_taken_and_the_epsilon_is_the_frameworks_own(name):
    """After three steps the rate is 0; with an ε of 0.5 these would be far shorter than 0.25."""
    short, _ = train(name, replace(SPEC, falls=True, epochs=3))
    long, _ = train(name, replace(SPEC, falls=True, epochs=9))
    assert np.array_equal(flat(short.weights), flat(long.weights))
    one, _ = train(name, replace(SPEC, falls=True, epochs=1))
    step = np.abs(flat(one.weights) - flat(one.initial_weights))
    assert step == pytest.approx([0.25, 0.25], rel=1e-5)  # Adam's first: η g/(|g| + ε), ε 1e-7


@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_of_the_pages_own_class_is_trained_as_it_is(monkeypatch, name):
    """No framework has another default for it: its momentum stays, and a schedule that it knows."""
    import keras
    import torch

    import scratch

    def build(spec):
        parts = whole(spec)
        made = {
            "scratch": lambda: own(scratch.SGD)(0.0625),
            "keras": lambda: own(keras.optimizers.SGD)(0.0625),
            "pytorch": lambda: own(torch.optim.SGD)(parts.network.parameters(), 0.0625),
        }
        return parts._replace(optimizer=made[name]())

    def own(kind):
        class Mine(kind):
            def __init__(self, *given):
                super().__init__(*given, momentum=0.5)

        return Mine

    whole = BUILDERS[name]
    monkeypatch.setitem(BUILDERS, name, build)
    trained, _ = train(name)
    assert trained.own_optimizer
    w, velocity = flat(trained.initial_weights), 0.0
    for _ in range(SPEC.epochs):
        error = X[:, 0] * w[0] + w[1] - Y[:, 0]
        velocity = 0.5 * velocity + 2 * np.array([np.mean(error * X[:, 0]), np.mean(error)])
        w = w - 0.0625 * velocity
    assert flat(trained.weights) == pytest.approx(w, rel=1e-12)  # the rounding of three steps
    monkeypatch.setitem(BUILDERS, name, whole)
    assert not train(name)[0].own_optimizer


def test_keras_goes_on_scaling_the_loss():
    from frameworks.keras.loading import keras
    from frameworks.keras.native import with_defaults

    inside = keras.optimizers.SGD(0.25, momentum=0.5)
    made = with_defaults(keras.optimizers.LossScaleOptimizer(inside))
    assert isinstance(made, keras.optimizers.LossScaleOptimizer)
    assert (float(made.inner_optimizer.learning_rate), made.inner_optimizer.momentum) == (0.25, 0.0)


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
@pytest.mark.parametrize("amsgrad", [True, False])
def test_amsgrad_is_a_kind(kind, amsgrad):
    import torch

    from frameworks.keras.loading import keras
    from frameworks.keras.native import with_defaults
    from frameworks.pytorch.optimizers import without_options

    own = getattr(keras.optimizers, kind)(0.25, beta_1=0.5, amsgrad=amsgrad)
    made = with_defaults(own)
    made.build([keras.Variable(np.ones(2))])
    assert (made.amsgrad, made.beta_1) == (amsgrad, 0.9)
    assert any("velocity_hat" in each.path for each in made.variables) == amsgrad
    weights, options = [torch.zeros(1, requires_grad=True)], {"betas": (0.5, 0.5)}
    own = getattr(torch.optim, kind)(weights, lr=0.25, amsgrad=amsgrad, **options)
    (group,) = without_options(own).param_groups
    assert (group["amsgrad"], group["betas"]) == (amsgrad, (0.9, 0.999))


def test_what_maximizes_goes_on_to_do_so():
    import torch

    from frameworks.pytorch.optimizers import without_options

    weights = [torch.zeros(1, requires_grad=True)]
    made = without_options(torch.optim.SGD(weights, lr=0.25, momentum=0.5, maximize=True))
    (group,) = made.param_groups
    assert (group["lr"], group["momentum"], group["maximize"]) == (0.25, 0.0, True)


def test_adamw_keeps_the_decay_that_its_kind_has():
    import scratch
    from frameworks.scratch.native import with_defaults

    page = scratch.AdamW(0.25, weight_decay=0.5, beta_1=0.5)
    theta, other = np.array([4.0]), np.array([4.0])
    with_defaults(page).step(theta, np.array([3.0]))
    scratch.AdamW(0.25).step(other, np.array([3.0]))
    assert theta == other


def test_which_weights_decay_is_no_setting_of_the_page():
    import torch

    import scratch
    from frameworks.keras.loading import keras
    from frameworks.keras.native import with_defaults
    from frameworks.pytorch.optimizers import without_options
    from frameworks.scratch.native import with_defaults as of_scratch

    own = keras.optimizers.AdamW(0.25)
    own.exclude_from_weight_decay(var_names=["bias"])
    bias = keras.Variable(np.full(1, 4.0), name="bias")
    with_defaults(own).apply([np.zeros(1)], [bias])
    assert float(bias[0]) == pytest.approx(4 * (1 - 0.25 * 0.004), rel=1e-7)  # rates are float32

    bias = torch.nn.Parameter(torch.full((1,), 4.0, dtype=torch.float64))
    own = torch.optim.AdamW([{"params": [bias], "weight_decay": 0.0}], lr=0.25)
    bias.grad = torch.zeros_like(bias)
    without_options(own).step()
    assert bias.detach().numpy() == pytest.approx(4 * (1 - 0.25 * 0.01), rel=1e-15)  # one rounding

    bias = np.full(1, 4.0)
    of_scratch(scratch.AdamW(0.25, mask=np.array([False]))).step(bias, np.zeros(1))
    expected = 4 * (1 - 0.25 * scratch.AdamW(0.25).weight_decay)
    assert bias[0] == pytest.approx(expected, rel=1e-15)  # one rounding


def test_adagrad_of_pytorch_begins_with_the_accumulator_of_its_kind():
    import torch

    from frameworks.pytorch.optimizers import without_options

    p = torch.nn.Parameter(torch.ones(3))
    made = without_options(torch.optim.Adagrad([p], 0.25, initial_accumulator_value=100.0))
    assert made.state[p]["sum"].tolist() == [0.0, 0.0, 0.0]


def test_the_rate_that_pytorchs_optimizer_was_made_with_stays_among_its_defaults():
    """Layer-wise rates are set by it in every step."""
    import torch

    from frameworks.pytorch.optimizers import without_options

    groups = [{"params": [torch.nn.Parameter(torch.ones(3))], "lr": rate} for rate in (0.5, 1.0)]
    made = without_options(torch.optim.SGD(groups, 0.25, momentum=0.5))
    assert (made.defaults["lr"], made.defaults["momentum"]) == (0.25, 0)
    found = [(group["lr"], group["momentum"]) for group in made.param_groups]
    assert found == [(0.5, 0), (1.0, 0)]


def test_a_step_of_pytorch_that_needs_a_closure_is_refused(monkeypatch):
    import torch

    def build(spec):
        parts = build_pytorch(spec)
        return parts._replace(optimizer=torch.optim.LBFGS(parts.network.parameters()))

    monkeypatch.setitem(BUILDERS, "pytorch", build)
    with pytest.raises(TypeError, match="has LBFGS as its optimizer, whose step needs a closure"):
        train("pytorch")


def test_an_optimizer_of_scratch_needs_no_more_than_a_step_and_a_state(monkeypatch):
    class Mine:
        def __init__(self):
            self.state = {}

        def step(self, theta, g):
            theta -= 0.0625 * g

    def build(spec):
        return build_scratch(spec)._replace(optimizer=Mine())

    monkeypatch.setitem(BUILDERS, "scratch", build)
    trained, _ = train("scratch")
    assert trained.own_optimizer
    weights, losses = by_hand(trained)
    assert flat(trained.weights) == pytest.approx(weights, rel=1e-12)
    assert [epoch.loss for epoch in trained.history] == pytest.approx(losses, rel=1e-12)


def test_a_rate_of_keras_may_be_a_function_also_of_the_optimizer_itself():
    from frameworks.keras.loading import keras
    from frameworks.keras.native import with_defaults

    own = keras.optimizers.Adam(lambda: 0.25 * 0.5 ** float(own.iterations), beta_1=0.5)
    made = with_defaults(own)
    assert made.beta_1 == 0.9
    weight = keras.Variable(np.zeros(1))
    made.build([weight])
    assert float(made.learning_rate) == 0.25
    made.apply([np.ones(1)])
    assert float(made.learning_rate) == 0.125


@pytest.mark.parametrize("kind", KINDS_OF_KERAS)
def test_every_kind_of_keras_is_given_its_defaults(kind):
    from frameworks.keras.loading import keras
    from frameworks.keras.native import with_defaults

    stock = getattr(keras.optimizers, kind)()
    numbers = {name: x for name, x in stock.get_config().items() if isinstance(x, float)}
    others = {name: x / 2 for name, x in numbers.items() if name != "ema_momentum"}
    made = with_defaults(getattr(keras.optimizers, kind)(**others, clipvalue=0.5))
    rate = {"learning_rate": others["learning_rate"], "clipvalue": 0.5}
    expected = {**stock.get_config(), **rate, "name": made.name}
    rate = made.get_config()["learning_rate"]
    assert rate == pytest.approx(expected["learning_rate"])  # it is float32
    assert made.get_config() == expected | {"learning_rate": rate}
