"""Asking for a prefetch, and ending one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit, nodes
from indexapp import permissions
from indexapp.domain.locks import reading
from indexapp.domain.locks.reading import SourceKind
from indexapp.domain.locks.targets import Target, targets_of
from indexapp.domain.locks.wanted import MOST_BYTES, ListInvalid, Reading
from indexapp.models import File, Index, PrefetchItem, PrefetchJob
from indexapp.services.mirrors import bringing
from indexapp.services.prefetch import resolving
from indexapp.services.serving import index_map, ownership, watermarks
from indexapp.services.serving.index_map import ServedIndex
from tpi_site.kit import queue
from tpi_site.kit.errors import Conflict, Invalid, Refusal

JOB = "indexapp.tasks.run_prefetch"
MAY_KNOW = "may_know"
"""In an item's requirement: whether who began the prefetch may learn that the name is ours."""
DEFAULT_PYTHONS = ("3.11", "3.12", "3.13")
DEFAULT_PLATFORMS = ("linux-x86_64",)
_MOST_AT_ONCE = 20
_BATCH = 500
_LONGEST_NAME = 200
_LONGEST_NOTE = 300
_MOST_NOTES = 200


@dataclass(frozen=True, slots=True)
class Request:
    """A list by its file's name and text, and the machines that it is for.

    ``kind`` is needed where the name does not say it.  ``pins`` keeps what is brought when a mirror has no room any more.
    """

    filename: str
    text: str
    pythons: Sequence[str] = DEFAULT_PYTHONS
    platforms: Sequence[str] = DEFAULT_PLATFORMS
    with_sdists: bool = False
    kind: SourceKind | None = None
    pins: bool = False

    def read(self) -> tuple[SourceKind, Reading]:
        """What the list asks for; raises :class:`Invalid`."""
        kind = self.kind or reading.kind_of(self.filename)
        return kind, reading.read(kind, self.text)

    def targets(self) -> list[Target]:
        """Every Python on every platform; raises :class:`Invalid`."""
        return targets_of(list(self.pythons), list(self.platforms))


