"""The entries as the bytes that the chain hashes, made by the database itself because that is quickest."""

from __future__ import annotations

from django.db import connection

from accounts.domain.audit_chain import FIELDS

_NUMBERS = {"actor_id", "object_id"}


def joined(alias: str) -> str:
    """SQL for the fields of the entry ``alias`` joined by U+001F; NULL where a field that must be there is NULL."""
    mark = "chr(31)" if connection.vendor == "postgresql" else "char(31)"
    text = f" || {mark} || ".join(_text(alias, field) for field in FIELDS)
    return text if connection.vendor == "postgresql" else f"CAST({text} AS BLOB)"


def as_bytes(entry: str | bytes | None) -> bytes | None:
    """What :func:`joined` gave, as bytes: SQLite gives bytes, PostgreSQL text."""
    return entry.encode() if isinstance(entry, str) else entry


def _text(alias: str, field: str) -> str:
    column = f"{alias}.{field}"
    if field == "at":
        return _moment(column)
    if field in _NUMBERS:
        return f"coalesce(CAST({column} AS text), '')"
    return f"CAST({column} AS text)" if field == "id" else column


def _moment(column: str) -> str:
    """UTC as ``2026-01-02T03:04:05.678901Z``, always with six decimals."""
    if connection.vendor == "postgresql":
        return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"replace({column}, ' ', 'T') || CASE length({column}) WHEN 19 THEN '.000000Z' ELSE 'Z' END"
