"""Room for files, by index and by team.

Every file counts with its whole size, also one whose bytes another file has too, because what somebody may still publish
must not depend on what others have published.  What lies in the trash counts until it is purged.  The counter moves as the
last thing before audit and change log, by one statement that also holds it against the limit, so that uploads at the same
moment cannot pass it together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Greatest

from accounts.services import alarms
from indexapp.models import Project, Quota, Trashed
from tpi_site.kit.errors import NoSpace
from tpi_site.kit.sizes import rounded

ALARM = "quota-soft"
_CHARGE = """
    INSERT INTO indexapp_quota ({column}, used, is_soft_told) VALUES (%s, %s, %s)
    ON CONFLICT ({column}) DO UPDATE SET used = indexapp_quota.used + excluded.used
     WHERE indexapp_quota.hard_limit IS NULL OR indexapp_quota.used + excluded.used <= indexapp_quota.hard_limit
 RETURNING id, used, soft_limit, is_soft_told
"""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The bytes that hard limits leave; None where there is none."""

    index: int | None = None
    team: int | None = None


NO_LIMITS = Rooms()


def charge(*, index_id: int, team_id: int | None, size: int) -> None:
    """Count ``size`` bytes more (or fewer) for the index and the team, inside the transaction that publishes them.

    Raises NoSpace, which undoes the transaction, where a hard limit would be passed.  The index comes first, so that no
    two transactions wait for each other.
    """
    move("index_id", index_id, size)
    if team_id is not None:
        move("team_id", team_id, size)


def move(column: str, holder: int, size: int) -> None:
    """Count for one holder; ``column`` is ``index_id`` or ``team_id``."""
    if size > 0:
        with connection.cursor() as cursor:
            cursor.execute(_CHARGE.format(column=column), [holder, size, False])
            row = cursor.fetchone()
        if row is None:
            raise _full(Quota.objects.select_related("index", "team").get(**{column: holder}))
        pk, used, soft, is_told = row
        if soft is not None and used > soft and not is_told:
            tell(pk)
        return
    rows = Quota.objects.filter(**{column: holder})
    rows.update(used=Greatest(F("used") + size, 0))
    for quota in rows.filter(is_soft_told=True).filter(Q(soft_limit=None) | Q(used__lte=F("soft_limit"))):
        settle(quota)


def _full(quota: Quota) -> NoSpace:
    return NoSpace(
        f"The {quota} is full: its quota is {quota.hard_limit} bytes, of which {quota.used} are in use, what lies in the trash "
        "included. Delete what nobody needs and purge it from the trash, or ask an operator for more.",
        code="quota-full",
    )


def require_room(*, index_id: int, team_id: int | None, rooms: Rooms, size: int) -> None:
    """Refuse early what :func:`charge` would refuse; ``rooms`` is what there was when the names were looked up."""
    for holder, room in ({"index_id": index_id}, rooms.index), ({"team_id": team_id}, rooms.team):
        if room is not None and size > room:
            raise _full(Quota.objects.select_related("index", "team").get(**holder))


def tell(pk: int) -> None:
    """Ring the alarm of the soft limit."""
    quota = Quota.objects.select_related("index", "team").get(pk=pk)
    Quota.objects.filter(pk=pk).update(is_soft_told=True)
    ending = "" if quota.hard_limit is None else f"; uploads are refused beyond {rounded(quota.hard_limit)}"
    alarms.ring(
        ALARM,
        f"The {quota} holds {rounded(quota.used)}, more than its soft quota of {rounded(quota.soft_limit or 0)}{ending}.",
        subject=str(quota),
    )


def settle(quota: Quota) -> None:
    """End the alarm of the soft limit."""
    Quota.objects.filter(pk=quota.pk).update(is_soft_told=False)
    alarms.settle(ALARM, subject=str(quota))


def with_real_use() -> QuerySet[Any]:
    """All accounts; ``real`` is what each should say by the counters of projects and of the trash, as of the same moment."""
    found: Any = Value(0)
    for holder in ("index", "team"):
        sizes = Project.objects.filter(**{holder: OuterRef(holder)}).order_by().values(holder)
        found = found + Coalesce(Subquery(sizes.annotate(sum=Sum("total_size")).values("sum")), 0)
        trash = Trashed.objects.filter(**{holder: OuterRef(holder)}).order_by().values(holder)
        found = found + Coalesce(Subquery(trash.annotate(sum=Sum("size")).values("sum")), 0)
    return Quota.objects.select_related("index", "team").annotate(real=found).order_by("pk")


def recount() -> None:
    """Let all accounts say what is here, where a replica goes on by itself: what its primary counted for the trash is not."""
    for quota in with_real_use().exclude(real=F("used")):
        Quota.objects.filter(pk=quota.pk).update(used=quota.real)
