"""When an upstream is asked for a project's page, and by whom of many who want it.

A page that is fresh is served without a question; one that is stale is served at once and asked for behind the reader's back;
only a name of which nothing is known is waited for.  Of all processes and nodes one asks at a time (:mod:`.turns`).  What
this process knows of freshness is kept in memory, so that a warm page costs no query.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import NamedTuple

from django.db import connections
from django.utils import timezone

from accounts.domain.actors import Actor
from indexapp.clients.upstream import Missing, NotModified, Page, UpstreamFailed, fetch_page
from indexapp.models import Index, MirroredProject, Upstream
from indexapp.services.mirrors import addresses, recording, standing, turns, waiting
from indexapp.services.mirrors.metadata import completing
from indexapp.services.serving import gate, ownership, watermarks
from indexapp.services.serving.index_map import MirrorTerms, ServedIndex
from indexapp.services.serving.project_pages import ServedProject
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit import read_only
from tpi_site.kit.errors import Unavailable

log = logging.getLogger(__name__)
PAUSE_SECONDS = waiting.PAUSE_SECONDS
"""For how long an upstream that failed is not asked for the same page again."""
_MOST = 50_000
_REFRESHERS = 4
_NEVER = float("inf")
_OUTCOMES: dict[type, str] = {Page: "page", Missing: "missing", NotModified: "unchanged"}


class Known(NamedTuple):
    """What this process remembers of a name in a mirror: until when (monotonic seconds), and whether there is a project."""

    access: int
    until: float
    exists: bool
    is_ours: bool = False


_known: OrderedDict[tuple[int, str], Known] = OrderedDict()
_asking: dict[tuple[int, str], Lock] = {}
_refreshing: set[tuple[int, str]] = set()
_lock = Lock()
_pool: ThreadPoolExecutor | None = None


def is_due(index: ServedIndex, page: ServedProject | None, name: str, watermark: Watermark) -> bool:
    """Whether a mirror of ``index`` wants to be asked for the name before its page is served; from memory alone."""
    is_merged = name in index.merged
    if page is not None and page.member.terms is None and not is_merged:
        return False
    now = time.monotonic()
    for mirror in index.mirrors:
        known = _known.get((mirror.pk, name))
        if known is None or known.access != watermark.access or known.until < now or (known.is_ours and is_merged):
            return True
        if known.exists:
            return False
    return False


def ask(actor: Actor, index: ServedIndex, name: str, watermark: Watermark) -> Watermark:
    """Let the mirrors of ``index`` learn what their upstreams say of the name, in order until one has it.

    Only who may read a mirror as a whole makes it ask.  The new watermark, after which the page may be looked for again.
    Raises :class:`Unavailable` when nothing is known of the name and an upstream does not say.
    """
    failure: Unavailable | None = None
    for mirror in index.mirrors:
        if mirror.terms is None or not _may_ask(actor, mirror, name, watermark):
            continue
        if name not in index.merged and ownership.is_ours(mirror.terms, name):
            _remember(mirror, name, watermark, _NEVER, exists=False, is_ours=True)
            continue
        try:
            if _learn(mirror, mirror.terms, name, watermark):
                break
        except Unavailable as error:
            failure = failure or error
            break  # the next mirror must not answer for one that may have the name
    if failure is not None:
        raise failure
    return watermarks.read()


def _may_ask(actor: Actor, mirror: ServedIndex, name: str, watermark: Watermark) -> bool:
    if actor.token is not None and actor.token.projects and name not in actor.token.projects:
        return False
    return gate.may_read(actor, mirror, None, watermark)


def _learn(mirror: ServedIndex, terms: MirrorTerms, name: str, watermark: Watermark) -> bool:
    """Bring the mirror's row of the name up to date; whether the upstream has such a project."""
    row = _row(mirror, name)
    if row is not None and _is_settled(row, terms):
        return _take_over(mirror, name, watermark, row, terms)
    if row is not None and row.project_id is not None:
        _remember(mirror, name, watermark, time.monotonic() + PAUSE_SECONDS, exists=True)
        _refresh_behind(mirror, name)
        return True
    if not terms.is_asked:
        _remember(mirror, name, watermark, _NEVER, exists=False)
        return False
    read_only.require_off()
    row = waiting.answer((mirror.pk, name), partial(_answered, mirror, name))
    if row.project_id is None and row.failure:
        raise Unavailable(
            f"The upstream of the index '{mirror.name}' did not say whether it has '{name}': {row.failure} Try again later.",
            retry_after=int(PAUSE_SECONDS),
            code="upstream-unavailable",
        )
    return _take_over(mirror, name, watermark, row, terms)


