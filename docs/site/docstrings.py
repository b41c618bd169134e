"""Makes Markdown of docstrings: their doctests become blocks of code."""

import re

import griffe

# From a prompt to the next empty line, which ends the example and the output it expects.
DOCTEST = re.compile(r"^>>> .*?(?=\n[ \t]*\n|\Z)", re.MULTILINE | re.DOTALL)


class FencedDoctests(griffe.Extension):
    """Puts each doctest of a docstring between fences."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Change the docstring of one class, function, module or attribute."""
        if obj.docstring:
            found = obj.docstring.value
            obj.docstring.value = DOCTEST.sub(lambda m: f"```pycon\n{m[0]}\n```", found)
