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
from accounts.domain.instance_roles import roles_from_mask
from accounts.domain.networks import parse_networks
from accounts.domain.token_format import TokenParts, parse_token, token_digest
from accounts.domain.verbs import from_mask
from accounts.models import Token
from accounts.models.tokens import end_of
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
    if known is None or not fits(known.token, parts) or not known.is_active:
        return None
    row = known.token
    if _is_over(row, now):
        return None
    scope = scope_of(row)
    require_welcome(scope)
    if known.has_lapsed:
        raise Unauthenticated(standing.LAPSED, code="directory-lapsed")
    _note_use(row, now, known.break_glass)
    return known.actor(scope)


def _is_over(row: _Stored, now: datetime) -> bool:
    """Whether it has ended; policy may have become stricter than it was when the token was made."""
    ends_at = row.ends_at
    return row.revoked_at is not None or (ends_at is not None and ends_at <= now)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is asked of a token's row; a model's instance costs more to make than all the rest."""

    pk: int
    key_id: str
    digest: str
    kind: str
    name: str
    verbs: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    indexes: list[str]
    projects: list[str]
    networks: list[str]

    @property
    def ends_at(self) -> datetime | None:
        """As :attr:`accounts.models.Token.ends_at`."""
        return end_of(self.kind, self.created_at, self.expires_at)


@dataclass(frozen=True, slots=True)
class _Known:
    token: _Stored
    owner_id: int
    username: str
    is_superuser: bool
    instance_roles: int
    break_glass: str
    """The owner's name where every use rings."""
    is_active: bool
    has_lapsed: bool

    def actor(self, scope: TokenScope) -> Actor:
        """As :meth:`accounts.models.User.actor`."""
        roles = roles_from_mask(self.instance_roles)
        return Actor(self.owner_id, self.username, self.is_superuser, scope, Method.TOKEN, roles=roles)


_SQL = """SELECT t.id, t.key_id, t.digest, t.kind, t.name, t.verbs, t.created_at, t.expires_at, t.revoked_at, t.last_used_at,
    t.indexes, t.projects, t.networks,
    u.id, u.username, u.is_superuser, u.instance_roles, u.is_break_glass, u.is_active,
    d.removal_id, d.failing_since
FROM accounts_token t JOIN accounts_user u ON u.id = t.user_id LEFT JOIN accounts_directory d ON d.id = u.directory_id
WHERE t.key_id = %s
"""
_MOMENTS, _LISTS, _OWNER = slice(6, 10), slice(10, 13), slice(13, 21)


def _read(key_id: str) -> _Known | None:
    """The token with its owner, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [key_id])
        found = cursor.fetchone()
    if found is None:
        return None
    lists = ([] if text == "[]" else json.loads(text) for text in found[_LISTS])
    token = _Stored(*found[:6], *map(_moment, found[_MOMENTS]), *lists)
    owner_id, username, is_superuser, instance_roles, is_break_glass, is_active, removal, failing_since = found[_OWNER]
    return _Known(
        token,
        owner_id,
        username,
        bool(is_superuser),
        instance_roles,
        username if is_break_glass else "",
        bool(is_active) and removal is None,
        standing.has_been_away_too_long(_moment(failing_since)),
    )


def _moment(value: datetime | None) -> datetime | None:
    """A moment as the driver gives it: SQLite's without a zone, which is UTC."""
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def scope_of(row: Token | _Stored) -> TokenScope:
    """What the token narrows its owner's rights to."""
    return TokenScope(
        row.key_id,
        row.name,
        from_mask(row.verbs),
        frozenset(row.indexes),
        frozenset(row.projects),
        row.ends_at,
        parse_networks(row.networks) if row.networks else (),
    )


def fits(row: Token | _Stored, parts: TokenParts) -> bool:
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


def _note_use(row: _Stored, now: datetime, break_glass: str) -> None:
    """Keep the use in mind, seldom, for :func:`write`: a page read must not cost a write."""
    if row.last_used_at is not None and now - row.last_used_at <= _USE_IS_NOTED_EVERY:
        return
    context = current.get()
    with _lock:
        if len(_uses) < _MOST_USES:
            _uses[row.pk] = _Use(now, context.address[:64], context.client, break_glass)
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
