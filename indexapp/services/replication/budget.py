"""Keeping to the budget of bytes: the most wanted files that fit are held, hosted before mirrored and newer before older."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from indexapp.domain.replication.holding import fitting, read
from indexapp.models import File, Holding, Index, NotHeld
from indexapp.services.replication import applying, holding
from indexapp.services.replication.holding import Content
from tpi_site.kit import locking

_PAGE = 1000
_NO_END = 2**62
_SHARE = 10
"""Of the time, one part at most goes into looking, once that takes long."""
_SHORT = 1.0
_not_before = 0.0


def keep() -> None:
    """Look at all files where something came, went or was changed since; each counts, also where two have one content."""
    global _not_before  # noqa: PLW0603  the one process that follows
    row = Holding.objects.first()
    if row is None or not row.is_fit_due or row.cursor is not None or time.monotonic() < _not_before:
        return
    began = time.monotonic()
    Holding.objects.filter(number=row.number).update(is_fit_due=False)
    room = _NO_END if row.budget is None else row.budget
    hosted = File.objects.exclude(index__kind=Index.Kind.MIRROR)
    for files in (hosted, File.objects.filter(index__kind=Index.Kind.MIRROR)):
        room = _through(files, room)
    if row.budget is None and read(row.filters).is_all and not NotHeld.objects.exists():
        Holding.objects.filter(number=row.number, is_fit_due=False).delete()
    took = time.monotonic() - began
    _not_before = time.monotonic() + (took * _SHARE if took > _SHORT else 0.0)


def _through(files: QuerySet[File], room: int) -> int:
    """From the newest file to the oldest one; what is left of the room."""
    last = _NO_END
    while keys := list(files.filter(pk__lt=last).order_by("-pk").values_list("pk", flat=True)[:_PAGE]):
        last = keys[-1]
        with transaction.atomic():
            locking.hold(applying.BLOBS)
            room = _fit(keys, room)
    return room


def _fit(keys: Sequence[int], room: int) -> int:
    found = holding.contents(list(holding.FILES.filter(pk__in=keys).order_by("-pk")))
    passing = {each.file.pk: each for each in found if each.note is None or each.note.reason != NotHeld.Reason.FILTER}
    going: list[tuple[Content, str]] = []
    coming: list[Content] = []
    left = room
    for key, fits, left in fitting(((key, each.size) for key, each in passing.items()), room):  # noqa: B007  the last counts
        content = passing[key]
        if fits and content.note is not None:
            coming.append(content)
        elif not fits and (content.note is None or content.is_here):
            going.append((content, NotHeld.Reason.BUDGET.value))
    holding.let_go(going)
    holding.bring(coming)
    return left


def forget_all() -> None:
    """Look again at once."""
    global _not_before  # noqa: PLW0603  as above
    _not_before = 0.0
