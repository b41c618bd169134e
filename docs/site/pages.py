"""Gathers the site's pages: the repository's Markdown, where it lies, and the API reference.

mkdocs calls the hooks below. Every page keeps its path, so that the links between pages are those
that a reader of the repository follows. A source file that a page links to comes along, and so
does the report of a run, from `runs/site`.
"""

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md"]
PAGES += ["scratch/**/README.md", "examples/**/README.md"]
PACKAGES = ["lockstep", "frameworks", "frameworks.recordings", "frameworks.pytorch.hooks"]
PACKAGES += ["scratch", "experiments", "experiments.certified"]
PACKAGES += ["experiments.harness.experiment", "datasets"]
DEFINITIONS = (ast.ClassDef, ast.FunctionDef)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def linked(page: str) -> set[str]:
    """Return the files of the repository that a page links to."""
    beside = (ROOT / page).parent
    targets = {(beside / link).resolve() for link in LINK.findall((ROOT / page).read_text())}
    return {t.relative_to(ROOT).as_posix() for t in targets if t.is_file()}


def reference(package: str) -> str:
    """Return the page that documents what a package or module exports, in the order of its code."""
    path = ROOT / package.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    origin = {name.name: str(node.module) for node in imports for name in node.names}
    defined = [str(node.name) for node in tree.body if isinstance(node, DEFINITIONS)]
    order = [*origin, *defined]
    lines = [f"# {package}", "", f"::: {package}", "    options:", "      members: false"]
    lines += ["      show_root_heading: false", ""]
    exports = sorted(exported(tree), key=lambda name: [*order, name].index(name))
    for name in exports:
        lines += [f"::: {origin.get(name, package)}.{name}", ""]
    return "\n".join(lines)


def exported(tree: ast.Module) -> list[str]:
    """Return the names in `__all__`, those in its tuples included."""
    lists = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    parts = [part for each in lists for part in ast.walk(each)]
    return [part.value for part in parts if isinstance(part, ast.Constant)]


def on_config(config: MkDocsConfig) -> None:
    """Let the search of pages that are opened as files do without a network."""
    config.extra["polyfills"] = ["worker.js"]  # the theme's own would come from one


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> None:
    """Add the repository's pages, what they link to, the API reference and a run's report."""
    pages = {path.relative_to(ROOT).as_posix() for pattern in PAGES for path in ROOT.glob(pattern)}
    for path in sorted(pages.union(*map(linked, pages))):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    report = str(ROOT / "runs/site/report.html")
    files.append(File.generated(config, "report.html", abs_src_path=report))
    for package in PACKAGES:
        files.append(File.generated(config, f"api/{package}.md", content=reference(package)))
