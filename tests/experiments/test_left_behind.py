"""A page that its `load` has changed is not for a cluster, whose workers do not call it."""

import pytest

from experiments.harness.left_behind import load_leaving_nothing
from experiments.registry import find_experiment
from frameworks.errors import RequestError

from .test_adding_a_page import page_of

pytestmark = pytest.mark.slow

# What stands at the top, and what `load` does.
CHANGED = {
    "a number": ("SCALE = 1.0", "global SCALE; SCALE = 2.0"),
    "a new name": ("", "global SCALE; SCALE = 2.0"),
    "a name that goes": ("SCALE = 1.0", "global SCALE; del SCALE"),
    "a list": ("KEPT = []", "KEPT.append(0)"),
    "in a list": ("KEPT = {'a': [threading.Lock(), [1]]}", "KEPT['a'][1][0] = 2"),
    "an array": ("MEAN = np.zeros(3)", "MEAN[1] = 1e-300"),
    "an array of objects": ("MEAN = np.array([{}, {}], object)", "MEAN[1]['a'] = 1"),
    "a generator": ("RNG = np.random.default_rng(0)", "RNG.random()"),
    "an old generator": ("RNG = np.random.RandomState(0)", "RNG.rand()"),
    "Python's generator": ("RNG = random.Random(0)", "RNG.random()"),
    "an iterator": ("DRAWN = iter([1, 2])", "next(DRAWN)"),
    "a class": ("class Config:\n    scale = 1", "Config.scale = 2"),
    "an object": ("HELD = types.SimpleNamespace(scale=1)", "HELD.scale = 2"),
    "an object with a lock": (
        "class Held:\n    def __init__(self):\n        self.lock, self.n = threading.Lock(), 1\n"
        "HELD = Held()",
        "HELD.n = 2",
    ),
    "a function": ("def scale(x=[1]):\n    return x", "scale()[0] = 2"),
    "a closure": (
        "def make(n=0):\n    def count():\n        nonlocal n\n        n += 1\n    return count\n"
        "COUNT = make()",
        "COUNT()",
    ),
    "what is scaled": ("SCALER = MinMaxScaler()", "SCALER.fit([[1.0], [2.0]])"),
    "in PyTorch": ("W = torch.zeros(2)", "W[1] = 1"),
    "in a module of PyTorch": ("W = torch.nn.Linear(2, 2)", "torch.nn.init.zeros_(W.weight)"),
    "in a table": ("TABLE = pandas.DataFrame({'a': [1, 2]})", "TABLE.loc[0, 'a'] = 3"),
    "a mask": ("MEAN = np.ma.array([1.0, 2.0], mask=[0, 0])", "MEAN[1] = np.ma.masked"),
    "what a dict has besides": ("class Vocab(dict):\n    pass\nV = Vocab()", "V.size = 2"),
    "a text of its own kind": ("class Name(str):\n    pass\nN = Name('a')", "N.size = 2"),
    "how a dict begins": (
        "import collections\nD = collections.defaultdict(int)",
        "D.default_factory = list",
    ),
    "what is not pickled": (
        "class Held:\n    def __getstate__(self):\n        return {}\nHELD = Held()",
        "HELD.n = 2",
    ),
    "a member of an enum": ("class Kind(enum.Enum):\n    A = 1", "Kind.A.rate = 2"),
    "a class that has no name": (
        "class Base:\n    scale = 1\nclass Config(Base):\n    pass\ndel Base",
        "Config.__base__.scale = 2",
    ),
    "a static method": (
        "class Config:\n    @staticmethod\n    def scale(x=[1]):\n        return x",
        "Config.scale()[0] = 2",
    ),
    "a property": (
        "class Config:\n    @property\n    def scale(self, x=[1]):\n        return x",
        "Config().scale[0] = 2",
    ),
    "a hidden name": ("__kept = []", "__kept.append(0)"),
    "a layer of Keras": ("import keras\nL = keras.layers.Normalization()", "L.adapt(np.eye(2))"),
    "a helper": ("", "helper.SCALE = 2"),
    "a helper's helper": ("from helper import scale", "helper.inner.SCALE = scale()"),
}
KEPT = {
    "nothing": ("", "pass"),
    "many kinds": (
        "LOCK, LOG, FILE = threading.Lock(), logging.getLogger('a'), open(__file__)\n"
        "TABLE, ROWS = pandas.DataFrame({'a': [1, 2]}), [np.zeros((0, 2)), np.array(1), {1, 'a'}]\n"
        "DATE, NAN, LOOP = np.datetime64('2020-01-01'), float('nan'), []\nLOOP.append(LOOP)\n"
        "NET, RNG, RE = torch.nn.Linear(2, 2), np.random.default_rng(0), re.compile('a')\n"
        "class Kind(enum.Enum):\n    A = 1\nclass Base(abc.ABC):\n    @property\n"
        "    def a(self): return 1\nCOUNT = (i for i in range(3))",
        "LOG.info('a'); TABLE['a'].mean(); NET(torch.zeros(2)); Kind(1); FILE.close()",
    ),
    "what Keras pickles with the time": (
        "import time, keras\nLOSS = keras.losses.MeanSquaredError()\n"
        "NET = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])",
        "NET(np.eye(2)); time.sleep(2.1)",
    ),
    "a cache": ("@functools.cache\ndef read():\n    return [1]", "read()"),
    "a package": ("", "global scipy; import scipy"),
    "a warning": ("import warnings", "warnings.warn('a', stacklevel=1)"),
}
IMPORTS = (
    "import abc, enum, functools, logging, random, re, threading, types\n"
    "import numpy as np, pandas, torch\nfrom sklearn.preprocessing import MinMaxScaler\n"
    "import helper\n"
)
LOAD = """
loaded = load


def load(policy="auto", data_dir=None):
    {does}
    return loaded(policy, data_dir)


"""


@pytest.fixture
def load(tmp_path):
    """Return a function that loads the data of a page with a top and a `load` that does this."""

    def write(top, does):
        before, mark, after = page_of("mine", "build_scratch").rpartition("EXPERIMENT = ")
        (tmp_path / "helper.py").write_text("import inner\nSCALE = 1\ndef scale():\n    return 2\n")
        (tmp_path / "inner.py").write_text("SCALE = 1\n")
        text = before + IMPORTS + top + "\n" + LOAD.format(does=does) + mark + after
        (tmp_path / "mine.py").write_text(text)
        return lambda: load_leaving_nothing(
            find_experiment(str(tmp_path / "mine.py")), "stand-in", None
        )

    return write


@pytest.mark.parametrize("what", CHANGED)
def test_a_page_that_load_changes_is_refused_whenever_it_is_asked(load, what):
    top, does = CHANGED[what]
    loads = load(top, does)
    for _ in range(2):  # the second time, the process has the page as the first has left it
        with pytest.raises(RequestError, match=r"mine.py: load\(\) changes (.*) at the top") as at:
            loads()
        assert "train without --dask" in str(at.value)
        assert str(at.value).split("changes ")[1].split()[0].rstrip(",") in does


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", KEPT)
def test_a_page_that_stays_as_it_was_is_loaded(load, what):
    loads = load(*KEPT[what])
    assert loads().sha256 == loads().sha256
