"""Project pages, made once per change and kept as bytes.

After a change of a long page only what the change log names is read, rendered and compressed anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from django.conf import settings

from indexapp.domain.change_kinds import OF_A_RELEASE
from indexapp.domain.content_encoding import ContentCoding
from indexapp.domain.etags import etag_in_coding
from indexapp.domain.policy.batch import FOREVER
from indexapp.domain.policy.rules import Screening
from indexapp.domain.simple_page import HTML_FORM, JSON_FORM, PageForm, ProjectPage
from indexapp.domain.versions import parse_version, version_sort_key
from indexapp.services.policies import books
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.policies.gate import Screen
from indexapp.services.serving import page_rows
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.page_rows import Place
from indexapp.services.serving.page_texts import PageMaker, PageText, in_coding
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import Invalid, NotFound

DocumentKind = Literal["json", "html"]
_FORMS: dict[DocumentKind, PageForm] = {"json": JSON_FORM, "html": HTML_FORM}
_MOST_CHANGES = 50
_MOST_MISSING = 10_000
_OVERHEAD = 2048
"""Bytes that a page costs beside its texts; also one of which nobody asked a document yet."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document's bytes in one content coding, with their entity tag."""

    etag: str
    body: bytes


@dataclass(slots=True)
class ServedProject:
    """A project as one index serves it at one serial, with the documents made of it so far."""

    pk: int
    normalized_name: str
    member: ServedIndex
    serial: int
    status: str
    checked_at: int
    """The watermark's serial at which this was last found true, and ``policy`` its number of that name."""
    policy: int = 0
    screening: Screening | None = None
    valid_until: float = FOREVER
    """When the page may change by time alone: a file is old enough, or an exception ends."""
    texts: dict[DocumentKind, PageText] = field(default_factory=dict)
    """Perhaps of an earlier serial, to make those of this one from."""
    documents: dict[tuple[DocumentKind, ContentCoding], Rendered] = field(default_factory=dict)
    making: Lock = field(default_factory=Lock)
    """Held while a document is made: of many who ask at once for a changed page one makes it."""
    weight: int = 0
    is_kept: bool = True
    was_asked: bool = False
    """Since it came, or since it was last spared."""


_Found = tuple[Place, ServedIndex]
_pages: OrderedDict[tuple[int, str], ServedProject] = OrderedDict()
_missing: dict[tuple[int, str], Watermark] = {}
_lock = Lock()
_kept_bytes = 0


def find(index: ServedIndex, normalized_name: str, watermark: Watermark) -> ServedProject | None:
    """The project that ``index`` resolves the name to; no query while nothing was published since the last look.

    In a group the first member that has the name decides, and no other member is looked at.
    """
    key = (index.pk, normalized_name)
    page = _pages.get(key)
    if page is not None and (page.checked_at, page.policy) == watermark[1:] and page.valid_until > time.time():
        page.was_asked = True
        return page
    if page is None and _missing.get(key) == watermark:
        return None
    row = _row(index, normalized_name)
    screening = books.screening(index, row[1], normalized_name, watermark) if row else None
    with _lock:
        page = _pages.get(key)
        if row is None:
            _drop_locked(key)
            _note_missing_locked(key, watermark)
            return None
        _missing.pop(key, None)
        if page is not None and _is_same(page, row) and _is_screened_by(page, screening):
            page.checked_at, page.policy = watermark.serial, watermark.policy
            page.was_asked = True
            return page
        return _replace_locked(key, row, watermark, screening)


def _is_same(page: ServedProject, row: _Found) -> bool:
    return (page.pk, page.serial, page.member) == (row[0].pk, row[0].serial, row[1])


def _is_screened_by(page: ServedProject, screening: Screening | None) -> bool:
    """Whether what the page's texts leave out is what ``screening`` would leave out at this moment."""
    return page.screening == screening and page.valid_until > time.time()


def _note_missing_locked(key: tuple[int, str], watermark: Watermark) -> None:
    """A name that is not there costs as little as one that is, so that the time of a refusal does not tell which it was."""
    if len(_missing) >= _MOST_MISSING:
        _missing.clear()
    _missing[key] = watermark


def _row(index: ServedIndex, normalized_name: str) -> _Found | None:
    members = {member.pk: member for member in index.members}
    order = list(members)
    found = page_rows.places(order, normalized_name)
    first = min(found, key=lambda place: order.index(place.index_id), default=None)
    return (first, members[first.index_id]) if first else None


