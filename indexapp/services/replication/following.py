"""Following a primary: ask what is new, take it, note how it went.  One call is one round, so that tests can make them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.services import audit
from accounts.services.keys.sealed_columns import SealedColumn
from indexapp.clients.primary import Primary, PrimaryFailed
from indexapp.domain.replication.batches import Batch
from indexapp.domain.replication.transport import Transport
from indexapp.models import Change, Following
from indexapp.services.replication import (
    applying,
    contact,
    epochs,
    giving,
    holding,
    leftovers,
    places,
    primary_log,
    standing,
)
from indexapp.services.replication.ahead import Ahead, is_small
from indexapp.services.replication.epochs import Past
from indexapp.services.replication.fitting import SERIALS, fitting
from indexapp.services.replication.places import Table
from tpi_site.kit import sealing
from tpi_site.kit.errors import Refusal

log = logging.getLogger(__name__)
ACTOR = internal("replication")
COMPARE = timedelta(minutes=5)
"""How often all tables are compared, also those of which no counter tells that they changed."""
LONGEST = 5.0
"""Seconds after which the primary is told how far this site is before more is taken."""
MOST_GONE_BACK = 20_000
"""Projects that one request names; each is some fifty bytes of it."""
LOCK = contact.LOCK
UNFIT = ("bad-batch", "The primary's batch does not fit together; nothing of it was taken.")
_FAILURE, _CODE = 500, 40


class Round(Enum):
    """How a round went."""

    NOTHING = "nothing"
    TAKEN = "taken"
    FAILED = "failed"
    IDLE = "idle"
    """This site follows nobody, or is paused."""


@dataclass(frozen=True)
class Mark:
    """From where a batch is taken: what the row said when it was asked for."""

    epoch: UUID
    cursor: int
    rewound_from: int | None = None


def purpose(url: str) -> str:
    """What the credential is sealed for: the primary that it is shown to."""
    return f"replication:{url}"


SEALED = SealedColumn("credentials of replicas", Following, "secret", ("primary_url",), purpose)
"""For rotations, backups and the counts of the console."""


def primary_of(row: Following) -> Primary:
    """The client, with the credential opened."""
    secret = sealing.unseal(row.secret, purpose(row.primary_url))
    return Primary(row.primary_url, secret, str(epochs.site()), row.ca_certificates, contact.Hearing())


def follow_once(wait: float = 0.0, *, came: Callable[[], None] = lambda: None) -> Round:
    """Ask what is new, waiting up to so many seconds for it, and take it, for some seconds at most.

    ``came`` hears of each batch.
    """
    row = Following.objects.first()
    if row is None or row.is_paused:
        return Round.IDLE
    try:
        primary = primary_of(row)
        if not _is_due(row, primary, wait):
            return Round.NOTHING
        _take(row, primary, came)
    except PrimaryFailed as error:
        if error.code == "epoch-unknown":
            return Round.TAKEN if _rebased(row) else Round.FAILED
        _note_failure(error)
        return Round.FAILED
    except Refusal as error:  # the credential does not open, or another site took over meanwhile
        _note_failure(PrimaryFailed(error.detail, error.code))
        return Round.FAILED
    return Round.TAKEN


def _is_due(row: Following, primary: Primary, wait: float) -> bool:
    number, size = standing.missing()
    is_late = row.compared_at is None or row.compared_at < timezone.now() - COMPARE
    is_behind = is_late or row.cursor < row.primary_serial
    asked = {
        "since": row.cursor,
        "epoch": str(row.epoch),
        **row.generations,
        "missing_blobs": number,
        "missing_bytes": size,
        **({} if row.incomplete_since is None else {"incomplete_for": _seconds_since(row.incomplete_since)}),
    }
    is_doubtful = row.failing_since is not None and row.failure_code != contact.PEPPER  # its end is told at once
    news = primary.news(asked, 0.0 if is_behind or is_doubtful else wait)
    newest = _number(news, "newest")
    with fitting("bad-answer", "The primary's news cannot be kept."):
        Following.objects.update(primary_serial=newest, **contact.heard(row, news, primary.secret), **appointed(news))
        primary_log.keep(row, news)
    return is_late or newest > row.cursor or news.get("generations") != row.generations


def appointed(news: Mapping[str, Any]) -> dict[str, Any]:
    """What the primary says of this replica: whether it may take over, where clients find it then, and who else follows."""
    told = news.get("takeover")
    url, others = (told.get("url"), told.get("siblings")) if isinstance(told, dict) else (None, None)
    if not isinstance(url, str) or not isinstance(others, list):
        return {"may_take_over": False, "own_url": "", "siblings": []}
    if not url.isprintable():  # it is told in sentences and kept in rows
        raise PrimaryFailed("The primary's answer cannot be read: it has no address for this site.", "bad-answer")
    return {"may_take_over": True, "own_url": url[:500], "siblings": others}


def _seconds_since(moment: datetime) -> int:
    return max(0, int((timezone.now() - moment).total_seconds()))


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    if not isinstance(value, int) or value not in SERIALS:
        raise PrimaryFailed("The primary's answer cannot be read: it lacks a number.", "bad-answer")
    return value


def _take(row: Following, primary: Primary, came: Callable[[], None]) -> None:
    """Batch after batch, of which the next one comes while the last one is written."""
    transport, until = Transport(primary.secret), time.monotonic() + LONGEST
    mark, known = Mark(row.epoch, row.cursor), row.generations
    is_late = row.compared_at is None or row.compared_at < timezone.now() - COMPARE
    with Ahead(primary) as coming:
        while True:
            wish = _wish(mark, known, transport)
            batch = None if is_late else coming.batch(wish)
            if batch is None or batch.head.get("asks_for_digests"):
                batch = primary.batch(wish | {"digests": digests(transport)})
            require_sound(batch, mark.cursor, row.primary_site)
            if batch.end.get("compared"):  # which is noted when all is here: until then roles lack their projects
                is_late, known = False, batch.head["generations"]
            after = Mark(UUID(batch.head["epoch"]), int(batch.head["upto"]))
            goes_on = mark.cursor < after.cursor < int(batch.head["newest"]) and time.monotonic() < until
            if goes_on and is_small(batch):
                coming.ask(_wish(after, known, transport))
            was_taken = take(batch, mark, row.primary_site, transport)
            came()
            if not was_taken or not goes_on:
                break
            mark = after


def _wish(mark: Mark, known: Mapping[str, int], transport: Transport) -> dict[str, Any]:
    return {
        "since": mark.cursor,
        "epoch": str(mark.epoch),
        "generations": known,
        "counters": digests(transport, giving.COUNTERS),
    }


def digests(transport: Transport, tables: Iterable[Table] = places.TABLES) -> dict[str, dict[str, str]]:
    """Of the tables as they are here, for the primary to compare."""
    return {places.label(table.model): giving.chunk_digests(table, transport) for table in tables}


def take(batch: Batch, mark: Mark, site: UUID, transport: Transport) -> bool:
    """Make the batch this site's, and move the cursor, in one transaction; raises PrimaryFailed where it does not fit.

    Tells whether it was taken: not where somebody else has gone on meanwhile, or this site follows nobody any more.
    """
    require_sound(batch, mark.cursor, site)
    with fitting(*UNFIT), applying.turn(), transaction.atomic():
        row = Following.objects.select_for_update().filter(is_paused=False).first()
        if row is None or (row.epoch, row.cursor) != (
            mark.epoch,
            mark.cursor if mark.rewound_from is None else mark.rewound_from,
        ):
            return False
        rewound_to = None if mark.rewound_from is None else mark.cursor
        applying.apply(batch, transport, rewound_to=rewound_to)
        holding.after(batch)
        note_taken(batch)
    return True


def require_sound(batch: Batch, since: int, site: UUID) -> None:
    """Refuse a batch of another site, of another release, or whose serials are not in order."""
    head = batch.head
    if head.get("site") != str(site):
        raise PrimaryFailed(
            "Another installation answers at the primary's address; leave it, or set the address right.", "site-changed"
        )
    if head.get("format") != giving.FORMAT or head.get("schema") != giving.schema():
        raise PrimaryFailed(
            "The primary is of another release than this replica; bring both to the same one.", "releases-differ"
        )
    try:
        UUID(head["epoch"]), {str(name): int(value) for name, value in head["generations"].items()}
        SERIALS.index(int(head["upto"])), SERIALS.index(int(head["newest"]))
    except (KeyError, ValueError, AttributeError, TypeError, OverflowError):
        raise PrimaryFailed("The primary's batch does not say of which moment it is.", "bad-batch") from None
    serials = [since, *(change["serial"] for change in batch.changes)]
    in_order = all(earlier < later for earlier, later in pairwise(serials))
    if not in_order or serials[-1] > int(head["upto"]):
        raise PrimaryFailed("The primary's changes are not in order.", "bad-batch")


def note_taken(batch: Batch) -> None:
    """Move the cursor; call it in the transaction that took the batch."""
    head = batch.head
    values: dict[str, Any] = {
        "cursor": int(head["upto"]),
        "epoch": UUID(head["epoch"]),
        "primary_serial": int(head["newest"]),
        "contact_at": timezone.now(),
    }
    if batch.end.get("compared") and int(head["upto"]) >= int(head["newest"]):
        generations = {str(name): int(value) for name, value in head["generations"].items()}
        values |= {"generations": generations, "compared_at": timezone.now()}
    Following.objects.update(**values)
    contact.note_success()


def _rebased(row: Following) -> bool:
    """Go back to what both sites have in common, and on from there; False where there is nothing, or no way on."""
    try:
        primary = primary_of(row)
        hello = primary.hello()
        theirs = [Past(UUID(each[0]), int(each[1]), int(each[2])) for each in hello["epochs"]]
        newest = _number(hello, "newest")
        found = epochs.common(epochs.history(), row.cursor, theirs, newest)
        if found is None or found[0].uuid == theirs[-1].uuid:
            _note_failure(
                PrimaryFailed(
                    "The primary has less than this replica and tells of no restore, or is another installation; nothing is "
                    "taken from it until somebody has looked.",
                    "primary-behind",
                )
            )
            return False
        return _rebase(row, primary, *found)
    except PrimaryFailed as error:
        _note_failure(error)
        return False
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        _note_failure(PrimaryFailed("The primary's answer cannot be read.", "bad-answer"))
        return False


def _rebase(row: Following, primary: Primary, past: Past, serial: int) -> bool:
    """Take the past of the primary on, and keep beside what is only here, in one transaction; tells whether that was done."""
    lost = Change.objects.filter(serial__gt=serial)
    touched = leftovers.touched(lost)
    if len(touched) > MOST_GONE_BACK:
        raise PrimaryFailed(
            f"The primary was restored, and {len(touched)} projects here are newer than what it has: more than a replica goes "
            "back over. See docs/replication.md, 'Epochs'.",
            "rebase-too-large",
        )
    transport = Transport(primary.secret)
    batch = primary.batch(
        {
            "since": serial,
            "epoch": str(past.uuid),
            "also": [list(each) for each in touched],
            "digests": digests(transport),
        }
    )
    require_sound(batch, serial, row.primary_site)
    with transaction.atomic():
        number, kept = lost.count(), leftovers.found(batch, transport, serial, row.epoch)
        if not take(batch, Mark(row.epoch, serial, rewound_from=row.cursor), row.primary_site, transport):
            return False
        leftovers.keep(kept)
        leftovers.ring()
        audit.record(
            actor=ACTOR,
            action="replication.rebase",
            object_type="following",
            object_name=row.primary_url,
            back_to=serial,
            was_at=row.cursor,
            changes_given_up=number,
            kept=len(kept),
        )
    log.warning(
        "The primary was restored: %d changes after serial %d are not its past any more; %d things are kept beside.",
        number,
        serial,
        len(kept),
    )
    return True


def _note_failure(error: PrimaryFailed) -> None:
    log.warning("The primary cannot be followed: %s (%s)", error, error.code)
    Following.objects.filter(failing_since=None).update(failing_since=timezone.now())
    Following.objects.update(failure=str(error)[:_FAILURE], failure_code=error.code[:_CODE])
