"""Giving a page the metadata that its upstream does not tell of: of the newest wheels first, of the others behind readers."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import lru_cache, partial
from threading import Lock, Thread

from django.db import connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from indexapp.clients.upstream import UpstreamFailed
from indexapp.models import File
from indexapp.services.mirrors.metadata import keeping, obtaining
from indexapp.services.mirrors.metadata.obtaining import Asked, Obtained
from indexapp.services.mirrors.metadata.wheels import MetadataFailed
from tpi_site.kit import read_only

log = logging.getLogger(__name__)
NEWEST = 8
"""Wheels of which a page's first reader waits for the metadata."""
SECONDS = 4.0
"""For how long; clients wait 15 seconds for a page."""
_BEHIND = 400
"""Further wheels, the newest of them; who needs the metadata of an older one gets the wheel."""
_BATCH = 16
_AGAIN = timedelta(days=1)
"""After which what could not be had is looked for once more."""
_THREADS = 4
_at_work: set[int] = set()
_lock = Lock()


def complete(index_id: int, normalized_name: str) -> None:
    """Look for what the project's page lacks; the newest now, for a few seconds, and the rest in a thread of its own.

    Nothing that goes wrong with it keeps the page from its readers.  In read-only mode the page is as it is.
    """
    if read_only.why() is not None:
        return
    lacking = list(_lacking(index_id, normalized_name)[: NEWEST + _BEHIND])
    if not lacking:
        return
    try:
        _complete(lacking)
    except Exception:
        log.exception("The metadata of %s could not be completed.", normalized_name)


def _complete(lacking: list[File]) -> None:
    project_id = lacking[0].project_id
    asked = [obtaining.asked_of(file) for file in lacking]
    began = [_pool().submit(_obtained, one, may_fetch_whole=True) for one in asked[:NEWEST]]
    done, late = wait(began, SECONDS)
    _keep([asked[place] for place, future in enumerate(began) if future in done], done)
    rest = asked[NEWEST:]
    with _lock:
        if project_id in _at_work or not (late or rest):
            return
        _at_work.add(project_id)
    work = partial(
        _behind, project_id, [one for one, future in zip(asked, began, strict=False) if future in late], late, rest
    )
    Thread(target=work, daemon=True, name="mirror-metadata").start()


def _lacking(index_id: int, normalized_name: str) -> QuerySet[File]:
    """Wheels whose metadata the page does not show, the newest first."""
    due = Q(mirrored__metadata_at=None) | Q(mirrored__metadata_at__lt=timezone.now() - _AGAIN)
    rows = File.objects.filter(
        project__index=index_id, project__normalized_name=normalized_name, mirrored__removed_at=None
    )
    rows = rows.filter(due, kind="bdist_wheel", metadata_sha256="", is_hidden=False)
    return rows.select_related("index__upstream", "project", "release", "mirrored").order_by("-release__sort_key", "pk")


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="mirror-metadata")


def _obtained(asked: Asked, *, may_fetch_whole: bool) -> Obtained | None:
    try:
        return obtaining.obtain(asked, may_fetch_whole=may_fetch_whole)
    except (UpstreamFailed, MetadataFailed, OSError) as error:
        log.info("There is no metadata of %s: %s", asked.filename, error)
    except Exception:
        log.exception("The metadata of %s could not be read.", asked.filename)
    finally:
        connections.close_all()
    return None


def _keep(asked: Sequence[Asked], futures: set[Future[Obtained | None]]) -> None:
    keeping.note_tried([one.row for one in asked])
    keeping.keep([found for future in futures if (found := future.result()) is not None])


def _behind(project_id: int, late: list[Asked], futures: set[Future[Obtained | None]], rest: list[Asked]) -> None:
    try:
        wait(futures)
        _keep(late, futures)
        for start in range(0, len(rest), _BATCH):
            batch = rest[start : start + _BATCH]
            if (began := _begun(batch)) is None:
                return
            wait(began)
            _keep(batch, began)
    except Exception:
        log.exception("The metadata of a mirror's project could not be completed.")
    finally:
        with _lock:
            _at_work.discard(project_id)
        connections.close_all()


def _begun(batch: Sequence[Asked]) -> set[Future[Obtained | None]] | None:
    """The questions, or None where this process ends: who asks for the page next has the rest looked for."""
    try:
        return {_pool().submit(_obtained, one, may_fetch_whole=False) for one in batch}
    except RuntimeError as error:
        log.info("The metadata of %s files is left for later: %s", len(batch), error)
        return None


def settle(seconds: float) -> bool:
    """Wait until nothing is being looked for; for tests and commands."""
    end = time.monotonic() + seconds
    while _at_work and time.monotonic() < end:
        time.sleep(0.02)
    return not _at_work
