"""A user's own Keras model as a `LiveModel`, on the backend that Keras runs on in this process."""

from frameworks.keras.live.live_model import KerasLive

__all__ = ["KerasLive"]
