"""The neuron in pure Python; `python -m scratch.neuron` trains a network of them."""

from scratch.neuron.neuron import Neuron, NeuronNetwork, sigmoid

__all__ = ["Neuron", "NeuronNetwork", "sigmoid"]
