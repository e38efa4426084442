"""Metadata that somebody asks for and that is not kept yet; however many ask, it is fetched once."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from threading import Lock

from django.db import close_old_connections

from indexapp.clients.upstream import Failure, UpstreamFailed
from indexapp.models import File
from indexapp.services.mirrors.fetching import keeping as conflicts
from indexapp.services.mirrors.metadata import keeping, obtaining
from indexapp.services.mirrors.metadata.wheels import MetadataFailed
from tpi_site.kit.errors import Gone, Refusal, Unavailable

_THREADS = 8
_PAUSE = 20.0
"""Seconds for which a refusal is the answer to the next question too."""
_MOST = 2000
_asked: dict[int, Future[None]] = {}
_refused: dict[int, tuple[float, Refusal]] = {}
_lock = Lock()


def fetch(row: int) -> Future[None]:
    """Have the metadata of the file fetched and kept; the future raises refusals."""
    with _lock:
        until, refusal = _refused.get(row, (0.0, None))
        if refusal is not None and until > time.monotonic():
            failed: Future[None] = Future()
            failed.set_exception(refusal)
            return failed
        future = _asked.get(row)
        if future is None:
            future = _asked[row] = _pool().submit(_fetch, row)
            future.add_done_callback(lambda _: _asked.pop(row, None))
    return future


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="mirror-metadata-asked")


def _fetch(row: int) -> None:
    try:
        _fetch_now(row)
    except Refusal as refusal:
        with _lock:
            if len(_refused) >= _MOST:
                _refused.clear()
            _refused[row] = time.monotonic() + _PAUSE, refusal
        raise
    finally:
        close_old_connections()


def _fetch_now(row: int) -> None:
    rows = File.objects.select_related("index__upstream", "project", "release", "mirrored").filter(pk=row)
    file = rows.filter(metadata_blob=None).first()
    if file is None:
        return
    if file.index.upstream.is_offline:
        raise Unavailable(
            f"The index '{file.index.name}' is offline and does not have the metadata of '{file.filename}'.",
            retry_after=60,
            code="upstream-unavailable",
        )
    try:
        keeping.keep([obtaining.obtain(obtaining.asked_of(file))])
    except UpstreamFailed as error:
        raise _refusal(file, error) from None
    except MetadataFailed as error:
        conflicts.note_conflict(row, str(error))
        raise Unavailable(
            f"The metadata that the upstream of the index '{file.index.name}' serves of '{file.filename}' is not right: "
            f"{error}. It was thrown away; ask the index's admins.",
            retry_after=60,
            code="upstream-mismatch",
        ) from None


def _refusal(file: File, error: UpstreamFailed) -> Refusal:
    if error.kind == Failure.MISSING:
        return Gone(f"The upstream has no metadata of '{file.filename}' any more.", code="upstream-gone")
    return Unavailable(
        f"The upstream of the index '{file.index.name}' did not give the metadata of '{file.filename}': {error} "
        "Try again later.",
        retry_after=error.retry_after or 10,
        code="upstream-unavailable",
    )


def forget_all() -> None:
    """Empty this process's memory of refusals."""
    with _lock:
        _refused.clear()
