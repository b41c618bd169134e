"""Text from files, servers and names, without what a terminal would interpret."""

import re

# C0, DEL and C1, which make up terminal commands, and lone surrogates, which UTF-8 cannot encode.
# Line feeds and tabs stay.
_CONTROLS = [*range(32), *range(127, 160), *range(0xD800, 0xE000)]
_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_ESCAPED = {code: ascii(chr(code))[1:-1] for code in _CONTROLS if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    r"""Return a text with its control characters escaped.

    >>> print(printable("\x1b[31mred\x07"))
    \x1b[31mred\x07
    """
    return text if text.isprintable() else text.translate(_ESCAPED)


def without_password(text: str) -> str:
    """Return a text without the names and passwords that are in its URLs.

    >>> without_password("https://me:secret@mirror.example/data, http://a/@b")
    'https://mirror.example/data, http://a/@b'
    """
    return _USER.sub("", text)
