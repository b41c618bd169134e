import re

import numpy as np
import pytest

from datasets import DataError, encode_customer, load_churn
from datasets.churn import CHURN, FEATURES
from datasets.churn_stand_in import invent_customers
from datasets.recipe import Content

MIRRORS = CHURN.mirrors  # none of them is left while a test runs

COUNTRY_AND_GENDER = {"Germany": (1, 0), "Spain": (0, 1), "France": (0, 0)}
CUSTOMER = {
    "Geography": "France",
    "CreditScore": 500,
    "Gender": "Male",
    "Age": 40,
    "Tenure": 3,
    "Balance": 50000,
    "NumOfProducts": 2,
    "HasCrCard": 1,
    "IsActiveMember": 1,
    "EstimatedSalary": 40000,
}


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """The lines of the stand-in, which has the real file's form."""
    return invent_customers().splitlines(keepends=True)


@pytest.fixture
def write(tmp_path):
    def put(content: bytes):
        path = tmp_path / "churn" / "Churn_Modelling.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return tmp_path

    return put


def test_features_are_in_the_published_order():
    assert FEATURES == (
        "Germany", "Spain", "CreditScore", "Gender", "Age", "Tenure", "Balance", "NumOfProducts",
        "HasCrCard", "IsActiveMember", "EstimatedSalary",
    )  # fmt: skip


@pytest.mark.parametrize(("country", "flags"), COUNTRY_AND_GENDER.items())
@pytest.mark.parametrize(("gender", "male"), [("Male", 1), ("Female", 0)])
def test_a_customer_is_encoded_with_france_and_female_as_zero(country, flags, gender, male):
    encoded = encode_customer(CUSTOMER | {"Geography": country, "Gender": gender})
    assert encoded.tolist() == [[*flags, 500, male, 40, 3, 50000, 2, 1, 1, 40000]]


def test_a_wrong_customer_is_told_everything_at_once():
    customer = CUSTOMER | {"Geography": "Italy", "Age": "old"}
    del customer["Tenure"]
    with pytest.raises(DataError, match="3 problems") as error:
        encode_customer(customer)
    assert "column Geography: expected France or Germany or Spain, found 'Italy'" in str(
        error.value
    )
    assert "column Age: expected a whole number from 0 to 120, found 'old'" in str(error.value)
    assert "column Tenure" in str(error.value)


def test_split_and_scaling_are_those_of_scikit_learn(write, lines):
    from sklearn.model_selection import train_test_split

    data = load_churn("real", write(b"".join(lines[:201])))
    assert data.X_train.shape == (160, 11)
    assert data.X_test.shape == (40, 11)
    raw = np.array([line.decode().strip().split(",") for line in lines[1:201]])
    train, test = train_test_split(raw, test_size=0.2, random_state=0)
    assert data.y_train.tolist() == train[:, 13].astype(int).tolist()
    age = train[:, 6].astype(float)
    scaled = (test[:, 6].astype(float) - age.mean()) / age.std()
    np.testing.assert_allclose(data.X_test[:, 4], scaled, rtol=1e-13)  # rounding of mean and std


def test_scaling_is_fitted_on_the_training_rows_only(write, lines):
    data = load_churn("real", write(b"".join(lines[:201])))
    np.testing.assert_allclose(data.X_train.mean(axis=0), 0, atol=1e-14)  # rounding of 160 terms
    np.testing.assert_allclose(data.X_train.std(axis=0), 1, rtol=1e-14)  # rounding of 160 terms
    assert abs(data.X_test.mean(axis=0)).max() > 0.01  # 40 rows never hit the mean of 160


def test_scaler_brings_a_single_customer_to_the_scale_of_the_rows(write, lines):
    folder = write(b"".join(lines[:201]))
    data = load_churn("real", folder)
    from sklearn.model_selection import train_test_split

    first = train_test_split(lines[1:201], test_size=0.2, random_state=0)[1][0]
    names = lines[0].decode().strip().split(",")
    customer = dict(zip(names, first.decode().strip().split(","), strict=True))
    scaled = data.scaler.transform(encode_customer(customer))
    np.testing.assert_array_equal(scaled[0], data.X_test[0])


@pytest.mark.parametrize("policy", ["auto", "real"])
def test_a_broken_file_is_an_error_with_path_lines_and_remedy(write, lines, policy):
    folder = write(b"".join([*lines[:50], lines[50].replace(b"Invented,", b"Invented,x")]))
    with pytest.raises(DataError, match="line 51: column CreditScore: expected a whole") as error:
        load_churn(policy, folder)
    assert str(error.value).startswith(f"{folder / 'churn' / 'Churn_Modelling.csv'}: 1 problem\n")
    assert "Kaggle" in str(error.value).splitlines()[-1]


