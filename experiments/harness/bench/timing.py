"""Time one training in a worker: on the same rows, from the same weights, in the same order."""

import gc
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np

from experiments.harness.bench.variants import VARIANTS, Variant
from experiments.harness.cell import Cell
from experiments.harness.experiment import Experiment
from experiments.harness.workers.training import load_data
from experiments.registry import find_anew
from frameworks.adapter import Adapter
from frameworks.backend import Backend, Peer
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError
from frameworks.peers import Arrays, Loop, Unavailable
from frameworks.probe import open_training
from frameworks.program import Program
from frameworks.spec import Spec
from scratch import Batch

__all__ = ["Timing", "answer", "reference_loss", "size", "time_product", "time_variant"]

_EPOCHS = 4  # at least, so that the first epoch, in which `fit` warms up, is a small part


@dataclass(frozen=True)
class Timing:
    """What one training took, in seconds, and the mean loss that it came to."""

    train: float  # of `steps` steps, without building, compiling and warming up
    steps: int
    whole: float  # of all `trained` steps, with whatever came before
    trained: int
    loss: float
    fit: float | None = None  # of `fit` as a whole; None for a peer
    plain: float | None = None  # of the plain loop that does the same; None where none can
    plain_loss: float | None = None


@dataclass(frozen=True)
class Work:
    """What is trained on, the same for all that is timed."""

    X: np.ndarray
    y: np.ndarray  # as `fit` takes it
    classes: np.ndarray | None
    batch: Batch  # the same rows, y as a loss takes it
    spec: Spec  # with inputs and outputs as the rows have them
    weights: Arrays
    orders: Arrays
    no_loop: str  # why no plain loop does the same steps; empty if one does
    steps_per_epoch: int  # the last of an epoch may have fewer rows


def answer(job: dict[str, Any]) -> Any:
    """Do what a worker is sent as JSON, and return the answer as JSON's types.

    {"unavailable": reason} if something cannot be had.
    """
    if "product" in job:
        return time_product(job["product"], job["dtype"])
    cell, steps = Cell.from_json(job["cell"]), job["steps"]
    try:
        if "stock_epsilon" in job:
            return {"loss": reference_loss(cell, steps, job["stock_epsilon"])}
        return asdict(time_variant(cell, job["variant"], steps))
    except Unavailable as reason:
        return {"unavailable": str(reason)}


def time_variant(cell: Cell, name: str, steps: int) -> Timing:
    """Train for about so many steps, and an epoch more. Raises Unavailable if it cannot be had."""
    variant, work = VARIANTS[name], load_work(cell, steps)
    return (_time_fit if variant.is_fit else _time_loop)(variant, cell, steps, work)


def _time_fit(variant: Variant, cell: Cell, steps: int, work: Work) -> Timing:
    """Time `fit`, and right after it the plain loop."""
    experiment = _begun(cell)
    start = time.perf_counter()
    estimator = _estimator(experiment, cell, variant.backend, len(work.orders))
    records = estimator.iter_fit(work.X, work.y, classes=work.classes, ahead=True)
    history = [next(records)]  # scratch compiles before it, and up to three epochs are trained
    warm = time.perf_counter()
    history += records
    end = time.perf_counter()
    fit = end - start
    timing = Timing(
        train=end - warm,
        steps=(len(history) - 1) * work.steps_per_epoch,
        whole=fit,
        trained=len(history) * work.steps_per_epoch,
        loss=float(np.mean([epoch["loss"] for epoch in history])),
        fit=fit,
    )
    if work.no_loop:
        return timing
    experiment = _begun(cell)
    start = time.perf_counter()
    loop = _make_loop(experiment, variant.backend, variant.peer, work)
    loss = loop.train(work.weights, work.orders)
    return replace(timing, plain=time.perf_counter() - start, plain_loss=loss)


def _time_loop(variant: Variant, cell: Cell, steps: int, work: Work) -> Timing:
    """Time a peer's loop, which is built once and kept."""
    _begun_once(variant.name, cell)
    start = time.perf_counter()
    loop = _kept_loop(variant.name, cell, steps)
    built = time.perf_counter()
    loss = loop.train(work.weights, work.orders)
    end = time.perf_counter()
    done = len(work.orders) * work.steps_per_epoch
    return Timing(train=end - built, steps=done, whole=end - start, trained=done, loss=loss)


@cache
def _kept_loop(name: str, cell: Cell, steps: int) -> Loop:
    variant, experiment = VARIANTS[name], _begun_once(name, cell)
    return _make_loop(experiment, variant.backend, variant.peer, load_work(cell, steps))


