"""All ports."""

from . import adamw, autoencoder, convolutional, lstm, penalty, regression, residual, transformer

__all__ = ["PORTS"]

PORTS = [
    page.PORT
    for page in (
        *(convolutional, residual, lstm, regression, autoencoder, transformer, adamw),
        penalty,
    )
]
