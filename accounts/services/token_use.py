"""Noting when and from where tokens are used, so that no read waits for it.

A use is kept in mind by whoever recognises the token and written down a little later, with others, in one go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from django.db import DatabaseError, connection, transaction

from accounts.models import Token
from accounts.services import alarms
from tpi_site.kit.request_context import current

log = logging.getLogger(__name__)
_USE_IS_NOTED_EVERY = timedelta(minutes=10)
_PATIENCE = 50
"""Milliseconds that a note of use waits for another writer; the next use, a minute later, tries again."""
_LONGEST_CLIENT = 60
_MOST_USES = 1000
_uses: dict[int, _Use] = {}
_listeners: list[Callable[[], None]] = []
_lock = Lock()


@dataclass(frozen=True, slots=True)
class _Use:
    at: datetime
    address: str
    client: str
    break_glass: str = ""
    """The account's name where its every use rings."""


def on_use(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is a use to write down; it must not wait."""
    _listeners.append(listener)


def note(pk: int, last: datetime | None, now: datetime, break_glass: str) -> None:
    """Keep the use in mind for :func:`write`, seldom: a page read must not cost a write.

    ``last`` is the use that was written down last; ``break_glass`` the owner's name where every use rings, else empty.
    """
    if last is not None and now - last <= _USE_IS_NOTED_EVERY:
        return
    context = current.get()
    with _lock:
        if len(_uses) < _MOST_USES:
            _uses[pk] = _Use(now, context.address[:64], context.client, break_glass)
    for listener in _listeners:
        listener()


def write() -> None:
    """Write down when and from where tokens were used, in one go and only if it can be written at once.

    With a full disk, a database that only reads or one that is busy writing, installers go on reading, and it is tried
    again when the next use is noted.
    """
    with _lock:
        uses = dict(_uses)
        _uses.clear()
    if not uses:
        return
    try:
        for name in {use.break_glass for use in uses.values() if use.break_glass}:
            alarms.ring_for_break_glass(name, "with an API token")
        with _impatient(), transaction.atomic():
            free = _free(list(uses))
            _write({pk: uses[pk] for pk in free})
        for pk in free:
            del uses[pk]
    except DatabaseError:
        log.warning("The use of %d tokens could not be written down now; it is tried again.", len(uses))
    with _lock:  # also those whose rows somebody was changing
        _uses.update({pk: use for pk, use in uses.items() if pk not in _uses})


def _free(keys: list[int]) -> list[int]:
    """The tokens that nobody is changing: PostgreSQL is told not to wait for a row either."""
    return list(Token.objects.filter(pk__in=keys).select_for_update(skip_locked=True).values_list("pk", flat=True))


def _write(uses: dict[int, _Use]) -> None:
    """One statement for all: in a worker that answers requests meanwhile, each one of its own would be felt."""
    moment = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE accounts_token SET last_used_at = %s, last_address = %s, last_client = %s WHERE id = %s",
            [(moment(use.at), use.address, _short(use.client), pk) for pk, use in uses.items()],
        )


def forget_all() -> None:
    """Forget what was not written down."""
    with _lock:
        _uses.clear()


def _short(client: str) -> str:
    """The names and versions with which a ``User-Agent`` begins, without what is told in brackets after them."""
    name = client.partition("{")[0].partition("(")[0]
    return "".join(letter for letter in name if letter.isprintable()).strip()[:_LONGEST_CLIENT]


@contextmanager
def _impatient() -> Iterator[None]:
    """On SQLite, wait for another writer only so long; its own patience is a minute, which no read may be kept waiting.

    Asked of the driver: these are no queries, and they work inside a transaction too.
    """
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    driver = connection.connection
    (usual,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(usual)}")
