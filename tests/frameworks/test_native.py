"""Native loops: what they take from a builder, whose spec has neither learning rate nor epsilon."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from frameworks import CLASSIFICATION, REGRESSION, Parts, Spec
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError
from frameworks.keras.lending import lent_keras
from scratch import Batch, MeanSquaredError

NAMES = [name for name, backend in BACKENDS.items() if backend.native]
X = np.array([[1.0], [2.0], [4.0]])
Y = np.array([[0.5], [3.0], [1.0]])


@dataclass(frozen=True)
class Numbers(Spec):
    """Nothing of an optimizer."""

    epochs: int = 3
    batch_size: int = 3  # all rows
    falls: bool = False
    clipped: bool = False  # the norm of the gradient, at 0.125


SPEC = Numbers()
KINDS_OF_KERAS = (
    "SGD RMSprop Adam AdamW Adadelta Adagrad Adamax Adafactor Nadam Ftrl Lion Lamb Muon"
)
KINDS_OF_KERAS = KINDS_OF_KERAS.split()


@pytest.fixture(autouse=True)
def keras_settings():
    """Put back what the loop in Keras sets for its process."""
    with lent_keras("float64"):
        yield


def build_scratch(spec=SPEC):
    import scratch

    optimizer = scratch.SGD(0.0625, momentum=0.5)
    optimizer = scratch.CoupledWeightDecay(0.5, optimizer)  # neither is native
    if spec.clipped:
        optimizer = scratch.ClipNorm(0.125, optimizer)
    if spec.falls:
        rate = scratch.PiecewiseConstantRate([2], [0.25, 0.0])
        optimizer = scratch.Scheduled(rate, scratch.Adam(epsilon=0.5))
    return Parts(
        scratch.Sequential(scratch.Dense(1, spec.outputs)), MeanSquaredError(), optimizer, None
    )


def build_keras(spec=SPEC):
    import keras

    network = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(spec.outputs)])
    norm = 0.125 if spec.clipped else None
    options = {"momentum": 0.5, "weight_decay": 0.5, "global_clipnorm": norm}
    optimizer = keras.optimizers.SGD(0.0625, **options)
    if spec.falls:
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.25, 0.0])
        optimizer = keras.optimizers.Adam(rate, epsilon=0.5)
    return Parts(network, keras.losses.MeanSquaredError(), optimizer, None)


def build_pytorch(spec=SPEC):
    import torch

    from frameworks.pytorch.hooks import use_epsilon_hat, use_rate

    network = torch.nn.Linear(1, spec.outputs)
    options = {"momentum": 0.5, "weight_decay": 0.5}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0625, **options)
    if spec.clipped:
        clip = torch.nn.utils.clip_grad_norm_
        optimizer.register_step_pre_hook(lambda *_: clip(network.parameters(), 0.125) and None)
    if spec.falls:
        optimizer = use_epsilon_hat(torch.optim.Adam(network.parameters(), eps=0.5))
        use_rate(optimizer, lambda k: 0.25 if k <= 2 else 0.0)
    return Parts(network, torch.nn.MSELoss(), optimizer, None)


BUILDERS = {"scratch": build_scratch, "keras": build_keras, "pytorch": build_pytorch}


def train(name, spec=SPEC, y=Y, task=REGRESSION):
    """Train natively in float64; return what came of it, and what was reported."""
    told = []
    loop = BACKENDS[name].load("native", BACKENDS[name].native)
    report = lambda epoch, loss: told.append((epoch, loss))  # noqa: E731
    return loop(BUILDERS[name], spec, 0, Batch(X, y), task, report), told


def flat(arrays):
    return np.concatenate([a.ravel() for a in arrays])


def by_hand(trained, limit=np.inf):
    """Take three steps of gradient descent; return the weights after them and the losses before."""
    w, b = flat(trained.initial_weights)
    losses = []
    for _ in range(3):
        error = w * X + b - Y
        losses.append((error**2).mean())
        g = 2 * np.array([(error * X).mean(), error.mean()])
        w, b = np.array([w, b]) - 0.0625 * g * min(1, limit / np.linalg.norm(g))
    return [w, b], losses


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
def test_without_classes_nothing_is_counted_and_the_loss_is_the_frameworks_own(name):
    trained, _ = train(name)
    assert trained.threshold is None
    assert [epoch.accuracy for epoch in trained.history] == [None] * 3
    outputs = trained.outputs(X)
    expected = np.mean((outputs - Y) ** 2)
    assert trained.loss(outputs, Y) == pytest.approx(expected, rel=1e-12)  # a sum's order


@pytest.mark.parametrize("name", NAMES)
def test_two_classes_may_have_two_outputs(monkeypatch, name):
    def build(spec, good=BUILDERS[name]):
        return good(spec)._replace(loss=cross_entropy(name))

    monkeypatch.setitem(BUILDERS, name, build)
    y = np.array([0, 1, 1])
    trained, _ = train(name, replace(SPEC, outputs=2, epochs=200), y, CLASSIFICATION)
    right = (trained.outputs(X).argmax(1) == y).mean()
    assert trained.history[-1].accuracy == right == 1


def cross_entropy(name):
    if name == "scratch":
        from scratch import CategoricalCrossEntropy

        return CategoricalCrossEntropy()
    if name == "keras":
        import keras

        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    import torch

    return torch.nn.CrossEntropyLoss()


def test_dropout_of_scratch_draws_from_the_loops_generator(monkeypatch):
    from scratch import Dropout, Sequential

    def build(spec):
        parts = build_scratch(spec)
        return parts._replace(network=Sequential(*parts.network.layers, Dropout(0.5)))

    monkeypatch.setitem(BUILDERS, "scratch", build)
    losses = [epoch.loss for epoch in train("scratch", replace(SPEC, epochs=6))[0].history]
    assert len(set(losses)) == 6
    assert losses == [epoch.loss for epoch in train("scratch", replace(SPEC, epochs=6))[0].history]


def test_a_dropout_within_a_layer_of_layers_draws_from_it_too(monkeypatch):
    from scratch import Dropout, Residual, Sequential

    def build(spec):
        parts = build_scratch(spec)
        return parts._replace(network=Sequential(*parts.network.layers, Residual(Dropout(0.5))))

    monkeypatch.setitem(BUILDERS, "scratch", build)
    losses = [epoch.loss for epoch in train("scratch", replace(SPEC, epochs=6))[0].history]
    assert len(set(losses)) == 6


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


def test_a_layer_of_the_pages_own_keeps_what_it_was_made_with_but_for_zeros(monkeypatch):
    from scratch import Layer, Sequential

    class Scale(Layer):
        def __init__(self):
            super().__init__([np.full(1, 0.5), np.zeros((1, 1)), np.zeros(1)])

        def forward(self, x, training=False):
            self.x = x
            return x * self.params[0] + x @ self.params[1] + self.params[2]

        def backward(self, da):
            self.grads[0][:] = (da * self.x).sum(axis=0)
            self.grads[1][:] = self.x.T @ da
            self.grads[2][:] = da.sum(axis=0)
            return da * self.params[0] + da @ self.params[1].T

    def build(spec):
        parts = build_scratch(spec)
        return parts._replace(network=Sequential(*parts.network.layers, Scale()))

    monkeypatch.setitem(BUILDERS, "scratch", build)
    trained, _ = train("scratch")
    scale, kernel, bias = trained.initial_weights[-3:]
    assert (scale, bias) == (0.5, 0.0)
    assert kernel != 0


def test_pytorch_trains_though_its_builder_left_it_in_evaluation_mode(monkeypatch):
    import torch

    def build(spec):
        parts = build_pytorch(spec)
        network = torch.nn.Sequential(parts.network, torch.nn.Dropout(0.5))
        return parts._replace(network=network.eval())

    monkeypatch.setitem(BUILDERS, "pytorch", build)
    losses = [epoch.loss for epoch in train("pytorch", replace(SPEC, epochs=6))[0].history]
    monkeypatch.setitem(BUILDERS, "pytorch", build_pytorch)
    without = [epoch.loss for epoch in train("pytorch", replace(SPEC, epochs=6))[0].history]
    assert losses != pytest.approx(without, rel=0.01)  # far more than rounding is apart


def test_adamw_keeps_the_decay_that_its_kind_has():
    import scratch
    from frameworks.scratch.native import with_defaults

    page = scratch.AdamW(0.25, weight_decay=0.5, beta_1=0.5)
    theta, other = np.array([4.0]), np.array([4.0])
    with_defaults(page).step(theta, np.array([3.0]))
    scratch.AdamW(0.25).step(other, np.array([3.0]))
    assert theta == other


def test_frozen_features_of_scratch_are_the_pages(monkeypatch):
    import scratch

    def build(spec):
        parts = build_scratch(spec)
        fixed, head = scratch.Dense(1, 2), scratch.Dense(2, 1)
        fixed.W[:] = [[0.5, -0.25]]
        network = scratch.Sequential(fixed, head)
        optimizer = scratch.TrainOnly(scratch.layer_mask(network, head), scratch.SGD(0.0625))
        return parts._replace(network=network, optimizer=optimizer)

    monkeypatch.setitem(BUILDERS, "scratch", build)
    trained, _ = train("scratch")
    assert trained.initial_weights[0].tolist() == trained.weights[0].tolist() == [[0.5, -0.25]]
    assert trained.initial_weights[2].any()
    assert not np.array_equal(trained.initial_weights[2], trained.weights[2])


@pytest.mark.parametrize("pruned", [0.0, 9.0])
def test_single_elements_that_scratch_freezes_are_the_pages(monkeypatch, pruned):
    import scratch

    mask = np.array([True, False, False, True, True, True, True, True, True, True])

    def build(spec):
        parts = build_scratch(spec)
        network = scratch.Sequential(scratch.Dense(1, 3), scratch.Dense(3, 1))
        network.layers[0].W[:] = [[0.0, pruned, pruned]]
        optimizer = scratch.TrainOnly(mask, scratch.SGD(0.0625))
        return parts._replace(network=network, optimizer=optimizer)

    monkeypatch.setitem(BUILDERS, "scratch", build)
    trained, _ = train("scratch")
    for first, *_ in (trained.initial_weights, trained.weights):
        assert first[0, 0] != 0
        assert first[0, 1:].tolist() == [pruned, pruned]
    assert trained.initial_weights[2].all()


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


def test_weights_are_those_at_the_end_where_a_step_puts_others_in_their_place(monkeypatch):
    import torch

    class Mine(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data = p.data - group["lr"] * p.grad

    def build(spec):
        parts = build_pytorch(spec)
        return parts._replace(optimizer=Mine(parts.network.parameters(), lr=0.0625))

    monkeypatch.setitem(BUILDERS, "pytorch", build)
    trained, _ = train("pytorch")
    kernel, bias = trained.weights
    assert np.allclose(X @ kernel.T + bias, trained.outputs(X), rtol=0, atol=1e-12)  # of order 1
    assert not np.array_equal(kernel, trained.initial_weights[0])


@pytest.mark.parametrize("name", ["keras", "pytorch"])
def test_a_network_that_returns_several_outputs_is_refused(monkeypatch, name):
    import keras
    import torch

    def build(spec):
        parts = whole(spec)
        if name == "keras":
            inputs = keras.Input((1,))
            both = [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)]
            return parts._replace(network=keras.Model(inputs, both))

        class Both(torch.nn.Module):
            def forward(self, x):
                return x, x

        return parts._replace(network=Both())

    whole = BUILDERS[name]
    monkeypatch.setitem(BUILDERS, name, build)
    said = r"^the network of build returns a (list|tuple), the targets need one array of outputs$"
    with pytest.raises(RequestError, match=said):
        train(name)


@pytest.mark.parametrize("loss", ["mse", "function of rows"])
def test_a_loss_of_keras_may_be_a_name_or_a_function_of_rows(monkeypatch, loss):
    from frameworks.keras.loading import keras

    def build(spec):
        given = loss if loss == "mse" else keras.losses.mean_squared_error
        return build_keras(spec)._replace(loss=given)

    monkeypatch.setitem(BUILDERS, "keras", build)
    trained, _ = train("keras")
    outputs, targets = np.array([[0.0], [0.5]]), np.array([[1.0], [0.0]])
    assert trained.loss(outputs, targets) == 0.625
    assert trained.history[0].loss > trained.history[-1].loss


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


@pytest.mark.parametrize("name", NAMES)
def test_outputs_that_a_loss_would_broadcast_are_refused(monkeypatch, name):
    """MSE of (n,) and (n, 1) is that of (n, n) in PyTorch."""
    import keras
    import torch

    import scratch

    def build(spec):
        parts = whole(spec)
        flat = {
            "scratch": lambda net: scratch.Sequential(*net.layers, scratch.Reshape()),
            "keras": lambda net: keras.Sequential([net, keras.layers.Reshape(())]),
            "pytorch": lambda net: torch.nn.Sequential(net, torch.nn.Flatten(0)),
        }
        return parts._replace(network=flat[name](parts.network))

    whole = BUILDERS[name]
    monkeypatch.setitem(BUILDERS, name, build)
    said = r"build has outputs \(\) for a row, the targets need \(1,\)"
    with pytest.raises(RequestError, match=said):
        train(name)