def _replace_locked(
    key: tuple[int, str], row: _Found, watermark: Watermark, screening: Screening | None
) -> ServedProject:
    before = _pages.get(key)
    place, member = row
    is_same = before is not None and (before.pk, before.member) == (place.pk, member)
    _drop_locked(key)
    page = ServedProject(place.pk, key[1], member, place.serial, place.status, watermark.serial, watermark.policy)
    page.screening = screening
    if before is not None and is_same and _is_screened_by(before, screening):
        page.texts, page.valid_until = dict(before.texts), before.valid_until
    _pages[key] = page
    _weigh_locked(page)
    return page


def document(page: ServedProject, *, kind: DocumentKind, coding: ContentCoding, files_base: str) -> Rendered:
    """The page as ``kind`` in ``coding``; ``files_base`` must be the same for each call with the same page."""
    rendered = page.documents.get((kind, coding))
    if rendered is not None:
        return rendered
    with page.making:
        rendered = page.documents.get((kind, coding))
        if rendered is None:
            rendered = page.documents[kind, coding] = _make(page, kind, coding, files_base)
            _weigh(page)
    return rendered


def _make(page: ServedProject, kind: DocumentKind, coding: ContentCoding, files_base: str) -> Rendered:
    plain = page.documents.get((kind, "identity"))
    if plain is None:
        text = page.texts[kind] = _text(page, kind, files_base)
        plain = page.documents[kind, "identity"] = Rendered(text.etag, text.body)
    if coding == "identity":
        return plain
    return Rendered(etag_in_coding(plain.etag, coding), in_coding(page.texts[kind], _FORMS[kind], coding))


def _text(page: ServedProject, kind: DocumentKind, files_base: str) -> PageText:
    """The text as the database has it now; read the project first, so that its serial is never too high."""
    project = page_rows.state(page.pk)
    if project is None:
        raise NotFound("The project was deleted a moment ago.")
    about = ProjectPage(
        name=page.normalized_name,
        files_base=files_base,
        versions=(),
        status=project.status,
        status_reason=project.status_reason,
        last_serial=project.serial,
    )
    old = page.texts.get(kind)
    if old is not None and old.serial == project.serial:
        return old
    maker = PageMaker(_FORMS[kind], about)
    keys = _changed_releases(page, old, project.serial) if old is not None and len(old.pieces) > 1 else None
    screen = Screen(page.screening, HostedDetails(page.pk, page.normalized_name))
    if old is None or keys is None:
        text = maker.make(screen.shown(page_rows.read_all(page.pk, project.serial)))
    else:
        text = maker.remake(
            old, keys, lambda after, upto: screen.shown(page_rows.read_stretch(page.pk, project.serial, after, upto))
        )
    page.valid_until = min(page.valid_until, screen.until)
    return text


def _changed_releases(page: ServedProject, old: PageText, serial: int) -> set[str] | None:
    """The sort keys of the releases that changed since ``old``; None when the log tells of more, or of other things."""
    changes = page_rows.logged(page.member.name, page.normalized_name, after=old.serial, most=_MOST_CHANGES + 1)
    if not changes or len(changes) > _MOST_CHANGES or changes[-1][0] < serial:
        return None
    if not all(kind in OF_A_RELEASE for _, kind, _ in changes):
        return None
    try:
        return {version_sort_key(parse_version(version)) for _, _, version in changes}
    except Invalid:
        return None


def _drop_locked(key: tuple[int, str]) -> None:
    global _kept_bytes  # noqa: PLW0603  the sum of what is kept, under the lock
    old = _pages.pop(key, None)
    if old is not None:
        _kept_bytes -= old.weight
        old.is_kept = False


def _weigh(page: ServedProject) -> None:
    with _lock:
        _weigh_locked(page)


def _weigh_locked(page: ServedProject) -> None:
    """Count what the page has come to hold; when the memory that settings allow is used up, pages leave.

    The oldest first, but those that were asked for again are spared once each time: a crawler that reads every page does
    not drive out those that people install from.
    """
    global _kept_bytes  # noqa: PLW0603  as above
    if not page.is_kept:
        return
    # Lists, made at once: another thread may just be adding the document that it made.
    texts = sum(text.size for text in list(page.texts.values()))
    coded = sum(len(each.body) for (_, coding), each in list(page.documents.items()) if coding != "identity")
    weight = _OVERHEAD + texts + coded
    _kept_bytes += weight - page.weight
    page.weight = weight
    while _pages and _kept_bytes > settings.TPI_PAGE_CACHE_MB * 2**20:
        key, oldest = next(iter(_pages.items()))
        if oldest.was_asked and oldest is not page:
            oldest.was_asked = False
            _pages.move_to_end(key)
        else:
            _drop_locked(key)


def forget_all() -> None:
    """Empty this process's memory of pages."""
    global _kept_bytes  # noqa: PLW0603  as above
    with _lock:
        _pages.clear()
        _missing.clear()
        _kept_bytes = 0