def as_text(content: bytes) -> str:
    """The text of a list that came as bytes; raises :class:`ListInvalid`."""
    if len(content) > MOST_BYTES:
        raise ListInvalid(f"The list has more than {MOST_BYTES // 2**20} MiB; divide it.", code="list-too-large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListInvalid("The list is not text in UTF-8.") from None


def require_may_prefetch(actor: Actor, index: Index) -> ServedIndex:
    """The index as it is served, for who administers it, and with a group all of its mirrors; it must have one.

    What is fetched takes room in the mirrors, and asks their upstreams.
    """
    permissions.require(actor, Verb.ADMINISTER, index)
    known = index_map.read(watermarks.read())
    served = known.by_pk.get(index.pk)
    if served is None or not served.mirrors:
        raise Invalid(
            f"The index '{index.name}' fetches from no upstream; name a mirror, or a group that has one.",
            code="prefetch-no-mirror",
        )
    for mirror in served.mirrors:
        permissions.require(actor, Verb.ADMINISTER, known.rows[mirror.pk])
    return served


def begin(*, actor: Actor, index: Index, request: Request) -> PrefetchJob:
    """Let the job cluster fetch what the list asks for; answers the job, whose row and items tell how it goes."""
    served = require_may_prefetch(actor, index)
    kind, read = request.read()
    targets = request.targets()
    told = _told(actor, served, read)
    if request.pins:
        nodes.require_all_know("indexapp", "0019_hold_cursor")
    with transaction.atomic():
        _require_room(index)
        job = PrefetchJob.objects.create(
            index=index,
            kind=kind.value,
            name=_name(request.filename or kind.value),
            targets=[[target.python, target.platform] for target in targets],
            with_sdists=request.with_sdists,
            is_pinning=request.pins,
            notes=[note[:_LONGEST_NOTE] for note in read.notes[:_MOST_NOTES]],
            total=len(read.wanted),
            created_by=actor.display_name[:150],
        )
        PrefetchItem.objects.bulk_create(
            [
                PrefetchItem(job=job, wanted={**wanted.as_json(), MAY_KNOW: wanted.name in told}, project=wanted.name)
                for wanted in read.wanted
            ],
            batch_size=_BATCH,
        )
        audit.record(
            actor=actor,
            action="prefetch.begin",
            subject=index,
            job=job.pk,
            kind=kind.value,
            name=job.name,
            wanted=len(read.wanted),
            pins=request.pins,
            targets=[str(target) for target in targets],
        )
        queue.enqueue(JOB, job.pk, name="prefetch")
    return job


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be done about a requirement, or about a file that meets it; ``reason`` says why not more."""

    word: str
    name: str
    reason: str = ""
    file: File | None = None


def look_ahead(actor: Actor, index: Index, request: Request) -> tuple[Sequence[str], Iterator[Foreseen]]:
    """What of the list is left out, and what would be done about each file and about what has none.

    Upstreams are asked for pages, not for files, and nothing is kept of it.
    """
    served = require_may_prefetch(actor, index)
    _, read = request.read()
    targets = request.targets()
    told = _told(actor, served, read)

    def found() -> Iterator[Foreseen]:
        for wanted in read.wanted:
            may_know = wanted.name in told
            try:
                resolution = resolving.resolve(
                    served, wanted, targets, may_know=may_know, with_sdists=request.with_sdists
                )
            except Refusal as refusal:
                yield Foreseen(PrefetchItem.State.FAILED.value, wanted.name, refusal.detail)
                continue
            if not resolution.files:
                yield Foreseen(resolution.state.value, wanted.name, resolution.reason)
            for file in resolution.files:
                yield Foreseen(*_judged(served, file), file)

    return read.notes, found()


def _told(actor: Actor, served: ServedIndex, read: Reading) -> set[str]:
    """The names of which the actor may learn that they are ours."""
    return ownership.told_to(actor, served.mirrors, sorted({wanted.name for wanted in read.wanted}))


def _judged(served: ServedIndex, file: File) -> tuple[str, str, str]:
    word, reason = bringing.foresee(served, file)
    return word, file.filename, reason


def cancel(*, actor: Actor, job: PrefetchJob) -> None:
    """End it; what was fetched stays."""
    permissions.require(actor, Verb.ADMINISTER, job.index)
    with transaction.atomic():
        under_way = PrefetchJob.objects.filter(
            pk=job.pk, state__in=[PrefetchJob.State.QUEUED, PrefetchJob.State.RUNNING]
        )
        if not under_way.update(
            state=PrefetchJob.State.CANCELLED,
            ended_at=timezone.now(),
            lease_until=None,
            message=f"Cancelled by {actor.display_name}."[:500],
        ):
            raise Conflict("The prefetch has ended already.", code="prefetch-over")
        audit.record(actor=actor, action="prefetch.cancel", subject=job.index, job=job.pk, name=job.name)
    job.refresh_from_db()


def visible_to(actor: Actor) -> QuerySet[PrefetchJob]:
    """The prefetches of the indexes that the actor administers; all for who watches the installation."""
    rows = PrefetchJob.objects.select_related("index")
    if actor.sees_operation:
        return rows
    return rows.filter(index__in=Index.objects.permitting(actor, Verb.ADMINISTER))


def _name(filename: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in filename)
    return printable.replace("\\", "/").rpartition("/")[2][:_LONGEST_NAME]


def _require_room(index: Index) -> None:
    """A few at once: each keeps its whole list in rows."""
    under_way = PrefetchJob.objects.filter(
        index=index, state__in=[PrefetchJob.State.QUEUED, PrefetchJob.State.RUNNING]
    ).count()
    if under_way >= _MOST_AT_ONCE:
        raise Conflict(
            f"{under_way} prefetches of the index '{index.name}' are under way; wait for one of them, or cancel one.",
            code="prefetch-busy",
        )
