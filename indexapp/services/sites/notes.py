"""What readers' requests tell of mirror sites, written down a moment later: no reader waits for the database.

What a site was found to do wrong counts in this process at once.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from threading import Lock
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from accounts.services import generations
from indexapp.domain import balancing
from indexapp.models import FileProof, MirrorSite
from indexapp.services.sites import checking, standing
from tpi_site.kit import queue, read_only

_BLOCKED: Final = 30.0
"""Seconds for which this process leaves a site alone that failed it; by then the database says how it does."""
_MOST, _MOST_WISHED = 2000, 5000
_SAME: Final = 20.0
"""Seconds within which the same client asks again for the same file because it did not get it."""
_DOUBTED: Final = 60.0
"""Seconds for which such a client is sent nowhere."""
_HEARD: Final = 5.0
"""Seconds for which a site counts as answering that this process heard from."""
_COUNTED: Final = 4096
_OFTEN: Final = 64


@dataclass(frozen=True)
class Wish:
    """That a site is to be looked at for a content."""

    site: int
    sha256: str
    index: int
    path: str


_lock = Lock()
_wishes: set[Wish] = set()
_given: Counter[int] = Counter()
_requests: Counter[int] = Counter()
_faults: Counter[tuple[int, bool]] = Counter()
_failures: dict[int, tuple[bool, str]] = {}
_again: set[Wish] = set()
_lacks: set[tuple[int, str]] = set()
_lacked: OrderedDict[tuple[int, str], float] = OrderedDict()
_blocked: dict[int, tuple[float, float]] = {}
_heard: dict[int, float] = {}
_sent: OrderedDict[tuple[str, str, str], tuple[float, float, int]] = OrderedDict()
_doubting: OrderedDict[tuple[str, str], tuple[float, float, int]] = OrderedDict()
_wanted: Counter[str] = Counter()
_bytes: Counter[str] = Counter()
_listeners: list[Callable[[], None]] = []


def on_note(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is something to write; it must not wait."""
    _listeners.append(listener)


def wish(wished: Wish) -> None:
    """Somebody wanted a content that the site was not found to have yet."""
    with _lock:
        if wished in _wishes or len(_wishes) >= _MOST:
            return
        _wishes.add(wished)
    _tell()


def given(site: int, size: int) -> None:
    """Bytes were asked of the site for a reader."""
    with _lock:
        _given[site] += size
        _requests[site] += 1
    _tell()


def failed(site: int, what: str, *, is_wrong: bool) -> None:
    """The site did not give what it was found to have; nobody of this process is given it for now."""
    with _lock:
        _blocked[site] = time.monotonic() + _BLOCKED, time.time()
        _heard.pop(site, None)
        _faults[site, is_wrong] += 1
        if is_wrong or site not in _failures:
            _failures[site] = (is_wrong, what)
    _tell()


def lacked(site: int, sha256: str) -> None:
    """The site says that it has no such content any more: only this one is not asked of it, and the site is looked at soon."""
    with _lock:
        _lacks.add((site, sha256))
        _remember(_lacked, (site, sha256), time.monotonic() + _BLOCKED)
    _tell()


def is_lacking(site: int, sha256: str) -> bool:
    """Whether the site said to this process a moment ago that it has not that content."""
    return _lacked.get((site, sha256), 0.0) > time.monotonic()


def is_blocked(site: int) -> bool:
    """Whether it failed this process a moment ago."""
    return _blocked.get(site, (0.0, 0.0))[0] > time.monotonic()


def judged(since: dict[int, float]) -> None:
    """Forget what was noted of sites before their state changed last, and of those that are not in use.

    ``since`` is when each site that is in use came to be as it is, in seconds since 1970.
    """
    with _lock:
        for site, (_, noted_at) in list(_blocked.items()):
            if since.get(site, inf) > noted_at:
                del _blocked[site]
        for memory in (_doubting, _sent):
            _forget_old(memory, since)


def _forget_old(memory: OrderedDict[Any, tuple[float, float, int]], since: dict[int, float]) -> None:
    for key, (_, noted_at, site) in list(memory.items()):
        if since.get(site, inf) > noted_at:
            del memory[key]


def heard(site: int) -> None:
    """It answered."""
    _heard[site] = time.monotonic()


def is_heard(site: int) -> bool:
    """Whether it answered this process a moment ago."""
    return _heard.get(site, float("-inf")) > time.monotonic() - _HEARD


