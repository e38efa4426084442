"""Recognising a token and noting that it was used."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.domain.actors import Actor, Method, TokenScope
from accounts.domain.networks import parse_networks
from accounts.domain.token_format import TokenParts, parse_token, token_digest
from accounts.domain.verbs import from_mask
from accounts.models import Token
from accounts.services.directories import standing
from tpi_site.kit.errors import Unauthenticated
from tpi_site.kit.request_context import current

log = logging.getLogger(__name__)
_USE_IS_NOTED_EVERY = timedelta(minutes=10)
_PATIENCE = 50
"""Milliseconds that a note of use waits for another writer; the next use, a minute later, tries again."""
_LONGEST_CLIENT = 60


def recognise(text: str) -> Actor | None:
    """The actor whose token ``text`` is, or None for a malformed, unknown, expired or revoked one.

    One indexed query; the secret is compared as a keyed digest in constant time.  Refused (``token-network``) where the
    request that is being answered comes from outside the token's networks.
    """
    parts = parse_token(text)
    if parts is None:
        return None
    now = timezone.now()
    row = (
        Token.objects.select_related("user__directory")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), key_id=parts.key_id, revoked_at=None, user__is_active=True)
        .first()
    )
    if row is None or not fits(row, parts) or not standing.stands(row.user):
        return None
    ends_at = row.ends_at  # policy may have become stricter than it was when the token was made
    if ends_at is not None and ends_at <= now:
        return None
    scope = scope_of(row)
    require_welcome(scope)
    _note_use(row, now)
    return row.user.actor(Method.TOKEN, scope)


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


def _note_use(row: Token, now: datetime) -> None:
    """Write the time of use, seldom, because a page read must not cost a write, and only if it can be written at once.

    With a full disk, a database that only reads or one that is busy writing, installers go on reading.
    """
    if row.last_used_at is not None and now - row.last_used_at <= _USE_IS_NOTED_EVERY:
        return
    context = current.get()
    with suppress(DatabaseError), _impatient(), transaction.atomic():
        # Somebody who holds the row is changing it, or notes the same: PostgreSQL is told not to wait either.
        free = Token.objects.filter(pk=row.pk).select_for_update(skip_locked=True).values("pk")
        Token.objects.filter(pk__in=free).update(
            last_used_at=now, last_address=context.address[:64], last_client=_short(context.client)
        )


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
