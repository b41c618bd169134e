"""The NumPy reference: its adapter, its native loop, and the loops it is timed against."""

from dataclasses import replace

from frameworks.backend import Backend, LineStyle, Peer

__all__ = ["BACKEND"]

_JAX = Peer(
    "jax-scan",
    loop="JaxLoop",
    about="plain JAX, all epochs in one `lax.scan`",
    family="JAX",
    packages=("jax",),
    variables={"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"},
)
BACKEND = Backend(
    name="scratch",
    title="scratch",
    folder="frameworks.scratch",
    packages=("numpy",),
    classifier="ScratchClassifier",
    regressor="ScratchRegressor",
    feature_learner="ScratchFeatureLearner",
    sequencer="ScratchSequencer",
    estimators="estimators",
    style=LineStyle(colour=0, width=3.2, dashes=(), marker="o"),
    together="fit_together",
    loop="ScratchLoop",
    peers=(
        Peer(
            "sklearn",
            loop="SklearnFit",
            about="`MLPClassifier.fit`",
            own_draws=True,
            family="scikit-learn",
        ),
        _JAX,
        replace(_JAX, name="jax-step", about="plain JAX, a call a step", options={"step": True}),
    ),
)
