"""The four numbers that tell whether anything remembered is still true."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from urllib.parse import quote

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from tpi_site.kit.one_row import one_row

_SQL = (
    "SELECT COALESCE((SELECT value FROM accounts_generation WHERE name = 'access'), 0),"
    " COALESCE((SELECT MAX(serial) FROM indexapp_change), 0),"
    " COALESCE((SELECT value FROM accounts_generation WHERE name = 'policy'), 0),"
    " COALESCE((SELECT value FROM accounts_generation WHERE name = 'sites'), 0)"
)


class Watermark(NamedTuple):
    """``access`` rises with people, tokens, rights and index settings; ``serial`` with what is published.

    ``policy`` rises with rules on what is let through, and with what they are held against.
    ``sites`` rises with mirror sites.
    """

    access: int
    serial: int
    policy: int = 0
    sites: int = 0


class FileWatch:
    """Watches a SQLite file: ``PRAGMA data_version`` tells in microseconds whether anybody committed anything.

    It has a connection of its own, because the pragma does not count commits of the connection that asks.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False, isolation_level=None, timeout=60
        )
        self._version = -1
        self._last = Watermark(0, 0)

    def read(self) -> Watermark:
        """The present numbers; a query only after somebody committed.  Fails as Django's own connection does."""
        try:
            with self._lock:
                version = self._connection.execute("PRAGMA data_version").fetchone()[0]
                if version != self._version:
                    self._last = Watermark(*self._connection.execute(_SQL).fetchone())
                    self._version = version
                return self._last
        except sqlite3.Error as error:
            raise OperationalError(*error.args) from error

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


_watch: FileWatch | None = None
_watch_lock = Lock()


def _file_watch() -> FileWatch | None:
    """The process's watch, where the database is a file that Django's own connection has not open in a transaction."""
    global _watch  # noqa: PLW0603  one per process, made when first needed, after the server forked
    database = connections[DEFAULT_DB_ALIAS]  # once: the proxy looks it up for every attribute
    if database.vendor != "sqlite" or database.in_atomic_block:
        return None
    if _watch is None:
        path = Path(str(database.settings_dict["NAME"]))
        if not path.is_file():
            return None
        with _watch_lock:
            _watch = _watch or FileWatch(path)
    return _watch


def read() -> Watermark:
    """The present watermark: a pragma on SQLite, one query elsewhere."""
    watch = _file_watch()
    if watch is not None:
        return watch.read()
    return Watermark(*(one_row(_SQL, []) or (0, 0, 0)))


def forget_all() -> None:
    """Stop watching; the next read begins anew, perhaps with another file."""
    global _watch  # noqa: PLW0603  as above
    with _watch_lock:
        if _watch is not None:
            _watch.close()
        _watch = None
