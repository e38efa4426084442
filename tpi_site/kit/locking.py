"""Locks over all processes and nodes of an installation: as long as the transaction, or as long as a block."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

_LOOK_AGAIN = 0.1  # seconds


def hold(name: str) -> None:
    """Take the lock ``name`` until the transaction ends; waits for whoever has it.

    SQLite's immediate transactions already are the only writer, so nothing needs to be taken there.
    """
    _take(name, "pg_advisory_xact_lock")


def hold_each(names: Iterable[str]) -> None:
    """As :func:`hold` for each of many names in their order, by one statement."""
    if not connection.in_atomic_block:
        raise RuntimeError("Locks were asked for outside a transaction.")
    keys = [_key(name) for name in names]
    if connection.vendor != "postgresql" or not keys:
        return
    with connection.cursor() as cursor:
        # One row after the other, as the array has them; the function runs for each row that is counted.
        cursor.execute("SELECT count(pg_advisory_xact_lock(key)) FROM unnest(%s::bigint[]) AS key", [keys])


def hold_shared(name: str) -> None:
    """As :func:`hold`, beside others that hold it so; waits for, and keeps off, whoever holds it alone."""
    _take(name, "pg_advisory_xact_lock_shared")


def _take(name: str, function: str) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError(f"The lock {name} was asked for outside a transaction.")
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_key(name)])


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Take the lock ``name`` for the block, over any number of transactions; waits for whoever has it.

    It ends with the process that has it, however that ends.  Where the database is a file, so is the lock, in the data
    folder.
    """
    with _database_lock(name) if connection.vendor == "postgresql" else _file_lock(name):
        yield


def is_free(name: str) -> bool:
    """Whether nobody has the lock of :func:`alone` at this moment; never waits."""
    if connection.vendor != "postgresql":
        return _is_file_free(name)
    if not _answer("SELECT pg_try_advisory_lock(%s)", name):
        return False
    _answer("SELECT pg_advisory_unlock(%s)", name)
    return True


@contextmanager
def _database_lock(name: str) -> Iterator[None]:
    """PostgreSQL's lock of the session, tried again and again.

    Who waited for it in a statement would hold a snapshot, and the holder's ``CREATE INDEX CONCURRENTLY`` waits for
    everybody who holds one.
    """
    while not _answer("SELECT pg_try_advisory_lock(%s)", name):
        time.sleep(_LOOK_AGAIN)
    try:
        yield
    finally:
        _answer("SELECT pg_advisory_unlock(%s)", name)


def _answer(statement: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [_key(name)])
        return bool(cursor.fetchone()[0])


def _opened(name: str) -> int:
    return os.open(settings.TPI_DATA_DIR / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)


def _is_file_free(name: str) -> bool:
    descriptor = _opened(name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


@contextmanager
def _file_lock(name: str) -> Iterator[None]:
    descriptor = _opened(name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
