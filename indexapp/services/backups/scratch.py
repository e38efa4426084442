"""A second installation beside this one, with the same keys and nothing else, for as long as a drill needs it.

It has a data folder and a database of its own, gets no directory and no job cluster, so that it asks and tells nobody
anything, and listens on the loopback address alone.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from accounts.services import audit_keys
from indexapp.services.backups import postgres_tools, snapshots
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.lifeline import end_with

MARK = "scratch-of-a-drill"
"""A file in the data folder: here, and nowhere else, a drill makes itself a token."""
_PREFIX = "drill-"
_LOOPBACK = "127.0.0.1"
_OF_KEYS = re.compile(r"KEY|VAULT|KMS|TRANSIT")
"""Variables that say where the keys are."""
_OURS = {"TPI_KEYRING", "TPI_SECRET_KEY", "TPI_AUDIT_KEY"}
"""Those that are given anew, so that none comes in two ways."""
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_START_SECONDS = 120.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Scratch:
    """Its data folder, the variables of its processes, and where its server listens."""

    folder: Path
    environment: dict[str, str]
    port: int

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of the scratch installation, to its end, whatever that is."""
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=partial(end_with, os.getpid(), signal.SIGKILL),
        )

    @contextmanager
    def served(self) -> Iterator[http.client.HTTPConnection]:
        """A connection to its web server, which runs inside."""
        with (self.folder / "log").open("wb") as log, self._process(log) as process:
            try:
                self._wait_until_alive(process)
                connection_there = http.client.HTTPConnection(_LOOPBACK, self.port, timeout=60)
                yield connection_there
                connection_there.close()
            finally:
                _stop(process)

    def _process(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tpi_site.web"],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=partial(end_with, os.getpid(), signal.SIGTERM),  # noqa: PLW1509  a command has one thread
        )

    def _wait_until_alive(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while not _answers(self.port):
            if process.poll() is not None or time.monotonic() > until:
                last = (self.folder / "log").read_text(errors="replace")[-300:]
                raise Unavailable(f"The restored installation does not start: {last}", code="drill-start")
            time.sleep(0.2)


def _answers(port: int) -> bool:
    there = http.client.HTTPConnection(_LOOPBACK, port, timeout=5)
    try:
        there.request("GET", "/livez")
        return there.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        there.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def fault() -> str:
    """Why no scratch installation can be made here, in a sentence; empty where one can."""
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user")
        name, may_create = cursor.fetchone()
    if may_create:
        return ""
    quoted = connection.ops.quote_name(name) if not _PLAIN_NAME.match(name) else name
    return (
        f"A drill makes a database of its own for as long as it takes, and the account {name} may make none; as PostgreSQL's "
        f"administrator run: ALTER ROLE {quoted} CREATEDB."
    )


@contextmanager
def made() -> Iterator[Scratch]:
    """A scratch installation; it is gone afterwards, database included.  One at a time."""
    snapshots.sweep_scratch(_PREFIX)
    with tempfile.TemporaryDirectory(dir=snapshots.scratch_folder(), prefix=_PREFIX) as name, _database() as address:
        folder = Path(name)
        (folder / MARK).touch()
        port = _free_port()
        yield Scratch(folder, _environment(folder, port) | address, port)


def _environment(folder: Path, port: int) -> dict[str, str]:
    """The machine's variables without the installation's, and its keys."""
    ring = settings.TPI_KEYRING.partition(":")[2]
    found = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TPI_") or name == ring or _OF_KEYS.search(name)
    }
    found = {name: value for name, value in found.items() if name.removesuffix("_FILE") not in _OURS}
    return found | {
        "TPI_DATA_DIR": str(folder),
        "TPI_BIND": f"{_LOOPBACK}:{port}",
        "TPI_WORKERS": "1",
        "TPI_THREADS": "2",
        "TPI_LOG_LEVEL": "ERROR",
        "TPI_DOWNLOAD_LOG": "off",
        "TPI_ENCRYPT": "on" if settings.TPI_ENCRYPT else "off",
        "TPI_KEYRING": settings.TPI_KEYRING,
        "TPI_SECRET_KEY": settings.SECRET_KEY,
        "TPI_TOKEN_PEPPER": settings.TPI_TOKEN_PEPPER,
        "TPI_AUDIT_KEY": audit_keys.as_pem(),
        "TPI_ADMIN_PASSWORD": secrets.token_urlsafe(24),  # of nobody: the backup has an administrator
    }


@contextmanager
def _database() -> Iterator[dict[str, str]]:
    """The variable that names an empty database; on PostgreSQL one that is made on the same server."""
    if connection.vendor != "postgresql":
        yield {}
        return
    ours = f"tpi_drill_{hashlib.sha256(audit_keys.public_key().raw).hexdigest()[:12]}_"
    _drop_left(ours)
    name = f"{ours}{secrets.token_hex(4)}"
    _on_server(f"CREATE DATABASE {name}")
    try:
        yield {"TPI_DATABASE_URL": _address(name)}
    finally:
        _on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _drop_left(ours: str) -> None:
    """Remove the databases of this installation's drills that were killed; no other drill of it runs now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [ours])
        left = [name for (name,) in cursor.fetchall()]
    for name in left:
        _on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _on_server(statement: str) -> None:
    """Outside any transaction, which databases cannot be made in."""
    own = connection.copy()
    try:
        own.set_autocommit(True)
        with own.cursor() as cursor:
            cursor.execute(statement)
    finally:
        own.close()


def _address(name: str) -> str:
    found = postgres_tools.reached(connection)
    user, password, host = (quote(str(found.get(part) or ""), safe="") for part in ("USER", "PASSWORD", "HOST"))
    who = f"{user}:{password}@" if password else f"{user}@"
    port = f":{found['PORT']}" if found.get("PORT") else ""
    options = found.get("OPTIONS") or {}
    query = "&".join(f"{key}={quote(str(value))}" for key, value in options.items() if key.startswith("ssl"))
    return f"postgres://{who}{host}{port}/{name}" + (f"?{query}" if query else "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])
