"""PostgreSQL on the loopback address, as several nodes reach it, and a standby that follows it by streaming."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.servers import processes, templates
from tests.servers.daemons import Daemon
from tests.servers.ports import LOOPBACK, free_port

_BIN = Path("/usr/lib/postgresql/15/bin")
_USER = "tpi"
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "150",
    "wal_level": "replica",
    "wal_keep_size": "64MB",
    "hot_standby": "on",
}


def _as_owner(*command: str | Path) -> list[str]:
    """``command`` as an ordinary user: PostgreSQL refuses root."""
    lower = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    return [*lower, "env", "-i", f"PATH={_BIN}:/usr/bin:/bin", "LC_ALL=C.UTF-8", *map(str, command)]


class Postgres(Daemon):
    """``url`` is its address as ``TPI_DATABASE_URL`` takes it; ``of`` is the primary that it follows, if it does.

    The product's database is empty, or ``migrated`` already.
    """

    name = "postgres"
    end_signal = signal.SIGINT  # PostgreSQL's fast shutdown

    def __init__(self, of: Postgres | None = None, *, migrated: bool = False) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"postgres://{_USER}@{LOOPBACK}:{self.port}/{_USER}"
        self._primary = of
        self._migrated = migrated
        if os.geteuid() == 0:
            owner = pwd.getpwnam("nobody")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def command(self) -> Sequence[str]:
        """See the base class; the first start makes the data."""
        assert _BIN.is_dir(), "PostgreSQL 15 is missing; run 'make test', which installs it"
        if not (self.folder / "data").exists():
            self._make()
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        place: list[str | Path] = ["-D", self.folder / "data", "-k", self.folder, "-p", str(self.port)]
        return _as_owner(_BIN / "postgres", *place, *options)

    def _make(self) -> None:
        data = self.folder / "data"
        template = templates.once("postgres", _migrated) if self._migrated and self._primary is None else None
        make: list[str | Path]
        if template is not None:
            make = ["cp", "--archive", template, data]
        elif self._primary is None:
            make = [_BIN / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync", "-N"]
        else:
            source = ["-h", LOOPBACK, "-p", str(self._primary.port), "-U", _USER]
            make = [_BIN / "pg_basebackup", *source, "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        subprocess.run(make if template else _as_owner(*make), check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        """See the base class; a new primary has the product's database."""
        super().start()
        if self._primary is None and "1" not in self.ask(f"SELECT 1 FROM pg_database WHERE datname = '{_USER}'"):
            self.ask(f"CREATE DATABASE {_USER}")

    def answers(self) -> bool:
        """See the base class."""
        ready: list[str | Path] = [_BIN / "pg_isready", "-q", "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def ask(self, statement: str, database: str = "postgres") -> list[str]:
        """The answer's lines."""
        place: list[str | Path] = ["-h", LOOPBACK, "-p", str(self.port), "-U", _USER, "-Atqc", statement, database]
        done = subprocess.run([_BIN / "psql", *place], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def promote(self) -> None:
        """Make the standby take writes, and acknowledge them by itself until somebody follows it."""
        self.ask("SELECT pg_promote(true, 30)")
        self.ask("ALTER SYSTEM RESET synchronous_standby_names")
        self.ask("SELECT pg_reload_conf()")

    def follow(self, primary: Postgres) -> None:
        """Begin anew as a standby of ``primary``."""
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder / "data")
        self._primary = primary
        self.start()

    def url_with(self, other: Postgres) -> str:
        """The address that names both servers, this one first."""
        return f"postgres://{_USER}@{LOOPBACK}:{self.port},{LOOPBACK}:{other.port}/{_USER}"

    def commit_on_standby(self) -> None:
        """From now on acknowledge no commit that the standby has not written down, so that its promotion loses none."""
        self.wait_for(lambda: self.ask("SELECT state FROM pg_stat_replication") == ["streaming"])
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.ask("SELECT pg_reload_conf()")
        self.wait_for(lambda: self.ask("SELECT sync_state FROM pg_stat_replication") == ["sync"])

    def crash(self) -> None:
        """``kill -9`` of the server and all that it has forked."""
        assert self._process is not None
        family = processes.descendants(self._process.pid)
        self.stop(signal.SIGKILL)
        for pid in family:
            processes.kill(pid)

    def close(self) -> None:
        """See the base class; the folder is another user's."""
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _migrated(place: Path) -> None:
    """The data of a server whose database is migrated, at ``place``."""
    with Postgres() as server, tempfile.TemporaryDirectory(prefix="tpi-migrating-") as folder:
        templates.migrate({"TPI_DATA_DIR": folder, "TPI_DATABASE_URL": server.url})
        server.stop()
        subprocess.run(["cp", "--archive", server.folder / "data", place], check=True)  # with its owner