def _make_loop(experiment: Experiment, backend: Backend, peer: Peer, work: Work) -> Loop:
    if work.no_loop:
        raise Unavailable(work.no_loop)
    build, loop = experiment.blueprint.builders[backend.builders], backend.load("peers", peer.loop)
    return loop(build, work.batch, work.spec, experiment.task, **peer.options)


def reference_loss(cell: Cell, steps: int, stock_epsilon: bool) -> float:
    """Return the mean loss of scratch's plain loop, Adam's ε where the others have it.

    Raises Unavailable for a page without build_scratch.
    """
    if "scratch" not in cell.find().blueprint.builders:
        raise Unavailable(f"{cell.experiment} has no build_scratch")
    work = load_work(cell, steps)
    plain = Peer("scratch", "ScratchLoop", "", {"paper_epsilon": stock_epsilon})
    loop = _make_loop(_begun(cell), BACKENDS["scratch"], plain, work)
    return loop.train(work.weights, work.orders)


@cache
def _begun_once(name: str, cell: Cell) -> Experiment:
    """Return what `_begun` does, the first time that a variant is timed."""
    return _begun(cell)


def _begun(cell: Cell) -> Experiment:
    """Return the experiment as a training begins with it: a user's page is executed anew.

    One that can be executed only once in a process goes on as it is. Those of trainings that were
    timed are collected, as `Cell.find_anew` does, before the clock starts.
    """
    if cell.page:
        BACKENDS[cell.implementation].settled()
        gc.collect()
        with suppress(RequestError):
            find_anew(cell.page)
        load_data(cell.find(), cell.policy, cell.data_dir)  # it may leave something for builders
    return cell.find()


def _estimator(experiment: Experiment, cell: Cell, backend: Backend, epochs: int) -> Any:
    return backend.make(
        experiment.blueprint,
        epochs=epochs,
        batch_size=experiment.spec.batch_size,
        dtype=cell.dtype,
        random_state=cell.seed,
    )


@lru_cache(maxsize=1)
def load_work(cell: Cell, steps: int) -> Work:
    """Load the data and draw what `fit` draws, one epoch more than `steps` take.

    scratch draws where it can, so that nothing of another framework is warm before it is timed.
    """
    experiment = _begun(cell)
    data = experiment.begun_on(load_data(experiment, cell.policy, cell.data_dir))
    batch_size = experiment.spec.batch_size
    rows, epochs = size(len(data.X_train), batch_size, steps)
    X, y = data.X_train[:rows].astype(cell.dtype), data.y_train[:rows]
    classes = np.arange(len(data.class_names)) if experiment.task.has_answers else None
    by = "scratch" if "scratch" in experiment.blueprint.builders else cell.implementation
    estimator = _estimator(experiment, cell, BACKENDS[by], epochs + 1)
    opened = open_training(estimator, X, y, classes=classes)
    return Work(
        X=X,
        y=y,
        classes=classes,
        batch=opened.batch,
        spec=opened.adapter.spec,
        weights=opened.initial_weights,
        orders=[np.arange(rows) if order is None else order for order in opened.orders],
        no_loop=_no_loop(opened.adapter),
        steps_per_epoch=-(-rows // batch_size),
    )


def _no_loop(adapter: Adapter) -> str:
    """Return why no plain loop does the steps of an adapter; an empty string if one does."""
    if isinstance(adapter.parts, Program):
        return "the page has a step of its own, which only `fit` performs"
    if adapter.stream:
        return "the network drops at random, and a loop would draw masks of its own"
    return ""


def size(rows: int, batch_size: int, steps: int) -> tuple[int, int]:
    """Return on how many of the rows, and for how many epochs, to train for about `steps` steps.

    >>> size(60_000, 32, 100)  # 25 steps an epoch
    (800, 4)
    >>> size(95, 10, 11)  # two steps an epoch
    (20, 6)
    >>> size(121, 121, 1_000)
    (121, 1000)
    """
    rows = min(rows, max(steps // _EPOCHS, 1) * batch_size)
    return rows, -(-steps // -(-rows // batch_size))


def time_product(n: int, dtype: str) -> float:
    """Return the seconds of NumPy's product of two n x n matrices, after a smaller one."""
    a, out = np.random.default_rng(0).random((n, n)).astype(dtype), np.empty((n, n), dtype)
    np.matmul(a[:256], a, out=out[:256])
    start = time.perf_counter()
    np.matmul(a, a, out=out)
    return time.perf_counter() - start
