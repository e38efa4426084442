"""The bytes, beside the changes: hosted before mirrored, newest first, resumed at any byte, and proved before they count.

What is still to come stands in the database, so that a killed follower goes on where it was; a file that was half here when it
died begins anew, because nothing unsealed is left on the disk.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

from django.db import transaction
from django.utils import timezone

from accounts.services import alarms
from indexapp.clients.primary import Primary, PrimaryFailed
from indexapp.models import File, Following, WantedBlob
from indexapp.services import blobs
from indexapp.services.blobs import Stored
from indexapp.services.replication import applying, budget, healing, holding, pacing, room, together
from indexapp.services.replication.following import primary_of
from indexapp.services.replication.side_by_side import SideBySide
from indexapp.storage import Spool, StorageUnavailable, default_storage
from tpi_site.kit import locking

log = logging.getLogger(__name__)
T = TypeVar("T")
ALARM = "replica-wrong-bytes"
_AT_ONCE = 4
"""Threads: while some wait for the primary, the disk or their turn to write, another seals."""
_AHEAD, _ALONE = 32, 8
"""Groups, and large contents, that are given to them at once: they go on while what is stored waits to be noted."""
_TRIES = 5
_PAUSE = 0.2
"""Seconds before a connection that broke off is made again; twice as long before each further one."""
_FIRST, _LONGEST = 2.0, 3600.0
"""Seconds until what failed is tried again; twice as long after each further time."""
_FAILURE = 300


class WrongBytes(Exception):
    """The primary sent what is not the content of this digest."""


def due(number: int) -> list[WantedBlob]:
    """What is fetched next; nothing while it has to wait."""
    if not Following.objects.filter(is_paused=False).exists() or pacing.waits() or room.keep_out():
        return []
    now = timezone.now()
    return list(WantedBlob.objects.filter(next_at__lte=now).order_by("rank", "-pk")[:number])


@dataclass
class _Came:
    """What became of some that were wanted: so many are here, and these are stored and are to be handed over."""

    number: int = 0
    stored: list[Stored] = field(default_factory=list)
    wanted: Sequence[WantedBlob] = ()


def fetch_due(*, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Fetch what is due, several side by side, until nothing is; returns how many came."""
    came = 0
    healing.want_damaged()
    with SideBySide[_Came](_AT_ONCE) as sides:
        while True:
            holding.go_on(goes_on)
            budget.keep()
            if goes_on():
                _give(sides, goes_on)
            if not sides.doing:
                return came
            came += _hand_over(sides.done(_AHEAD))
            while len(sides.doing) > _AHEAD // 2:  # each has something to do
                came += _hand_over(sides.done(_AHEAD))


def _give(sides: SideBySide[_Came], goes_on: Callable[[], bool]) -> None:
    """Give what is due and not on its way, so that nobody waits for the slowest of the others."""
    doing = {key for keys in sides.doing for key in keys}
    wanted = [each for each in due(_AHEAD * together.MOST + len(doing)) if each.pk not in doing]
    groups, alone = together.grouped(wanted)
    for group in groups[:_AHEAD]:
        sides.give(frozenset(each.pk for each in group), partial(_unless_waiting, goes_on, _fetch_group, group))
    # Large ones one by one: somebody may say stop before the last of so many.
    for each in alone[:_ALONE]:
        sides.give(frozenset([each.pk]), partial(_unless_waiting, goes_on, _fetch_one, each))


def _unless_waiting(goes_on: Callable[[], bool], work: Callable[[T], _Came], what: T) -> _Came:
    return work(what) if goes_on() and not pacing.waits() else _Came()


def _hand_over(came: Sequence[_Came]) -> int:
    """Let files have what several groups brought, by one transaction; how many are here now."""
    stored = {each.sha256: each for one in came for each in one.stored}
    try:
        together.hand_over(list(stored.values()))
    except blobs.BlobVanishedError as error:
        for each in [each for one in came for each in one.wanted if each.sha256 in stored]:
            _put_off(each, str(error) or type(error).__name__)
        stored = {}
    return len(stored) + sum(one.number for one in came)


def _fetch_one(wanted: WantedBlob) -> _Came:
    return _Came(int(fetch(wanted, pacing.take)))


