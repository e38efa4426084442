"""What a tree has in which form and where: the pages of projects, the list of them, and the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from indexapp.domain import export_manifest
from indexapp.domain.export_manifest import Entry, Head
from indexapp.domain.simple_page import HTML_FORM, JSON_FORM, FileRow, ProjectPage
from indexapp.domain.simple_root import ProjectRow, html_pieces, json_pieces
from indexapp.services.static_export.ledger import Ledger
from indexapp.services.static_export.tree import MANIFEST, Tree

FILES: Final = "files/"
BASE: Final = f"../../{FILES}"
"""Where the files are, as a project's page says it: the tree may lie at any address."""
METADATA: Final = ".metadata"
PROVENANCE: Final = ".provenance"
HTML: Final = "index.html"
JSON: Final = "index.v1+json"


def project_pages(about: ProjectPage, rows: list[FileRow]) -> Iterator[tuple[str, bytes]]:
    """The pages of a project by their paths."""
    for filename, form in ((HTML, HTML_FORM), (JSON, JSON_FORM)):
        yield f"simple/{about.name}/{filename}", form.render(about, rows)


def put_page(tree: Tree, ledger: Ledger, path: str, body: bytes, project: str) -> bool:
    """Have a page in the tree, and note it; whether anything had to be written."""
    is_new = tree.put(path, body)
    ledger.add([Entry(path, "page", project, hashlib.sha256(body).hexdigest(), len(body))])
    return is_new


def put_list(tree: Tree, ledger: Ledger, rows: Callable[[], Iterable[ProjectRow]], serial: int) -> int:
    """Have the list of projects in the tree; how many of its two forms had to be written.

    ``rows`` gives the projects by their normalised names, each time that it is called.
    """
    written = 0
    for filename, pieces in ((HTML, html_pieces), (JSON, json_pieces)):
        path = f"simple/{filename}"
        is_new, sha256 = tree.put_lines(path, lambda: pieces(rows(), last_serial=serial))  # noqa: B023  at once
        ledger.add([Entry(path, "page", "", sha256, (tree.root / path).stat().st_size)])
        written += is_new
    return written


def put_manifest(tree: Tree, ledger: Ledger, head: Head) -> str:
    """Have the manifest in the tree; its SHA-256."""
    return tree.put_lines(MANIFEST, lambda: export_manifest.lines(head, ledger.all("file"), ledger.all("page")))[1]
