"""Whose serials the change log has, from when on: a primary that was restored is told from one that only went on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Max

from indexapp.models import Change, Epoch, Site
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict

_LOCK = "replication-site"


class Past(NamedTuple):
    """An epoch as another site tells of it."""

    uuid: UUID
    number: int
    began_after: int


def site() -> UUID:
    """Who this installation is; made when somebody asks for the first time."""
    if (known := Site.objects.first()) is not None:
        return known.uuid
    with transaction.atomic():
        locking.hold(_LOCK)
        return (Site.objects.first() or Site.objects.create()).uuid


def newest_serial() -> int:
    """The serial of the last change."""
    return Change.objects.aggregate(last=Max("serial"))["last"] or 0


def current() -> Epoch:
    """The epoch that goes on; the first one is made when somebody asks for the first time."""
    if (known := Epoch.objects.last()) is not None:
        return known
    with transaction.atomic():
        locking.hold(_LOCK)
        return Epoch.objects.last() or Epoch.objects.create(number=1)


def begin(reason: Epoch.Reason, began_after: int, *, identity: UUID | None = None) -> Epoch:
    """A new epoch, perhaps with a uuid that was told already; call it in the transaction that ends the one before."""
    locking.hold(_LOCK)
    last = Epoch.objects.last() or Epoch.objects.create(number=1)
    return Epoch.objects.create(
        uuid=identity or uuid4(), number=last.number + 1, began_after=began_after, reason=reason
    )


def history() -> list[Past]:
    """All epochs, the first one first."""
    current()
    return [Past(row.uuid, row.number, row.began_after) for row in Epoch.objects.all()]


def require_known(epoch: UUID, since: int) -> None:
    """Refuse a follower whose past is not a part of ours."""
    known = history()
    place = next((number for number, past in enumerate(known) if past.uuid == epoch), None)
    if place is None:
        raise Conflict("The epoch that the follower names is none of this installation's.", code="epoch-unknown")
    end = _end(known, place, newest_serial())
    if since > end:
        raise Conflict(
            f"The follower is at serial {since} of an epoch that ended here at {end}: this installation was restored, or "
            "is not the one that was followed.",
            code="epoch-unknown",
        )


def _end(epochs: Sequence[Past], place: int, newest: int) -> int:
    return epochs[place + 1].began_after if place + 1 < len(epochs) else newest


def common(ours: Sequence[Past], cursor: int, theirs: Sequence[Past], newest: int) -> tuple[Past, int] | None:
    """The last epoch that both have, and up to which serial both have the same of it; None where there is none.

    ``cursor`` and ``newest`` are where the two are.
    """
    places = {past.uuid: place for place, past in enumerate(theirs)}
    for place in range(len(ours) - 1, -1, -1):
        past = ours[place]
        if past.uuid in places:
            return past, min(_end(ours, place, cursor), _end(theirs, places[past.uuid], newest))
    return None
