import ast

import pytest

from .operators import mutants


def changes(source):
    return [mutant.change for mutant, _, _ in mutants("file.py", source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a < b → a <= b", "a < b → a >= b"]),
        ("x = a * b", ["a * b → a / b", "a * b → a"]),
        ("x = 3", ["3 → 4", "3 → 2"]),
        ("x = 0.5", ["0.5 → 1.0"]),
        ("x = not a", ["not a → a"]),
        ("x = a[n:]", ["a[n:] → a[n + 1:]", "a[n:] → a[n:-1]"]),
        (
            "x = np.exp(a, out=a)",
            ["np.exp(a, out=a) → np.expm1(a, out=a)", "np.exp(a, out=a) → np.exp(a)"],
        ),
        ("def f(n=1): pass", ["1 → 2", "1 → 0"]),
        ("a.b = c", ["a.b = c → pass"]),
    ],
)
def test_each_kind_of_change_is_made(source, expected):
    assert [
        change for change in changes(source) if "pass" not in change or "pass" in expected[0]
    ] == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 1."""',
        "__all__ = ['a']",
        "def __repr__(self): return 1",
        "def f(a: int | None) -> dict[str, 1]: pass",
        "Order = Callable[[int], float]",
        "Border = Literal['same'] | int | Pair",
        "if __name__ == '__main__': main()",
        "@dataclass(frozen=True)\nclass A: pass",
        "x = work.take",
    ],
)
def test_what_no_test_has_to_notice_is_left_alone(source):
    assert changes(source) == []


def test_an_error_may_be_left_out_its_text_is_left_alone():
    assert changes("raise ValueError(f'{n} is not 1')") == [
        "raise ValueError(f'{n} is not 1') → pass"
    ]


def test_tree_holds_one_change_at_a_time_and_none_at_the_end():
    source = "x = a + 1\ny = b - 2"
    trees = [ast.unparse(tree) for _, _, tree in mutants("file.py", source)]
    assert trees[0] == "x = a - 1\ny = b - 2"
    assert all(sum(map(str.__ne__, tree.split("\n"), source.split("\n"))) == 1 for tree in trees)


def test_equal_changes_on_equal_lines_are_told_apart():
    found = [mutant for mutant, _, _ in mutants("file.py", "x += 1\nx += 1")]
    assert len(set(found)) == len(found)
