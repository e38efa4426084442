"""An old primary that comes back as a replica of the new one, and replicas that change over to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from accounts.services import alarms, audit
from indexapp.clients.primary import Primary, PrimaryFailed
from indexapp.domain.replication.batches import Batch
from indexapp.domain.replication.takeovers import Claim
from indexapp.domain.replication.transport import Transport
from indexapp.models import Change, Epoch, Fence, Following, Leftover, Replica
from indexapp.services.replication import epochs, fences, following, joining, leftovers
from indexapp.services.replication.epochs import Past
from indexapp.services.replication.fitting import fitting, told
from indexapp.services.replication.following import Mark
from tpi_site.kit import locking, read_only, sealing
from tpi_site.kit.errors import Conflict
from tpi_site.kit.outbound import OutboundFailed

_DEED = "make this installation a replica, or end it"


@dataclass(frozen=True)
class Return:
    """What an old primary gives up: ``changes`` after ``serial``, up to which both have the same, and what is kept of it."""

    serial: int
    changes: list[Change]
    kept: list[Leftover]
    is_done: bool

    def listed(self) -> Iterable[dict[str, Any]]:
        """Each thing that is kept, then each change."""
        yield from (leftovers.told(row) for row in self.kept)
        names = ("serial", "index_name", "project", "version", "filename", "actor_name")
        for change in self.changes:
            told = {name: getattr(change, name) for name in names}
            yield {"kind": "change", "change": change.kind, "at": change.at.isoformat(), **told}


@dataclass(frozen=True)
class _Found:
    """What the other site is, and where the two pasts part."""

    primary: Primary
    site: UUID
    past: Past
    serial: int
    theirs: list[Past]
    said: dict[str, Any] = field(repr=False)


def _look(url: str, secret: str, ca_certificates: str, cursor: int) -> _Found:
    primary = Primary(url, secret, str(epochs.site()), ca_certificates)
    try:
        said = primary.hello()
        joining.require_fit(said, secret)
        following.appointed(said)
        theirs = [Past(UUID(each[0]), int(each[1]), int(each[2])) for each in said["epochs"]]
        found = epochs.common(epochs.history(), cursor, theirs, int(said["newest"]))
        site = UUID(said["site"])
    except (PrimaryFailed, OutboundFailed) as error:
        raise Conflict(f"This site cannot follow {url}: {error}", code=str(error.code)) from None
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise Conflict(f"What answers at {url} is no TPI that can be followed.", code="bad-answer") from None
    if found is None:
        raise Conflict(
            f"{url} has no past in common with this installation; install a new replica.", code="not-related"
        )
    return _Found(primary, site, *found, theirs, said)


def rejoin(*, actor: Actor, url: str, secret: str, ca_certificates: str = "", is_dry: bool = False) -> Return:
    """Follow the site at ``url``, which took over from this one; what only this site has is kept beside.

    Nothing of its bytes is lost and nothing there is overwritten.  ``is_dry`` tells what would be given up, and changes no more
    than that this site is fenced.
    """
    require_administrator(actor, _DEED)
    if Following.objects.exists():
        raise Conflict("This installation is a replica already; leave its primary first.", code="replica-already")
    found = _look(url, secret, ca_certificates, epochs.newest_serial())
    _be_fenced(found)
    newest = epochs.newest_serial()  # nothing is added to it any more
    transport, mine = Transport(secret), epochs.current().uuid
    batch = _batch(found, transport)
    changes = list(Change.objects.filter(serial__gt=found.serial).order_by("serial"))
    with told(url), fitting(*following.UNFIT):
        kept = leftovers.found(batch, transport, found.serial, mine)
    if is_dry:
        return Return(found.serial, changes, kept, is_done=False)
    with transaction.atomic():
        locking.hold(fences.LOCK)
        Following.objects.create(
            primary_url=url,
            ca_certificates=ca_certificates,
            secret=sealing.seal(secret, following.purpose(url)),
            primary_site=found.site,
            epoch=mine,
            cursor=newest,
            **following.appointed(found.said),
        )
        leftovers.keep(kept)
        _take(batch, Mark(mine, found.serial, rewound_from=newest), found, transport)
        fence = Fence.objects.first()
        Fence.objects.all().delete()
        Replica.objects.filter(site=found.site).update(may_take_over=False)
        audit.record(
            actor=actor,
            action="replication.rejoin",
            object_type="following",
            object_name=url,
            back_to=found.serial,
            was_at=newest,
            changes_given_up=len(changes),
            kept=len(kept),
        )
        transaction.on_commit(read_only.look)
    alarms.settle(fences.ALARM, subject=(fence.primary_url if fence else url)[:200])
    leftovers.ring()
    return Return(found.serial, changes, kept, is_done=True)


def _be_fenced(found: _Found) -> None:
    """Take no changes from now on, in no process; the other site has to have begun an epoch that is not known here."""
    newest = found.theirs[-1]
    if fences.is_known(newest.uuid):
        raise Conflict(
            f"{found.primary.url} did not take over from this installation; there is nothing to join again.",
            code="not-promoted",
        )
    row = fences.present()
    if row is None or row.state != Fence.State.FENCED:
        fences.write(Claim(found.site, found.primary.url, newest.uuid, newest.began_after), "")
    elif row.is_final and row.primary_site != found.site and not any(past.uuid == row.epoch for past in found.theirs):
        raise Conflict(f"This installation gave way to {row.primary_url}; join that one.", code="fenced-by-another")
    read_only.wait_until_known()


def _batch(found: _Found, transport: Transport) -> Batch:
    touched = leftovers.touched(Change.objects.filter(serial__gt=found.serial))
    if len(touched) > following.MOST_GONE_BACK:
        raise Conflict(
            f"{len(touched)} projects changed here after {found.primary.url} took over, more than is gone back over; keep what "
            "is needed of them with 'manage.py export_static', and install a new replica.",
            code="rebase-too-large",
        )
    wish = {
        "since": found.serial,
        "epoch": str(found.past.uuid),
        "also": [list(each) for each in touched],
        "digests": following.digests(transport),
    }
    try:
        batch = found.primary.batch(wish)
        following.require_sound(batch, found.serial, found.site)
    except PrimaryFailed as error:
        raise Conflict(f"This site cannot follow {found.primary.url}: {error}", code=error.code) from None
    return batch


def _take(batch: Batch, mark: Mark, found: _Found, transport: Transport) -> None:
    try:
        was_taken = following.take(batch, mark, found.site, transport)
    except PrimaryFailed as error:
        raise Conflict(f"This site cannot follow {found.primary.url}: {error}", code=error.code) from None
    if not was_taken:
        raise Conflict(
            "Somebody else changed whom this site follows at the same time; look, and try again.", code="race"
        )


def follow_primary(*, actor: Actor, url: str, secret: str = "", ca_certificates: str = "") -> Epoch:
    """Let this replica follow another site, which took over from its primary; without ``secret`` with the one that it has."""
    require_administrator(actor, _DEED)
    row = Following.objects.first()
    if row is None:
        raise Conflict("This installation is no replica.", code="replica-not")
    secret = secret or following.primary_of(row).secret
    found = _look(url, secret, ca_certificates, row.cursor)
    with transaction.atomic():
        locking.hold(fences.LOCK)
        Following.objects.filter(pk=row.pk).update(
            primary_url=url,
            ca_certificates=ca_certificates,
            secret=sealing.seal(secret, following.purpose(url)),
            primary_site=found.site,
            generations={},
            compared_at=None,
            failing_since=None,
            failure="",
            failure_code="",
            **following.appointed(found.said),
        )
        audit.record(
            actor=actor,
            action="replication.follow-primary",
            object_type="following",
            object_name=url,
            before=row.primary_url,
            site=str(found.site),
        )
        transaction.on_commit(read_only.look)
    return epochs.current()
