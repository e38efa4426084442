"""Becoming a replica, pausing, and ceasing to be one."""

from __future__ import annotations

import hmac
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.models import User
from accounts.permissions import require_administrator, require_operator
from accounts.services import audit, generations, nodes
from indexapp.clients.files import plain
from indexapp.clients.primary import Primary, PrimaryFailed
from indexapp.domain.replication import transport as transports
from indexapp.domain.replication.transport import Transport
from indexapp.models import Epoch, Following, Index, Project, Trashed, WantedBlob
from indexapp.services import quotas
from indexapp.services.replication import applying, epochs, following, holding, places, standing
from indexapp.services.replication.fitting import fitting, told
from tpi_site.kit import locking, read_only, sealing
from tpi_site.kit.errors import Conflict
from tpi_site.kit.outbound import OutboundFailed
from tpi_site.kit.release import RELEASE

_DEED = "make this installation a replica, or end it"
_LOCK = "replication"
_MOST_DRIFT = 60.0
"""Seconds by which two clocks may differ."""


def hello(secret: str) -> dict[str, Any]:
    """What a site that wants to follow this one has to know first; ``secret`` is its own."""
    return {
        "site": str(epochs.site()),
        "release": RELEASE,
        "migrations": nodes.our_migrations(),
        "now": datetime.now(UTC).isoformat(),
        "newest": epochs.newest_serial(),
        "epochs": [[str(past.uuid), past.number, past.began_after] for past in epochs.history()],
    } | pepper_mark(secret)


def pepper_mark(secret: str) -> dict[str, Any]:
    """By which the holder of ``secret`` sees whether both have one pepper."""
    return {"pepper": transports.fingerprint(settings.TPI_TOKEN_PEPPER, secret)}


def join(*, actor: Actor, url: str, secret: str, ca_certificates: str = "") -> Following:
    """Become a replica of the site at ``url``; this installation holds no more than what its first start made.

    The rows of the first batch are here when it returns, and the rest comes by itself.
    """
    require_administrator(actor, _DEED)
    _require_empty()
    primary = Primary(url, secret, str(epochs.site()), ca_certificates)
    try:
        primary._way.check()  # noqa: SLF001  before anything is asked
        said = primary.hello()
        require_fit(said, secret)
        first, site = UUID(said["epochs"][0][0]), UUID(said["site"])
        transport = Transport(secret)
        batch = primary.batch({"since": 0, "epoch": str(first), "digests": {}})
        following.require_sound(batch, 0, site)
    except (PrimaryFailed, OutboundFailed) as error:
        raise Conflict(f"This site cannot follow {url}: {error}", code=str(error.code)) from None
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise Conflict(f"What answers at {url} is no TPI that can be followed.", code="bad-answer") from None
    with told(url), fitting(*following.UNFIT), transaction.atomic():
        locking.hold(_LOCK)
        _require_empty()
        audit.record(actor=actor, action="replication.join", object_type="following", object_name=url, site=str(site))
        applying.empty()
        row = Following.objects.create(
            primary_url=url,
            ca_certificates=ca_certificates,
            secret=sealing.seal(secret, following.purpose(url)),
            primary_site=site,
            epoch=first,
            **following.appointed(said),
        )
        applying.apply(batch, transport)
        following.note_taken(batch)
        generations.bump_access()
        generations.bump_policy()
        transaction.on_commit(read_only.look)
    for name in ("initial-token", "initial-admin-password"):  # of accounts that are gone
        with suppress(OSError):
            (settings.TPI_DATA_DIR / name).unlink(missing_ok=True)
    return row


def _require_empty() -> None:
    if Following.objects.exists():
        raise Conflict("This installation is a replica already; leave its primary first.", code="replica-already")
    if Project.objects.exists() or Trashed.objects.exists() or Index.objects.count() > 1 or User.objects.count() > 1:
        raise Conflict(
            "This installation holds projects, indexes or people; a replica begins empty. Install a new one.",
            code="not-empty",
        )


def require_fit(said: dict[str, Any], secret: str) -> None:
    """Refuse a primary that this site could not stand in for; each refusal has its code."""
    if said["site"] == str(epochs.site()):
        raise Conflict("This installation would follow itself, or is a copy of its primary.", code="site-same")
    if said["migrations"] != nodes.our_migrations():
        raise Conflict(
            f"The primary is of release {plain(str(said['release']), 40)} and this site of {RELEASE}; bring both to the same "
            "one.",
            code="releases-differ",
        )
    if not hmac.compare_digest(said["pepper"], transports.fingerprint(settings.TPI_TOKEN_PEPPER, secret)):
        raise Conflict(
            "The primary has another TPI_TOKEN_PEPPER, with which no token and no password would be known here; give this "
            "site the primary's.",
            code="pepper-differs",
        )
    drift = abs((datetime.now(UTC) - datetime.fromisoformat(said["now"])).total_seconds())
    if drift > _MOST_DRIFT:
        raise Conflict(
            f"The clocks of the primary and of this site differ by {drift:.0f} seconds; set both right first.",
            code="clocks-differ",
        )


def _present() -> Following:
    row = Following.objects.select_for_update().first()
    if row is None:
        raise Conflict("This installation is no replica.", code="replica-not")
    return row


def pause(*, actor: Actor) -> None:
    """Take nothing from the primary until :func:`resume`; what is here is served."""
    _switch(actor, is_paused=True)


def resume(*, actor: Actor) -> None:
    """Follow again, and try at once what was put off."""
    _switch(actor, is_paused=False)


def _switch(actor: Actor, *, is_paused: bool) -> None:
    require_operator(actor, "pause and resume a replica")
    with transaction.atomic():
        row = _present()
        Following.objects.filter(pk=row.pk).update(is_paused=is_paused)
        if not is_paused:
            WantedBlob.objects.update(next_at=timezone.now())
        action = "replication.pause" if is_paused else "replication.resume"
        audit.record(actor=actor, action=action, object_type="following", object_name=row.primary_url)


def leave(*, actor: Actor, accepts_missing: bool = False) -> Epoch:
    """Follow nobody any more: from now on this installation has a past of its own, in a new epoch, and takes changes.

    Refused while bytes are missing, unless they are given up by ``accepts_missing``.
    """
    require_administrator(actor, _DEED)
    with transaction.atomic():
        locking.hold(_LOCK)
        row = _present()
        number, size = standing.missing()
        if number and not accepts_missing:
            raise Conflict(
                f"{number} contents of {size} bytes are not here yet; wait for them, or give them up with --accept-missing.",
                code="blobs-missing",
            )
        left_out, their_size = holding.not_held()
        if left_out and not accepts_missing:
            raise Conflict(
                f"The bytes of {left_out} files, {their_size} in all, are held by the primary alone; hold them first "
                "(replication hold --all), or give them up with --accept-missing.",
                code="blobs-not-held",
            )
        Following.objects.all().delete()
        WantedBlob.objects.all().delete()
        holding.end()
        continue_numbering()
        quotas.recount()
        epoch = epochs.begin(Epoch.Reason.PROMOTED, began_after=epochs.newest_serial())
        audit.record(
            actor=actor,
            action="replication.leave",
            object_type="following",
            object_name=row.primary_url,
            serial=row.cursor,
            missing=number,
            not_held=left_out,
        )
        transaction.on_commit(read_only.look)
    return epoch


def continue_numbering() -> None:
    """Let new rows get keys after those that were copied; SQLite has seen them itself."""
    statements = connection.ops.sequence_reset_sql(no_style(), places.replicated())
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
