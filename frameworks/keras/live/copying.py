"""Copies of Keras objects, in another dtype, that share nothing with the originals.

Keras copies through configurations. They run the user's constructors, know nothing of what was set
afterwards, and leave inputs, operators and inner layers in their dtype. Here the objects themselves
are copied, one by one and without recursion, and every dtype on the way becomes the wanted one.
"""

import copy
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from keras.src import backend
from keras.src.utils.tracking import Tracker

from frameworks.errors import RequestError
from frameworks.keras.loading import keras
from frameworks.live.identities import renew, renewed
from frameworks.live.own_steps import OwnState, is_installed

__all__ = ["PARTS", "Copier", "as_written", "is_float"]

_ATOMS = (type, types.ModuleType, types.BuiltinFunctionType, str, bytes, int, float, complex)
_FOREIGN = ("tensorflow", "jax", "jaxlib", "torch", "inspect")  # their objects are shared
PARTS = (
    *(keras.Operation, keras.Variable, keras.Metric),
    *(keras.optimizers.Optimizer, keras.losses.Loss),
)
# What a model holds of a compilation.
_COMPILED = (
    *("optimizer", "loss", "train_function", "test_function", "predict_function"),
    *("_compile_loss", "_compile_metrics", "_loss_tracker", "_compile_config"),
)
# Where else a layer is used, and what its last call added to the loss: tensors of a lost graph.
_EMPTIED = {"_outbound_nodes": list, "_losses": list, "_losses_override": list, "_loss_ids": set}


def is_float(dtype: Any) -> bool:
    """Return whether this is the name of a type of floating-point numbers."""
    return isinstance(dtype, str) and backend.is_float_dtype(dtype)


def as_written(x: Any) -> Any:
    """Return the Python function that a `tf.function` compiles; anything else as it is."""
    return x.python_function if hasattr(x, "get_concrete_function") else x


