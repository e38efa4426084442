"""Who downloaded what: a stream of its own beside the audit log, too large for a table.

A request appends to a queue in memory and goes on; the process's writer takes it to a file about once a second and when
the process ends.  Where the queue is full, what is lost is counted, in a metric and in the stream itself.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import IO, Any

from django.conf import settings
from prometheus_client import Counter

from accounts.domain.actors import Actor

log = logging.getLogger(__name__)
_MOST = 20_000  # downloads that wait in memory
_LARGEST = 64 * 1024 * 1024  # bytes of one file
_DROPS = Counter("tpi_download_log_drops", "Downloads that could not be recorded.")
_Note = tuple[float, Actor, str, str, str, int, str, str]

_queue: deque[_Note] = deque()
_dropped = 0
_writing = Lock()
_listeners: list[Callable[[], None]] = []


def on_note(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is something to write; it must not wait."""
    _listeners.append(listener)


def note(*, actor: Actor, index: str, project: str, filename: str, status: int, address: str, request_id: str) -> None:
    """Remember one answered download; takes some microseconds and never waits nor fails."""
    global _dropped  # noqa: PLW0603  one number per process
    if len(_queue) >= _MOST:
        _dropped += 1
        _DROPS.inc()
        return
    _queue.append((time.time(), actor, index, project, filename, status, address, request_id))
    for listener in _listeners:
        listener()


def write() -> int:
    """Append what waits to this process's file and return how many lines that were; what cannot be written is dropped."""
    global _dropped  # noqa: PLW0603  as above
    with _writing:
        notes = [_queue.popleft() for _ in range(len(_queue))]
        dropped, _dropped = _dropped, 0
        if not notes and not dropped:
            return 0
        lines = [_line(each) for each in notes]
        if dropped:
            lines.append(json.dumps({"at": _moment(time.time()), "dropped": dropped}))
        try:
            with _open() as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            log.error("Downloads cannot be recorded: %s", error)  # noqa: TRY400  the disk's trouble needs no trace
            _dropped += dropped + len(notes)
            _DROPS.inc(len(notes))
            return 0
    return len(lines)


def _line(noted: _Note) -> str:
    at, actor, index, project, filename, status, address, request_id = noted
    values = {
        "at": _moment(at),
        "actor": actor.display_name,
        "actor_id": actor.user_id,
        "token": actor.token.key_id if actor.token else "",
        "index": index,
        "project": project,
        "filename": filename,
        "status": status,
        "address": address,
        "request_id": request_id,
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def folder() -> Path:
    """Where the files are."""
    return Path(settings.TPI_DATA_DIR) / "download-log"


def recent(since: datetime) -> Iterator[dict[str, Any]]:
    """The downloads that this machine has noted since then; what is half written is passed over."""
    for path in sorted(folder().glob("*.jsonl")):
        if path.name[:8] < since.strftime("%Y%m%d"):
            continue
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    noted = json.loads(line)
                except ValueError:
                    continue
                if "filename" in noted and noted["at"] >= _moment(since.timestamp()):
                    yield noted


def _open() -> IO[str]:
    """The file of today and of this process; a new one when it has grown too large, and then old ones are removed."""
    today = datetime.now(UTC).strftime("%Y%m%d")
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = 0
    while (path := place / f"{today}-{os.getpid()}-{number}.jsonl").exists() and path.stat().st_size >= _LARGEST:
        number += 1
    if not path.exists():
        _remove_old(place)
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))


def _remove_old(place: Path) -> None:
    oldest = (datetime.now(UTC) - timedelta(days=settings.TPI_DOWNLOAD_LOG_DAYS)).strftime("%Y%m%d")
    for path in place.glob("*.jsonl"):
        if path.name[:8] < oldest:
            path.unlink(missing_ok=True)


def forget_all() -> None:
    """Drop what waits."""
    global _dropped  # noqa: PLW0603  as above
    _queue.clear()
    _dropped = 0
