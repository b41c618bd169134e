import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import DataError
from datasets.churn_table import read_churn

HEADER = (
    "RowNumber,CustomerId,Surname,CreditScore,Geography,Gender,Age,Tenure,Balance,"
    "NumOfProducts,HasCrCard,IsActiveMember,EstimatedSalary,Exited"
)
ANNA = "1,100,Anna,619,France,Female,42,2,0,1,1,1,101348.88,1"
BERT = "2,101,Bert,608,Spain,Male,41,1,83807.86,1,0,1,112542.58,0"
GOOD = f"{HEADER}\n{ANNA}\n{BERT}\n"


def message_for(text: str | bytes) -> str:
    with pytest.raises(DataError) as error:
        read_churn(text if isinstance(text, bytes) else text.encode())
    return str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        GOOD.replace("Anna", '"O\'Hara, Anna"'),
        GOOD.replace("608", "608.0"),
        GOOD.rstrip(),
    ],
)
def test_harmless_variants_give_the_same_table(text):
    table = read_churn(text.encode())
    assert table["CreditScore"].tolist() == [619, 608]
    assert table["Geography"].tolist() == ["France", "Spain"]
    assert table["Exited"].tolist() == [1, 0]


@pytest.mark.parametrize("byte_order_mark", ["", "\ufeff"])
def test_columns_that_are_not_used_may_be_absent(byte_order_mark):
    text = byte_order_mark + "\n".join(line.split(",", 3)[3] for line in GOOD.splitlines())
    assert len(read_churn(text.encode())) == 2


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("619", "", "line 2: column CreditScore: expected a whole number from 0 to 1000, found ''"),
        ("619", "NaN", "column CreditScore: expected a whole number from 0 to 1000, found 'NaN'"),
        ("619", "619.5", "found '619.5'"),
        ("619", "many", "found 'many'"),
        ("619", "-1", "found '-1'"),
        ("France", "Italy", "column Geography: expected France or Germany or Spain, found 'Italy'"),
        ("France", "france", "found 'france'"),
        ("Female", "", "line 2: column Gender: expected Female or Male, found ''"),
        (
            "83807.86",
            "inf",
            "line 3: column Balance: expected a number from 0 to 1e+12, found 'inf'",
        ),
        (",42,", ",421,", "column Age: expected a whole number from 0 to 120, found '421'"),
        ("101348.88,1", "101348.88,2", "line 2: column Exited: expected 0 or 1, found '2'"),
        ("Anna,", "Anna,,", "line 2: expected 14 fields, found 15"),
        ("Bert,", "", "line 3: expected 14 fields, found 13"),
    ],
)
def test_a_wrong_value_is_named_with_line_column_and_expectation(old, new, found):
    assert found in message_for(GOOD.replace(old, new))


def test_problems_of_every_kind_are_reported_together_by_line():
    text = f"{HEADER}\n<<<<<<< HEAD\n{ANNA}\n=======\n{ANNA},\n{BERT.replace('Spain', 'Italy')}\n"
    text += f">>>>>>> theirs\n{BERT.replace('Male', '').replace('41', 'x')}\n"
    lines = message_for(text).splitlines()
    assert lines[0] == "7 problems"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "line 2", "line 4", "line 5", "line 6", "line 7", "line 8", "line 8",
    ]  # fmt: skip
    assert "a version-control conflict marker: <<<<<<< HEAD" in lines[1]


def test_only_ten_problems_are_shown_and_the_others_counted():
    rows = [ANNA.replace("France", "Atlantis")] * 1234
    lines = message_for("\n".join([HEADER, *rows, BERT])).splitlines()
    assert lines[0] == "1,234 problems"
    assert len(lines) == 12
    assert lines[1].startswith("  line 2: column Geography")
    assert lines[-1] == "  and 1,224 more"


def test_missing_and_repeated_columns_are_named():
    text = GOOD.replace("Tenure", "Age").replace("Exited", "Left")
    message = message_for(text)
    assert "line 1: column names: expected once each: Age, Tenure, Exited; found RowN" in message


def test_another_delimiter_shows_in_the_names_that_were_found():
    message = message_for(GOOD.replace(",", ";"))
    assert "expected once each: Geography, Gender, CreditScore" in message
    assert "found RowNumber;CustomerId" in message


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (HEADER.encode() + b"\n", "found none below the column names"),
        (f"{HEADER}\n{ANNA}\n{ANNA}\n".encode(), "expected both 0 and 1, found only 1"),
        (GOOD.replace("Bert", "Zoë").encode("latin-1"), "line 3: expected UTF-8, found byte 0xeb"),
        (GOOD.encode("utf-16"), "line 1: expected UTF-8, found byte 0xff"),
        (GOOD.replace("Anna", '"Anna').encode() + b"x" * 200_000, "not CSV (field larger than"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(content, found):
    assert found in message_for(content)


@given(st.data())
def test_damaged_bytes_are_refused_or_read(data):
    content = bytearray(GOOD.encode())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[at] = data.draw(st.integers(0, 255))
    try:
        table = read_churn(bytes(content))
    except DataError:
        return
    assert table.drop(columns=["Geography", "Gender"]).notna().all(axis=None)
