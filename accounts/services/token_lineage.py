"""What comes of a token: those made with it, and those that it put in its own place."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.models import Token
from accounts.models.tokens import usable
from tpi_site.kit import locking
from tpi_site.kit.errors import Unauthenticated

_LOCK = "token lineage"
_MADE_WITH = "token.parent_id = line.id"
_OWN_SUCCESSORS = "OR (token.replaces_id = line.id AND token.by_predecessor)"
_LINE = """
    WITH RECURSIVE line(id) AS (
        SELECT CAST(%s AS bigint)
        UNION
        SELECT token.id FROM accounts_token token JOIN line ON {step}
    )
    SELECT id FROM line
"""
_LINES = f"""
    WITH RECURSIVE line(id, owner) AS (
        SELECT id, user_id FROM accounts_token WHERE revoked_at IS NULL AND user_id IN ({{owners}})
        UNION
        SELECT token.id, line.owner FROM accounts_token token JOIN line ON {_MADE_WITH} {_OWN_SUCCESSORS}
    )
    SELECT line.id, line.owner, token.key_id FROM line JOIN accounts_token token ON token.id = line.id
    WHERE token.revoked_at IS NULL
    ORDER BY line.id
"""  # noqa: S608  constants of ours
_BATCH = 500


def hold() -> None:
    """Let nobody add to a line or end one until the transaction is over, so that no child slips through a revocation."""
    locking.hold(_LOCK)


def maker(actor: Actor) -> Token | None:
    """The token that ``actor`` acts with, held in place until the transaction ends; refuses one that has ended meanwhile."""
    if actor.token is None:
        return None
    hold()
    row = Token.objects.filter(usable(timezone.now()), key_id=actor.token.key_id, user__is_active=True).first()
    if row is None:
        raise Unauthenticated("The API token has ended meanwhile; use another one.", code="token-wrong")
    return row


def end_line(token: Token, *, with_successors: bool) -> list[str]:
    """Revoke ``token`` and all that came of it, to any depth, in two queries; gives the key ids that were still good.

    ``with_successors`` takes along what it put in its own place; a successor that a person asked for stays.
    """
    live = _line(token, f"{_MADE_WITH} {_OWN_SUCCESSORS}" if with_successors else _MADE_WITH).filter(revoked_at=None)
    keys = list(live.order_by("pk").values_list("key_id", flat=True))
    if keys:
        live.update(revoked_at=timezone.now())
    return keys


def end_lines_of(owners: list[int]) -> dict[int, list[str]]:
    """Revoke the tokens of these accounts with all that came of them, in two queries; their key ids by whose they came of."""
    if not owners:
        return {}
    places = ", ".join(["%s"] * len(owners))
    with connection.cursor() as cursor:
        cursor.execute(_LINES.format(owners=places), owners)
        found = cursor.fetchall()
    keys = sorted({key for key, _, _ in found})
    for start in range(0, len(keys), _BATCH):
        Token.objects.filter(pk__in=keys[start : start + _BATCH]).update(revoked_at=timezone.now())
    ended: dict[int, list[str]] = {}
    for _, owner, key_id in found:
        ended.setdefault(owner, []).append(key_id)
    return ended


def shorten_line(token: Token, end: datetime) -> None:
    """Let ``token`` and all that was made with it end at ``end``, unless they end earlier."""
    later = Q(expires_at=None) | Q(expires_at__gt=end)
    _line(token, _MADE_WITH).filter(later, revoked_at=None).update(expires_at=end)


def _line(token: Token, step: str) -> QuerySet[Token]:
    # The only value in it is a parameter; ``step`` is one of the constants above.
    return Token.objects.filter(pk__in=RawSQL(_LINE.format(step=step), [token.pk]))  # noqa: S611
