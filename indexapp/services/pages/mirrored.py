"""What a project's page says of the upstream that it is mirrored from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp.models import Index, MirroredFile, MirroredProject
from indexapp.services.mirrors import addresses
from indexapp.services.pages.access import OpenProject
from indexapp.services.serving import gate

_MOST_CONFLICTS = 20


@dataclass(frozen=True)
class Mirrored:
    """``upstream`` is its address, or PyPI; ``conflicts`` are files that have other bytes there now, by number and name.

    ``may_decide`` is whether the reader decides about them, or sees how it was decided.
    """

    upstream: str
    checked_at: datetime | None
    is_failing: bool
    is_gone: bool
    is_asked: bool
    conflicts: tuple[tuple[int, str], ...]
    may_decide: bool = False


def of(opened: OpenProject, actor: Actor) -> Mirrored | None:
    """None for a hosted project, which costs no query."""
    if not opened.page.member.is_mirror:
        return None
    row = MirroredProject.objects.select_related("index__upstream").filter(project=opened.page.pk).first()
    if row is None:
        return None
    contested = (
        MirroredFile.objects.filter(file__project=opened.page.pk).exclude(conflict="").order_by("file__filename")
    )
    conflicts = tuple(contested.values_list("pk", "file__filename")[:_MOST_CONFLICTS])
    return Mirrored(
        upstream=addresses.in_words(row.index.upstream),
        checked_at=row.checked_at,
        is_failing=bool(row.failure),
        is_gone=row.is_gone,
        is_asked=not (row.index.upstream.is_offline or row.index.upstream.is_frozen),
        conflicts=conflicts,
        may_decide=bool(conflicts) and _may_decide(actor, row.index, opened),
    )


def _may_decide(actor: Actor, mirror: Index, opened: OpenProject) -> bool:
    return actor.reads_everything or Verb.ADMINISTER in gate.verbs_on(actor, mirror, None, opened.watermark)
