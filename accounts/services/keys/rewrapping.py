"""Wrapping all that is sealed anew under the ring's current key, while the installation works.

Nothing is remembered of how far it got: what another key wraps is still to be done, so that a run which was killed is
finished by the next one.  A text that somebody replaced meanwhile is left as they wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from accounts.domain.actors import Actor
from accounts.services import audit
from accounts.services.keys import installation, sealed_columns
from accounts.services.keys.rights import require_administrator
from accounts.services.keys.sealed_columns import SealedColumn
from tpi_site.kit import locking
from tpi_site.kit.key_ring import LOCK, KeyRing, WrapBroken, key_ring

_BATCH = 500

Progress = Callable[[int], None]
"""Told how many texts were seen since it was told last."""


@dataclass
class Outcome:
    """How many texts were wrapped anew, and which could not be opened, as ``<table> <number>``."""

    current: str
    rewrapped: int = 0
    unopenable: int = 0


def waiting() -> int:
    """How many texts another key than the current one wraps."""
    current = key_ring().current
    return sum(column.rows_under_others(current).count() for column in sealed_columns.columns())


def rewrap_all(*, actor: Actor, on_progress: Progress = lambda _seen: None, but_contents: bool = False) -> Outcome:
    """Wrap every sealed text that another key wraps under the current one; what cannot be opened stays and is counted.

    With ``but_contents`` the data keys of contents stay as they are: those are being sealed anew.
    """
    require_administrator(actor)
    installation.require_newest(key_ring())
    outcome = Outcome(key_ring().current)
    _rewrap_columns(outcome, on_progress, but_contents=but_contents)
    while (current := key_ring().current) != outcome.current:  # somebody rotated meanwhile
        outcome.current, outcome.unopenable = current, 0
        _rewrap_columns(outcome, on_progress, but_contents=but_contents)
    with transaction.atomic():
        installation.note(key_ring())
        audit.record(
            actor=actor,
            action="keys.rewrap",
            object_type="keyring",
            object_name=outcome.current,
            rewrapped=outcome.rewrapped,
            unopenable=outcome.unopenable,
        )
    return outcome


def _rewrap_columns(outcome: Outcome, on_progress: Progress, *, but_contents: bool) -> None:
    for column in sealed_columns.columns():
        if not (but_contents and column.is_all_sealed):
            _rewrap_column(column, outcome, on_progress)


def _rewrap_column(column: SealedColumn, outcome: Outcome, on_progress: Progress) -> None:
    rows = column.rows_under_others(outcome.current).values_list("pk", column.field, *column.bound_to)
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:_BATCH]):
        last = batch[-1][0]
        with transaction.atomic():
            locking.hold_shared(LOCK)  # the key that wraps here is not removed before this is written and counted
            changes = _rewrapped(column, batch, key_ring())
            _write(column, changes)
        outcome.rewrapped += len(changes)
        outcome.unopenable += len(batch) - len(changes)
        on_progress(len(batch))


def _rewrapped(column: SealedColumn, batch: list[Any], ring: KeyRing) -> list[tuple[str, int, str]]:
    """Of those that open: the new text, the row, and the text that it must still have."""
    changes = []
    for key, text, *bound_to in batch:
        with suppress(WrapBroken):
            changes.append((ring.rewrapped(text, column.purpose(*bound_to)), key, text))
    return changes


def _write(column: SealedColumn, changes: list[tuple[str, int, str]]) -> None:
    fields = column.model._meta
    table, field = connection.ops.quote_name(fields.db_table), connection.ops.quote_name(column.field)
    key = connection.ops.quote_name(fields.pk.get_attname_column()[1] or "")
    statement = f"UPDATE {table} SET {field} = %s WHERE {key} = %s AND {field} = %s"  # noqa: S608  names of our own models
    with connection.cursor() as cursor:
        cursor.executemany(statement, changes)
