"""Locks that last as long as the transaction."""

from __future__ import annotations

import hashlib

from django.db import connection


def hold(name: str) -> None:
    """Take the lock ``name`` until the transaction ends; waits for whoever has it.

    SQLite's immediate transactions already are the only writer, so nothing needs to be taken there.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"The lock {name} was asked for outside a transaction.")
    if connection.vendor != "postgresql":
        return
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
