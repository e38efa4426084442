"""Recognising a token: whose it is, what it narrows its owner's rights to, and whether it may be used from here."""

from __future__ import annotations

import hmac
import json
import logging
from datetime import UTC, datetime
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from accounts.domain.actors import Actor, Method, TokenScope
from accounts.domain.instance_roles import roles_from_mask
from accounts.domain.networks import parse_networks
from accounts.domain.token_format import TokenParts, parse_token, token_digest
from accounts.domain.verbs import from_mask
from accounts.models import Token
from accounts.models.tokens import end_of
from accounts.services import token_use
from accounts.services.directories import standing
from tpi_site.kit.errors import Unauthenticated
from tpi_site.kit.one_row import one_row
from tpi_site.kit.request_context import current

log = logging.getLogger(__name__)


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
    actor = known.actor(scope)
    require_welcome(actor)
    if known.has_lapsed:
        raise Unauthenticated(standing.LAPSED, code="directory-lapsed").of(actor)
    token_use.note(row.pk, row.last_used_at, now, known.break_glass)
    return actor


def _is_over(row: _Stored, now: datetime) -> bool:
    """Whether it has ended; policy may have become stricter than it was when the token was made."""
    ends_at = row.ends_at
    return row.revoked_at is not None or (ends_at is not None and ends_at <= now)


class _Stored(NamedTuple):
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


class _Known(NamedTuple):
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
    found = one_row(_SQL, [key_id])
    if found is None:
        return None
    lists = [[] if text == "[]" else json.loads(text) for text in found[_LISTS]]
    token = _Stored(*found[:6], *[_moment(value) for value in found[_MOMENTS]], *lists)
    owner_id, username, is_superuser, instance_roles, is_break_glass, is_active, removal, failing_since = found[_OWNER]
    return _Known(
        token,
        owner_id,
        username,
        bool(is_superuser),
        instance_roles,
        username if is_break_glass else "",
        bool(is_active) and removal is None,
        failing_since is not None and standing.has_been_away_too_long(_moment(failing_since)),
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


def require_welcome(actor: Actor) -> None:
    """Refuse the request under way when it comes from outside the networks of its token.

    The sentence tells the caller's own address, which is what one needs to put it right, and not the networks.
    """
    address, scope = current.get().address, actor.token
    if scope is None or scope.welcomes(address):
        return
    log.warning("The token %s was refused: it came from %s, outside its networks.", scope.key_id, address)
    raise Unauthenticated(
        f"The API token may not be used from the address {address or 'that this request has'}; "
        "ask its owner where it may be.",
        code="token-network",
    ).of(actor)
