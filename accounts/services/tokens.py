"""Issuing, revoking and recognising API tokens."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.domain.actors import Actor, Method, TokenScope
from accounts.domain.token_format import TokenParts, make_token, parse_token, token_digest
from accounts.domain.verbs import Verb, as_words, from_mask, to_mask
from accounts.models import Token, User
from accounts.services import audit, generations
from accounts.services.service_accounts import may_manage_service_account
from tpi_site.kit.errors import Forbidden, Invalid, NotFound

_USE_IS_NOTED_EVERY = timedelta(minutes=10)
MAX_SCOPE_NAMES = 500
_MAX_NAME = 100


def issue(
    *,
    actor: Actor,
    owner: User,
    name: str,
    verbs: Iterable[Verb],
    indexes: Iterable[str] = (),
    projects: Iterable[str] = (),
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """Make a token of ``owner`` and return its row with the text that is shown once.

    ``projects`` are normalised names.  A token made with a token stays inside the first one's scope and life.
    """
    scope = TokenScope("", name.strip(), frozenset(verbs), frozenset(indexes), frozenset(projects), expires_at)
    _require_may_issue(actor, owner)
    _require_sound(scope)
    _require_not_wider(actor, scope)
    text, parts = make_token()
    with transaction.atomic():
        token = Token.objects.create(
            key_id=parts.key_id,
            digest=token_digest(parts, settings.TPI_TOKEN_PEPPER),
            user=owner,
            name=scope.name,
            verbs=to_mask(scope.verbs),
            indexes=sorted(scope.indexes),
            projects=sorted(scope.projects),
            expires_at=expires_at,
        )
        audit.record(
            actor=actor,
            action="token.issue",
            subject=token,
            owner=owner.username,
            verbs=as_words(scope.verbs),
            indexes=token.indexes,
            projects=token.projects,
            expires_at=expires_at.isoformat() if expires_at else None,
        )
    return token, text


def _require_may_issue(actor: Actor, owner: User) -> None:
    may = actor.user_id == owner.pk or actor.may_administer_instance or may_manage_service_account(actor, owner)
    if not may:
        raise Forbidden("A token is issued by its owner or by an administrator.", code="token-owner")
    if not owner.is_active:
        raise Invalid(f"The account '{owner.username}' is disabled; enable it first.", code="account-disabled")


def _require_sound(scope: TokenScope) -> None:
    if not _is_plain(scope.name):
        raise Invalid(f"Give the token a name of at most {_MAX_NAME} characters, in one line.", code="token-name")
    if not scope.verbs:
        raise Invalid("Give the token at least one verb, for example read.", code="token-verbs")
    if max(len(scope.indexes), len(scope.projects)) > MAX_SCOPE_NAMES:
        raise Invalid(f"A token names at most {MAX_SCOPE_NAMES} indexes and projects.", code="token-scope")
    if not all(map(_is_plain, scope.indexes | scope.projects)):
        raise Invalid("Name the indexes and projects of the token by their names.", code="token-scope")
    if scope.expires_at is not None and scope.expires_at <= timezone.now():
        raise Invalid("The expiry lies in the past; choose a later time.", code="token-expiry")


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= _MAX_NAME and name.isprintable()


def _require_not_wider(actor: Actor, scope: TokenScope) -> None:
    """A token may only make one that can do no more and live no longer than itself."""
    if actor.changes_nothing and not scope.verbs <= {Verb.READ}:
        raise Forbidden("An auditor's token only reads; give it the verb read alone.", code="token-wider")
    held = actor.token
    if held is None:
        return
    wider = not scope.verbs <= held.verbs
    wider |= bool(held.indexes) and not (scope.indexes and scope.indexes <= held.indexes)
    wider |= bool(held.projects) and not (scope.projects and scope.projects <= held.projects)
    wider |= held.expires_at is not None and (scope.expires_at is None or scope.expires_at > held.expires_at)
    if wider:
        raise Forbidden(
            "A token cannot make another one that may do more or lives longer; sign in with your password.",
            code="token-wider",
        )


def revoke(*, actor: Actor, token: Token) -> None:
    """End a token at once, everywhere."""
    may = actor.user_id == token.user_id or actor.may_secure or may_manage_service_account(actor, token.user)
    if not may:
        raise NotFound("There is no such token of yours.")
    if actor.token is not None and actor.token.key_id != token.key_id and not _may_end_others(actor.token):
        raise Forbidden(
            "This token may revoke only itself; use one with the right to administer and without bounds, or a password.",
            code="token-scope",
        )
    with transaction.atomic():
        if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor=actor, action="token.revoke", subject=token, owner=token.user.username)
            generations.bump_access()


def _may_end_others(scope: TokenScope) -> bool:
    return scope.is_unbounded and Verb.ADMINISTER in scope.verbs


def recognise(text: str) -> Actor | None:
    """The actor whose token ``text`` is, or None for a malformed, unknown, expired or revoked one.

    One indexed query; the secret is compared as a keyed digest in constant time.
    """
    parts = parse_token(text)
    if parts is None:
        return None
    now = timezone.now()
    row = (
        Token.objects.select_related("user")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), key_id=parts.key_id, revoked_at=None, user__is_active=True)
        .first()
    )
    if row is None or not _fits(row, parts):
        return None
    _note_use(row, now)
    scope = TokenScope(
        row.key_id, row.name, from_mask(row.verbs), frozenset(row.indexes), frozenset(row.projects), row.expires_at
    )
    return row.user.actor(Method.TOKEN, scope)


def _fits(row: Token, parts: TokenParts) -> bool:
    return hmac.compare_digest(row.digest, token_digest(parts, settings.TPI_TOKEN_PEPPER))


def _note_use(row: Token, now: datetime) -> None:
    """Write the time of use, seldom, because a page read must not cost a write, and only if it can be written.

    With a full disk or a database that only reads, installers go on reading.
    """
    if row.last_used_at is None or now - row.last_used_at > _USE_IS_NOTED_EVERY:
        with suppress(DatabaseError), transaction.atomic():
            Token.objects.filter(pk=row.pk).update(last_used_at=now)
