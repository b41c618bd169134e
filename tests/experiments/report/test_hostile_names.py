"""No name and no value in a run is trusted: none becomes markup, none is followed."""

from dataclasses import replace

import pytest

from datasets import Classes
from experiments.registry import find_experiment

from .made_up import FULL, cell, data_of, failed, html
from .reading import Page

CORPUS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "$\\frac{1}{2}$",
    "<!-- <b>",
    "&lt;b&gt;&amp;",
    "_starts_with_an_underscore",
    "数字 ☃ \u202e",
    "../../../etc/passwd",
]
OURS = {"svg", "g", "path", "use", "defs", "clippath", "rect", "circle", "image", "text", "tspan"}
OURS |= {"lineargradient", "stop", "html", "head", "meta", "title", "link", "style", "body", "a"}
OURS |= {"header", "p", "h1", "h2", "h3", "h4", "ul", "li", "strong", "nav", "main", "section"}
OURS |= {"table", "thead", "tbody", "tr", "th", "td", "caption", "aside", "span", "div", "figure"}
OURS |= {"figcaption", "code", "dl", "dt", "dd", "footer", "script", "img"}
OURS |= {"details", "summary", "wbr"}
OURS |= {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt"}
OURS |= {"msub", "msup", "msubsup", "munder", "mover", "munderover"}


def check(text: str, name: str) -> Page:
    """Check that there are only our elements, that none acts, and that the name can be read."""
    page = Page(text)
    assert {tag for tag, _ in page.elements} <= OURS
    assert len(page.all("script")) == 1
    for _, attributes in page.elements:
        assert not [attribute for attribute in attributes if attribute.startswith("on")]
        for link in ("href", "src", "xlink:href"):
            assert (attributes.get(link) or "#")[:5] in ("#", "data:") or attributes[link][0] == "#"
    assert " ".join(name.split()) in page.text
    return page


def hostile_run(name: str, **options):
    """Return cells that bear the name wherever a record has one."""
    cells = [cell("circle", implementation, **options) for implementation in ("scratch", "keras")]
    for i, (record, _) in enumerate(cells):
        record |= {"experiment": name, "key": f"cell{i}-float64-seed{record['seed']}-a"}
        record["implementation"] += name
        record["data"] = {"name": name, "source": name, "sha256": name}
        record["spec"] |= {name: name}
        record["environment"] |= {"processor": name, "versions": {name: name}}
    return cells


@pytest.mark.parametrize("name", CORPUS)
def test_names_of_experiments_implementations_and_data_are_words(tmp_path, name):
    cells = hostile_run(name, epochs=1)
    for _, arrays in cells:
        del arrays["grid_axes"]  # pictures are in the next test
    check(html(tmp_path, cells), f"scratch{name}")


def test_names_in_pictures_are_words(tmp_path):
    name = " ".join(CORPUS)
    cells = hostile_run(name) + hostile_run(name, seed=1)
    page = check(html(tmp_path, cells), f"scratch{name}")
    named = [words for words in page.alternatives() if name in words]
    assert len(named) == 7  # loss, accuracy, differences, three on the plane, several seeds


@pytest.mark.parametrize("name", CORPUS)
def test_errors_are_words(tmp_path, name):
    cells = [cell("xor", "scratch", epochs=1), failed("xor", "pytorch", name)]
    check(html(tmp_path, cells), f"failed: {name}")


@pytest.mark.parametrize("experiment", ["xor", "circle", "mnist"])
def test_names_of_classes_and_columns_are_words(tmp_path, monkeypatch, experiment):
    data, name = data_of(experiment), " ".join(CORPUS)
    columns = tuple(f"{column}{name}" for column in data.feature_names)
    classes = tuple(f"{each}{name}" for each in data.class_names)
    hostile = replace(data, feature_names=columns, targets=Classes(classes))
    cells = [cell(experiment, implementation, epochs=1) for implementation in FULL]
    page = replace(find_experiment(experiment), load=lambda *_: hostile)
    monkeypatch.setattr(f"experiments.{experiment}.EXPERIMENT", page)
    check(html(tmp_path, cells), classes[0])
