"""`lockstep certify` as a user runs it, and `lockstep run` where certified digits are missed."""

import json
import shutil

import numpy as np
import pytest

from experiments.certified import session
from experiments.certified.session import certified_experiments
from experiments.certified.stored import FOLDER, find

from ..cli.test_app import assert_refused
from ..command import lockstep

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

QUICK = ("certify", "--check", "--data", "stand-in")


@pytest.fixture
def copies(tmp_path):
    """Return a folder with copies of the small networks' certificates."""
    for name in ("perceptron", "xor", "circle"):
        shutil.copy(FOLDER / f"{name}-real.json", tmp_path)
    return tmp_path


def change(file, change_certificate):
    certificate = json.loads(file.read_bytes())
    change_certificate(certificate)
    file.write_text(json.dumps(certificate))


def test_stored_losses_are_reproduced(call):
    answer = call(*QUICK, "perceptron", "xor", "circle", "mnist_perceptron", "mnist", "--epochs=1")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("5 of 5 reproduced.\n")
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize("epoch", [1, 7, 20])
def test_tampered_loss_is_found_and_the_first_epoch_is_named(call, copies, epoch):
    def tamper(certificate):
        for i in (epoch - 1, 19):
            loss = certificate["loss"][i]
            certificate["loss"][i] = loss[:-1] + ("5" if loss[-1] != "5" else "6")

    change(copies / "xor-real.json", tamper)
    answer = call(*QUICK, "xor", "perceptron", "--epochs=20", "--folder", copies)
    assert answer.code == 1
    assert f"✗ xor, real: epoch {epoch}: " in answer.out
    assert answer.out.endswith("1 of 2 reproduced.\n")


def test_tampered_test_loss_is_found(call, copies):
    change(copies / "xor-real.json", lambda certificate: certificate.update(test_loss="0.0028"))
    answer = call(*QUICK, "xor", "--folder", copies)
    assert answer.code == 1
    assert "✗ xor, real: test loss: 0.0028 is stored, 0.00280262" in answer.out


@pytest.mark.parametrize("name", ["data", "spec", "seed", "digests", "model"])
def test_tampered_recipe_is_found(call, copies, name):
    def tamper(certificate):
        if name == "seed":
            certificate["seed"] = 1
        else:
            first = next(iter(certificate[name]))
            certificate[name][first] = 99 if name == "spec" else "another"

    change(copies / "xor-real.json", tamper)
    answer = call(*QUICK, "xor", "--epochs=2", "--folder", copies)
    assert answer.code == 1
    assert f"✗ xor, real: {name} differ" in answer.out


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ({"test_loss": None}, "test loss: None is stored, "),
        ({"digits": 26}, "digits: 26 are stored, its arithmetic gives 25"),
        ({"trained": [1500]}, "trained differ: [1500] is stored, [] is computed"),
    ],
)
def test_claims_that_no_computing_bears_out_are_found(call, copies, claim, says):
    change(copies / "xor-real.json", lambda certificate: certificate.update(claim))
    answer = call(*QUICK, "xor", "--folder", copies)
    assert (answer.code, f"✗ xor, real: {says}" in answer.out) == (1, True)


def test_every_certificate_claims_what_its_arithmetic_gives():
    for file in FOLDER.glob("*.json"):
        certificate = find(*file.stem.split("-", 1))
        assert certificate.digits <= session._most_digits(certificate), file


def test_missing_and_cut_losses_are_found(call, copies):
    (copies / "circle-real.json").unlink()
    change(copies / "xor-real.json", lambda v: v.update(loss=v["loss"][:1], test_loss=None))
    answer = call(*QUICK, "xor", "circle", "--epochs=2", "--folder", copies)
    assert answer.code == 1
    assert "✗ xor, real: epoch 2: None is stored, " in answer.out
    assert "✗ circle, real: nothing is stored to check; run: lockstep certify" in answer.out


def test_certifying_again_writes_the_same_losses(call, tmp_path):
    answer = call("certify", "xor", "--folder", tmp_path / "new", "--json")
    assert answer.code == 0
    written, stored = (
        json.loads((folder / "xor-real.json").read_bytes()) for folder in (tmp_path / "new", FOLDER)
    )
    assert (written["loss"], written["test_loss"]) == (stored["loss"], stored["test_loss"])
    told = json.loads(answer.out)
    assert [each["experiment"] for each in told["trainings"]] == ["xor"]
    assert told["objections"] == []


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_computed(
    call, tmp_path, monkeypatch
):
    monkeypatch.setattr(session, "_compute", None)
    (tmp_path / "file").touch()
    for folder in ("file", "file/c", "/proc/c"):
        answer = call("certify", "xor", "--folder", tmp_path / folder)
        assert_refused(answer, f"{folder}: cannot be written to (", "choose another --folder")


