"""A copy of a Keras model computes the same, and shares nothing with it."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from frameworks.errors import RequestError
from frameworks.keras.lending import lent_keras
from frameworks.keras.live.copying import Copier
from lockstep import Training, diverge

from .models import MODELS, rows_for, trained

ATOMS = (type, types.ModuleType, types.BuiltinFunctionType, str, bytes, int, float)
FOREIGN = ("tensorflow", "inspect", "numpy")


def reachable(thing):
    """Return all Keras objects and containers that can be reached, by identity."""
    found, waiting = {}, [thing]
    while waiting:
        x = waiting.pop()
        foreign = type(x).__module__.split(".")[0] in FOREIGN
        if id(x) in found or isinstance(x, ATOMS) or (foreign and not isinstance(x, list | dict)):
            continue
        found[id(x)] = x
        if isinstance(x, types.MethodType):
            waiting.append(x.__self__)
        elif isinstance(x, types.FunctionType):
            waiting += [cell.cell_contents for cell in x.__closure__ or ()]
        elif isinstance(x, dict):
            waiting += [*x.keys(), *x.values()]
        elif isinstance(x, list | tuple | set):
            waiting += x
        waiting += getattr(x, "__dict__", {}).values()
    return found


def mutable(x):
    of_keras = isinstance(x, keras.Operation | keras.Variable | keras.KerasTensor)
    filled = isinstance(x, list | dict | set) and x
    return of_keras or (filled and not all(isinstance(each, str) for each in x))


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_shares_no_layer_variable_or_container(name):
    model = trained(name)
    copied = Copier("float32")
    twins = copied(model), copied(model.optimizer)
    theirs = reachable(twins)
    common = [x for key, x in reachable((model, model.optimizer)).items() if key in theirs]
    assert [x for x in common if mutable(x)] == []


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_in_the_same_dtype_holds_and_computes_the_same_bits(name):
    model, (X,) = trained(name), rows_for(name).X
    copied = Copier("float32")
    twin, optimizer = copied(model), copied(model.optimizer)
    pairs = zip(model.variables, twin.variables, strict=True)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)
    slots = zip(model.optimizer.variables, optimizer.variables, strict=True)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in slots)
    X = X.astype("int32" if name == "sentences" else "float32")
    assert np.array_equal(model(X).numpy(), twin(X).numpy())


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_in_float64_computes_what_a_model_built_in_float64_computes(name):
    model, (X,) = trained(name), rows_for(name).X
    with lent_keras("float64"):
        twin, built = Copier("float64")(model), MODELS[name]()
        built.set_weights([weight.astype("float64") for weight in model.get_weights()])
        assert {v.dtype for v in twin.trainable_variables} == {"float64"}
        assert np.array_equal(twin(X).numpy(), built(X).numpy())


def test_a_copied_optimizer_trains_the_copied_weights():
    model = trained("mlp")
    copied = Copier("float64")
    twin, optimizer = copied(model), copied(model.optimizer)
    assert [id(v) for v in optimizer._trainable_variables] == [*map(id, twin.trainable_variables)]
    assert optimizer._get_variable_index(twin.trainable_variables[1]) == 1
    assert float(optimizer.learning_rate) == float(np.float32(0.001))  # as it acts


def test_a_function_around_a_layer_is_copied_with_the_layer():
    inner = keras.layers.Dense(2)
    inner.build((None, 3))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: inner(x))])
    X = np.ones((1, 3), "float32")
    twin, before = Copier("float32")(model), model(X).numpy()
    inner.kernel.assign(inner.kernel + 1.0)
    assert np.array_equal(twin(X).numpy(), before)
    assert not np.array_equal(model(X).numpy(), before)


def by_list(encoder):
    held = [encoder]
    return lambda x: x @ keras.ops.transpose(held[0].kernel)


def by_default(encoder):
    return lambda x, held=encoder: x @ keras.ops.transpose(held.kernel)


def by_keyword(encoder):
    return lambda x, *, by=({"it": encoder},): x @ keras.ops.transpose(by[0]["it"].kernel)


@pytest.mark.parametrize("tied", [by_list, by_default, by_keyword])
def test_a_function_that_is_given_layers_in_collections_or_defaults_is_copied_with_them(tied):
    encoder = keras.layers.Dense(2, use_bias=False)
    model = keras.Sequential([keras.Input((3,)), encoder, keras.layers.Lambda(tied(encoder))])
    twin = Copier("float64")(model)
    X = np.ones((1, 3))
    before = twin.predict(X, verbose=0)
    encoder.kernel.assign(2 * encoder.kernel)
    np.testing.assert_array_equal(twin.predict(X, verbose=0), before)


def test_a_compiled_function_that_a_layer_holds_is_of_the_copy():
    class Compiling(keras.layers.Dense):
        def __init__(self, units):
            super().__init__(units)
            self.computed = tf.function(lambda x: x @ self.kernel)

        def call(self, x):
            return self.computed(x)

    layer, X = Compiling(2), np.ones((1, 3), "float32")
    before = layer(X).numpy()
    twin = Copier("float32")(layer)
    layer.kernel.assign(layer.kernel + 1.0)
    assert np.array_equal(twin(X).numpy(), before)
    assert not np.array_equal(layer(X).numpy(), before)


def test_an_unbuilt_layer_is_built_apart_from_the_original():
    model = keras.Sequential([keras.layers.Dense(2)])
    twin = Copier("float32")(model)
    twin(np.ones((1, 3), "float32"))
    assert (twin.built, twin.layers[0].built, model.layers[0].built) == (True, True, False)


def test_tensors_and_casts_inside_a_model_take_the_new_dtype():
    x = keras.Input((2,))
    normalized = keras.layers.Normalization(mean=[0.5, 1.0], variance=[1.0, 4.0])(x)
    model = keras.Model(x, keras.ops.cast(normalized, "float32"))
    with lent_keras("float64"):
        out = Copier("float64")(model)(np.array([[1 / 3, 2 / 3]]))
        assert np.array_equal(out.numpy(), (np.array([[1 / 3, 2 / 3]]) - [0.5, 1.0]) / [1.0, 2.0])


def test_what_a_call_left_behind_in_a_graph_is_no_obstacle():
    class Keeping(keras.layers.Layer):
        def call(self, x):
            self.seen = 2.0 * x
            return self.seen

    layer = Keeping(activity_regularizer="l2")
    tf.function(layer).get_concrete_function(tf.TensorSpec((None, 2)))
    twin = Copier("float64")(layer)
    assert (len(layer.losses), twin.losses) == (1, [])
    assert twin.seen is layer.seen


def test_a_deep_model_is_copied_without_recursion():
    x = keras.Input((2,))
    h = x
    for _ in range(200):
        h = keras.layers.Activation("relu")(h)
    twin = Copier("float32")(keras.Model(x, h))
    assert len(twin.layers) == 201


def test_a_quantized_layer_is_refused():
    policy = keras.dtype_policies.QuantizedDTypePolicy("int8", "float32")
    layer = keras.layers.Dense(2, dtype=policy)
    with pytest.raises(RequestError, match="quantized"):
        Copier("float64")(layer)


def test_weights_that_an_optimizer_excludes_from_its_decay_are_excluded_in_the_copy():
    def side(excluded):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
        optimizer.exclude_from_weight_decay(var_list=excluded(model))
        model.compile(optimizer, "mse")
        return Training(model)

    X, y = np.random.default_rng(0).normal(size=(2, 16, 4))
    sides = [side(lambda model: []), *(side(lambda model: model.weights[:1]) for _ in range(2))]
    options = {"steps": 4, "batch_size": 8}
    assert diverge(*sides[1:], X, y[:, :2], **options).same
    report = diverge(*sides[:2], X, y[:, :2], **options)
    assert report.level == "step", str(report)
