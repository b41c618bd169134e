"""Plain JAX on an experiment whose layers it can say in a line each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from frameworks.peers import Arrays, Unavailable
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import (
    SGD,
    Adam,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    HalfSquaredError,
    Layer,
    Loss,
    MaxPool2D,
    MeanSquaredError,
    ReLU,
    Reshape,
    Scheduled,
    Sigmoid,
    Tanh,
)
from scratch.batches import take_batches
from scratch.layers.windows import Windows

__all__ = ["JaxLoop", "layer_function"]

Params = list[Any]
Function = Callable[..., Any]


class State(NamedTuple):
    """What a step changes: the parameters, and Adam's m and v."""

    params: Params
    m: Params
    v: Params


class JaxLoop:
    """Pure functions of the parameters, the gradient by `jax.grad`, the step compiled by XLA.

    All epochs are one call: `lax.scan` over the epochs, and in each over its batches. With
    `step=True` each step is a call, which is faster with convolutions: XLA compiles them to slower
    code in a loop. It takes scratch's builder, and reads layers and numbers from what it returns.
    Raises Unavailable for what has no line here.
    """

    def __init__(
        self, build: Builder, data: Batch, spec: Spec, task: Task, *, step: bool = False
    ) -> None:
        import jax

        parts = build(spec=spec)
        self.data, self.batch_size = data, spec.batch_size
        self.X, self.y = map(jax.numpy.asarray, data[:2])
        if self.X.dtype != data.X.dtype:
            raise Unavailable("JAX computes in float32 unless JAX_ENABLE_X64 is set")
        self.layers = [layer_function(layer) for layer in parts.network.layers]
        self.loss = _loss(parts.loss)
        self.update, self.rates = _optimizer(parts.optimizer)
        self.threshold = task.threshold(parts.logits)
        self.one_step, self.all_epochs = jax.jit(self._step), jax.jit(self._train)
        self.by_step = step

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        import jax
        import jax.numpy as jnp

        state = State(*([jnp.asarray(w) for w in each] for each in (weights, *_zeros(weights))))
        rows, steps = np.stack(orders), len(orders) * -(-len(self.X) // self.batch_size)
        rates = self.rates(steps).astype(self.X.dtype).reshape(len(orders), -1, 2)
        if self.by_step:
            losses, right = self._train_by_step(state, rows, rates)
        else:
            losses, right = self.all_epochs(state, self.X, self.y, rows, rates)
        jax.block_until_ready(right)
        return float(losses) / (len(orders) * len(self.X))

    def _train(self, state: State, X: Any, y: Any, rows: Any, rates: Any) -> Any:
        """Train an epoch for each of the rows (epochs, n); return Σ loss · rows, and Σ right."""
        from jax import lax

        size = min(self.batch_size, len(X))
        count = len(X) // size

        def batch(state: State, inputs: Any) -> Any:
            return self._step(state, X[inputs[0]], y[inputs[0]], inputs[1])

        def epoch(state: State, inputs: Any) -> Any:
            order, rates = inputs
            batches = order[: count * size].reshape(count, size)
            state, (losses, right) = lax.scan(batch, state, (batches, rates[:count]))
            total, correct = losses.sum(), right.sum()
            if len(X) % size:
                state, (loss, more) = batch(state, (order[count * size :], rates[-1]))
                total, correct = total + loss, correct + more
            return state, (total, correct)

        _, (losses, right) = lax.scan(epoch, state, (rows, rates))
        return losses.sum(), right.sum()

    def _train_by_step(self, state: State, rows: np.ndarray, rates: np.ndarray) -> Any:
        """Do the same in a loop in Python."""
        losses, corrects = [], []
        for order, of_epoch in zip(rows, rates, strict=True):
            batches = take_batches(self.data, order, self.batch_size)
            for (X, y, _), rate in zip(batches, of_epoch, strict=True):
                state, (loss, right) = self.one_step(state, X, y, rate)
                losses.append(loss)
                corrects.append(right)
        return sum(map(float, losses)), sum(map(int, corrects))

    def _step(self, state: State, X: Any, y: Any, rate: Any) -> tuple[State, Any]:
        """Take a step; return loss · rows and the right answers, from before it."""
        import jax

        def measured(params: Params) -> Any:
            outputs, left = X, list(params)
            for function, number in self.layers:
                own, left = left[:number], left[number:]
                outputs = function(outputs, *own)
            return self.loss(outputs, y), outputs

        (loss, outputs), grads = jax.value_and_grad(measured, has_aux=True)(state.params)
        return self.update(state, grads, rate), (loss * len(X), self._right(outputs, y))

    def _right(self, outputs: Any, y: Any) -> Any:
        if self.threshold is None:
            return 0
        single = outputs.shape[1] == 1
        return (((outputs > self.threshold) if single else outputs.argmax(1)) == y).sum()


def _zeros(weights: Arrays) -> list[Arrays]:
    return [[np.zeros_like(w) for w in weights] for _ in range(2)]


def layer_function(layer: Layer) -> tuple[Function, int]:
    """Return a layer as a function of its inputs and parameters, and the number of these."""
    import jax
    from jax import lax, nn

    def pool(x: Any) -> Any:
        laid: Windows = layer.windows  # type: ignore[attr-defined]
        window, strides, dilation = ((1, *p, 1) for p in (laid.size, laid.stride, laid.dilation))
        around = ((0, 0), *laid.borders(x.shape[1:3]), (0, 0))
        return lax.reduce_window(x, -np.inf, lax.max, window, strides, around, None, dilation)

    def convolution(x: Any, W: Any, *b: Any) -> Any:
        laid: Windows = layer.windows  # type: ignore[attr-defined]
        names, around = ("NHWC", "HWIO", "NHWC"), laid.borders(x.shape[1:3])
        z = lax.conv_general_dilated(
            *(x, W, laid.stride, around),
            rhs_dilation=laid.dilation,
            dimension_numbers=names,
            feature_group_count=layer.groups,  # type: ignore[attr-defined]
        )
        return z + b[0] if b else z

    functions: dict[type[Layer], Function] = {
        Dense: lambda x, W, *b: x @ W + b[0] if b else x @ W,
        Conv2D: convolution,
        DepthwiseConv2D: convolution,
        MaxPool2D: pool,
        ReLU: nn.relu,
        Sigmoid: nn.sigmoid,
        Tanh: jax.numpy.tanh,
        Flatten: lambda x: x.reshape(len(x), -1),
        Reshape: lambda x: x.reshape(len(x), *layer.shape),  # type: ignore[attr-defined]
    }
    if type(layer) not in functions:
        raise Unavailable(f"{type(layer).__name__} is not written for JAX")
    return functions[type(layer)], len(layer.params)


def _loss(loss: Loss) -> Function:
    """Return a loss as a function of outputs and targets."""
    from jax import nn
    from jax import numpy as jnp

    plain = vars(loss) == vars(type(loss)())
    match loss:
        case BinaryCrossEntropy() if plain:
            return lambda z, y: jnp.mean(nn.softplus(z) - y * z)
        case CategoricalCrossEntropy() if plain:
            return lambda z, y: (
                -jnp.mean(jnp.take_along_axis(nn.log_softmax(z), y[:, None], axis=1))
            )
        case MeanSquaredError():
            return lambda a, y: jnp.mean((a - y) ** 2)
    if type(loss) is HalfSquaredError:
        return lambda a, y: jnp.sum((a - y) ** 2) / 2
    raise Unavailable(f"{type(loss).__name__} is not written for JAX")


def _optimizer(optimizer: Any) -> tuple[Function, Callable[[int], np.ndarray]]:
    """Return how a step changes the state, and the rates (steps, 2) of so many steps."""
    from jax import numpy as jnp
    from jax import tree

    schedule, every = lambda k: optimizer.eta, 1
    if type(optimizer) is Scheduled:
        schedule, every, optimizer = optimizer.schedule, optimizer.every, optimizer.optimizer
    b1, b2 = getattr(optimizer, "beta_1", 0.0), getattr(optimizer, "beta_2", 0.0)

    def sgd(state: State, grads: Params, rate: Any) -> State:
        return state._replace(params=tree.map(lambda p, g: p - rate[0] * g, state.params, grads))

    def adam(state: State, grads: Params, rate: Any) -> State:
        m = tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.m, grads)
        v = tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.v, grads)
        move = lambda p, m, v: p - rate[0] * m / (jnp.sqrt(v) + rate[1])  # noqa: E731
        return State(tree.map(move, state.params, m, v), m, v)

    def rates(steps: int) -> np.ndarray:
        eta = np.array([schedule(k // every) for k in range(steps)])
        if type(optimizer) is SGD:
            return np.stack([eta, eta], axis=1)
        t = np.arange(1, steps + 1)
        epsilon = np.full(steps, optimizer.epsilon)
        if not optimizer.epsilon_hat:
            epsilon = epsilon * np.sqrt(1 - b2**t)
        return np.stack([eta * np.sqrt(1 - b2**t) / (1 - b1**t), epsilon], axis=1)

    if type(optimizer) is Adam:
        return adam, rates
    if type(optimizer) is SGD and not optimizer.mu:
        return sgd, rates
    raise Unavailable(f"{type(optimizer).__name__} is not written for JAX")
