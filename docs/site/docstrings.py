"""Makes Markdown of docstrings: doctests become blocks of code, and lists stay lists."""

import re

import griffe

# From a prompt to the next empty line, which ends the example and the output it expects.
DOCTEST = re.compile(r"^>>> .*?(?=\n[ \t]*\n|\Z)", re.MULTILINE | re.DOTALL)
# Lines as in "name : what it is", one after the other; a longer one goes on indented.
FIELDS = re.compile(r"(?:^[\w, ]+ : .+\n?(?:^ +.+\n?)*){2,}", re.MULTILINE)
FIELD = re.compile(r"^([\w, ]+) : ", re.MULTILINE)
# A list below a line of text, for which Markdown asks an empty line between the two.
LIST = re.compile(r"(^(?!- |  ).+\n)(?=- )", re.MULTILINE)
SECTION = re.compile(r"^-{3,}$", re.MULTILINE)  # in these, fields are the parser's


class Markdown(griffe.Extension):
    """Puts doctests between fences, and makes a list of what is written as one."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Change the docstring of one class, function, module or attribute."""
        if not obj.docstring:
            return
        text = DOCTEST.sub(lambda m: f"```pycon\n{m[0]}\n```", obj.docstring.value)
        if not SECTION.search(text):
            text = FIELDS.sub(lambda m: FIELD.sub(r"- `\1`: ", m[0]), text)
        obj.docstring.value = LIST.sub(r"\1\n", text)