def _fetch_group(wanted: Sequence[WantedBlob]) -> _Came:
    """Fetch small contents together, and by themselves those that did not come so."""
    row = Following.objects.first()
    if row is None or row.is_paused:
        return _Came()
    taken = room.taken(wanted)
    if not taken:
        return _Came()
    try:
        came = together.fetch(primary_of(row), taken, pacing.take)
    except (StorageUnavailable, OSError) as error:
        for each in taken:
            if not (isinstance(error, OSError) and room.has_ended(each, error)):
                _put_off(each, str(error) or type(error).__name__)
        return _Came()
    if came.failure is not None:
        for each in taken:
            _put_off(each, str(came.failure))
        return _Came()
    alone = came.alone - {each.sha256 for each in came.stored}
    return _Came(sum(fetch(each, pacing.take) for each in taken if each.sha256 in alone), came.stored, taken)


def fetch(wanted: WantedBlob, paced: Callable[[int], None] = lambda _size: None) -> bool:
    """Fetch one content; whether it is here now.  What fails is tried again later.  ``paced`` holds up who is too fast."""
    row = Following.objects.first()
    if row is None or row.is_paused or not room.takes(wanted):
        return False
    try:
        with default_storage().spool() as spool:
            _receive(primary_of(row), wanted, spool, paced)
            keep(wanted, spool)
    except WrongBytes as error:
        sentence = f"The primary {row.primary_url} sends other bytes than those of {wanted.sha256}: {error}."
        alarms.ring(ALARM, sentence[:500], subject=wanted.sha256)
        _put_off(wanted, sentence)
        return False
    except OSError as error:
        if not room.has_ended(wanted, error):
            _put_off(wanted, str(error))
        return False
    except (PrimaryFailed, StorageUnavailable, blobs.BlobVanishedError) as error:
        _put_off(wanted, str(error) or type(error).__name__)
        return False
    return True


def _receive(
    primary: Primary, wanted: WantedBlob, spool: Spool, paced: Callable[[int], None] = lambda _size: None
) -> None:
    """Let the whole content come; what breaks off is gone on with at the next byte.  Raises WrongBytes, PrimaryFailed."""
    digest, taken = hashlib.sha256(), 0
    for attempt in range(_TRIES):
        try:
            with primary.blob(wanted.sha256, taken) as pieces:
                for piece in pieces:
                    taken += len(piece)
                    if taken > wanted.size:
                        raise WrongBytes(f"there are more than {wanted.size}")
                    paced(len(piece))
                    digest.update(piece)
                    spool.file.write(piece)
        except PrimaryFailed as error:
            if taken != wanted.size and (attempt == _TRIES - 1 or not error.may_pass or not taken):
                raise
        if taken == wanted.size:
            break
        time.sleep(_PAUSE * 2**attempt)
    if taken != wanted.size:
        raise PrimaryFailed("The primary breaks off again and again.", "bad-answer")
    if digest.hexdigest() != wanted.sha256:
        raise WrongBytes("their digest is another")


def keep(wanted: WantedBlob, spool: Spool) -> None:
    """Store the bytes, sealed with this site's own keys, and give them to the files that wait for them."""
    if healing.heal(wanted, spool):
        return
    stored = blobs.store(wanted.sha256, spool)
    with transaction.atomic():
        locking.hold(applying.BLOBS)
        row = WantedBlob.objects.filter(pk=wanted.pk).first()
        files = row.files if row is not None else []
        own = File.objects.filter(pk__in=files, blob=None, sha256=wanted.sha256)
        beside = File.objects.filter(pk__in=files, metadata_blob=None, metadata_sha256=wanted.sha256)
        if own.exists() or beside.exists():
            key = blobs.claim(stored)[wanted.sha256]
            own.update(blob=key)
            beside.update(metadata_blob=key)
            is_needed = True
        else:
            is_needed = False
        WantedBlob.objects.filter(pk=wanted.pk).delete()
    if not is_needed:
        blobs.discard(stored)


def _put_off(wanted: WantedBlob, why: str) -> None:
    pause = min(_LONGEST, _FIRST * 2 ** min(wanted.attempts, 16)) * random.uniform(0.75, 1.25)  # noqa: S311  no secret
    log.warning("Bytes did not come from the primary: %s", why)
    WantedBlob.objects.filter(pk=wanted.pk).update(
        attempts=wanted.attempts + 1, next_at=timezone.now() + timedelta(seconds=pause), failure=why[:_FAILURE]
    )
