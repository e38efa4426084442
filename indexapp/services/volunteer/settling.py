"""Bringing the tree to what the ledger has, in an order in which a client finds whole pages at every moment.

Files come before the pages that name them and pages before the list; what goes leaves the list, then the pages, and its bytes
last, after a while, because some client has read the page a moment ago.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Final

from indexapp.domain.export_manifest import Entry
from indexapp.domain.simple_page import FileRow, ProjectPage
from indexapp.services.static_export import forms
from indexapp.services.static_export.forms import BASE, FILES, HTML, JSON, METADATA, PROVENANCE
from indexapp.services.static_export.tree import Tree
from indexapp.services.volunteer.fetching import Brought
from indexapp.services.volunteer.ledger import MirrorLedger
from indexapp.services.volunteer.rows import GOING, THERE, KnownFile

_BATCH: Final = 200
_BESIDE: Final = ("", METADATA, PROVENANCE)


@dataclass
class Settler:
    """``serial`` is what the list in the tree says; ``grace`` seconds stay files that no page names any more."""

    tree: Tree
    ledger: MirrorLedger
    grace: float
    serial: int = 0
    written: int = 0
    removed: int = 0

    def keep(self, brought: Brought) -> None:
        """Give what was brought its place in the tree, and note it."""
        file = brought.file
        if brought.part is not None:
            self.tree.adopt(brought.part, file.path)
        values: dict[str, object] = {"held": 1} if brought.part is not None or file.held else {}
        if brought.size is not None:
            values["size"] = brought.size
        for body, ending, column in (
            (brought.metadata, METADATA, "has_metadata"),
            (brought.provenance, PROVENANCE, "has_provenance"),
        ):
            if body is not None:
                self.tree.put(f"{file.path}{ending}", body)
                values[column] = 1
        if not brought.failure:
            values |= {"done": 1, "failures": 0, "failure": ""}
        if values:
            self.ledger.set_file(file.path, **values)
        if brought.failure:
            self.ledger.file_failed(file.path, brought.failure)
        self.ledger.set_project(file.project, dirty=1)

    def settle(self) -> None:
        """Write the pages of the projects of which something is another."""
        while rows := self.ledger.unsettled(_BATCH):
            for row in rows:
                self._settle(*row)
            self.ledger.save()

    def _settle(  # noqa: PLR0917  the columns of a row
        self, name: str, status: str, reason: str, have: int | None, offered: int, page: int, chosen: int
    ) -> None:
        files = self.ledger.files_of(name, shown=True) if chosen else []
        self.ledger.forget(name)
        is_shown = bool(files) or (bool(chosen) and have is not None and offered == 0)
        if not is_shown:
            self.ledger.set_project(name, dirty=0, page=GOING if page else 0)
            if not page:
                self.ledger.strike_out(name)
            return
        about = ProjectPage(
            name=name,
            files_base=BASE,
            versions=list(dict.fromkeys(file.version for file in files)),
            status=status,
            status_reason=reason,
            last_serial=have or 0,
        )
        for path, body in forms.project_pages(about, [_line(file) for file in files]):
            self.written += forms.put_page(self.tree, self.ledger, path, body, name)
        for file in files:
            self.ledger.add(self._entries(file))
        self.ledger.set_project(name, dirty=0, page=THERE)

    def _entries(self, file: KnownFile) -> list[Entry]:
        found = [Entry(file.path, "file", file.project, file.sha256, file.size or 0)]
        if file.has_metadata and file.metadata:
            path = f"{file.path}{METADATA}"
            found.append(Entry(path, "file", file.project, file.metadata, (self.tree.root / path).stat().st_size))
        if file.has_provenance:
            path = f"{file.path}{PROVENANCE}"
            body = (self.tree.root / path).read_bytes()
            found.append(Entry(path, "file", file.project, hashlib.sha256(body).hexdigest(), len(body)))
        return found

    def publish_list(self) -> None:
        """Write the list; then the pages that it does not name any more go."""
        self.written += forms.put_list(self.tree, self.ledger, self.ledger.roots, self.serial)
        self.ledger.save()
        while names := self.ledger.going(_BATCH):
            for name in names:
                for form in (HTML, JSON):
                    self.tree.remove(f"simple/{name}/{form}")
                self.ledger.set_project(name, page=0)
                self.ledger.strike_out(name)
                self.removed += 1
            self.ledger.save()

    def let_go(self, *, at_once: bool = False) -> None:
        """Remove the bytes of files that no page has named for a while."""
        before = time.time() - (0 if at_once else self.grace)
        while paths := self.ledger.leaving(before, _BATCH):
            for path in paths:
                self._remove(path)
                self.ledger.strike_out_file(path)
            self.ledger.save()

    def give_up(self) -> None:
        """Remove the bytes for which there is no room."""
        while paths := self.ledger.over(_BATCH):
            for path in paths:
                self._remove(path)
                self.ledger.set_file(path, held=0, done=0, has_metadata=0, has_provenance=0)
            self.ledger.save()

    def _remove(self, path: str) -> None:
        for ending in reversed(_BESIDE):
            self.tree.remove(f"{path}{ending}")
        self.removed += 1


def _line(file: KnownFile) -> FileRow:
    """The file as a page of the tree has it."""
    path = file.path.removeprefix(FILES)
    return (
        file.filename,
        path,
        file.sha256,
        file.size,
        file.upload_time,
        file.requires_python,
        file.yanked,
        file.metadata if file.has_metadata else None,
        f"{BASE}{path}{PROVENANCE}" if file.has_provenance else None,
    )
