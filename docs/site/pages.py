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
PACKAGES = ["lockstep", "frameworks", "scratch", "experiments", "datasets"]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def linked(page: str) -> set[str]:
    """Return the files of the repository that a page links to."""
    beside = (ROOT / page).parent
    targets = {(beside / link).resolve() for link in LINK.findall((ROOT / page).read_text())}
    return {t.relative_to(ROOT).as_posix() for t in targets if t.is_file()}


def reference(package: str) -> str:
    """Return the page that documents what a package exports, in the order of its imports."""
    path = ROOT / package / "__init__.py"
    tree = ast.parse((path if path.exists() else ROOT / f"{package}.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    origin = {name.name: str(node.module) for node in imports for name in node.names}
    exports = [
        name
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for name in ast.literal_eval(node.value)
    ]
    lines = [f"# {package}", "", f"::: {package}", "    options:", "      members: false"]
    lines += ["      show_root_heading: false", ""]
    for name in sorted(exports, key=lambda name: [*origin, *exports].index(name)):
        lines += [f"::: {origin.get(name, package)}.{name}", ""]
    return "\n".join(lines)


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
