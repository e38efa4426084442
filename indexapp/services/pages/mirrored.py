"""What a project's page says of the upstream that it is mirrored from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from indexapp.models import MirroredFile, MirroredProject
from indexapp.services.mirrors import addresses
from indexapp.services.pages.access import OpenProject

_MOST_CONFLICTS = 20


@dataclass(frozen=True)
class Mirrored:
    """``upstream`` is its address, or PyPI; ``conflicts`` are names of files that have other bytes there now."""

    upstream: str
    checked_at: datetime | None
    is_failing: bool
    is_gone: bool
    is_asked: bool
    conflicts: tuple[str, ...]


def of(opened: OpenProject) -> Mirrored | None:
    """None for a hosted project, which costs no query."""
    if not opened.page.member.is_mirror:
        return None
    row = MirroredProject.objects.select_related("index__upstream").filter(project=opened.page.pk).first()
    if row is None:
        return None
    contested = (
        MirroredFile.objects.filter(file__project=opened.page.pk).exclude(conflict="").order_by("file__filename")
    )
    return Mirrored(
        upstream=addresses.in_words(row.index.upstream),
        checked_at=row.checked_at,
        is_failing=bool(row.failure),
        is_gone=row.is_gone,
        is_asked=not (row.index.upstream.is_offline or row.index.upstream.is_frozen),
        conflicts=tuple(contested.values_list("file__filename", flat=True)[:_MOST_CONFLICTS]),
    )