def test_data_that_cannot_be_had_are_left_out_with_the_reason(call):
    answer = call("certify", "--check", "mnist_perceptron")
    assert answer.code == 0
    assert "mnist_perceptron, real: left out: " in answer.out
    assert answer.out.endswith("1 of 1 reproduced.\n")
    assert_refused(call("certify", "--check", "mnist_perceptron", "--data", "real"), "mnist")


def test_what_cannot_be_carried_out_is_refused(call, copies):
    known = certified_experiments()
    words = ["unknown certified experiment 'mnits'", "did you mean 'mnist'?", *known]
    assert_refused(call("certify", "mnits"), *words)
    assert_refused(call("certify", "xor", "--epochs=2"), "--epochs: ", "add --check")
    answer = call("certify", "--check", "xor", "--epochs=1501")
    assert_refused(answer, "--epochs 1,501: xor is certified for 1,500 epochs", "ask for no more")
    (copies / "xor-real.json").write_text('{"schema": 1, "exp')
    answer = call(*QUICK, "xor", "--folder", copies)
    remedy = f"move it away, and run: lockstep certify xor --folder {copies}"
    assert_refused(answer, "xor-real.json: is no certificate", remedy)


def test_longdouble_no_wider_than_float64_is_refused(call, monkeypatch):
    monkeypatch.setattr(np, "longdouble", np.float64)  # as on Windows, or on a Mac with Arm
    assert_refused(call(*QUICK, "xor"), "np.longdouble has 53 bits on this machine", "x86-64")


WRONG_EPSILON = """
from dataclasses import replace


def build_scratch(spec: Numbers = SPEC, good=build_scratch):
    return good(replace(spec, epsilon_hat=float32(1e-8)))
"""


def test_wrong_epsilon_is_seen_without_any_other_implementation(call, append_to_page, tmp_path):
    options = ("--with", "scratch", "--data", "stand-in", "--epochs", "2")
    honest = call("run", "churn", *options, "--out", tmp_path / "honest")
    assert honest.code == 0
    append_to_page("churn", WRONG_EPSILON)
    answer = call("run", "churn", *options, "--out", tmp_path / "wrong")
    assert answer.code == 1
    assert "✗ churn, scratch, seed 0: epoch " in answer.out
    assert "certified digits, expected 12" in " ".join(answer.out.split())


def test_wrong_certificate_of_a_program_is_an_objection_to_its_run(call, monkeypatch, tmp_path):
    options = ("--with", "scratch", "--epochs", "1", "--out")
    assert call("run", "gan", *options, tmp_path / "honest").code == 0
    stored = find("gan", "real")
    wrong = stored.model_copy(update={"loss": [f"{stored.loss[0][:12]}0e-01", *stored.loss[1:]]})
    monkeypatch.setattr("experiments.certified.score.find", lambda name, source: wrong)
    answer = call("run", "gan", *options, tmp_path / "wrong")
    assert answer.code == 1
    assert "certified digits, expected 12" in " ".join(answer.out.split())


OTHER_ACTIVATION = """
def build_scratch(spec: Numbers = SPEC, good=build_scratch):
    from scratch import Dense, ReLU, Sequential, Sigmoid

    layers = Dense(2, 4), ReLU(), Dense(4, 1), Sigmoid()
    return good(spec)._replace(network=Sequential(*layers))
"""
OTHER_RATE = """
from dataclasses import replace


SPEC = replace(SPEC, learning_rate=5.0)
for build in (build_python, build_scratch, build_keras, build_pytorch):
    build.__defaults__ = (SPEC,)
"""


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (OTHER_ACTIVATION, "the activation of the hidden layers was sigmoid, and is relu"),
        (OTHER_RATE, "learning_rate was 10.0, and is 5.0"),
    ],
    ids=["activation", "learning rate"],
)
def test_a_page_that_has_changed_is_called_so_and_not_scored(append_to_page, tmp_path, code, what):
    append_to_page("circle", code, everywhere=True)
    options = ("--with", "scratch", "--epochs", "3", "--out", "run", "--json")
    answer = lockstep("run", "circle", *options, cwd=tmp_path)
    (cell,) = json.loads(answer.out)["cells"]
    assert cell["certified"]["outdated"] == what
    assert (cell["certified"]["worst_lre"], cell["certified"]["lre"]) == (None, [])
    shown = " ".join(lockstep("report", "run", cwd=tmp_path).out.split())
    assert f"the page has changed since it was certified ({what})" in shown
    assert "certified digits, expected 12" not in shown
    checked = lockstep("certify", "--check", "circle", "--epochs", "2", cwd=tmp_path)
    assert checked.code == 1
    assert what in " ".join(checked.out.split())


def test_every_implementation_of_a_run_is_scored(toys):
    results = json.loads((toys.folder / "results.json").read_text())
    assert all(cell["certified"]["epochs"] == 500 for cell in results["cells"])
    assert all(cell["certified"]["worst_lre"] >= 12 for cell in results["cells"])
    assert "digits" in toys.answer.out
