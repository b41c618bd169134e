"""A framework is loaded when its classifier is asked for; one that is missing is named."""

import subprocess
import sys

import pytest

import frameworks

pytestmark = pytest.mark.slow

LOADED = "print(sorted({'torch', 'tensorflow', 'keras'} & set(sys.modules)))"


def python(code):
    command = [sys.executable, "-c", f"import sys\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_import_loads_no_framework():
    assert python(f"import frameworks; frameworks.Spec()\n{LOADED}") == "[]\n"


def test_scratch_classifier_trains_without_any_framework():
    code = "from frameworks import ScratchClassifier as C; C(epochs=1).fit([[0], [1]], [0, 1])"
    assert python(f"{code}\n{LOADED}") == "[]\n"


def test_python_classifier_trains_without_any_framework():
    code = "from frameworks import PythonClassifier as C; from experiments import circle\n"
    fit = "C(circle.build_python, epochs=1, dtype='float64').fit([[0, 0], [1, 1]], [0, 1])"
    assert python(f"{code}{fit}\n{LOADED}") == "[]\n"


def test_pytorch_classifier_loads_torch_only():
    assert python(f"from frameworks import PyTorchClassifier\n{LOADED}") == "['torch']\n"


def test_keras_classifier_loads_no_torch():
    code = f"from frameworks import KerasClassifier\n{LOADED}"
    assert python(code) == "['keras', 'tensorflow']\n"


@pytest.mark.parametrize(
    ("classifier", "missing", "package"),
    [
        ("PyTorchClassifier", "torch", "torch"),
        ("KerasClassifier", "keras", "keras"),
        ("KerasClassifier", "tensorflow", "tensorflow"),
        ("ScratchClassifier", "sklearn", "scikit-learn"),
    ],
)
def test_missing_package_is_named_with_the_command_that_installs_it(classifier, missing, package):
    code = f"""
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
import frameworks
try:
    from frameworks import {classifier}
except frameworks.MissingFrameworkError as error:
    print(isinstance(error, ImportError), error)
"""
    sentence = f"{classifier} needs {package}, which is not installed; pip install {package}"
    assert python(code) == f"True {sentence}\n"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(
        AttributeError, match="module 'frameworks' has no attribute 'JaxClassifier'"
    ):
        _ = frameworks.JaxClassifier
