"""Project pages, rendered once per change and kept as bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from django.conf import settings
from django.db import connection

from indexapp.domain.content_encoding import ContentCoding, encode
from indexapp.domain.etags import make_etag
from indexapp.domain.simple_page import ProjectPage, render_html, render_json
from indexapp.models import Project, Release
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import NotFound

DocumentKind = Literal["json", "html"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document's bytes in one content coding, with their entity tag."""

    etag: str
    body: bytes


@dataclass(slots=True)
class ServedProject:
    """A project as one index serves it, with the documents made of it so far."""

    pk: int
    normalized_name: str
    member: ServedIndex
    serial: int
    status: str
    checked_at: int
    """The watermark's serial at which this was last found true."""
    documents: dict[tuple[DocumentKind, ContentCoding], Rendered] = field(default_factory=dict)
    size: int = 0
    is_kept: bool = True


_pages: OrderedDict[tuple[int, str], ServedProject] = OrderedDict()
_lock = Lock()
_kept_bytes = 0


def find(index: ServedIndex, normalized_name: str, watermark: Watermark) -> ServedProject | None:
    """The project that ``index`` resolves the name to; no query while nothing was published since the last look.

    In a group the first member that has the name decides, and no other member is looked at.
    """
    key = (index.pk, normalized_name)
    page = _pages.get(key)
    if page is not None and page.checked_at == watermark.serial:
        return page
    row = _row(index, normalized_name)
    if row is None:
        _drop(key)
        return None
    if page is not None and (page.pk, page.serial, page.member) == (row["id"], row["last_serial"], row["member"]):
        page.checked_at = watermark.serial
        return page
    page = ServedProject(row["id"], normalized_name, row["member"], row["last_serial"], row["status"], watermark.serial)
    _keep(key, page)
    return page


def _row(index: ServedIndex, normalized_name: str) -> dict[str, Any] | None:
    members = {member.pk: place for place, member in enumerate(index.members)}
    rows = Project.objects.filter(index_id__in=list(members), normalized_name=normalized_name).values(
        "id", "index_id", "last_serial", "status"
    )
    first = min(rows, key=lambda row: members[row["index_id"]], default=None)
    return first and {**first, "member": index.members[members[first["index_id"]]]}


def document(page: ServedProject, *, kind: DocumentKind, coding: ContentCoding, files_base: str) -> Rendered:
    """The page as ``kind`` in ``coding``; ``files_base`` must be the same for each call with the same page."""
    rendered = page.documents.get((kind, coding))
    if rendered is not None:
        return rendered
    plain = page.documents.get((kind, "identity")) or _render(page, kind, files_base)
    rendered = plain
    if coding != "identity":
        body = encode(plain.body, coding)
        rendered = Rendered(f'{plain.etag[:-1]}-{coding}"', body)
    _add(page, kind, "identity", plain)
    _add(page, kind, coding, rendered)
    return rendered


def _render(page: ServedProject, kind: DocumentKind, files_base: str) -> Rendered:
    project = Project.objects.filter(pk=page.pk).first()
    if project is None:
        raise NotFound("The project was deleted a moment ago.")
    about = ProjectPage(
        name=page.normalized_name,
        files_base=files_base,
        versions=_versions(page.pk),
        status=project.status,
        status_reason=project.status_reason,
        last_serial=project.last_serial,
    )
    body = (render_json if kind == "json" else render_html)(about, file_rows(page.pk))
    return Rendered(make_etag(body), body)


def _versions(project_id: int) -> list[str]:
    """The versions that have files, in their order."""
    releases = Release.objects.filter(project_id=project_id, files__isnull=False)
    return list(releases.order_by("sort_key").distinct().values_list("version", flat=True))


_UPLOAD_TIME = {
    # Whole seconds are stored there without a fraction.
    "sqlite": "substr(replace(f.uploaded_at, ' ', 'T') || '.000000', 1, 26) || 'Z'",
    "postgresql": "to_char(f.uploaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
}


def file_rows(project_id: int) -> list[Any]:
    """The files of a project as the renderers want them, by version and file name; one query, no objects."""
    sql = f"""
        SELECT f.filename,
               substr(f.sha256, 1, 2) || '/' || substr(f.sha256, 3, 2) || '/' || substr(f.sha256, 5) || '/' || f.filename,
               f.sha256, f.size, {_UPLOAD_TIME[connection.vendor]}, NULLIF(f.requires_python, ''),
               CASE WHEN f.is_yanked OR r.is_yanked THEN COALESCE(NULLIF(f.yank_reason, ''), r.yank_reason) END,
               NULLIF(f.metadata_sha256, ''), NULL
          FROM indexapp_file f JOIN indexapp_release r ON r.id = f.release_id
         WHERE f.project_id = %s ORDER BY r.sort_key, f.filename
    """  # noqa: S608  the inserted text is one of the two constants above
    with connection.cursor() as cursor:
        cursor.execute(sql, [project_id])
        rows: list[Any] = cursor.fetchall()
        return rows


def _keep(key: tuple[int, str], page: ServedProject) -> None:
    with _lock:
        _drop_locked(key)
        _pages[key] = page


def _drop(key: tuple[int, str]) -> None:
    with _lock:
        _drop_locked(key)


def _drop_locked(key: tuple[int, str]) -> None:
    global _kept_bytes  # noqa: PLW0603  the sum of what is kept, under the lock
    old = _pages.pop(key, None)
    if old is not None:
        _kept_bytes -= old.size
        old.is_kept = False


def _add(page: ServedProject, kind: DocumentKind, coding: ContentCoding, rendered: Rendered) -> None:
    """Keep a document; the oldest pages leave when the memory that settings allow is used up."""
    global _kept_bytes  # noqa: PLW0603  as above
    with _lock:
        if not page.is_kept or (kind, coding) in page.documents:
            return
        page.documents[kind, coding] = rendered
        page.size += len(rendered.body)
        _kept_bytes += len(rendered.body)
        while _pages and _kept_bytes > settings.TPI_PAGE_CACHE_MB * 2**20:
            _drop_locked(next(iter(_pages)))


def forget_all() -> None:
    """Empty this process's memory of pages."""
    global _kept_bytes  # noqa: PLW0603  as above
    with _lock:
        _pages.clear()
        _kept_bytes = 0
