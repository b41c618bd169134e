"""The canonical weights and states of any module, in the order in which its layers run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from frameworks.diverge.layers import parts_of
from frameworks.layout import Arrays, Layout, Layouts
from frameworks.live.kept_beside import Family, Keeper
from frameworks.live.turned import is_turned
from frameworks.probe import kind_of
from frameworks.pytorch.calls import Call, array_of
from frameworks.pytorch.kept_arrays import (
    attributes_of_weights,
    inner_of,
    is_numbers,
    parts_of_module,
)
from frameworks.pytorch.layouts import ADD_BIASES, drawn_buffers, layout_of, running_statistics
from frameworks.pytorch.orientation import AS_IT_IS, Orientation
from frameworks.pytorch.orienting import Orienter
from frameworks.recordings.trace import Kept, Weight

__all__ = ["LiveWeights"]

_WITHOUT_GRADIENT = "detach"  # what it returns of a parameter teaches it nothing
_LAID_OUT = nn.Linear, nn.modules.conv._ConvNd  # whatever calls them
_OF_ROWS = nn.Linear, nn.BatchNorm1d, nn.SyncBatchNorm, nn.LayerNorm, nn.RMSNorm  # (n, d)


@dataclass(frozen=True)
class _State:
    """One buffer that training changes."""

    name: str
    buffer: torch.Tensor
    features: Orientation

    def values(self, kept: torch.Tensor | None = None) -> np.ndarray:
        """Return a canonical copy, of the buffer or of what is kept for it."""
        tensor = self.buffer if kept is None else kept
        return self.features.to_canonical(tensor.detach().numpy()).copy()


class LiveWeights:
    """All parameters and running statistics of a network, found in one of its forward passes.

    A parameter that several layers share stands once, where it is used first. Those that no call
    uses, as where a function is given them without their gradient, come last, as their module lays
    them out.
    """

    def __init__(
        self,
        network: nn.Module,
        calls: Sequence[Call],
        orienter: Orienter,
        group: Mapping[int, int],
    ) -> None:
        self._paths = {id(p): path for path, p in network.named_parameters(remove_duplicate=True)}
        laid_out = (x for x in network.modules() if isinstance(x, _LAID_OUT))
        self._kernels = {id(p) for x in laid_out for name, p in x._parameters.items()
                         if name == "weight"}  # fmt: skip
        self._group = group
        self._layouts: list[Layout] = []
        self._positions: dict[int, list[int]] = {}  # of the canonical arrays, by parameter
        self._named: list[Weight] = []  # without values
        # By the names of kernels, the canonical order of their features, if it is not PyTorch's.
        self.reordered: dict[str, np.ndarray] = {}
        self.turned: set[str] = set()  # of these, those with axes exchanged before the flatten
        self._states: list[_State] = []
        self._states_at: dict[int, tuple[int, ...]] = {}  # by module
        self.of_call: list[tuple[int, ...]] = []
        self.states_of_call: list[tuple[int, ...]] = []
        for position, call in enumerate(calls):
            before = orienter.before(position)
            rows = before[0] if before else AS_IT_IS
            self.of_call.append(self._take(call, rows, orienter.after(position)))
            self.states_of_call.append(self._take_states(call, orienter.after(position)))
        folded = {id(p) for module in network.modules() for p in _folded(module)}
        known = self._positions.keys() | folded
        unused = [p for p in network.parameters() if id(p) not in known]
        self.unused = [self._paths[id(p)] for p in unused]
        self._add_unused(network, unused)
        self.own = Layouts(self._layouts)
        vectors = drawn_buffers(network)
        self._states += [_State(name, buffer, AS_IT_IS) for name, buffer in vectors]
        known_buffers = {id(state.buffer) for state in self._states}
        self._network = network
        self._others = {name: buffer.clone() for name, buffer in network.named_buffers()
                        if id(buffer) not in known_buffers}  # fmt: skip

    def moved_buffers(self) -> list[str]:
        """Return the names of other buffers of numbers that have changed since the beginning."""
        return [
            name
            for name, now in self._network.named_buffers()
            if now.is_floating_point()
            and name in self._others
            and not torch.equal(now, self._others[name])
        ]

    def read(self) -> list[Weight]:
        """Return canonical copies of all weights."""
        arrays = self.canonical([p.detach() for p in self.own.own])
        pairs = zip(self._named, arrays, strict=True)
        return [Weight(each.name, a, each.trainable, each.group) for each, a in pairs]

    def canonical(self, tensors: Sequence[torch.Tensor]) -> list[np.ndarray]:
        """Return canonical copies of tensors that are shaped as the parameters."""
        return [a.copy() for a in self.own.to_canonical([t.numpy() for t in tensors])]

    def find_kept(self, holders: Sequence[tuple[str, Any]]) -> list[Kept]:
        """Return canonical copies of what objects, by name, keep beside the network."""
        return [*map(self._kept, self._families(holders))]

    @contextmanager
    def followed(self, holders: Sequence[tuple[str, Any]]) -> Iterator[None]:
        """Let what is a clone, when weights or states are written inside of this, be one after."""
        own = {id(x): x for x in (*self._network.parameters(), *self._network.buffers())}
        families = [[(own[k], torch.as_tensor(x)) for k, x in family.arrays.items()]
                    for family in self._families(holders)]  # fmt: skip
        clones = [pairs for pairs in families if all(torch.equal(x, p) for p, x in pairs)]
        yield
        with torch.no_grad():
            for p, clone in (pair for pairs in clones for pair in pairs):
                clone.copy_(p)

    def _families(self, holders: Sequence[tuple[str, Any]]) -> list[Family]:
        weights = [*self._network.parameters()]
        return self._keeper().find(
            [*holders, ("model", self._network), *attributes_of_weights(weights)]
        )

    def _keeper(self) -> Keeper:
        """Return what finds arrays that are kept beside the network."""
        named, buffers = dict(self._network.named_parameters()), self._network.named_buffers()
        floats = {name: each for name, each in buffers if each.is_floating_point()}
        every, trained = [*named.values()], [p for p in named.values() if p.requires_grad]
        orders: list[list[Any]] = [every, trained, [*every, *floats.values()]]
        own = frozenset(map(id, self._network.modules()))
        return Keeper({**named, **floats}, orders, own, is_numbers, parts_of_module, inner_of)

    def _kept(self, family: Family) -> Kept:
        """Return canonical copies of what is kept beside the network."""
        dtype = next(self._network.parameters()).dtype
        given = {which: torch.as_tensor(each) for which, each in family.arrays.items()}
        found = {which: each.to("cpu", dtype) for which, each in given.items()}
        precise = all(each.dtype == dtype for each in given.values())
        own = [found.get(id(p), p).detach() for p in self.own.own]
        states = [each.values(found[id(each.buffer)]) for each in self._states
                  if all(id(x.buffer) in found for x in self._states)]  # fmt: skip
        return Kept(family.name, self.canonical(own), states, average=precise)

    def write(self, arrays: Arrays) -> None:
        """Copy canonical arrays into the parameters."""
        with torch.no_grad():
            for p, values in zip(self.own.own, self.own.from_canonical(arrays), strict=True):
                p.copy_(torch.from_numpy(np.array(values)))

    def read_states(self) -> list[Weight]:
        """Return canonical copies of the running statistics."""
        return [Weight(state.name, state.values(), trainable=False) for state in self._states]

    def write_states(self, arrays: Arrays) -> None:
        """Copy canonical arrays into the running statistics."""
        for state, values in zip(self._states, arrays, strict=True):
            own = state.features.from_canonical(np.asarray(values))
            state.buffer.copy_(torch.from_numpy(np.array(own)))

    def _take(self, call: Call, rows: Orientation, columns: Orientation) -> tuple[int, ...]:
        """Return the positions of a call's weights; add those that are not known yet."""
        if call.name == _WITHOUT_GRADIENT:
            return ()
        if call.module is None:
            named = [(self._layout_in_function(p, call, rows, columns),
                      [self._paths.get(id(p), "parameter")]) for p in call.parameters]  # fmt: skip
        else:
            layout, names = _layout(call.module)
            names = [f"{call.path}.{name}" if call.path else name for name in names]
            if isinstance(call.module, _OF_ROWS):
                layout = _turned(layout, rows, columns)
                if rows.features is not None:  # a normalization may have no weights
                    self.reordered.update(dict.fromkeys(names[:1], rows.features))
                    self.turned.update(names[:1] if rows.turned else ())
            named = [(layout, names)]
        positions: list[int] = []
        for layout, names in named:
            new = [p for p in layout.own if id(p) not in self._positions]
            if new and len(new) == len(layout.own):
                self._add(layout, names)
            for p in new if len(new) < len(layout.own) else []:  # others are shared
                self._add(Layout.same(p), [self._paths[id(p)]])
            positions += [i for p in layout.own for i in self._positions[id(p)]]
        return tuple(dict.fromkeys(positions))

    def _layout_in_function(
        self, p: nn.Parameter, call: Call, rows: Orientation, columns: Orientation
    ) -> Layout:
        """Return a layout by what a function computes with a parameter, else as its module has it.

        A product or a convolution with a part of a kernel does not tell.
        """
        found = _as_used(p, call, rows, columns)
        if found is None and id(p) in self._kernels:
            found = _transposed(p) if p.ndim == 2 else _convolution(p)
        return Layout.same(p) if found is None else found

    def _add_unused(self, network: nn.Module, unused: Sequence[nn.Parameter]) -> None:
        left = {id(p): p for p in unused}
        for path, module in network.named_modules():
            own = {id(p) for p in module.parameters()} if isinstance(module, _LAID_OUT) else set()
            if not own or not own <= left.keys():
                continue
            layout, names = _layout(module)
            if own == {*map(id, layout.own)}:  # else it computes with others, made of its own
                self._add(layout, [f"{path}.{name}" if path else name for name in names])
                left = {key: p for key, p in left.items() if key not in own}
        for p in left.values():
            self._add(Layout.same(p), [self._paths[id(p)]])

    def _add(self, layout: Layout, names: Sequence[str]) -> None:
        start = len(self._named)
        self._layouts.append(layout)
        every = list(range(start, start + layout.count))
        one_to_one = layout.count == len(layout.own)
        for k, p in enumerate(layout.own):
            self._positions[id(p)] = [start + k] if one_to_one else every
        trainable = all(p.requires_grad for p in layout.own)
        for k, name in enumerate(names):
            p = layout.own[k] if one_to_one else layout.own[0]
            free = p.requires_grad if one_to_one else trainable
            group = self._group.get(id(p), -1)
            self._named.append(Weight(name, np.empty(0), free, group))

    def _take_states(self, call: Call, columns: Orientation) -> tuple[int, ...]:
        module = call.module
        if module is None:
            return ()
        if id(module) not in self._states_at:
            start = len(self._states)
            features = columns if columns.features is not None else AS_IT_IS
            buffers = running_statistics(module)
            for name, buffer in zip(("running_mean", "running_variance"), buffers, strict=False):
                self._states.append(_State(f"{call.path}.{name}", buffer, features))
            self._states_at[id(module)] = tuple(range(start, len(self._states)))
        return self._states_at[id(module)]


