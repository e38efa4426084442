"""Project pages, made once per change and kept as bytes.

After a change of a long page only what the change log names is read, rendered and compressed anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from indexapp.domain.change_kinds import OF_A_RELEASE
from indexapp.domain.content_encoding import ContentCoding
from indexapp.domain.etags import etag_in_coding
from indexapp.domain.policy.batch import FOREVER
from indexapp.domain.policy.rules import Screening
from indexapp.domain.simple_page import HTML_FORM, JSON_FORM, PageForm, ProjectPage
from indexapp.domain.versions import parse_version, version_sort_key
from indexapp.models import Project
from indexapp.services.policies import books
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.policies.gate import Screen, Side
from indexapp.services.serving import merged_pages, ownership, page_rows
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
    """The watermark's serial at which this was last found true; ``policy`` is its number of that name."""
    resolution: int
    """That of the index, likewise."""
    policy: int = 0
    floor: int = 0
    """See :class:`ServedIndex`."""
    screening: Screening | None = None
    beside: Found | None = None
    """The mirror's project whose files the page has too, because somebody said so; ``screening_beside`` is for those."""
    screening_beside: Screening | None = None
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

    @property
    def is_public(self) -> bool:
        """Whether everybody may read all that is on it."""
        return self.member.anonymous_read and (self.beside is None or self.beside.member.anonymous_read)

    def sides(self) -> list[Side]:
        """All that stands on the page, read now, ours first; nothing of a project in quarantine."""
        both = [(self.pk, self.status, self.screening)]
        if self.beside is not None:
            both.append((self.beside.place.pk, self.beside.place.status, self.screening_beside))
        return [
            Side(screening, page_rows.read_all(pk, self.serial), HostedDetails(pk, self.normalized_name))
            for pk, status, screening in both
            if status != Project.Status.QUARANTINED
        ]


class Found(NamedTuple):
    """Where a name was found, and in which member."""

    place: Place
    member: ServedIndex


_Key = tuple[int, str, bool]
_pages: OrderedDict[_Key, ServedProject] = OrderedDict()
_missing: dict[_Key, tuple[Watermark, int]] = {}
_lock = Lock()
_kept_bytes = 0


def find(
    index: ServedIndex, normalized_name: str, watermark: Watermark, *, is_alone: bool = False
) -> ServedProject | None:
    """The project that ``index`` resolves the name to; no query while nothing was published since the last look.

    In a group the first member that has the name decides, and no other member is looked at; hosted ones come before mirrors.
    Where the group merges the name, the first mirror's project stands beside a hosted one, unless that ``is_alone``.
    """
    key = (index.pk, normalized_name, is_alone)
    page = _pages.get(key)
    if page is not None and _is_true(page, index, watermark):
        page.was_asked = True
        return page
    if page is None and _missing.get(key) == (watermark, index.resolution):
        return None
    new = resolve(index, normalized_name, watermark, is_alone=is_alone)
    with _lock:
        if new is None:
            _drop_locked(key)
            _note_missing_locked(key, watermark, index)
            return None
        _missing.pop(key, None)
        page = _pages.get(key)
        if page is not None and _state(page) == _state(new) and page.valid_until > time.time():
            page.checked_at, page.resolution, page.policy = new.checked_at, new.resolution, new.policy
            page.was_asked = True
            return page
        return _replace_locked(key, new)


def resolve(
    index: ServedIndex, normalized_name: str, watermark: Watermark, *, is_alone: bool = False
) -> ServedProject | None:
    """As :func:`find`, asked of the database and not remembered: for who looks at every name once."""
    found = _found(index, normalized_name)
    if not found:
        return None
    beside = None if is_alone else _beside(index, normalized_name, found)
    return _served(index, normalized_name, found[0], beside, watermark)


def _is_true(page: ServedProject, index: ServedIndex, watermark: Watermark) -> bool:
    now = (watermark.serial, index.resolution, watermark.policy)
    return (page.checked_at, page.resolution, page.policy) == now and page.valid_until > time.time()


def _note_missing_locked(key: _Key, watermark: Watermark, index: ServedIndex) -> None:
    """A name that is not there costs as little as one that is, so that the time of a refusal does not tell which it was."""
    if len(_missing) >= _MOST_MISSING:
        _missing.clear()
    _missing[key] = (watermark, index.resolution)


