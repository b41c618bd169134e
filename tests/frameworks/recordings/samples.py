"""A trace with one of everything that a trace can hold, made of random numbers."""

import numpy as np

from frameworks.recordings import Facts, Kept, LayerTrace, StepTrace, Trace, Weight, digests_of


def sample_trace(dtype="float64", steps=3, rows=4):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.normal(size=shape).astype(dtype)

    X, y = draw(10, 2), rng.integers(0, 3, size=10)
    batches = tuple(rng.permutation(10)[:rows] for _ in range(steps))
    shapes = {"dense.kernel": (2, 3), "dense.bias": (3,)}
    first, z = X[batches[0]], draw(rows, 3)

    def like_weights():
        return [draw(*shape) for shape in shapes.values()]

    return Trace(
        framework="keras",
        dtype=dtype,
        versions={"keras": "3.12.0", "device": "cpu"},
        layers=[
            LayerTrace("flatten", Facts("rearrangement"), (), (), (first,), first, rearranges=True),
            LayerTrace(
                "dense",
                Facts("dense", {"units": 3, "bias": True}, {"units": "units=3"}),
                weights=(0, 1),
                states=(0,),
                inputs=(first,),
                output=z,
                training_inputs=(first,),
                training_output=z,
                unread=z > 0,
            ),
            LayerTrace("pair", Facts("split"), inputs=(z, z[:1])),
        ],
        weights=[
            Weight("dense.kernel", draw(2, 3), group=1),
            Weight("dense.bias", draw(3), trainable=False, group=-1),
        ],
        states=[Weight("norm.running_mean", draw(3), trainable=False)],
        loss=Facts("categorical cross-entropy", {"takes": "logits", "smoothing": 0.1}),
        optimizer=[
            Facts("adam", {"learning_rate": 0.1 + 0.2, "betas": (0.9, 0.999), "clip": np.inf}),
            Facts("adam", {"learning_rate": 2.0**-40, "amsgrad": False, "decay": None}),
        ],
        schedule=Facts("exponential", {"rate": 0.5}),
        outputs=(z,),
        first_loss=0.1 + 0.7,
        shorter_loss=0.1 + 0.6,
        shorter_gradients=like_weights(),
        gradients=like_weights(),
        steps=[
            StepTrace(1 / (i + 3), like_weights(), like_weights(), [draw(3)])
            if i < 2
            else StepTrace(float("nan"))
            for i in range(steps)
        ],
        final_weights=like_weights(),
        final_states=[draw(3)],
        final_outputs=(draw(rows, 3),),
        inputs=(first,),
        targets=(y[batches[0]],),
        digests=digests_of((X,), (y,), None, batches),
        notes=("dropout is switched off",),
        batches=batches,
        steps_per_epoch=3,
        kept=(Kept("shadow", like_weights(), [draw(3)], average=True, moved=True),),
        seed=0,
    )


def flat(value, where="trace"):
    """Return everything in a trace by its place: arrays as type, shape and bytes."""
    if isinstance(value, np.ndarray):
        return {where: (value.dtype, value.shape, value.tobytes())}
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = [*enumerate(value)]
    elif hasattr(value, "__dataclass_fields__"):
        items = [(name, getattr(value, name)) for name in value.__dataclass_fields__]
    else:
        return {where: repr(value)}
    found = {where: len(items)}
    for name, item in items:
        found |= flat(item, f"{where}.{name}")
    return found