class Copier:
    """Copies objects with all they hold; what two of them share, their copies share.

    Weights keep their values: a narrower type holds the nearest number, the same one the same bits.
    Raises RequestError for quantized layers and for modules of PyTorch inside of a Keras model.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._twins: dict[int, Any] = {}  # by the identity of the original
        self._originals: list[Any] = []  # kept, so that identities stay unique
        self._unfilled: deque[tuple[Callable[[Any, Any], None], Any, Any]] = deque()
        self._functions = OwnState(lambda x: renewed(self._twin(x), self._twin_of), as_written)

    def __call__(self, original: Any) -> Any:
        """Return the copy of an object; the same one each time."""
        for variable in getattr(original, "variables", ()):  # before what knows their values
            self._twin(variable)
        twin = self._twin(original)
        self._finish()
        return renewed(twin, self._twin_of)

    def with_own_state(self, function: Any) -> Any:
        """Return a function, or a method, that begins where this one is now; see `OwnState`."""
        twin = self._functions(function)
        self._finish()
        return twin

    def _finish(self) -> None:
        """Fill what was copied, and what that leads to."""
        filled = []
        while self._unfilled:
            fill, *pair = self._unfilled.popleft()
            fill(*pair)
            filled.append(pair[1])
        for each in filled:
            _renew_identities(each)
            if isinstance(each, keras.optimizers.Optimizer):
                self._renew_excluded(each)
            renew(each, self._twin_of)
        self._functions.renew(self._twin_of)

    def _renew_excluded(self, optimizer: Any) -> None:
        """Let a copied optimizer exclude copies from its decay, by their keys."""
        own = [x for x in self._originals if isinstance(x, keras.Variable) and x._value is not None]
        key = optimizer._var_key
        keys = {key(x): key(self._twins[id(x)]) for x in own}
        excluded: set[Any] = getattr(optimizer, "_exclude_from_weight_decay", set())
        new = {keys.get(each, each) for each in excluded}
        set.clear(excluded)
        set.update(excluded, new)
        optimizer._exclude_from_weight_decay_cache = {}  # filled anew

    def _twin_of(self, identity: int) -> Any:
        """Return the copy of a part of a model, by the original's identity."""
        twin = self._twins.get(identity)
        return twin if isinstance(twin, PARTS) else None

    def _twin(self, x: Any) -> Any:
        """Return the copy of x, which may be still empty."""
        if x is None or isinstance(x, _ATOMS):
            return x
        if id(x) not in self._twins:
            self._originals.append(x)
            self._twins[id(x)] = self._new(x)
        return self._twins[id(x)]

    def _new(self, x: Any) -> Any:
        if isinstance(x, keras.dtype_policies.DTypePolicy):
            return self._policy(x)
        if isinstance(x, list | dict | set):
            return self._later(_empty_like(x), x, self._fill_container)
        if isinstance(x, tuple) and not _is_foreign(type(x)):
            items = [*map(self._twin, x)]
            return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
        if isinstance(x, WeakSet):
            return WeakSet(map(self._twin, x))
        if isinstance(x, WeakKeyDictionary | WeakValueDictionary):
            return type(x)({self._twin(key): self._twin(value) for key, value in x.items()})
        if isinstance(x, types.MethodType):
            return types.MethodType(x.__func__, self._twin(x.__self__))
        if isinstance(x, types.FunctionType):
            return self._function(x)
        if isinstance(x, partial):
            keywords = {name: self._twin(value) for name, value in x.keywords.items()}
            return partial(self._twin(x.func), *map(self._twin, x.args), **keywords)
        if hasattr(x, "assign_add") and _is_foreign(type(x)):
            return copy.deepcopy(x)  # a variable of TensorFlow's
        if backend.is_tensor(x) and not isinstance(x, keras.Variable):
            return self._tensor(x)
        return self._object(x)

    def _later(self, twin: Any, x: Any, fill: Callable[[Any, Any], None]) -> Any:
        self._unfilled.append((fill, x, twin))
        return twin

    def _policy(self, x: Any) -> Any:
        if x.quantization_mode is not None:
            raise RequestError(
                f"a layer is quantized ({x.name}): compare the model as it was before quantizing"
            )
        if not is_float(x.compute_dtype):
            return x
        twin = keras.dtype_policies.DTypePolicy(self.dtype)
        twin.given = x  # as the facts state it
        return twin

    def _tensor(self, x: Any) -> Any:
        try:
            value = keras.ops.copy(keras.ops.stop_gradient(x))
        except Exception:  # of whatever kind a backend raises for a tensor of a graph
            return x  # which holds no numbers
        dtype = backend.standardize_dtype(x.dtype)
        return keras.ops.cast(value, self.dtype) if is_float(dtype) else value

    def _function(self, x: types.FunctionType) -> Any:
        """Return a copy of a function of the user's, with what it keeps.

        One of a package is copied if it refers to a part of a model, or to a function of the
        user's, by what it is given around it: a variable, a default, or a list of them.
        """
        if not is_installed(x):
            return self._functions(x)
        cells = x.__closure__ or ()
        held = [cell.cell_contents for cell in cells if _is_full(cell)]
        if not _has_part([held, x.__defaults__, x.__kwdefaults__]):
            return x
        closure = tuple(types.CellType() if _is_full(cell) else cell for cell in cells)
        defaults = self._twin(x.__defaults__)
        twin = types.FunctionType(x.__code__, x.__globals__, x.__name__, defaults, closure)
        twin.__kwdefaults__ = self._twin(x.__kwdefaults__)
        return self._later(twin, x, self._fill_function)

    def _object(self, x: Any) -> Any:
        cls = type(x)
        if cls.__name__ == "TorchModuleWrapper":
            raise RequestError(
                f"{x.name} is a module of PyTorch inside of a Keras model: compare them apart"
            )
        if hasattr(x, "get_concrete_function"):  # a tf.function, compiled anew for the copy
            function = self._twin(as_written(x))
            return x if function is as_written(x) else x._clone(function)
        if _is_foreign(cls):
            return x
        if isinstance(x, PARTS) or _is_plain(cls):
            return self._later(object.__new__(cls), x, self._fill_object)
        try:
            return copy.deepcopy(x, self._twins)
        except Exception:  # whatever a class raises that cannot be copied: a file, a lock
            return x

    def _fill_container(self, x: Any, twin: Any) -> None:
        for name, value in getattr(x, "__dict__", {}).items():
            if hasattr(twin, "__dict__"):
                vars(twin)[name] = self._twin(value)
        if isinstance(x, list):  # by the base classes' methods: Keras' own keep account
            list.extend(twin, map(self._twin, x))
        elif isinstance(x, set):
            set.update(twin, map(self._twin, x))
        else:
            base = OrderedDict if isinstance(x, OrderedDict) else dict
            for key, value in x.items():
                base.__setitem__(twin, self._twin(key), self._twin(value))

    def _fill_function(self, x: types.FunctionType, twin: types.FunctionType) -> None:
        for own, new in zip(x.__closure__ or (), twin.__closure__ or (), strict=True):
            if own is not new:
                new.cell_contents = self._twin(own.cell_contents)
        for name, value in vars(x).items():
            setattr(twin, name, self._twin(value))

    def _fill_object(self, x: Any, twin: Any) -> None:
        own = vars(twin)
        for name, value in vars(x).items():
            if name.startswith("_self_"):
                continue  # of TensorFlow, for its checkpoints; made again where needed
            if name in ("dtype", "_dtype") and is_float(value):
                own[name] = self.dtype
            elif isinstance(x, keras.Operation) and name in _EMPTIED:
                own[name] = _EMPTIED[name]()
            elif isinstance(x, keras.Model) and name in _COMPILED:
                own[name] = None
            elif not isinstance(x, keras.Variable) or name != "_value" or value is None:
                own[name] = self._twin(value)
        if isinstance(x, keras.Variable) and x._value is not None:
            twin._initialize(self._tensor(x._value))
            self._originals.append(x._value)
            self._twins[id(x._value)] = twin._value  # by which functions may know it


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - it is asked whether there is any
    except ValueError:
        return False
    return True


