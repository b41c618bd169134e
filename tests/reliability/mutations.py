"""Ways in which files are damaged: one or a few of them, drawn at random, on real content."""

import random

# Sizes and counts that parsers trip over, as bytes of both orders.
_EDGES = [
    n.to_bytes(4, order) for n in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF) for order in ("big", "little")
]
_EDGES += [bytes([b]) for b in (0, 1, 0x7F, 0x80, 0xFF)] + [b"\xff" * 8, b"NaN", b"1e999", b"-1"]
_EDGES += [
    b'"',
    b"\n",
    b",",
    b"\x00",
    b"\x1b[31m",
    b"\xed\xa0\x80",
    b"[[[[",
    b"{",
    b"\\u0000",
    b"null",
]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return the content with one to four kinds of damage."""
    for _ in range(rng.randint(1, 4)):
        content = rng.choice(_DAMAGES)(content, rng)
    return content


def _flip(content, rng):
    if not content:
        return content
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def _overwrite(content, rng):
    at, edge = rng.randint(0, len(content)), rng.choice(_EDGES)
    return content[:at] + edge + content[at + len(edge) :]


def _overwrite_head(content, rng):
    """Where sizes and counts are declared."""
    at, edge = rng.randint(0, min(64, len(content))), rng.choice(_EDGES)
    return content[:at] + edge + content[at + len(edge) :]


def _insert(content, rng):
    at = rng.randint(0, len(content))
    return content[:at] + rng.choice(_EDGES) + content[at:]


def _truncate(content, rng):
    return content[: rng.randint(0, len(content))]


def _remove(content, rng):
    start, end = sorted(rng.randint(0, len(content)) for _ in range(2))
    return content[:start] + content[min(end, start + 50) :]


def _repeat(content, rng):
    start, end = sorted(rng.randint(0, len(content)) for _ in range(2))
    piece = content[start : min(end, start + 50)]
    return content[:start] + piece * rng.randint(2, 5) + content[start:]


def _swap(content, rng):
    middle = rng.randint(0, len(content))
    return content[middle:] + content[:middle]


def _garbage(content, rng):
    at = rng.randint(0, len(content))
    return content[:at] + rng.randbytes(rng.randint(1, 16)) + content[at:]


_DAMAGES = (_flip, _flip, _overwrite, _overwrite_head, _insert, _truncate, _remove, _repeat, _swap)
_DAMAGES += (_garbage,)

_VALUES = [None, True, 0, -1, 0.5, 1e308, -1e308, 1e-320, 2**53, 2**63, 10**400, float("nan")]
_VALUES += [float("inf"), "", "x", "1", "../../../etc/passwd", "\x1b[2J", "\ud800", "[red]", "<b>"]
_VALUES += ["\x00", "a" * 5000, [], {}, [0], [[]], [None, None], {"x": 1}, [1, 2], ["a", "b"]]


def damaged_value(value, rng: random.Random):
    """Return a value of JSON's types with one place of it removed, replaced or repeated."""
    if rng.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return rng.choice(_VALUES)
    if isinstance(value, dict):
        name, how = rng.choice(list(value)), rng.random()
        if how < 0.1:
            return {key: item for key, item in value.items() if key != name}
        if how < 0.15:
            return value | {rng.choice(["", "x", "../x", "\x1b]0;", "mode"]): rng.choice(_VALUES)}
        return value | {name: damaged_value(value[name], rng)}
    at, how = rng.randrange(len(value)), rng.random()
    if how < 0.1:
        return value[:at] + value[at + 1 :]
    if how < 0.2:
        return value[:at] + [value[at]] + value[at:]
    return [*value[:at], damaged_value(value[at], rng), *value[at + 1 :]]