def _folded(module: nn.Module) -> list[nn.Parameter]:
    """Return the frozen second biases of a recurrent module, which are zero in a copy."""
    if not isinstance(module, ADD_BIASES):
        return []
    named = module.named_parameters(recurse=False)
    return [p for name, p in named if name.startswith("bias_hh") and not p.requires_grad]


def _layout(module: nn.Module) -> tuple[Layout, list[str]]:
    """Return a leaf's layout, and a name for each canonical array."""
    own = dict(module.named_parameters())
    if behind := _behind_computed(module, own):
        rest = {name: p for name, p in own.items() if name not in behind}
        return Layout.same(*rest.values()), list(rest)
    try:
        layout = layout_of(module)
        if isinstance(module, nn.MultiheadAttention):
            layout = Layout.joined(layout, layout_of(module.out_proj))
    except TypeError:
        if not isinstance(module, nn.modules.conv._ConvNd):
            return Layout.same(*own.values()), list(own)  # what has no canonical form stays
        layout = _convolution(module.weight, *([] if module.bias is None else [module.bias]))
    return layout, [
        part.replace("'", "").replace(" ", "_") for part in _parts(module, layout.count)
    ]


def _behind_computed(module: nn.Module, own: Mapping[str, nn.Parameter]) -> set[str]:
    """Return the parameters from which a hook computes others: those of functions before a call.

    The old spectral_norm and weight_norm put a plain tensor `weight` beside `weight_orig`.
    """
    computed = [name for name, x in vars(module).items() if isinstance(x, torch.Tensor)]
    return {name for name in own for each in computed if name.startswith(f"{each}_")}