def sent(address: str, client: str, what: Wish) -> bool:
    """Note that a client is sent to a site for a content; False where it was a moment ago, and so did not get it.

    Then the site is looked at at once for that very content, and the client has all from here for a while.
    """
    who, now = (address, client[:200]), time.monotonic()
    key = (*who, what.sha256)
    with _lock:
        if _doubting.get(who, (0.0, 0.0, 0))[0] > now:
            return False
        is_again = _sent.get(key, (-inf, 0.0, 0))[0] > now - _SAME
        _remember(_sent, key, (now, time.time(), what.site))
        if is_again:
            _again.add(what)
            _remember(_doubting, who, (now + _DOUBTED, time.time(), what.site))
    if is_again:
        _tell()
    return not is_again


def _remember(memory: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > _COUNTED:
        memory.popitem(last=False)


def is_popular(sha256: str, size: int) -> bool:
    """Whether much of this process's traffic is for that content; counts the request."""
    with _lock:
        _wanted[sha256] += 1
        _bytes[sha256] += size
        if len(_wanted) > _COUNTED:
            for counter in (_wanted, _bytes):
                kept = {key: number // 2 for key, number in counter.items() if _wanted[key] > 1}
                counter.clear()
                counter.update(kept)
        return _wanted[sha256] >= _OFTEN and _bytes[sha256] >= balancing.POPULAR * _bytes.total()


def write() -> int:
    """Write what was noted; returns how many sites or contents that were about."""
    if read_only.why() is not None:
        return 0
    with _lock:
        wishes, counts, failures, again = set(_wishes), dict(_given), dict(_failures), set(_again)
        requests, faults, lacks = dict(_requests), dict(_faults), set(_lacks)
        for each in (_wishes, _given, _requests, _faults, _failures, _again, _lacks):
            each.clear()
    for site in MirrorSite.objects.filter(pk__in=failures):
        is_wrong, what = failures[site.pk]
        if is_wrong:
            standing.wrong(site, what)
        else:
            standing.trouble(site, what)
    for pk, size in counts.items():
        checking.note_given(pk, size, requests[pk])
    for pk in failures:
        checking.note_faults(pk, failed=faults.get((pk, False), 0), wrong=faults.get((pk, True), 0))
    MirrorSite.objects.filter(pk__in={each.site for each in again}).update(next_check_at=timezone.now())
    _write_wishes(wishes | again)
    _write_lacks(lacks)
    if again:
        queue.enqueue("indexapp.tasks.check_mirror_sites", name="check mirror sites")
    return len(wishes | again) + len(counts) + len(failures) + len(lacks)


def _write_wishes(wishes: set[Wish]) -> None:
    if not wishes:
        return
    now = timezone.now()
    asked = MirrorSite.objects.filter(pk__in={each.site for each in wishes})
    waiting = asked.annotate(wished=Count("proofs", filter=Q(proofs__wanted_at__isnull=False)))
    there = {
        pk for pk, wished in waiting.values_list("pk", "wished") if wished <= _MOST_WISHED
    }  # of each: one may be away
    rows = [
        FileProof(site_id=each.site, sha256=each.sha256, index_id=each.index, path=each.path, wanted_at=now)
        for each in wishes
        if each.site in there and len(each.path) <= 400  # noqa: PLR2004  as the column
    ]
    FileProof.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["site", "sha256"], update_fields=["wanted_at", "index", "path"]
    )


def _write_lacks(lacks: set[tuple[int, str]]) -> None:
    """That a content is missing at a site; what the site must have, the look that is due now finds out."""
    if not lacks:
        return
    now = timezone.now()
    with transaction.atomic():
        for site, sha256 in lacks:
            FileProof.objects.filter(site_id=site, sha256=sha256).update(missing_at=now, proved_at=None, wanted_at=None)
        MirrorSite.objects.filter(pk__in={site for site, _ in lacks}).update(
            next_check_at=now, failed_answers=F("failed_answers") + 1
        )
        generations.bump_sites()


def _tell() -> None:
    for listener in _listeners:
        listener()


def forget_all() -> None:
    """Empty this process's memory."""
    with _lock:
        for each in (
            _wishes,
            _given,
            _requests,
            _faults,
            _failures,
            _again,
            _lacks,
            _lacked,
            _blocked,
            _heard,
            _sent,
            _doubting,
            _wanted,
            _bytes,
        ):
            each.clear()
