"""Recognising a token and noting that it was used."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.domain.actors import Actor, Method, TokenScope
from accounts.domain.networks import parse_networks
from accounts.domain.token_format import TokenParts, parse_token, token_digest
from accounts.domain.verbs import from_mask
from accounts.models import Token, User
from accounts.services import alarms
from accounts.services.directories import standing
from tpi_site.kit.errors import Unauthenticated
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


def recognise(text: str) -> Actor | None:
    """The actor whose token ``text`` is, or None for a malformed, unknown, expired or revoked one.

    One indexed query; the secret is compared as a keyed digest in constant time.  Who holds the secret is told where
    the request that is being answered comes from outside the token's networks (``token-network``), or the owner's directory
    has been away for too long (``directory-lapsed``).
    """
    parts = parse_token(text)
    if parts is None:
        return None
    now = timezone.now()
    known = _read(parts.key_id)
    if known is None or not fits(known.token, parts) or not known.owner.is_active:
        return None
    row = known.token
    if _is_over(row, now):
        return None
    scope = scope_of(row)
    require_welcome(scope)
    if known.has_lapsed:
        raise Unauthenticated(standing.LAPSED, code="directory-lapsed")
    _note_use(row, now, known.owner)
    return known.owner.actor(Method.TOKEN, scope)


def _is_over(row: Token, now: datetime) -> bool:
    """Whether it has ended; policy may have become stricter than it was when the token was made."""
    ends_at = row.ends_at
    return row.revoked_at is not None or (ends_at is not None and ends_at <= now)


@dataclass(frozen=True, slots=True)
class _Known:
    token: Token
    owner: User
    has_lapsed: bool


_OF_TOKEN = (
    "id",
    "key_id",
    "digest",
    "kind",
    "name",
    "verbs",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
)
_LISTS = ("indexes", "projects", "networks")
_OF_OWNER = ("id", "username", "is_superuser", "is_active", "is_break_glass", "instance_roles", "directory_id")
_MOMENTS = ("created_at", "expires_at", "revoked_at", "last_used_at")
_COLUMNS = ", ".join([*(f"t.{name}" for name in (*_OF_TOKEN, *_LISTS)), *(f"u.{name}" for name in _OF_OWNER)])
_SQL = (
    f"SELECT {_COLUMNS}, d.failing_since FROM accounts_token t JOIN accounts_user u ON u.id = t.user_id"  # noqa: S608  ours
    " LEFT JOIN accounts_directory d ON d.id = u.directory_id WHERE t.key_id = %s"
)


def _read(key_id: str) -> _Known | None:
    """The token with its owner, by one statement of our own: making it anew each time would cost more than all the rest."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [key_id])
        found = cursor.fetchone()
    if found is None:
        return None
    middle, end = len(_OF_TOKEN), len(_OF_TOKEN) + len(_LISTS)
    values = dict(zip(_OF_TOKEN, found[:middle], strict=True))
    values |= {name: _moment(values[name]) for name in _MOMENTS}
    lists = {name: json.loads(text) for name, text in zip(_LISTS, found[middle:end], strict=True)}
    owner = User(**dict(zip(_OF_OWNER, found[end:-1], strict=True)))
    return _Known(Token(**values, **lists), owner, standing.has_been_away_too_long(_moment(found[-1])))


def _moment(value: datetime | None) -> datetime | None:
    """A moment as the driver gives it: SQLite's without a zone, which is UTC."""
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def scope_of(row: Token) -> TokenScope:
    """What the token narrows its owner's rights to."""
    return TokenScope(
        row.key_id,
        row.name,
        from_mask(row.verbs),
        frozenset(row.indexes),
        frozenset(row.projects),
        row.ends_at,
        parse_networks(row.networks),
    )


def fits(row: Token, parts: TokenParts) -> bool:
    """Whether the secret is that of the row, compared in constant time."""
    return hmac.compare_digest(row.digest, token_digest(parts, settings.TPI_TOKEN_PEPPER))


def require_welcome(scope: TokenScope | None) -> None:
    """Refuse the request under way when it comes from outside the networks of its token.

    The sentence tells the caller's own address, which is what one needs to put it right, and not the networks.
    """
    address = current.get().address
    if scope is None or scope.welcomes(address):
        return
    log.warning("The token %s was refused: it came from %s, outside its networks.", scope.key_id, address)
    raise Unauthenticated(
        f"The API token may not be used from the address {address or 'that this request has'}; "
        "ask its owner where it may be.",
        code="token-network",
    )


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


def _note_use(row: Token, now: datetime, owner: User) -> None:
    """Keep the use in mind, seldom, for :func:`write`: a page read must not cost a write."""
    if row.last_used_at is not None and now - row.last_used_at <= _USE_IS_NOTED_EVERY:
        return
    context = current.get()
    with _lock:
        if len(_uses) < _MOST_USES:
            _uses[row.pk] = _Use(
                now, context.address[:64], context.client, owner.username if owner.is_break_glass else ""
            )
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
            for pk in _free(list(uses)):
                use = uses.pop(pk)
                Token.objects.filter(pk=pk).update(
                    last_used_at=use.at, last_address=use.address, last_client=_short(use.client)
                )
    except DatabaseError:
        log.warning("The use of %d tokens could not be written down now; it is tried again.", len(uses))
    with _lock:  # also those whose rows somebody was changing
        _uses.update({pk: use for pk, use in uses.items() if pk not in _uses})


def _free(keys: list[int]) -> list[int]:
    """The tokens that nobody is changing: PostgreSQL is told not to wait for a row either."""
    return list(Token.objects.filter(pk__in=keys).select_for_update(skip_locked=True).values_list("pk", flat=True))


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
