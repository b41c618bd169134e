"""The names of settings and kinds in plain words, for tables and sentences."""

from frameworks.recordings.trace import Facts

__all__ = ["a_kind", "in_words", "spoken"]

_KINDS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky relu": "leaky ReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "prelu": "PReLU",
    "glu": "GLU",
    "mish": "Mish",
    "simple rnn": "simple RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "rms normalization": "RMS normalization",
    "adam": "Adam",
    "adamw": "AdamW",
    "nadam": "NAdam",
    "adamax": "Adamax",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "rmsprop": "RMSprop",
    "sgd": "SGD",
    "lion": "Lion",
    "huber": "Huber loss",
    "cosine": "cosine loss",
    "kl divergence": "KL divergence",
}
_WITH_AN = ("LSTM", "RMS", "SGD", "RMSprop", "SELU", "ELU")


def a_kind(kind: str) -> str:
    """Return a kind with its article.

    >>> a_kind("elu"), a_kind("lstm"), a_kind("dropout"), a_kind("adam")
    ('an ELU', 'an LSTM', 'a dropout', 'an Adam')
    """
    name = _KINDS.get(kind, kind)
    vowel = name[0].lower() in "aeio" or name.split()[0] in _WITH_AN
    return f"{'an' if vowel else 'a'} {name}"


_SPOKEN = {
    "epsilon": "ε",
    "place": "place of ε",
    "beta_1": "β₁",
    "beta_2": "β₂",
    "correction_beta_1": "β₁ in the bias correction",
    "correction_beta_2": "β₂ in the bias correction",
    "rho": "ρ",
    "learning_rate": "learning rate",
    "coupled_decay": "weight decay, through the gradient",
    "decoupled_decay": "weight decay, beside the gradient",
    "not_decayed": "weights that do not decay",
    "rate_in_velocity": "what the learning rate multiplies",
    "start": "start of the accumulator",
    "rate_decay": "decay of the learning rate",
    "momentum_decay": "decay of the momentum",
    "momentum_base": "base of the momentum's decay",
    "product": "dtype of the momenta's product",
    "clip_value": "limit of each element of the gradient",
    "clip_norm": "limit of each weight's gradient norm",
    "clip_global_norm": "limit of the gradient's norm",
    "clip_epsilon": "ε of the clipped norm",
    "accumulated": "steps whose gradients are averaged",
    "loss_scale": "loss scale",
    "average": "moving average of the weights",
    "overwritten": "steps after which the average replaces the weights",
    "keep": "share of the running statistics that is kept",
    "unbiased": "running variance",
    "statistics": "statistics in use",
    "scale": "learned scale",
    "shift": "learned shift",
    "kernel": "kernel size",
    "crop": "cropping",
    "padded_with": "what is padded with",
    "counted": "padding that an average counts",
    "rate": "dropout rate",
    "input_dropout": "dropout of the inputs",
    "recurrent_dropout": "dropout of the state",
    "whole_channels": "what is dropped",
    "approximate": "approximation by tanh",
    "constant": "constant",
    "slope": "slope",
    "slope_at_zero": "derivative at 0",
    "alpha": "α",
    "shared_by": "what shares a slope",
    "tokens": "size of the vocabulary",
    "masked": "index that is masked",
    "largest_norm": "largest norm of a row",
    "frozen_row": "row without a gradient",
    "gradient": "gradient of an embedding",
    "return_sequences": "what is returned",
    "recurrent_activation": "activation of the gates",
    "reset_after": "place of the reset gate",
    "biases": "number of biases",
    "reverse": "direction",
    "joined": "how the two directions are joined",
    "zero_at_padding": "outputs at padding",
    "keeps_state": "state between batches",
    "key_size": "size of the keys",
    "value_size": "size of the values",
    "attention_scale": "scale of the scores",
    "takes": "what the loss takes",
    "smoothing": "label smoothing",
    "class_weights": "weights of the classes",
    "weights_of_rows": "weights of the rows, by class",
    "ignored": "class that is ignored",
    "clip": "clipping of probabilities",
    "least_logarithm": "least logarithm",
    "delta": "δ",
    "divisor": "divisor of the loss",
    "offset": "offset of the cosine",
    "frozen": "training",
    "by_hand": "what moves the weights",
    "counts": "what a schedule counts",
    "begins": "steps at which the rate changes",
    "first_rates": "learning rates",
    "returns": "learning rate after its end",
}


def spoken(name: str) -> str:
    """Return the plain words for a fact's name.

    >>> spoken("epsilon"), spoken("kernel_decay"), spoken("dilation")
    ('ε', 'kernel: pull towards zero', 'dilation')
    """
    if name in _SPOKEN:
        return _SPOKEN[name]
    for ending, words in _OF_WEIGHTS.items():
        if name.endswith(ending):
            return f"{name.removesuffix(ending).replace('_', ' ')}: {words}"
    return name.replace("_", " ")


def in_words(facts: Facts, name: str, unstated: str) -> str:
    """Return a setting in the framework's own words; `unstated` if it does not state it.

    A momentum of running statistics is a share that is kept, or one that is replaced.

    >>> in_words(Facts("batch normalization", {"keep": 0.9}, {"keep": "momentum=0.1"}), "keep", "")
    'momentum=0.1 (keeps 90%)'
    """
    words, value = facts.said.get(name, unstated), facts.values.get(name)
    if name == "keep" and isinstance(value, float):
        return f"{words} (keeps {100 * value:.6g}%)"
    return words


_OF_WEIGHTS = {
    "_decay": "pull towards zero",
    "_l1": "penalty of the absolute values",
    "_penalty": "penalty",
    "_constraint": "constraint",
    "_parametrization": "parametrization",
    "_frozen": "training",
}
