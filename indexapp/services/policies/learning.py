"""Fetching what a rule needs to know of a mirror's file before the file is judged.

Metadata and provenance come only when somebody asks for them, and who asks for a file that is refused for want of them never
would: so the question about the file has them fetched first, once, and in a bounded time.  What does not come is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from functools import partial
from typing import Final

from django.db import transaction

from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.policy.conditions import Condition, Imports, Licensed, LicenseUnknown, Unattested
from indexapp.domain.policy.rules import Rule, Screening
from indexapp.models import File, MirroredProvenance
from indexapp.services import changes
from indexapp.services.mirrors import provenance
from indexapp.services.mirrors.metadata import answering
from indexapp.services.mirrors.once import Once
from indexapp.services.mirrors.recording import ACTOR
from indexapp.services.policies.gate import Ruling
from tpi_site.kit.errors import Refusal, Unavailable

_METADATA: Final = (Licensed, LicenseUnknown, Imports)
_PATIENCE: Final = 10.0  # seconds for one thing


Want = tuple[Once, int, str]
"""What is fetched, for which file, and of which mirror."""


def wanted(screening: Screening | None, ruling: Ruling, file: File, mirror: str) -> tuple[Want, ...]:
    """What can be learned that the rules ask of a mirror's file, and that may change what they say.

    ``file`` was read with its release and what is beside it.  What a rule refuses whatever is learned asks no upstream.
    """
    if screening is None:
        return ()
    if ruling.rule is not None and ruling.rule.refuses and not _asks(ruling.rule, (*_METADATA, Unattested)):
        return ()
    found: list[Want] = []
    rules = [rule for chain in screening.chains for rule in chain]
    if not file.release.metadata_source and any(_asks(rule, _METADATA) for rule in rules):
        source = _with_metadata(file)
        found += [(_metadata, source, mirror)] if source is not None else []
    if file.has_provenance and any(_asks(rule, (Unattested,)) for rule in rules):
        is_kept = MirroredProvenance.objects.filter(pk=file.pk).exists()
        found += [] if is_kept else [(_provenance, file.pk, mirror)]
    return tuple(found)


def fetch(wants: Iterable[Want]) -> list[Future[None]]:
    """Have it fetched, or join who waits for it; the futures raise refusals."""
    return [once.fetch(row, mirror, lambda: None) for once, row, mirror in wants]


def learn(wants: Iterable[Want]) -> bool:
    """The same for jobs, which wait; whether anything has come."""
    has_come = False
    for future in fetch(wants):
        with suppress(Refusal, Late):
            future.result(_PATIENCE)
            has_come = True
    return has_come


def _asks(rule: Rule, kinds: tuple[type[Condition], ...]) -> bool:
    return any(isinstance(condition, kinds) for condition in rule.conditions)


def _with_metadata(file: File) -> int | None:
    """The file, or else another of its release, of which the upstream has metadata."""
    if file.mirrored.metadata_digests is not None:
        return file.pk
    others = File.objects.filter(release=file.release_id, is_hidden=False, mirrored__metadata_digests__isnull=False)
    return others.order_by("pk").values_list("pk", flat=True).first()


def _learn(once: Once, row: int) -> None:
    mirror = File.objects.filter(pk=row).values_list("index__name", flat=True).first() or ""
    try:
        once.fetch(row, mirror, lambda: None).result(_PATIENCE)
    except Late:
        raise Unavailable("The upstream takes too long.", retry_after=5, code="upstream-unavailable") from None
    _tell(row)


def _tell(row: int) -> None:
    """Have what was judged without it looked at anew."""
    with transaction.atomic():
        file = File.objects.select_related("index", "project").filter(pk=row).first()
        if file is not None:
            changes.record(
                actor=ACTOR,
                kind=ChangeKind.PROJECT_MIRRORED,
                index=file.index,
                project=file.project,
                metadata=[file.filename],
            )


_metadata: Final = Once("policy-metadata", partial(_learn, answering.ONCE))
_provenance: Final = Once("policy-provenance", partial(_learn, provenance.ONCE))


def forget_all() -> None:
    """Empty this process's memory of refusals."""
    _metadata.forget_all()
    _provenance.forget_all()