def _is_settled(row: MirroredProject, terms: MirrorTerms) -> bool:
    """Whether there is nothing to ask now."""
    if not terms.is_asked:
        return row.checked_at is not None
    return row.fresh_until is not None and row.fresh_until > timezone.now() and not row.failure


def _take_over(mirror: ServedIndex, name: str, watermark: Watermark, row: MirroredProject, terms: MirrorTerms) -> bool:
    left = _NEVER if not terms.is_asked else _seconds_until(row.fresh_until)
    _remember(mirror, name, watermark, time.monotonic() + left, exists=row.project_id is not None)
    return row.project_id is not None


def _seconds_until(moment: datetime | None) -> float:
    return (moment - timezone.now()).total_seconds() if moment else 0.0


def _remember(
    mirror: ServedIndex, name: str, watermark: Watermark, until: float, *, exists: bool, is_ours: bool = False
) -> None:
    with _lock:
        _known[mirror.pk, name] = Known(watermark.access, until, exists, is_ours)
        _known.move_to_end((mirror.pk, name))
        while len(_known) > _MOST:
            _known.popitem(last=False)


def _row(mirror: ServedIndex, name: str) -> MirroredProject | None:
    return MirroredProject.objects.filter(index_id=mirror.pk, normalized_name=name).first()


class _alone_here:  # noqa: N801  used as a statement
    """One thread of this process at a time for each name: the others would only ask the database again and again."""

    def __init__(self, mirror: int, name: str) -> None:
        self._key = (mirror, name)

    def __enter__(self) -> None:
        with _lock:
            self._one = _asking.setdefault(self._key, Lock())
        self._one.acquire()

    def __exit__(self, *_: object) -> None:
        self._one.release()
        with _lock:
            if not self._one.locked():
                _asking.pop(self._key, None)


def _answered(mirror: ServedIndex, name: str) -> MirroredProject:
    """The row as the upstream's answer left it, or the lack of one, after which the upstream is left alone a while."""
    with _alone_here(mirror.pk, name):
        row = _wait_or_ask(mirror, name)
    is_failing = bool(row.failure) and Upstream.objects.filter(pk=mirror.pk, failing_since__isnull=False).exists()
    waiting.note(mirror.pk, is_failing=is_failing)
    return row


def _wait_or_ask(mirror: ServedIndex, name: str) -> MirroredProject:
    """Ask the upstream, or wait for who is asking; returns the row as that left it."""
    began = timezone.now()
    row = turns.ask_or_wait(
        _made(mirror, name),
        is_told=partial(_is_answered, began=began),
        ask=partial(ask_now, mirror.pk, name),
        anew=partial(_made, mirror, name),  # a name that was not there may have been forgotten meanwhile
    )
    if row is None:
        raise Unavailable(
            f"The upstream of the index '{mirror.name}' takes too long to answer for '{name}'; try again.",
            code="upstream-unavailable",
        )
    return row


def _made(mirror: ServedIndex, name: str) -> MirroredProject:
    return MirroredProject.objects.get_or_create(index_id=mirror.pk, normalized_name=name)[0]


def _is_answered(row: MirroredProject, began: datetime) -> bool:
    """Whether somebody has asked since, or so lately that it would be the same again."""
    now = timezone.now()
    if row.failed_at is not None and row.failure:
        return row.failed_at > min(began, now - timedelta(seconds=PAUSE_SECONDS))
    if row.checked_at is not None and row.checked_at > began:
        return True  # fresh no more perhaps, where pages count as such for no time at all
    return row.fresh_until is not None and row.fresh_until > now


