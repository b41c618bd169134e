"""An HTML page as its reader gets it: elements, and the words in them."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects elements with their attributes, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._text: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""
        self._text.append(" " * (tag in ("td", "th", "li")))

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._text).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def alternatives(self) -> list[str]:
        """The words that stand for pictures."""
        pictures = [*self.all("svg"), *self.all("img")]
        return [p.get("aria-label") or p.get("alt") or "" for p in pictures]
