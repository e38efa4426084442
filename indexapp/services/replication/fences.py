"""Keeping an old primary from writing: one row says that another site took over, or that nobody knows, and all nodes look.

Which site is the primary is for operators to say, by promoting a replica; this holds what they said.  A primary that nobody can
reach cannot be told: until it asks, or is told, or is started again, it takes writes, and what came in then is listed when it
joins the new primary.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import OperationalError, connection, transaction

from accounts.domain.actors import Actor, internal
from accounts.permissions import require_administrator
from accounts.services import alarms, audit, generations
from indexapp.domain.replication.takeovers import Claim
from indexapp.models import Fence, Following, Replica
from indexapp.services.replication import epochs
from tpi_site.kit import locking, read_only
from tpi_site.kit.errors import Conflict, Forbidden, Unavailable

log = logging.getLogger(__name__)
ACTOR = internal("replication")
ALARM = "primary-fenced"
DOUBT = "primary-in-doubt"
LOCK = "replication"
_PATIENCE = 3000
"""Milliseconds for each lock: who sets the fence waits ten seconds for an answer."""
_IS_FENCED = "SELECT 1 FROM indexapp_fence WHERE state = %s AND NOT EXISTS (SELECT 1 FROM indexapp_following)"
_DEED = "say that this installation is the primary"


def ask() -> tuple[str | None, str | None]:
    """Why this site takes no changes: another took over, or nobody knows whether one did; one short query."""
    row = Fence.objects.first()
    if row is None:
        return None, None
    if row.state == Fence.State.FENCED:
        return _fenced(row), None
    return None, (
        f"It has started and does not know yet whether {row.replica} took over meanwhile; it asks, and 'manage.py replication "
        "confirm-primary' ends the waiting."
    )


def ask_now() -> str | None:
    """Why nothing that began before is committed any more; one short query, of a change that holds the log's lock."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_FENCED, [Fence.State.FENCED.value])
        if cursor.fetchone() is None:
            return None
    row = Fence.objects.first()
    return None if row is None else _fenced(row)


def _fenced(row: Fence) -> str:
    if not row.is_final:
        return f"It was the primary, and {row.primary_url} is about to take over; make changes there."
    return f"It was the primary until {row.primary_url} took over; make changes there."


def present() -> Fence | None:
    """The row, if there is one."""
    return Fence.objects.first()


def obey(replica: Replica, claim: Claim) -> int:
    """Take no changes from now on because ``replica`` says that it took over, or is about to; returns the newest serial.

    Refused to a replica that was not invited to take over, and where yet another site has.
    """
    if is_known(claim.epoch):
        return epochs.newest_serial()
    if not replica.may_take_over:
        raise Forbidden("This replica was not invited as one that may take over.", code="takeover-not-allowed")
    if not Replica.objects.filter(pk=replica.pk, site=claim.site).exists():
        raise Forbidden("The site that took over is not the one whose credential this is.", code="takeover-not-allowed")
    write(claim, replica.name)
    return epochs.newest_serial()


def write(claim: Claim, name: str) -> None:
    """Keep it; a claim that belongs to this site's own past says nothing new."""
    if is_known(claim.epoch):
        return
    with _waiting_for_changes(), transaction.atomic():
        locking.hold(LOCK)
        if (following := Following.objects.first()) is not None:
            raise Conflict(f"This installation is a replica of {following.primary_url}.", code="replica-already")
        row = Fence.objects.select_for_update().filter(state=Fence.State.FENCED).first()
        if row is not None and row.epoch == claim.epoch and (row.is_final or not claim.is_final):
            return
        if row is not None and row.epoch != claim.epoch and (row.is_final or row.primary_site != claim.site):
            raise Conflict(
                f"Another site took over from this one: {row.primary_url}. Only one of the two can be the primary.",
                code="fenced-by-another",
            )
        Fence.objects.all().delete()
        row = Fence.objects.create(
            state=Fence.State.FENCED,
            is_final=claim.is_final,
            epoch=claim.epoch,
            began_after=claim.began_after,
            primary_url=claim.url,
            primary_site=claim.site,
            replica=name,
        )
        audit.record(
            actor=ACTOR,
            action="replication.fence",
            object_type="replica",
            object_name=name,
            primary=claim.url,
            epoch=str(claim.epoch),
            began_after=claim.began_after,
            is_final=claim.is_final,
        )
        _hold_changes()
        transaction.on_commit(read_only.look)
    alarms.settle(DOUBT)
    alarms.ring(ALARM, f"{_fenced(row)} Join it with 'manage.py replication rejoin'.", subject=claim.url[:200])


