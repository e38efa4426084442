"""Fetching an archive of OSV records over the guarded way out."""

from __future__ import annotations

import http.client
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from django.conf import settings

from accounts.domain.actors import Actor
from accounts.permissions import require_operator
from accounts.services import alarms
from indexapp.models import AdvisoryImport
from indexapp.services.vulnerabilities import importing
from indexapp.services.vulnerabilities.archives import MAX_ARCHIVE_SIZE
from indexapp.storage.telling import told
from tpi_site.kit import outbound
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.outbound import OutboundFailed

_SCHEMES = ("http", "https")
_IDLE = 60.0
_SECONDS = 1800.0
"""For all of it."""
_PIECE = 1024 * 1024
_SCRATCH = "osv-"
_STALE = 4 * _SECONDS


def is_address(source: str) -> bool:
    """Whether the source is fetched, and no path."""
    return urlsplit(source).scheme in _SCHEMES


def import_from(*, actor: Actor, url: str, complete: bool = True, accept_losses: bool = False) -> AdvisoryImport:
    """Fetch the archive and take it in as :func:`.importing.import_archive` does."""
    require_operator(actor, "import vulnerability data")
    with _fetched(url) as path:
        return importing.import_archive(
            actor=actor, path=path, source=url, complete=complete, accept_losses=accept_losses
        )


@contextmanager
def _fetched(url: str) -> Iterator[Path]:
    """What is at the address, as a file that is gone afterwards; rings where it cannot be had."""
    folder = Path(settings.TPI_DATA_DIR) / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as scratch:
        path = Path(scratch) / "all.zip"
        try:
            with path.open("wb") as file:
                _download(url, file)
        except OutboundFailed as failed:
            sentence = f"{told(url)} could not be fetched. {failed}"
            alarms.ring(importing.FAILED, sentence)
            raise Unavailable(sentence, code="osv-archive-away") from None
        yield path


def _sweep(folder: Path) -> None:
    """Remove what fetches that were killed have left."""
    for left in folder.glob(f"{_SCRATCH}*"):
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)


def _download(url: str, file: BinaryIO) -> None:
    """Copy the body of the answer into ``file``; redirects are not followed."""
    parts = urlsplit(url)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    connection = http.client.HTTPConnection(host, parts.port or (443 if is_secure else 80), timeout=_IDLE)
    sock = outbound.connect(host, connection.port, timeout=_IDLE)
    try:
        connection.sock = outbound.secure(sock, host) if is_secure else sock
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "GET", path, headers={"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
        )
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise OutboundFailed(f"{host} answered {answer.status}.")
        _copy(answer, file, host)
    except (OSError, http.client.HTTPException) as error:
        raise OutboundFailed(f"{host} did not send it: {type(error).__name__}.") from None
    finally:
        connection.close()
        sock.close()


def _copy(answer: http.client.HTTPResponse, file: BinaryIO, host: str) -> None:
    end, size = time.monotonic() + _SECONDS, 0
    while piece := answer.read1(_PIECE):
        size += len(piece)
        if size > MAX_ARCHIVE_SIZE:
            raise OutboundFailed(f"{host} sends more than {MAX_ARCHIVE_SIZE} bytes.")
        if time.monotonic() > end:
            raise OutboundFailed(f"{host} is too slow: it has not sent all of it within {_SECONDS:.0f} seconds.")
        file.write(piece)
    if answer.length:
        raise OutboundFailed(f"{host} broke off before the end.")
