"""A file of weights that is wrong in any way gives one clear error, and changes nothing."""

import json
import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from safetensors.numpy import load, save

import frameworks
from experiments import circle, gan
from frameworks import Parts, Spec, WeightFileError, weight_files
from scratch import (
    LSTM,
    SGD,
    BatchNorm,
    CategoricalCrossEntropy,
    Dense,
    Embedding,
    Flatten,
    Layer,
    Masking,
    MeanSquaredError,
    ReLU,
    Sequential,
    Tanh,
)

from .originals import as_version_1

NAMES = ("ScratchClassifier", "KerasClassifier", "PyTorchClassifier")
SMALL = {"hidden": (4,), "epochs": 2, "dtype": "float64", "random_state": 0}
LABELS = np.array(["no", "perhaps", "yes"])


def table(d=3, labels=LABELS):
    rng = np.random.default_rng(0)
    y = labels[np.arange(12) % len(labels)]
    return rng.normal(size=(12, d)) + 2 * np.arange(12)[:, None] % len(labels), y


@pytest.fixture(scope="module", params=NAMES)
def make(request):
    return lambda **options: getattr(frameworks, request.param)(**(SMALL | options))


@pytest.fixture(scope="module")
def fitted(make):
    return make().fit(*table())


@pytest.fixture
def path(fitted, tmp_path):
    fitted.save_weights(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def parts(raw):
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return load(raw), header["__metadata__"]


def with_tensors(change):
    def rewrite(raw):
        tensors, metadata = parts(raw)
        return weight_files.sealed(change(tensors), metadata)

    return rewrite


def with_metadata(**values):
    def rewrite(raw):
        tensors, metadata = parts(raw)
        changed = {k: v for k, v in (metadata | values).items() if v is not None}
        return weight_files.sealed(tensors, changed)

    return rewrite


def set_to(name, value):
    return with_tensors(lambda tensors: tensors | {name: value})


def changed_digit(raw):
    """Change a weight by a part in 2⁴⁸, which no answer tells."""
    tensors, metadata = parts(raw)
    tensors["weights.0"].view("u8")[0, 0] ^= 16
    return save(tensors, metadata)


def without_digest(raw):
    return {name: text for name, text in parts(raw)[1].items() if name != "sha256"}


def one_network_more(raw):
    tensors, metadata = parts(raw)
    first = {name.replace("check.0", "check.1"): array for name, array in tensors.items()}
    return weight_files.sealed(tensors | first, metadata)


class Marker:
    def __reduce__(self):
        return open, ("/tmp/lockstep-executed", "w")


WRONG = {
    "empty": (lambda raw: b"", "is damaged, or not safetensors"),
    "half": (lambda raw: raw[: len(raw) // 2], "is damaged, or not safetensors"),
    "one byte less": (lambda raw: raw[:-1], "is damaged, or not safetensors"),
    "one byte more": (lambda raw: raw + b"\0", "is damaged, or not safetensors"),
    "a pickle": (lambda raw: pickle.dumps(Marker()), "is damaged, or not safetensors"),
    "a header of 2**60 bytes": (lambda raw: (2**60).to_bytes(8, "little") + raw[8:], "is damaged"),
    "a header that is no JSON": (lambda raw: raw[:8] + b"!" + raw[9:], "is damaged"),
    "no metadata": (lambda raw: save(load(raw)), "is not written by save_weights"),
    "another format": (with_metadata(format="pt"), "is not written by save_weights, .*'pt'"),
    "a later version": (with_metadata(version="3"), "1 or 2: its metadata say .* version '3'"),
    "a changed digit": (changed_digit, "was changed after it was written: its digest is another"),
    "a changed label": (lambda raw: raw.replace(b"perhaps", b"perhapt"), "was changed after it"),
    "no digest": (lambda raw: save(parts(raw)[0], without_digest(raw)), "was changed after it"),
    "no labels": (with_metadata(classes=None), "expected sorted labels of one type, found 'None'"),
    "labels that are no JSON": (with_metadata(classes="["), "expected sorted labels"),
    "labels nested deeply": (with_metadata(classes="[" * 9**5), "expected sorted labels"),
    "labels of two types": (with_metadata(classes='["a", 1, "b"]'), "expected sorted labels"),
    "labels not in order": (with_metadata(classes='["b", "a", "c"]'), "expected sorted labels"),
    "labels twice": (with_metadata(classes='["a", "a", "c"]'), "expected sorted labels"),
    "one label": (with_metadata(classes='["a"]'), "expected sorted labels"),
    "numbers of 400 digits": (with_metadata(classes=f"[1, {10**400}]"), "expected sorted labels"),
    "whole numbers above 2⁶³": (with_metadata(classes=f"[1, {2**64 - 1}]"), "NumPy rounds or cuts"),
    "text that ends in NUL": (with_metadata(classes='["a", "b\\u0000"]'), "NumPy rounds or cuts"),
    "fewer labels": (with_metadata(classes='["a", "b"]'), "does not fit this network: weights"),
    "more labels": (with_metadata(classes='["a", "b", "c", "d"]'), "does not fit this network"),
    "names of other columns": (with_metadata(features='["a"]'), "expected the names of 3 columns"),
    "names that are numbers": (with_metadata(features="[1, 2, 3]"), "expected the names of 3"),
    "a tensor less": (
        with_tensors(lambda t: {k: v for k, v in t.items() if k != "weights.3"}),
        r"does not fit this network: weights: expected 4 arrays, got 3",
    ),
    "a gap": (
        with_tensors(lambda t: {k: v for k, v in t.items() if k != "weights.1"}),
        r"expected weights.0, weights.1, weights.2; found \['weights.0', 'weights.2', 'weights.3'",
    ),
    "a hostile name": (set_to("../../weights.4", np.zeros(1)), r"expected .*'../../weights.4'"),
    "no check": (
        with_tensors(lambda t: {k: v for k, v in t.items() if not k.startswith("check")}),
        r"expected rows for a check, \(n, d\), and outputs for them, \(n, k\)",
    ),
    "another width": (
        set_to("weights.0", np.zeros((3, 5))),
        r"weights\[0\]: expected shape \(3, 4",
    ),
    "another type": (set_to("weights.0", np.zeros((3, 4), "f4")), "expected float64, found float3"),
    "whole numbers": (set_to("weights.0", np.zeros((3, 4), int)), "expected float64, found .*int"),
    "NaN": (set_to("weights.1", np.full(4, np.nan)), r"weights\[1\]: expected finite numbers"),
    "NaN in the check": (set_to("check.0.outputs", np.full((16, 3), np.nan)), "holds another net"),
    "no limits": (set_to("check.0.limits", np.zeros(0)), "expected rows for a check"),
    "a check of no network": (one_network_more, "does not fit this network: .*index out of range"),
    "other weights": (set_to("weights.2", np.ones((4, 3))), "holds another network, whose outputs"),
    "2**40 columns declared": (
        lambda raw: raw.replace(b'"shape": [3, 4]', b'"shape": [1099511627776, 3]'),
        "is damaged, or not safetensors",
    ),
}


def state(classifier):
    weights = [w.tobytes() for w in classifier.get_weights()]
    return weights, classifier.classes_.tolist(), classifier.n_features_in_, classifier.history_


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_one_error_and_changes_nothing(fitted, path, kind):
    spoil, message = WRONG[kind]
    spoilt = spoil(path.read_bytes())
    assert spoilt != path.read_bytes()
    path.write_bytes(spoilt)
    before = state(fitted)
    with pytest.raises(WeightFileError, match=f"(?s)^{path}: .*{message}"):
        fitted.load_weights(path)
    assert state(fitted) == before


def test_a_file_of_another_network_is_refused(make, fitted, path, tmp_path):
    with pytest.raises(WeightFileError, match=r"weights: expected 2 arrays, got 4"):
        make(hidden=()).load_weights(path)
    with pytest.raises(WeightFileError, match="expected float32, found float64"):
        make(dtype="float32").load_weights(path)
    with pytest.raises(WeightFileError, match="nowhere: there is no such file"):
        make().load_weights(tmp_path / "nowhere")
    with pytest.raises(WeightFileError, match="is no file"):
        make().load_weights("/dev/zero")


def test_another_activation_in_the_second_network_of_a_program_is_noticed(tmp_path):
    def with_relu(spec=gan.SPEC):
        program = gan.build_scratch(spec)
        layers = [ReLU() if isinstance(each, Tanh) else each for each in program.networks[1].layers]
        return program._replace(networks=(program.networks[0], Sequential(*layers)))

    data = gan.load()
    options = {"epochs": 1, "dtype": "float64", "random_state": 0, "batch_size": 32}
    model = frameworks.ScratchRegressor(gan.build_scratch, **options)
    model.fit(data.X_train[:64], data.y_train[:64]).save_weights(tmp_path / "a")
    with pytest.raises(WeightFileError, match="holds another network, whose outputs differ by"):
        frameworks.ScratchRegressor(with_relu, **options).load_weights(tmp_path / "a")


@pytest.mark.parametrize(("padding", "other"), [(0.0, None), (0.0, -1.0), (-1.0, 1.0)])
def test_another_mask_is_noticed(padding, other, tmp_path):
    def builder(value):
        def build(spec=Spec(inputs=(6, 2))):  # noqa: B008
            masking = [] if value is None else [Masking(value)]
            mask = masking[0].mask if masking else None
            network = Sequential(*masking, LSTM(2, 3, mask=mask), Dense(3, 1))
            weights = [np.full(w.shape, 0.5) for w in network.weights]
            return Parts(network, MeanSquaredError(), SGD(0.1), lambda spec, rng: weights)

        return build

    X, options = np.ones((3, 6, 2)), {"epochs": 1, "dtype": "float64", "random_state": 0}
    model = frameworks.ScratchRegressor(builder(padding), **options).fit(X, np.arange(3.0))
    model.save_weights(tmp_path / "a")
    with pytest.raises(WeightFileError, match="holds another network, whose outputs differ by"):
        frameworks.ScratchRegressor(builder(other), **options).load_weights(tmp_path / "a")


def build_of_tokens(spec=Spec(inputs=4, outputs=3)):  # noqa: B008
    network = Sequential(Embedding(9, 2), Flatten(), Dense(8, spec.outputs))
    weights = [np.linspace(-1, 1, n).reshape(s) for n, s in ((18, (9, 2)), (24, (8, 3)), (3, 3))]
    return Parts(network, CategoricalCrossEntropy(), SGD(0.1), lambda spec, rng: weights)


def test_a_network_that_takes_tokens_alone_is_saved(tmp_path):
    X, y = np.arange(24).reshape(6, 4) % 9, np.arange(6) % 3
    options = {"epochs": 1, "dtype": "float64", "random_state": 0}
    model = frameworks.ScratchClassifier(build_of_tokens, **options).fit(X, y)
    model.save_weights(tmp_path / "a")
    loaded = frameworks.ScratchClassifier(build_of_tokens, **options).load_weights(tmp_path / "a")
    assert loaded.outputs(X).tobytes() == model.outputs(X).tobytes()


class MaskedEmbedding(Embedding):
    """Gives padding a vector of zeros."""

    def __init__(self, count, size, padding):
        super().__init__(count, size)
        self.padding = padding

    def forward(self, X, training=False):
        self.kept = (X != self.padding)[..., None]
        return super().forward(X, training) * self.kept

    def backward_params(self, da):
        super().backward_params(da * self.kept)


@pytest.mark.parametrize(("padding", "other"), [(2, None), (None, 3), (5, 12), (39, None)])
def test_another_mask_of_tokens_is_noticed(padding, other, tmp_path):
    def builder(value):
        def build(spec=Spec(inputs=20, outputs=1)):  # noqa: B008
            network = Sequential(MaskedEmbedding(40, 2, value), Flatten(), Dense(40, 1))
            weights = [np.linspace(-1, 1, w.size).reshape(w.shape) for w in network.weights]
            return Parts(network, MeanSquaredError(), SGD(0.1), lambda spec, rng: weights)

        return build

    X, options = np.ones((3, 20)), {"epochs": 1, "dtype": "float64", "random_state": 0}
    model = frameworks.ScratchRegressor(builder(padding), **options).fit(X, np.arange(3.0))
    model.save_weights(tmp_path / "a")
    with pytest.raises(WeightFileError, match="holds another network, whose outputs differ by"):
        frameworks.ScratchRegressor(builder(other), **options).load_weights(tmp_path / "a")


def test_the_same_network_is_saved_as_the_same_bytes(fitted, path):
    before = path.read_bytes()
    fitted.save_weights(path)
    assert path.read_bytes() == before


def test_a_file_of_the_first_version_is_read(make, fitted, path):
    path.write_bytes(as_version_1(path.read_bytes()))
    loaded = make().load_weights(path)
    assert [w.tobytes() for w in loaded.get_weights()] == [
        w.tobytes() for w in fitted.get_weights()
    ]
    with pytest.raises(WeightFileError, match="holds another network, whose outputs differ by"):
        make(activation="tanh").load_weights(path)


def build_with_running_means(spec=replace(circle.SPEC, learning_rate=0.125)):  # noqa: B008
    norm = BatchNorm(2, momentum=0.5, epsilon=0.001, unbiased_running_variance=False)
    weights = [np.ones(2), np.zeros(2), np.ones((2, 1)), np.zeros(1)]
    parts = circle.build_scratch(spec)
    network = Sequential(norm, Dense(2, 1))
    return parts._replace(network=network, initial_weights=lambda spec, rng: weights)


def test_running_means_come_back(tmp_path):
    data, options = circle.load(), {"epochs": 3, "dtype": "float64", "random_state": 0}
    model = frameworks.ScratchClassifier(build_with_running_means, **options)
    model.fit(data.X_train + 7, data.y_train).save_weights(tmp_path / "a")
    loaded = frameworks.ScratchClassifier(build_with_running_means, **options)
    loaded.load_weights(tmp_path / "a")
    assert [a.tobytes() for a in loaded.get_states()] == [a.tobytes() for a in model.get_states()]
    assert loaded.outputs(data.X_test).tobytes() == model.outputs(data.X_test).tobytes()


def test_a_file_that_lacks_states_is_refused(tmp_path):
    data, options = circle.load(), {"epochs": 3, "dtype": "float64", "random_state": 0}
    model = frameworks.ScratchClassifier(build_with_running_means, **options)
    model.fit(data.X_train + 7, data.y_train).save_weights(tmp_path / "a")
    network = weight_files.decode((tmp_path / "a").read_bytes())
    (tmp_path / "a").write_bytes(weight_files.encode(network._replace(states=())))
    with pytest.raises(WeightFileError, match="states: expected 2 arrays, got 0"):
        model.load_weights(tmp_path / "a")


class Remembers(Layer):
    """Adds what it has been given most recently in training, and tells nobody."""

    latest = 0.0

    def forward(self, X, training=False):
        if training:
            self.latest = X.sum()
        return X + self.latest

    def backward(self, da):
        return da


def test_layers_that_keep_more_than_weights_and_states_are_not_saved(tmp_path):
    def build(spec=circle.SPEC):
        parts = circle.build_scratch(spec)
        return parts._replace(network=Sequential(Remembers(), *parts.network.layers))

    data, options = circle.load(), {"epochs": 1, "dtype": "float64", "random_state": 0}
    model = frameworks.ScratchClassifier(build, **options)
    model.fit(data.X_train + 7, data.y_train)
    with pytest.raises(WeightFileError, match="layers may keep nothing but weights and states"):
        model.save_weights(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "labels",
    [[False, True], [-1, 5], [0.0, 2.0, 9.0], ["<b>", "é", "数"], [2**40, 2**41]],
    ids=str,
)
def test_labels_of_every_type_come_back(labels, tmp_path):
    labels, make = np.array(labels), partial(frameworks.ScratchClassifier, **SMALL)
    X, y = table(2, labels)
    fitted = make().fit(X, y)
    fitted.save_weights(tmp_path / "a")
    loaded = make().load_weights(tmp_path / "a")
    assert loaded.classes_.tolist() == labels.tolist()
    assert loaded.classes_.dtype == labels.dtype
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


def test_training_goes_on_from_a_file(make, fitted, path):
    loaded = make().load_weights(path)
    assert loaded.history_ == []
    again = make(epochs=1).fit(*table(), initial_weights=fitted.get_weights())
    loaded.partial_fit(*table())
    for w, other in zip(loaded.get_weights(), again.get_weights(), strict=True):
        assert w.tobytes() == other.tobytes()


def test_names_of_columns_come_back(tmp_path):
    import pandas as pd

    make = partial(frameworks.ScratchClassifier, **SMALL)
    X, y = table()
    frame = pd.DataFrame(X, columns=["a", "<b>", "c"])
    make().fit(frame, y).save_weights(tmp_path / "a")
    loaded = make().load_weights(tmp_path / "a")
    assert loaded.feature_names_in_.tolist() == ["a", "<b>", "c"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.rename(columns={"a": "z"}))
    loaded.fit(X, y).save_weights(tmp_path / "b")
    assert not hasattr(make().fit(frame, y).load_weights(tmp_path / "b"), "feature_names_in_")


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_what_was_there(fitted, tmp_path):
    with pytest.raises(WeightFileError, match="nowhere/a: cannot be written"):
        fitted.save_weights(tmp_path / "nowhere/a")
    (tmp_path / "folder").mkdir()
    with pytest.raises(WeightFileError, match="folder: cannot be written"):
        fitted.save_weights(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_weights_that_are_no_numbers_are_not_saved(make, tmp_path):
    X, y = table()
    model = make(epochs=1).fit(X, y)
    model._adapter.set_weights([w * np.nan for w in model.get_weights()])
    with pytest.raises(WeightFileError, match="expected finite numbers"):
        model.save_weights(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
