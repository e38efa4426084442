"""Locks that last as long as the transaction."""

from __future__ import annotations

import hashlib

from django.db import connection


def hold(name: str) -> None:
    """Take the lock ``name`` until the transaction ends; waits for whoever has it.

    SQLite's immediate transactions already are the only writer, so nothing needs to be taken there.
    """
    _take(name, "pg_advisory_xact_lock")


def hold_shared(name: str) -> None:
    """As :func:`hold`, beside others that hold it so; waits for, and keeps off, whoever holds it alone."""
    _take(name, "pg_advisory_xact_lock_shared")


def _take(name: str, function: str) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError(f"The lock {name} was asked for outside a transaction.")
    if connection.vendor != "postgresql":
        return
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [key])
