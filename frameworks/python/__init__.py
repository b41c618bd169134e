"""The neuron in pure Python: its adapter and its plain loop."""

from frameworks.backend import Backend, LineStyle

__all__ = ["BACKEND"]

BACKEND = Backend(
    name="python",
    title="pure Python",
    folder="frameworks.python",
    packages=(),
    classifier="PythonClassifier",
    regressor="PythonRegressor",
    style=LineStyle(colour=3, width=1.3, dashes=(6, 2, 1, 2), marker="D"),
    dtypes=("float64",),
    timed=False,
    native=None,
    loop="PythonLoop",
)
