"""How each kind of PyTorch module maps to the canonical weights."""

from collections.abc import Iterable, Iterator
from functools import partial, reduce

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrizations import _Orthogonal, _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

from frameworks.layout import Arrays, Layout

__all__ = [
    *("ADD_BIASES", "BatchNorm", "canonical_states", "drawn_buffers", "layout_of"),
    *("running_statistics", "trained_by"),
]

ADD_BIASES = (nn.RNN, nn.LSTM, nn.RNNCell, nn.LSTMCell)  # a GRU multiplies one of its second biases
BatchNorm = nn.modules.batchnorm._BatchNorm  # in any number of dimensions, synchronized or not
_AS_THEY_ARE = (BatchNorm, nn.Embedding, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def layout_of(module: nn.Module) -> Layout:
    """Return the layout of one module's own parameters; TypeError for an unknown one of PyTorch."""
    if isinstance(module, nn.Linear):
        return _kernel(module, (1, 0), (1, 0))
    if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):  # a, b, k and k, b, a
        return _kernel(module, (2, 1, 0), (2, 1, 0))
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):  # a, b, kh, kw and kh, kw, b, a
        return _kernel(module, (2, 3, 1, 0), (3, 2, 0, 1))
    if isinstance(module, nn.RNN | nn.LSTM | nn.GRU):
        return _recurrent(module)
    if isinstance(module, nn.RNNCellBase):
        return _direction(module, "")
    if isinstance(module, nn.MultiheadAttention):
        return _attention(module)
    own = list(module.parameters(recurse=False))
    users = not type(module).__module__.startswith("torch.")
    if own and not users and not isinstance(module, _AS_THEY_ARE):
        raise TypeError(f"the canonical layout of {type(module).__name__} is not known")
    return Layout.same(*own)


def _kernel(module: nn.Module, there: tuple[int, ...], back: tuple[int, ...]) -> Layout:
    """A kernel whose axes are in another order, and perhaps a bias.

    A convolution's has the axes c_out, c_in/g and then height and width; a transposed one's begins
    with c_in and c_out, so that both are turned in the same way.
    """
    own = [module.weight, *([] if module.bias is None else [module.bias])]
    return Layout(
        own,
        len(own),
        lambda a: [a[0].transpose(there), *a[1:]],
        lambda a: [a[0].transpose(back), *a[1:]],
    )


def _recurrent(module: nn.RNN | nn.LSTM | nn.GRU) -> Layout:
    """W, U and the biases of every layer: both, or the first alone if the second one is frozen."""
    if getattr(module, "proj_size", 0):
        raise TypeError("the canonical layout of a projected LSTM is not known")
    directions = ("", "_reverse") if module.bidirectional else ("",)
    suffixes = [f"_l{k}{way}" for k in range(module.num_layers) for way in directions]
    first, *others = (_direction(module, suffix) for suffix in suffixes)
    return reduce(Layout.joined, others, first)


def _direction(module: nn.RNNBase | nn.RNNCellBase, suffix: str) -> Layout:
    names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if module.bias else [])]
    own = [getattr(module, f"{name}{suffix}") for name in names]
    if len(own) == 4 and not own[3].requires_grad:
        own = own[:3]
    parts = 3 if isinstance(module, nn.GRU | nn.GRUCell) else 1
    return Layout(
        own,
        len(own),
        lambda arrays: [_gates(a, parts).T for a in arrays],
        lambda arrays: [_gates(a.T, parts) for a in arrays],
    )


def _gates(a: np.ndarray, parts: int) -> np.ndarray:
    """Return (g·d_out, ...) with a GRU's parts r, z, g as z, r, g, or the other way round."""
    if parts == 1:
        return a
    first, second, content = np.split(a, parts)
    return np.concatenate([second, first, content])


def _attention(module: nn.MultiheadAttention) -> Layout:
    """W and b for queries, keys and values, whose biases are one array, and mostly their kernels.

    Those of the outputs are a Linear's.
    """
    if module.bias_k is not None:
        raise TypeError("attention needs no add_bias_kv")
    kernels = [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    if module.in_proj_weight is not None:
        kernels = [module.in_proj_weight]
    biases = [] if module.in_proj_bias is None else [module.in_proj_bias]
    return Layout(
        [*kernels, *biases], 3 * (1 + len(biases)), _three, partial(_one, apart=len(kernels) == 3)
    )


def _three(arrays: Arrays) -> list[np.ndarray]:
    W, b = (arrays[:3], arrays[3:]) if len(arrays) > 2 else (np.split(arrays[0], 3), arrays[1:])
    biases = (np.split(each, 3) for each in b)
    return [a for part in zip((w.T for w in W), *biases, strict=True) for a in part]


def _one(arrays: Arrays, apart: bool) -> list[np.ndarray]:
    step = len(arrays) // 3  # W and b, or W alone
    W, *b = (arrays[i::step] for i in range(step))
    kernels = [w.T for w in W]
    return [*(kernels if apart else [np.concatenate(kernels)]), *map(np.concatenate, b)]


def canonical_states(module: nn.Module, names: tuple[str, ...] = ()) -> list[torch.Tensor]:
    """Return what one module learns without a gradient; TypeError where it has no counterpart.

    `names`: what modules of a page's own keep (see `frameworks.program.Program`).
    """
    if not isinstance(module, BatchNorm):
        return [getattr(module, name) for name in names if hasattr(module, name)]
    if not (found := running_statistics(module)) or module.momentum is None:
        name = type(module).__name__
        raise TypeError(f"{name} needs a momentum, such as momentum=0.1, and running statistics")
    return found


def running_statistics(module: nn.Module) -> list[torch.Tensor]:
    """Return the running mean and variance of a normalization, of batches or of instances.

    It is empty for any other module, and for one that keeps none.
    """
    if not isinstance(module, nn.modules.batchnorm._NormBase):
        return []
    return [each for each in (module.running_mean, module.running_var) if each is not None]


def trained_by(
    networks: Iterable[nn.Module], optimizers: Iterable[torch.optim.Optimizer]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield whatever networks and optimizers train, by name."""
    found = [pair for network in networks for pair in network.named_parameters()]
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    other = "a parameter of an optimizer that is none of the network's"
    found += [(other, p) for group in groups for p in group["params"]]
    return ((name, p) for name, p in found if p.requires_grad)


def drawn_buffers(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what begins at random beside a weight, named as parts of the weight that is learned.

    These are u and v of a spectral normalization, by which every pass in training mode iterates
    and the weight is divided, and the base from which an orthogonal weight is turned: two equal
    networks with others compute otherwise.
    """
    for path, module in network.named_modules():
        learned = f"{path.rpartition('.')[0]}.original"
        if isinstance(module, _SpectralNorm):
            yield from _singular_vectors(learned, module, "")
        if isinstance(module, _Orthogonal) and getattr(module, "base", None) is not None:
            yield f"{learned}.base", module.base
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                learned = f"{path}.{hook.name}_orig" if path else f"{hook.name}_orig"
                yield from _singular_vectors(learned, module, hook.name)


def _singular_vectors(
    path: str, holder: nn.Module, prefix: str
) -> Iterator[tuple[str, torch.Tensor]]:
    for part in ("u", "v"):
        buffer = getattr(holder, f"{prefix}_{part}", None)
        if buffer is not None:  # a weight of one axis has none
            yield f"{path}.{part}", buffer
