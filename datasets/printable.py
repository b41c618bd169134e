"""Text from a file, a server or a name, without what a terminal would act on."""

# C0, DEL and C1, of which terminals' commands are made, and halves of characters, which UTF-8
# does not have. Line feeds and tabs stay.
_CONTROLS = [*range(32), *range(127, 160), *range(0xD800, 0xE000)]
_ESCAPED = {code: ascii(chr(code))[1:-1] for code in _CONTROLS if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    r"""Return a text with control characters spelled out.

    >>> print(printable("\x1b[31mred\x07"))
    \x1b[31mred\x07
    """
    return text if text.isprintable() else text.translate(_ESCAPED)
