"""What `lockstep run` says of its data before it trains."""

from dataclasses import replace

from experiments.harness.cli.data_lines import data_lines
from experiments.harness.plan import DataUsed, plan
from experiments.harness.request import Request

XOR = DataUsed("xor", "real", True, "computed", "xor: computed from its definition")
CHURN = DataUsed(
    "churn", "stand-in", False, "10,000 invented customers", "churn: invented, because it rains"
)
DIGITS = DataUsed(
    "mnist",
    "stand-in",
    False,
    "enlarged digits",
    "mnist: enlarged, because https://files.example/mnist.gz: 404",
)
EDITED = DataUsed("mnist", "real", False, "mnist/", "mnist: not the canonical content")


def test_all_data_share_one_line():
    (line,) = data_lines([XOR, CHURN, DIGITS], "stand-in")
    assert line == "data: real for xor; stand-ins for churn and mnist"


def test_a_stand_in_nobody_asked_for_is_explained_with_the_way_to_the_real_data():
    said = [" ".join(each.split()) for each in data_lines([XOR, CHURN, DIGITS], "auto")]
    line, what, why, how = said
    assert line == "data: real for xor; stand-ins for churn and mnist"
    assert "10,000 invented customers for churn and enlarged digits for mnist" in what
    assert "accuracies are not those of the real data" in what
    assert why == "They are used because it rains; files.example: 404."
    assert "`lockstep data fetch`" in how
    assert "LOCKSTEP_DATA" in how


def test_training_rows_that_are_tested_on_are_said_to_be():
    same = replace(XOR, tests_on_training_rows=True)
    assert list(data_lines([same, CHURN], "stand-in"))[1:] == [
        "  tested on the rows that they are trained on: xor"
    ]
    assert [each.tests_on_training_rows for each in plan(Request(("xor", "diabetes"))).data] == [
        True,
        False,
    ]


def test_real_data_need_no_explanation_unless_they_were_edited():
    assert list(data_lines([XOR], "auto")) == ["data: real for xor"]
    assert list(data_lines([EDITED], "auto"))[1:] == [EDITED.note]
    in_two_lines = replace(EDITED, note=EDITED.note.replace(" ", "\n"))
    assert list(data_lines([in_two_lines], "auto"))[1:] == [EDITED.note]


def test_every_line_fits_the_terminal():
    lines = "\n".join(data_lines([XOR, CHURN, DIGITS], "auto", 60)).split("\n")
    assert max(map(len, lines)) <= 60


def test_experiments_on_the_same_data_name_them_once(tmp_path):
    request = Request(("mnist", "mnist_perceptron"), ("scratch",), policy="stand-in", out=tmp_path)
    assert [each.name for each in plan(request).data] == ["mnist"]