def test_an_edited_file_is_used_and_its_checksum_is_in_the_note(write, lines):
    data = load_churn("auto", write(b"".join(lines[:201])))
    assert (data.source, data.canonical) == ("real", False)
    assert f"not the canonical content: churn/Churn_Modelling.csv has SHA-256 {data.sha256}" in (
        data.note
    )


def test_crlf_is_folded_before_the_checksum(write, lines):
    text = b"".join(lines[:201])
    unix = load_churn("real", write(text))
    dos = load_churn("real", write(text.replace(b"\n", b"\r\n")))
    assert dos.sha256 == unix.sha256
    np.testing.assert_array_equal(dos.X_train, unix.X_train)


def test_too_few_rows_to_train_on_are_refused(write, lines):
    left = next(line for line in lines if line.endswith(b",1\n"))
    stayed = next(line for line in lines if line.endswith(b",0\n"))
    with pytest.raises(DataError, match="2 rows are too few: all 1 training rows have Exited ="):
        load_churn("real", write(lines[0] + left + stayed))


def test_stand_in_has_the_real_files_columns_ranges_and_balance(lines):
    assert lines[0].decode().strip() == (
        "RowNumber,CustomerId,Surname,CreditScore,Geography,Gender,Age,Tenure,Balance,"
        "NumOfProducts,HasCrCard,IsActiveMember,EstimatedSalary,Exited"
    )
    data = load_churn("stand-in")
    assert data.X_train.shape == (8000, 11)
    assert data.X_test.shape == (2000, 11)
    left = np.concatenate([data.y_train, data.y_test]).mean()
    assert 0.19 < left < 0.22  # one fifth, as in the real file
    fields = [line.decode().split(",") for line in lines[1:]]
    for at, low, high in [(3, 350, 850), (6, 18, 92), (7, 0, 10), (9, 1, 4), (12, 0, 200_000)]:
        values = [float(row[at]) for row in fields]
        assert low <= min(values) < max(values) <= high
    assert {row[9] for row in fields} == set("1234")


def test_stand_in_is_the_same_everywhere():
    assert load_churn("stand-in").sha256 == (
        "54cb26cf3af8427c6b97bf7db84564c12fb9e738dd6cc4328645f729bbb432b6"
    )


def test_stand_in_holds_a_signal_that_a_small_network_learns():
    from sklearn.neural_network import MLPClassifier

    data = load_churn("stand-in")
    network = MLPClassifier((6, 6), batch_size=100, max_iter=300, tol=1e-3, random_state=0)
    accuracy = network.fit(data.X_train, data.y_train).score(data.X_test, data.y_test)
    assert 0.83 < accuracy < 0.90  # the majority class is 0.79, the noise in the labels is real


def test_real_churn_gives_the_published_test_set(real_folder):
    data = load_churn("real", real_folder)
    assert data.canonical
    assert np.bincount(data.y_test).tolist() == [1595, 405]
    assert data.X_train.shape == (8000, 11)
    np.testing.assert_allclose(data.X_train.mean(axis=0), 0, atol=1e-14)  # rounding of 8,000 terms
    np.testing.assert_allclose(data.X_train.std(axis=0), 1, rtol=1e-12)  # rounding of 8,000 terms


def test_the_public_mirror_names_one_commit_and_one_file():
    (mirror,) = MIRRORS
    address = r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/Churn_Modelling\.csv"
    assert re.fullmatch(address, mirror.url(CHURN.files[0]))


def test_the_public_mirror_pins_the_canonical_file_with_crlf(real_folder):
    (mirror,), (file,) = MIRRORS, CHURN.files
    unix = (real_folder / "churn" / "Churn_Modelling.csv").read_bytes().replace(b"\r\n", b"\n")
    dos = unix.replace(b"\n", b"\r\n")
    mirror.check(dos, file)
    assert Content(CHURN.unwrap(dos, file)).sha256 == file.sha256
    with pytest.raises(DataError, match="received ee2a5c9d8daf"):
        mirror.check(unix, file)


def test_stand_in_holds_no_real_customer(real_folder, lines):
    real = (real_folder / "churn" / "Churn_Modelling.csv").read_bytes().splitlines()

    def known(rows):
        return {b",".join(row.strip().split(b",")[3:13]) for row in rows}

    assert not known(real) & known(lines[1:])
