"""Writing an index into a folder, from which any web server serves it.

What a page names is there before the page is, and what is taken out leaves the list, the pages and the files in this order:
so a client finds, at every moment and whatever dies, pages of which every file can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts.domain.actors import Actor
from accounts.permissions import require_operator
from accounts.services import audit
from indexapp.domain import export_manifest
from indexapp.domain.export_manifest import Entry, Head, ManifestUnreadable
from indexapp.domain.policy.name_patterns import project_patterns
from indexapp.models import Blob, Index
from indexapp.services.serving import index_map, project_pages, root_lists, watermarks
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from indexapp.services.static_export import choosing, forms, project_files, tree
from indexapp.services.static_export.ledger import Ledger
from indexapp.services.static_export.project_files import Content, Exported
from indexapp.services.static_export.tree import MANIFEST, Kept, Tree
from indexapp.storage import BlobDamaged, KeyMissing, default_storage
from tpi_site.kit.errors import Conflict, Invalid, NotFound

_TOLD: Final = 20
"""Names of lacking contents that are told."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is exported, and where to.

    ``projects`` are patterns of names, none for all.  ``since`` a serial (or :data:`choosing.LAST`) only what changed is
    looked at.  With ``is_quick`` what is there with the right size is believed; with ``deletes`` goes what is no more.
    """

    index: str
    folder: Path
    projects: tuple[str, ...] = ()
    since: int | None = None
    deletes: bool = False
    is_quick: bool = False
    twin: Path | None = None
    progress: Progress = field(default=lambda _done, _all: None)


@dataclass(slots=True)
class Summary:
    """What there is now, and what was done: ``lacking`` contents could not be read, of which ``examples`` are some."""

    index: str
    serial: int
    projects: int = 0
    files: int = 0
    bytes: int = 0
    pages: int = 0
    copied: int = 0
    copied_bytes: int = 0
    linked: int = 0
    written_pages: int = 0
    removed: int = 0
    lacking: int = 0
    examples: list[str] = field(default_factory=list)
    manifest_sha256: str = ""


def export(*, actor: Actor, wish: Wish) -> Summary:
    """Write the tree, and write down who did it.

    Raises Refusal, StorageUnavailable, KeyMissing where this node lacks a key, and OSError where the folder cannot be
    written; what was written by then stays, and the next run goes on there.
    """
    require_operator(actor, "export an index")
    watermark = watermarks.read()
    index = index_map.read(watermark).by_name.get(wish.index)
    if index is None:
        raise NotFound(f"There is no index named '{wish.index[:80]}'.", code="index-unknown")
    _require_place(wish)
    with tree.opened(wish.folder, is_quick=wish.is_quick, twin=wish.twin) as opened, closing(Ledger()) as ledger:
        summary = _Run(opened, ledger, index, watermark, wish).run()
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="index.export",
            subject=Index.objects.filter(pk=index.pk).first(),
            folder=str(wish.folder),
            projects=list(wish.projects),
            serial=summary.serial,
            files=summary.files,
            lacking=summary.lacking,
            removed=summary.removed,
            manifest_sha256=summary.manifest_sha256,
        )
    return summary


def _require_place(wish: Wish) -> None:
    folder, own = wish.folder.resolve(), Path(settings.TPI_DATA_DIR).resolve()
    if folder == own or own in folder.parents or folder in own.parents:
        raise Invalid(
            "An export must not lie in the data folder, nor around it; give another one.", code="export-place"
        )
    if wish.twin is not None and (not wish.twin.is_dir() or wish.twin.resolve() == folder):
        raise Invalid(f"There is no other export at {wish.twin}.", code="export-place")


@dataclass
class _Run:
    """One export while it is made."""

    tree: Tree
    ledger: Ledger
    index: ServedIndex
    watermark: Watermark
    wish: Wish
    summary: Summary = field(init=False)

    def run(self) -> Summary:
        """Files and their pages, project by project; then the list, what is no more, and the manifest."""
        patterns = project_patterns(self.wish.projects)
        head = Head(
            index=self.index.name,
            serial=self.watermark.serial,
            projects=tuple(pattern.text for pattern in patterns),
            composition=choosing.composition(self.index),
        )
        self.summary = Summary(self.index.name, head.serial)
        before = self._begin(head)
        only = choosing.touched_since(self.wish.since, self.index, self.watermark, before, head)
        if only is not None:
            self._learn()
        self._write_projects(choosing.names(self.index, patterns, only), len(only) if only is not None else None)
        self._write_list()
        if self.wish.deletes:
            self.summary.removed = self.tree.remove_all_but(self.ledger.has)
        self._write_manifest(head)
        return self._counted()

    def _begin(self, head: Head) -> Head:
        """What the folder had; a first run leaves its mark before it writes anything else."""
        root = self.tree.root
        if tree.is_foreign(root):
            raise Conflict(
                f"There is something in {root} that no export has written; give an empty folder.", code="export-place"
            )
        if not (root / MANIFEST).exists():
            self.tree.put_lines(MANIFEST, lambda: export_manifest.lines(Head(index=head.index), (), ()))
            return Head(index=head.index)
        try:
            with (root / MANIFEST).open("rb") as file:
                before = export_manifest.read(file)[0]
        except ManifestUnreadable as error:
            raise Invalid(f"The {MANIFEST} in {root} cannot be read: {error}.", code="export-place") from None
        if before.index != head.index:
            raise Conflict(
                f"{root} has an export of the index '{before.index}'; give another folder.", code="export-place"
            )
        return before

    def _learn(self) -> None:
        """What the last run had, of which only a part is looked at."""
        try:
            with (self.tree.root / MANIFEST).open("rb") as file:
                self.ledger.add(export_manifest.read(file)[1])
        except ManifestUnreadable as error:
            raise Invalid(
                f"The {MANIFEST} in {self.tree.root} cannot be read: {error}; export without --since-serial.",
                code="export-place",
            ) from None

    def _write_projects(self, names: Iterator[str], number: int | None) -> None:
        every = choosing.number(self.index) if number is None else number
        done = 0
        for done, name in enumerate(names, start=1):
            self.ledger.forget(name)
            page = project_pages.resolve(self.index, name, self.watermark)
            exported = project_files.read(page) if page is not None else None
            if exported is not None and not exported.is_lacking:
                self._write_project(exported)
            self.wish.progress(done, max(done, every))
        self.wish.progress(done, done)

    def _write_project(self, exported: Exported) -> None:
        missing = set()
        for content in exported.contents:
            if content.beside not in missing and self._keep(content):
                self.ledger.add([Entry(content.path, "file", exported.name, content.sha256, content.size)])
            else:
                missing.add(content.path)
        for path, body in exported.pages(missing):
            self.summary.written_pages += forms.put_page(self.tree, self.ledger, path, body, exported.name)

    def _keep(self, content: Content) -> bool:
        """Whether the tree has the content now; one that lies elsewhere by now, or was deleted, is no damage."""
        for read in (content.read, partial(_read_now, content.sha256)):
            try:
                kept = self.tree.keep(content.path, content.sha256, content.size, read)
            except KeyMissing:
                raise
            except (FileNotFoundError, BlobDamaged):
                continue
            self._count(kept, content)
            return True
        if Blob.objects.filter(sha256=content.sha256).exists():
            self.summary.lacking += 1
            if len(self.summary.examples) < _TOLD:
                self.summary.examples.append(content.path)
        return False

    def _count(self, kept: Kept, content: Content) -> None:
        if kept is Kept.COPIED:
            self.summary.copied += 1
            self.summary.copied_bytes += content.size
        self.summary.linked += kept is Kept.LINKED

    def _write_list(self) -> None:
        """The names that the index lists and the tree has."""
        serial, rows = root_lists.listed(self.index, self.watermark)
        found = sorted((row for row in rows if self.ledger.has_project(row[1])), key=itemgetter(1))
        self.summary.written_pages += forms.put_list(self.tree, self.ledger, lambda: found, serial)

    def _write_manifest(self, head: Head) -> None:
        self.summary.manifest_sha256 = forms.put_manifest(self.tree, self.ledger, head)

    def _counted(self) -> Summary:
        files, size = self.ledger.count("file")
        return replace(
            self.summary,
            projects=self.ledger.projects(),
            files=files,
            bytes=size,
            pages=self.ledger.count("page")[0],
        )


def _read_now(sha256: str) -> Iterator[bytes]:
    """The content where it lies at this moment, which may be elsewhere than a moment ago."""
    blob = Blob.objects.filter(sha256=sha256).first()
    if blob is None:
        raise FileNotFoundError(sha256)
    return default_storage().read(blob.place)
