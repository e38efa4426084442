"""Giving a token a successor, and some time in which both work."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.models import Token, TokenKind
from accounts.models.tokens import usable
from accounts.services import audit, generations, token_bounds, token_lineage, token_policy, tokens
from accounts.services.token_recognition import scope_of
from tpi_site.kit.errors import Conflict, Forbidden, Invalid

USUAL_OVERLAP = timedelta(days=1)
LONGEST_OVERLAP = timedelta(days=7)


def rotate(*, actor: Actor, token: Token, overlap: timedelta = USUAL_OVERLAP) -> tuple[Token, str]:
    """A new token with the scope of ``token``, and its text; the old one ends after ``overlap``, never later than before.

    It lives as long as the old one was made to, within policy and the life of the token that its line was made with.  What
    was made with the old one ends with it.
    """
    _require_may_rotate(actor, token)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid(f"The old token may go on for at most {LONGEST_OVERLAP.days} days.", code="token-overlap")
    with transaction.atomic():
        token_lineage.hold()
        old = _rotatable(token)
        new, text = _succeed(old, by_predecessor=actor.token is not None)
        end = _last_moment(old, timezone.now() + overlap)
        token_lineage.shorten_line(old, end)
        audit.record(
            actor=actor,
            action="token.rotate",
            subject=old,
            owner=old.user.username,
            key_id=old.key_id,
            successor=new.key_id,
            old_ends_at=end.isoformat(),
            expires_at=new.expires_at.isoformat() if new.expires_at else None,
        )
        generations.bump_access()
    return new, text


def _require_may_rotate(actor: Actor, token: Token) -> None:
    tokens.require_may_issue(actor, token.user)
    if actor.token is not None and actor.token.key_id != token.key_id:
        raise Forbidden("A token may rotate only itself; sign in with a password for others.", code="token-scope")


def _rotatable(token: Token) -> Token:
    """The token as it is now; refuses one that has ended, that has a successor, or that a program mints anew anyhow."""
    now = timezone.now()
    old = Token.objects.select_related("user", "parent").filter(usable(now), pk=token.pk).first()
    if old is None:
        raise Conflict("The token has ended; issue a new one.", code="token-ended")
    if old.kind == TokenKind.SHORT:
        raise Conflict("A short-lived token is not rotated; mint another one.", code="token-short-lived")
    if old.successors.filter(usable(now)).exists():
        raise Conflict(
            "The token was rotated already; use its successor, or revoke that one first if you do not have it.",
            code="token-rotated",
        )
    return old


def _succeed(old: Token, *, by_predecessor: bool) -> tuple[Token, str]:
    ceiling = old.parent.ends_at if old.parent else None
    end = token_policy.successors_end(old.kind, old.created_at, old.expires_at, ceiling)
    scope = replace(scope_of(old), expires_at=end)
    token_bounds.require_fit(scope, old.user)
    return tokens.write(
        owner=old.user, scope=scope, kind=old.kind, parent=old.parent, replaces=old, by_predecessor=by_predecessor
    )


def _last_moment(old: Token, end: datetime) -> datetime:
    return end if old.ends_at is None else min(end, old.ends_at)
