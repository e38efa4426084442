"""The list of an index's projects, rendered once per change and kept as bytes for those who may read all of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Max, OuterRef, Subquery

from accounts.domain.actors import Actor
from indexapp.domain.content_encoding import ContentCoding, encode
from indexapp.domain.etags import etag_in_coding, make_etag
from indexapp.domain.policy.batch import FOREVER
from indexapp.domain.simple_root import ProjectRow, render_html, render_json
from indexapp.models import Change, Index, Project
from indexapp.models.querysets import ProjectQuerySet
from indexapp.services.policies import hiding
from indexapp.services.serving import ownership, replica
from indexapp.services.serving.index_map import MirrorTerms, ServedIndex
from indexapp.services.serving.project_pages import DocumentKind, Rendered
from indexapp.services.serving.watermarks import Watermark

ListedProject = tuple[str, str, int, int, int]
"""Name, normalised name, last serial, the index that holds it, and id."""


@dataclass(slots=True)
class ServedList:
    """The list of one index at one serial, with the documents made of it so far."""

    serial: int
    checked_at: int
    access: int
    policy: int = 0
    valid_until: float = FOREVER
    """When a file may be hidden no longer, or an exception ends."""
    documents: dict[tuple[DocumentKind, ContentCoding], Rendered] = field(default_factory=dict)
    making: Lock = field(default_factory=Lock)
    """Held while a document is made: of many who ask at once for a changed list one makes it."""


_lists: dict[int, ServedList] = {}
_lock = Lock()


def whole(index: ServedIndex, watermark: Watermark) -> ServedList:
    """The list for readers of the whole index; one query when something was published anywhere."""
    served = _lists.get(index.pk)
    if served is not None and served.valid_until > time.time() and served.policy == watermark.policy:
        if (served.access, served.checked_at) == watermark[:2]:
            return served
    else:
        served = None
    serial = serial_of(index)
    with _lock:
        served = _lists.get(index.pk)
        stands = served is not None and served.policy == watermark.policy and served.valid_until > time.time()
        if served is None or not stands or (served.serial, served.access) != (serial, watermark.access):
            served = ServedList(serial, watermark.serial, watermark.access, watermark.policy)
            _lists[index.pk] = served
        served.checked_at = watermark.serial
        return served


def serial_of(index: ServedIndex) -> int:
    """The last change of any member, or of an index that owns names which a mirror leaves out, or of a group's composition.

    It never decreases.  One look into the log's index for each, however long the log is.
    """
    changes = Change.objects.filter(index_name=OuterRef("name")).order_by("-serial")
    owners = {owner for mirror in index.mirrors for owner in (mirror.terms.owners if mirror.terms else ())}
    members = Index.objects.filter(pk__in=owners.union(member.pk for member in index.members))
    last: int | None = members.aggregate(last=Max(Subquery(changes.values("serial")[:1])))["last"]
    return max(last or 0, index.floor)


def document(served: ServedList, index: ServedIndex, *, kind: DocumentKind, coding: ContentCoding) -> Rendered:
    """The whole list as ``kind`` in ``coding``."""
    rendered = served.documents.get((kind, coding))
    if rendered is not None:
        return rendered
    with served.making:
        if (kind, coding) not in served.documents:
            plain = served.documents.get((kind, "identity")) or _make(index, served, kind)
            served.documents[kind, "identity"] = plain
            served.documents[kind, coding] = in_coding(plain, coding)
        return served.documents[kind, coding]


def _make(index: ServedIndex, served: ServedList, kind: DocumentKind) -> Rendered:
    rows, until = _listed(index, served.serial, Watermark(served.access, served.checked_at, served.policy))
    served.valid_until = min(served.valid_until, until)
    return render(rows, kind, served.serial)


def _listed(index: ServedIndex, serial: int, watermark: Watermark) -> tuple[list[ProjectRow], float]:
    rows = replica.read(serial, lambda alias: _rows(index, None, alias))
    hidden = hiding.hidden_in(index, watermark)
    return [row[:3] for row in rows if row[4] not in hidden.ids], hidden.until


def listed(index: ServedIndex, watermark: Watermark) -> tuple[int, list[ProjectRow]]:
    """The serial and the rows of the whole list."""
    serial = serial_of(index)
    return serial, _listed(index, serial, watermark)[0]


def visible(
    index: ServedIndex, actor: Actor, watermark: Watermark, *, kind: DocumentKind, coding: ContentCoding
) -> tuple[int, Rendered]:
    """The serial and the list of what ``actor`` may see, made for this one reader; 0 where that is nothing.

    The serial is the whole list's: that of the newest project they see would decrease when that project goes.
    """
    serial = serial_of(index)
    found, hidden = _rows(index, actor), hiding.hidden_in(index, watermark).ids
    rows = [row[:3] for row in found if row[4] not in hidden]
    return serial if found else 0, in_coding(render(rows, kind, serial), coding)


def render(rows: list[ProjectRow], kind: DocumentKind, serial: int) -> Rendered:
    """The document of these rows."""
    body = (render_json if kind == "json" else render_html)(rows, last_serial=serial)
    return Rendered(make_etag(body), body)


def in_coding(plain: Rendered, coding: ContentCoding) -> Rendered:
    """The same document in a content coding, with an entity tag of its own."""
    if coding == "identity":
        return plain
    return Rendered(etag_in_coding(plain.etag, coding), encode(plain.body, coding))


def _rows(index: ServedIndex, actor: Actor | None, alias: str = DEFAULT_DB_ALIAS) -> list[ListedProject]:
    """Name, normalised name, serial, index and id of each project, of the first member that has it; None is for all of them.

    Quarantined projects stay off the list, as on PyPI; their pages remain.
    """
    places = {member.pk: place for place, member in enumerate(index.members)}
    projects = Project.objects.using(alias).filter(index_id__in=list(places))
    listed = projects if actor is None else projects.visible_to(actor)
    if index.mirrors:
        projects = ownership.decided(projects, index, by_prefix=False)
        listed = ownership.decided(listed, index, by_prefix=False)
    owners = _owners(projects, places) if len(places) > 1 else None
    rows = listed.exclude(status=Project.Status.QUARANTINED).values_list(
        "name", "normalized_name", "last_serial", "index_id", "pk"
    )
    found = [row for row in rows.order_by() if owners is None or owners[row[1]] == row[3]]
    if index.is_group:
        found = [(name, key, max(serial, index.floor), member, pk) for name, key, serial, member, pk in found]
    terms = {mirror.pk: mirror.terms for mirror in index.mirrors if mirror.terms}
    return [row for row in found if row[3] not in terms or not is_left_out(index, terms[row[3]], row[1])]


def is_left_out(index: ServedIndex, terms: MirrorTerms, name: str) -> bool:
    """Whether a mirror's project of this name is on no list, because the name is reserved for ours."""
    return name not in index.merged and ownership.is_reserved(terms, name)


def _owners(projects: ProjectQuerySet, places: dict[int, int]) -> dict[str, int]:
    """Which member decides about each name, whoever may see it."""
    owners: dict[str, int] = {}
    for name, member in projects.order_by().values_list("normalized_name", "index_id"):
        if name not in owners or places[member] < places[owners[name]]:
            owners[name] = member
    return owners


def forget_all() -> None:
    """Empty this process's memory of lists."""
    with _lock:
        _lists.clear()