def _found(index: ServedIndex, normalized_name: str) -> list[Found]:
    """The members that have the name, in order; mirrors only where the name is not one of ours, or is merged."""
    members = {member.pk: member for member in index.members}
    order = list(members)
    owners = {owner for mirror in index.mirrors for owner in (mirror.terms.owners if mirror.terms else ())}
    places, held = page_rows.claims(order, sorted(owners), normalized_name)
    found = [
        Found(place, members[place.index_id]) for place in sorted(places, key=lambda row: order.index(row.index_id))
    ]
    if normalized_name in index.merged:
        return found
    return [
        one for one in found if not (one.member.terms and ownership.is_ours(one.member.terms, normalized_name, held))
    ]


def _beside(index: ServedIndex, normalized_name: str, found: list[Found]) -> Found | None:
    if normalized_name not in index.merged or found[0].member.is_mirror:
        return None
    return next((one for one in found if one.member.is_mirror), None)


def _served(index: ServedIndex, name: str, first: Found, beside: Found | None, watermark: Watermark) -> ServedProject:
    place, member = first
    return ServedProject(
        place.pk,
        name,
        member,
        max(place.serial, index.floor, beside.place.serial if beside else 0),
        place.status,
        watermark.serial,
        index.resolution,
        watermark.policy,
        index.floor,
        books.screening(index, member, name, watermark),
        beside,
        books.screening(index, beside.member, name, watermark) if beside else None,
    )


def _state(page: ServedProject) -> tuple[object, ...]:
    place = page.beside.place if page.beside else None
    return (page.pk, page.serial, page.member, place, page.screening, page.screening_beside)


def _replace_locked(key: _Key, page: ServedProject) -> ServedProject:
    before = _pages.get(key)
    _drop_locked(key)
    if before is not None and _is_of_same_projects(before, page) and before.valid_until > time.time():
        page.texts, page.valid_until = dict(before.texts), before.valid_until
    _pages[key] = page
    _weigh_locked(page)
    return page


def _is_of_same_projects(one: ServedProject, other: ServedProject) -> bool:
    """Whether the texts of one are a beginning for those of the other: of the same projects, held against the same rules."""
    beside = (one.beside.place.pk if one.beside else None) == (other.beside.place.pk if other.beside else None)
    rules = (one.screening, one.screening_beside) == (other.screening, other.screening_beside)
    return beside and rules and (one.pk, one.member) == (other.pk, other.member)


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
    beside = page_rows.state(page.beside.place.pk) if page.beside else None
    serial = max(project.serial, page.floor, beside.serial if beside else 0)
    about = ProjectPage(
        name=page.normalized_name,
        files_base=files_base,
        versions=(),
        status=project.status,
        status_reason=project.status_reason,
        last_serial=serial,
    )
    old = page.texts.get(kind)
    if old is not None and old.serial == serial:
        return old
    maker = PageMaker(_FORMS[kind], about)
    attested = _attested_below(files_base, page.normalized_name)
    if page.beside is not None:
        theirs = page.beside.place.pk if beside and beside.status != Project.Status.QUARANTINED else None
        return _merged(page, maker, theirs, serial, attested)
    keys = _changed_releases(page, old, project.serial) if old is not None and len(old.pieces) > 1 else None
    screen = Screen(page.screening, HostedDetails(page.pk, page.normalized_name))
    if old is None or keys is None:
        text = maker.make(screen.shown(page_rows.read_all(page.pk, project.serial, attested)))
    else:
        read = partial(page_rows.read_stretch, page.pk, project.serial, attested=attested)
        text = maker.remake(old, keys, lambda after, upto: screen.shown(read(after, upto)))
    page.valid_until = min(page.valid_until, screen.until)
    return text


def _merged(page: ServedProject, maker: PageMaker, theirs: int | None, serial: int, attested: str) -> PageText:
    """The files of both projects, each held against the rules that concern it."""
    screen = Screen(page.screening, HostedDetails(page.pk, page.normalized_name))
    own = screen.shown(page_rows.read_all(page.pk, serial, attested))
    if theirs is not None:
        other = Screen(page.screening_beside, HostedDetails(theirs, page.normalized_name))
        own = merged_pages.merge(own, other.shown(page_rows.read_all(theirs, serial, attested)))
        page.valid_until = min(page.valid_until, other.until)
    page.valid_until = min(page.valid_until, screen.until)
    return maker.make(own)


def _attested_below(files_base: str, name: str) -> str:
    """Where the provenance objects of the project are; with scheme and host, as PEP 740 wants it, where they are known."""
    public = urlsplit(settings.TPI_URL or "")
    origin = f"{public.scheme}://{public.netloc}" if public.netloc else ""
    return f"{origin}{files_base.removesuffix('files/')}integrity/{name}/"


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


def _drop_locked(key: _Key) -> None:
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