def _convolution(kernel: torch.Tensor, *bias: torch.Tensor) -> Layout:
    """A kernel whose first two axes come last, in the other order, and perhaps a bias."""
    there = (*range(2, kernel.ndim), 1, 0)
    back = (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    return Layout(
        [kernel, *bias],
        1 + len(bias),
        lambda a: [a[0].transpose(there), *a[1:]],
        lambda a: [a[0].transpose(back), *a[1:]],
    )


def _parts(module: nn.Module, count: int) -> list[str]:
    """Return the names of the canonical arrays; of each layer and direction, if there are more."""
    if not isinstance(module, nn.RNNBase):
        return parts_of(kind_of(module), count)
    ways = ("", "reverse.") if module.bidirectional else ("",)
    prefixes = [f"l{k}.{way}" if module.num_layers > 1 else way
                for k in range(module.num_layers) for way in ways]  # fmt: skip
    parts = parts_of(kind_of(module), count // len(prefixes))
    return [f"{prefix}{part}" for prefix in prefixes for part in parts]


def _as_used(p: nn.Parameter, call: Call, rows: Orientation, columns: Orientation) -> Layout | None:
    """Return the layout of a parameter as a function uses it; None if that does not tell."""
    if call.name.startswith("conv") and p.ndim > 2:
        return _convolution(p)
    x, z = call.inputs[0] if call.inputs else None, call.output
    if p.ndim != 2 or x is None or z is None or not z.is_floating_point():
        return None
    biases = [array_of(b.detach()) for b in call.parameters if b.shape == z.shape[-1:]]
    likely = (call.name == "linear") != (id(p) in call.transposed)
    bias = sum(biases, np.zeros(()))
    several = z.ndim == x.ndim + 1  # heads, before or after the axis of time
    ways = [z.flatten(-2), z.transpose(1, -2).flatten(-2)] if several else [z]
    found = (is_turned(array_of(x), array_of(p.detach()), array_of(each), likely, bias)
             for each in ways)  # fmt: skip
    turned = next((each for each in found if each is not None), None)
    if turned is None and call.name == "linear":
        turned = likely  # its bias may not be a parameter
    if turned is None:
        return None
    return _turned(_transposed(p) if turned else Layout.same(p), rows, columns)


def _transposed(kernel: Any) -> Layout:
    return Layout([kernel], 1, lambda a: [a[0].T], lambda a: [a[0].T])


def _turned(layout: Layout, rows: Orientation, columns: Orientation) -> Layout:
    """Return a layout whose kernel rows and columns, or vectors, follow permuted features."""
    if rows.features is None and columns.features is None:
        return layout
    of_rows = Orientation(features=rows.features)
    of_columns = Orientation(features=columns.features)

    def there(arrays: Arrays) -> list[np.ndarray]:
        found = [of_columns.to_canonical(a) for a in layout.to_canonical(arrays)]
        return [of_rows.to_canonical(a.T).T if a.ndim == 2 else a for a in found]

    def back(arrays: Arrays) -> list[np.ndarray]:
        own = [of_rows.from_canonical(a.T).T if a.ndim == 2 else a for a in arrays]
        return list(layout.from_canonical([of_columns.from_canonical(a) for a in own]))

    return Layout(layout.own, layout.count, there, back)