def _has_part(x: Any) -> bool:
    """Return whether this is a part of a model, or its method, or holds one in collections.

    So it is with a function of the user's.
    """
    seen, ahead = dict[int, Any](), [x]
    while ahead:
        x = ahead.pop()
        x = getattr(x, "__self__", x)
        own = isinstance(x, types.FunctionType) and not is_installed(x)
        if own or isinstance(x, PARTS):
            return True
        if isinstance(x, list | tuple | set | dict) and id(x) not in seen:
            seen[id(x)] = x
            ahead += [*x, *x.values()] if isinstance(x, dict) else x
    return False


def _is_foreign(cls: type) -> bool:
    return cls.__module__.split(".")[0] in _FOREIGN


def _is_plain(cls: type) -> bool:
    """Return whether instances are copied by copying their attributes."""
    own = (cls.__reduce__, cls.__reduce_ex__) != (object.__reduce__, object.__reduce_ex__)
    return cls.__dictoffset__ != 0 and not own and not hasattr(cls, "__deepcopy__")


def _empty_like(x: Any) -> Any:
    """Return an empty container of the same class; a plain one for TensorFlow's wrappers."""
    cls: Any = type(x)
    if _is_foreign(cls):
        return next(plain for plain in (list, dict, set) if isinstance(x, plain))()
    twin = cls.__new__(cls)
    if isinstance(x, defaultdict):
        twin.default_factory = x.default_factory
    return twin


def _renew_identities(twin: Any) -> None:
    """Replace what Keras remembers of objects by their identity, or beside them."""
    if isinstance(twin, Tracker):
        stores = twin.config.items()
        twin.stored_ids = {name: {*map(id, store)} for name, (_, store) in stores}
    elif isinstance(twin, keras.optimizers.Optimizer) and twin.built:
        own = enumerate(twin._trainable_variables)
        twin._trainable_variables_indices = {twin._var_key(v): i for i, v in own}
    elif isinstance(twin, keras.Layer) and hasattr(twin, "_track_variables"):
        twin._modules.pop("_torch_params", None)  # of PyTorch; found again at its first use
