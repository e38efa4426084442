"""Fetching an archive of OSV records over the guarded way out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from django.conf import settings

from accounts.domain.actors import Actor
from accounts.permissions import require_operator
from accounts.services import alarms
from indexapp.models import AdvisoryImport
from indexapp.services.vulnerabilities import importing
from indexapp.services.vulnerabilities.archives import MAX_ARCHIVE_SIZE
from indexapp.storage.telling import told
from tpi_site.kit import locking, outbound
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.outbound import Code, Limits, OutboundFailed, Way

_SCHEMES = ("http", "https")
_SECONDS = 1800.0
"""For all of it."""
_LIMITS = Limits(most=MAX_ARCHIVE_SIZE, idle=60.0, total=_SECONDS)
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


def start() -> list[str]:
    """Let a process of its own fetch ``TPI_OSV_URL`` and take it in, for which other jobs need not wait; returns its command.

    While an import is under way there is nothing to begin.  The address is read there from the settings, so that no list of
    processes shows it.
    """
    if not locking.is_free(importing.LOCK):
        return []
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "import_osv"]
    subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=os.environ | {"TPI_LOG_FORMAT": "json"},  # what it says goes to the server's log
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    return command[2:]


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
    """Copy what is at the address into ``file``; a user name and a password in it are sent to its origin alone."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    way = Way(home=bare, username=unquote(parts.username or ""), password=unquote(parts.password or ""))
    with outbound.get(bare, way=way, limits=_LIMITS) as answer:
        if answer.status != HTTPStatus.OK:
            raise OutboundFailed(f"{parts.hostname} answers {answer.status}.", Code.BAD_ANSWER)
        file.writelines(answer.body)
