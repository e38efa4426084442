"""Taking over: what a promotion would lose, and the promotion.

A primary that still answers is asked to stop first, and what it has is taken to the last serial: then nothing is lost.  One
that does not answer is told afterwards (:mod:`indexapp.services.replication.takeovers`).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from accounts.services import audit, generations
from indexapp.clients import takeovers as client
from indexapp.clients.primary import PrimaryFailed
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.replication.takeovers import Claim
from indexapp.models import Epoch, File, Following, Index, Replica, Takeover, WantedBlob
from indexapp.services import quotas, serial_jumps
from indexapp.services.replication import (
    epochs,
    fences,
    fetching,
    following,
    holding,
    joining,
    pacing,
    room,
    siblings,
    takeovers,
)
from indexapp.services.replication.following import Round
from tpi_site.kit import locking, read_only, sealing
from tpi_site.kit.errors import Conflict, Unavailable
from tpi_site.kit.outbound import Code

_DEED = "make this replica the primary"
_SETTLING = 2.0
"""Seconds after which every process of a fenced primary refuses changes."""
_CATCHING_UP = 300.0
_SOON = 5
_NO_ANSWER = frozenset({Code.UNREACHABLE.value, Code.TOO_SLOW.value, Code.PROXY.value})
"""What is said of a primary that nobody hears; whatever answers with a status is there, however it feels."""
_BATCH = 500


@dataclass(frozen=True)
class Missing:
    """A file whose bytes are not here, or not right; ``what`` is ``file`` or ``metadata``."""

    index: str
    project: str
    filename: str
    sha256: str
    size: int
    what: str


@dataclass(frozen=True)
class Promotion:
    """What was promoted: how far this site was by what it knew, and what is lost by it.

    ``was_handed_over`` is true where the old primary stopped first, and so nothing that it had is missing but bytes.
    """

    epoch: Epoch
    old_url: str
    own_url: str
    serial: int
    serials_behind: int
    contact_at: datetime | None
    was_handed_over: bool
    is_fenced: bool
    missing: int
    siblings: list[str]


def _without_bytes() -> QuerySet[File]:
    wanted = WantedBlob.objects.filter(sha256=OuterRef("sha256"))
    hosted = ~Q(index__kind=Index.Kind.MIRROR)
    return File.objects.filter(Q(blob=None) & (hosted | Exists(wanted)) | Q(blob__damaged_at__isnull=False))


def _without_metadata() -> QuerySet[File]:
    wanted = WantedBlob.objects.filter(sha256=OuterRef("metadata_sha256"))
    return File.objects.exclude(metadata_sha256="").filter(
        Q(metadata_blob=None) & Exists(wanted) | Q(metadata_blob__damaged_at__isnull=False)
    )


def missing() -> Iterator[Missing]:
    """Every file whose bytes are not here or are known to be damaged, and every one without the metadata beside it."""
    for what, rows, digest in (
        ("file", _without_bytes(), "sha256"),
        ("metadata", _without_metadata(), "metadata_sha256"),
    ):
        values = rows.order_by("index__name", "project__normalized_name", "filename").values_list(
            "index__name", "project__normalized_name", "filename", digest, "size"
        )
        for index, project, filename, sha256, size in values.iterator(_BATCH):
            yield Missing(index, project, filename, sha256, size if what == "file" else 0, what)


def count_missing() -> int:
    """How many :func:`missing` tells of."""
    return _without_bytes().count() + _without_metadata().count()


def require_appointed(row: Following | None) -> Following:
    """Refuse a site that is no replica, and one that its primary did not let take over."""
    if row is None:
        raise Conflict("This installation is no replica.", code="replica-not")
    if not row.may_take_over:
        raise Conflict(
            f"{row.primary_url} did not say that this replica may take over ('manage.py replication appoint' there), so it "
            "would not be fenced. Where it is gone for good, 'manage.py replication leave' makes this site one of its own.",
            code="takeover-not-allowed",
        )
    return row


def promote(*, actor: Actor, accepts_missing: bool = False, asks_primary: bool = True) -> Promotion:
    """Make this replica the primary, in a new epoch.

    Refused while bytes are missing or damaged, unless their loss is accepted.  ``asks_primary`` False passes over asking the
    old primary to stop first, for when it is known to be down.
    """
    require_administrator(actor, _DEED)
    row = require_appointed(Following.objects.first())
    epoch = uuid.uuid4()
    _require_possible(row, accepts_missing=accepts_missing, asks_primary=asks_primary)
    was_handed_over = asks_primary and _hand_over(row, epoch, accepts_missing=accepts_missing)
    with transaction.atomic():
        locking.hold(fences.LOCK)
        row = require_appointed(Following.objects.select_for_update().first())
        number = _require_whole(accepts_missing=accepts_missing)
        order = _take_over(actor, row, epoch)
        made = epochs.begin(Epoch.Reason.PROMOTED, began_after=order.began_after, identity=epoch)
        adopted = _adopt(row)
        generations.bump_access()
        generations.bump_policy()
        audit.record(
            actor=actor,
            action="replication.promote",
            object_type="following",
            object_name=row.primary_url,
            epoch=str(epoch),
            serial=order.began_after,
            serials_behind=max(0, row.primary_serial - row.cursor),
            contact_at=row.contact_at.isoformat() if row.contact_at else None,
            was_handed_over=was_handed_over,
            missing=number,
        )
        serial_jumps.tell_anew(actor=actor, kind=ChangeKind.INSTALLATION_PROMOTED, last=order.began_after)
        transaction.on_commit(read_only.look)
    return Promotion(
        epoch=made,
        old_url=row.primary_url,
        own_url=row.own_url,
        serial=order.began_after,
        serials_behind=max(0, row.primary_serial - row.cursor),
        contact_at=row.contact_at,
        was_handed_over=was_handed_over,
        is_fenced=takeovers.tell(order),
        missing=number,
        siblings=adopted,
    )


def _require_possible(row: Following, *, accepts_missing: bool, asks_primary: bool) -> None:
    """Refuse before the primary is asked to stop what would fail after it has: taking nothing, or what does not come."""
    if asks_primary and row.is_paused:
        raise Conflict(
            "This replica is paused, so what the primary has would not come; resume it first, or give --primary-is-down.",
            code="replica-paused",
        )
    if accepts_missing:
        return
    wanted = WantedBlob.objects.filter(sha256=OuterRef("sha256"))
    number, why = _without_bytes().filter(~Exists(wanted), blob=None).count(), "are not held here"
    if not number and (waits := pacing.waits() or room.waits()):
        number, why = count_missing(), f"do not come now: {waits.rstrip('.')}"
    if number:
        raise Conflict(
            f"The bytes of {number} files are missing and {why}. Have them first, or accept their loss with --accept-missing; "
            "--list FILE names them. The primary was not asked to stop.",
            code="blobs-missing",
        )


def _require_whole(*, accepts_missing: bool) -> int:
    number = count_missing()
    if number and not accepts_missing:
        raise Conflict(
            f"The bytes of {number} files are not here or not right. Wait for them, or accept their loss with "
            "--accept-missing; --list FILE names them.",
            code="blobs-missing",
        )
    return number


def _hand_over(row: Following, epoch: uuid.UUID, *, accepts_missing: bool) -> bool:
    """Have a primary that answers stop, and take what it has; whether it did.  One that does not answer is not waited for."""
    primary = following.primary_of(row)
    claim = Claim(epochs.site(), row.own_url, epoch, row.cursor, is_final=False)
    try:
        client.tell(row.primary_url, primary.secret, primary.site, claim.as_json(), ca_certificates=row.ca_certificates)
    except PrimaryFailed as error:
        if not error.status and error.code in _NO_ANSWER:
            return False
        if error.may_pass:
            raise Unavailable(
                f"The primary {row.primary_url} was asked to give way, and something answers there: {error} It may still take "
                "changes, so this replica did not take over. Promote again in a moment; where only a proxy answers for a "
                "primary that is down, give --primary-is-down.",
                retry_after=max(_SOON, error.retry_after),
                code="primary-busy",
            ) from None
        raise Conflict(
            f"The primary {row.primary_url} answers and does not give way: {error} With --primary-is-down it is not asked.",
            code="primary-refuses",
        ) from None
    time.sleep(_SETTLING)
    until = time.monotonic() + _CATCHING_UP
    while time.monotonic() < until:
        came = following.follow_once()
        if not accepts_missing:
            fetching.fetch_due(goes_on=lambda: time.monotonic() < until)
        if came is Round.NOTHING and (accepts_missing or not count_missing()):
            return True
        if came in {Round.IDLE, Round.FAILED}:
            break
        if came is Round.NOTHING:
            time.sleep(_SETTLING)
            WantedBlob.objects.update(next_at=timezone.now())
    raise Conflict(
        f"The primary {row.primary_url} takes no changes any more, and what it has could not all be taken; see 'manage.py "
        "replication status'. Promote again, or give --primary-is-down to go on with what is here; 'manage.py replication "
        "confirm-primary --lift-fence' there lets it write again.",
        code="handing-over-failed",
    )


def _take_over(actor: Actor, row: Following, epoch: uuid.UUID) -> Takeover:
    """Follow nobody any more, and keep what it takes to fence who was followed."""
    primary = following.primary_of(row)
    Following.objects.all().delete()
    holding.end()
    joining.continue_numbering()
    quotas.recount()
    return Takeover.objects.create(
        old_url=row.primary_url,
        old_site=row.primary_site,
        ca_certificates=row.ca_certificates,
        secret=sealing.seal(primary.secret, takeovers.purpose(row.primary_url)),
        own_url=row.own_url,
        epoch=epoch,
        began_after=epochs.newest_serial(),
        began_by=actor.display_name,
        next_at=timezone.now(),
    )


def _adopt(row: Following) -> list[str]:
    """Let the old primary's other replicas follow this site with the secrets that they have; returns their names."""
    adopted = []
    for told in siblings.readable(row.siblings):
        clash = Q(name=told["name"]) | Q(key_id=told["key_id"])
        site = told["site"]
        if Replica.objects.filter(clash | Q(site=site) if site else clash).exists():
            continue
        Replica.objects.create(**told)
        adopted.append(told["name"])
    return adopted


def told(row: Takeover | None) -> dict[str, Any] | None:
    """For programs: from whom this site took over last, and whether that one knows."""
    if row is None:
        return None
    return {
        "old_primary": row.old_url,
        "epoch": str(row.epoch),
        "began_after": row.began_after,
        "began_at": row.began_at.isoformat(),
        "is_fenced": row.acknowledged_at is not None,
        "attempts": row.attempts,
        "failure": row.failure,
    }