def _refresh_behind(mirror: ServedIndex, name: str) -> None:
    """Ask for a known page while its readers are served what there is."""
    global _pool  # noqa: PLW0603  one per process, made when first needed, after the server forked
    if mirror.terms is None or not mirror.terms.is_asked or read_only.why() is not None:
        return
    key = (mirror.pk, name)
    with _lock:
        if key in _refreshing:
            return
        _refreshing.add(key)
        _pool = _pool or ThreadPoolExecutor(_REFRESHERS, thread_name_prefix="mirror")
        _pool.submit(_refresh, mirror.pk, name)


def _refresh(mirror: int, name: str) -> None:
    try:
        row = MirroredProject.objects.filter(index_id=mirror, normalized_name=name).first()
        if row is not None and not _is_answered(row, timezone.now()) and turns.take(row):
            ask_now(mirror, name, row)
            row.refresh_from_db()
        _look_again_at(mirror, name, row)
    except Exception:
        log.exception("The page of %s could not be asked for.", name)
    finally:
        with _lock:
            _refreshing.discard((mirror, name))
        connections.close_all()


def _look_again_at(mirror: int, name: str, row: MirroredProject | None) -> None:
    """Let the row be read anew, but where the upstream failed or is being asked by others, not before the pause is over."""
    with _lock:
        known = _known.get((mirror, name))
        if row is None or (not row.failure and row.asked_until is None):
            _known.pop((mirror, name), None)
        elif known is not None and row.failure and row.failed_at is not None:
            left = _seconds_until(row.failed_at) + PAUSE_SECONDS
            _known[mirror, name] = known._replace(until=time.monotonic() + left)


def ask_now(mirror: int, name: str, row: MirroredProject) -> None:
    """Ask the upstream for the page and record what it says; who calls has the lease, which ends with this.

    A failure is recorded too, and changes nothing of what is known.  When what is asked, or of whom, was changed meanwhile,
    it is asked once more; who changes it again just then leaves the row due.
    """
    try:
        if not _is_told(mirror, name, row):
            row.refresh_from_db()
            _is_told(mirror, name, row)
    finally:
        MirroredProject.objects.filter(pk=row.pk).exclude(asked_until=None).update(asked_until=None)


def _is_told(mirror: int, name: str, row: MirroredProject) -> bool:
    """Ask; whether the answer could be used, or there was none."""
    index = Index.objects.select_related("upstream").get(pk=mirror)
    try:
        # Not the validators of a page whose rows are gone: the upstream would say that nothing has changed.
        etag, modified = (row.etag, row.last_modified) if row.project_id else ("", "")
        answer = fetch_page(addresses.of(index), name, etag=etag, last_modified=modified)
        is_taken = True
        if isinstance(answer, Page):
            is_taken = recording.take_page(index, row, answer)
            completing.complete(index.pk, name)
        elif isinstance(answer, Missing):
            is_taken = recording.take_absence(index, row)
        elif isinstance(answer, NotModified):
            is_taken = recording.note_fresh(row, index.upstream.page_seconds)
            completing.complete(index.pk, name)  # what could not be had, or was left by a process that ended
        standing.note_answer(index, _OUTCOMES[type(answer)])
    except UpstreamFailed as error:
        recording.note_failure(row, str(error))
        standing.note_failure(index, error)
        log.warning("The upstream of %s failed for %s: %s", index.name, name, error)
        return True
    return is_taken


def ask_again(mirror: int, name: str) -> MirroredProject:
    """The row of the name after the upstream was asked for it, due or not, by this or by whoever began just before."""
    began = timezone.now()
    row = MirroredProject.objects.get_or_create(index_id=mirror, normalized_name=name)[0]

    def anew() -> MirroredProject:
        row.refresh_from_db()
        return row

    turns.ask_or_wait(row, is_told=partial(_is_asked_since, began=began), ask=partial(ask_now, mirror, name), anew=anew)
    with _lock:
        _known.pop((mirror, name), None)
    return row


def _is_asked_since(row: MirroredProject, began: datetime) -> bool:
    return any(moment is not None and moment >= began for moment in (row.checked_at, row.failed_at))


def forget_all() -> None:
    """Empty this process's memory of what is fresh."""
    with _lock:
        _known.clear()
    waiting.forget_all()