@contextmanager
def _waiting_for_changes() -> Iterator[None]:
    """A change that holds the locks for too long keeps the fence from being set, and whoever sets it is told so."""
    try:
        with _patience():
            yield
    except OperationalError as error:
        log.warning("The fence is not set yet: %s", error)
        raise Unavailable(
            "A change that is being made right now takes too long to be waited for; ask again.",
            retry_after=1,
            code="fence-waits",
        ) from None


@contextmanager
def _patience() -> Iterator[None]:
    """SQLite waits for its one writer as long as its connection says, which is longer than who sets the fence waits."""
    if connection.vendor == "postgresql":
        yield
        return
    usual = int(connection.settings_dict["OPTIONS"].get("timeout", 5.0) * 1000)
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual}")


def _hold_changes() -> None:
    """Wait for the changes that are about to be committed; those after them see the fence, and are not.

    Once this transaction has ended there is none whose change, or right, is not in what a replica is given from then on.
    In the order in which changes take the locks: the log's is the last one.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {_PATIENCE}")
    generations.hold()
    locking.hold("changes")


def is_known(epoch: UUID) -> bool:
    """Whether the epoch is of this site's own past."""
    return any(past.uuid == epoch for past in epochs.history())


def doubt(names: list[str]) -> None:
    """Take no changes until these replicas have said whether one of them took over."""
    named = ", ".join(f"'{name}'" for name in names)[:200]
    with transaction.atomic():
        locking.hold(LOCK)
        row = Fence.objects.first()
        if row is not None and row.state == Fence.State.FENCED:
            return
        Fence.objects.update_or_create(defaults={"state": Fence.State.IN_DOUBT, "replica": named})
        transaction.on_commit(read_only.look)
    alarms.ring(
        DOUBT,
        f"The primary has started and cannot ask {named} whether it took over; nothing is changed until it answers, or "
        "'manage.py replication confirm-primary' says that it did not.",
    )


def end_doubt() -> None:
    """Every replica that might have taken over has said that it did not."""
    if Fence.objects.filter(state=Fence.State.IN_DOUBT).delete()[0]:
        read_only.look()
        alarms.settle(DOUBT)


def confirm(*, actor: Actor, lifts_fence: bool = False) -> None:
    """Say that this site is the primary, whatever could not be asked; with ``lifts_fence`` even where another took over.

    Two sites that both take changes are two installations from then on: lift a fence only where the other one is gone for good.
    """
    require_administrator(actor, _DEED)
    with transaction.atomic():
        locking.hold(LOCK)
        row = Fence.objects.select_for_update().first()
        if row is None:
            raise Conflict("Nothing keeps this installation from being the primary.", code="fence-not")
        if row.state == Fence.State.FENCED and not lifts_fence:
            raise Conflict(
                f"{_fenced(row)} Join it with 'manage.py replication rejoin'; --lift-fence is for when it is gone for good.",
                code="fenced",
            )
        row.delete()
        audit.record(
            actor=actor,
            action="replication.confirm",
            object_type="fence",
            object_name=row.state,
            primary=row.primary_url,
            epoch=str(row.epoch or ""),
        )
        transaction.on_commit(read_only.look)
    alarms.settle(DOUBT)
    alarms.settle(ALARM, subject=row.primary_url[:200])
