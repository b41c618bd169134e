"""PyTorch: its adapter, its stock hooks, its native loop, and the loops it is timed against."""

from frameworks.backend import Backend, LineStyle, Peer

__all__ = ["BACKEND", "KERNELS"]

KERNELS = {
    "torch.set_num_threads": "torch:get_num_threads",
    "torch.backends.mkldnn.enabled": "torch.backends.mkldnn:enabled",
}

BACKEND = Backend(
    name="pytorch",
    title="PyTorch",
    folder="frameworks.pytorch",
    packages=("torch",),
    classifier="PyTorchClassifier",
    regressor="PyTorchRegressor",
    feature_learner="PyTorchFeatureLearner",
    sequencer="PyTorchSequencer",
    estimators="estimators",
    style=LineStyle(colour=2, width=1.7, dashes=(1.5, 1.5), marker="^"),
    kernels=KERNELS,
    loop="PyTorchLoop",
    peers=(
        Peer(
            "pytorch-foreach",
            loop="PyTorchLoop",
            about="a plain loop, `foreach=True`",
            options={"foreach": True, "fused": False},
            stock_epsilon=True,
        ),
        Peer(
            "pytorch-fused",
            loop="PyTorchLoop",
            about="a plain loop, `fused=True`",
            options={"fused": True},
            stock_epsilon=True,
        ),
        Peer(
            "pytorch-compile",
            loop="PyTorchLoop",
            about="the same, with `torch.compile`",
            options={"compiled": True, "fused": True},
            stock_epsilon=True,
        ),
    ),
)
