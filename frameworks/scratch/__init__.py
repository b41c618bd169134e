"""The NumPy reference: its adapter, its native loop, and the loops it is timed against."""

from frameworks.backend import Backend, LineStyle, Peer

__all__ = ["BACKEND"]

BACKEND = Backend(
    name="scratch",
    title="scratch",
    folder="frameworks.scratch",
    packages=("numpy",),
    classifier="ScratchClassifier",
    regressor="ScratchRegressor",
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
    ),
)
