"""Issuing and revoking API tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.domain.actors import Actor, Method, TokenScope
from accounts.domain.networks import parse_networks
from accounts.domain.token_format import make_token, token_digest
from accounts.domain.verbs import Verb, as_words, to_mask
from accounts.models import Token, TokenKind, User
from accounts.services import audit, generations, token_bounds, token_lineage, token_policy
from accounts.services.service_accounts import may_manage_service_account
from accounts.services.token_recognition import recognise
from tpi_site.kit.errors import Forbidden, Invalid, Unseen


def issue(
    *,
    actor: Actor,
    owner: User,
    name: str,
    verbs: Iterable[Verb],
    indexes: Iterable[str] = (),
    projects: Iterable[str] = (),
    networks: Iterable[str] = (),
    expires_at: datetime | None = None,
    lifetime: timedelta | None = None,
) -> tuple[Token, str]:
    """Make a token of ``owner`` and return its row with the text that is shown once.

    ``projects`` are normalised names.  Without ``expires_at`` it ends when policy usually lets tokens end; with
    ``lifetime``, of at most an hour, it is a short-lived one.  A token made with a token stays inside the first one's scope,
    networks and life, and ends with it.
    """
    require_may_issue(actor, owner)
    scope = TokenScope("", name.strip(), frozenset(verbs), frozenset(indexes), frozenset(projects))
    scope = replace(scope, networks=parse_networks(networks) or (actor.token.networks if actor.token else ()))
    token_bounds.require_sound(scope)
    token_bounds.require_fit(scope, owner)
    with transaction.atomic():
        parent = token_lineage.maker(actor)
        kind = _kind(owner, parent, lifetime)
        scope = replace(scope, expires_at=_end(kind, expires_at, lifetime, parent))
        token_bounds.require_not_wider(actor.token, scope)
        token, text = write(owner=owner, scope=scope, kind=kind, parent=parent)
        audit.record(
            actor=actor,
            action="token.issue",
            subject=token,
            owner=owner.username,
            kind=kind,
            verbs=as_words(scope.verbs),
            indexes=token.indexes,
            projects=token.projects,
            networks=token.networks,
            expires_at=token.expires_at.isoformat() if token.expires_at else None,
            parent=parent.key_id if parent else None,
        )
    return token, text


def require_may_issue(actor: Actor, owner: User) -> None:
    """Refuse all but the owner, who looks after the service account, and the product itself on its host.

    Also an administrator may not make a credential in the name of another person: what is done with it would be the other's
    doing in every record.
    """
    is_ours = actor.user_id == owner.pk or actor.method is Method.INTERNAL
    if not is_ours and not may_manage_service_account(actor, owner):
        raise not_the_owner()
    if not owner.is_active:
        raise Invalid(f"The account '{owner.username}' is disabled; enable it first.", code="account-disabled")


def not_the_owner() -> Forbidden:
    """What whoever may not issue for an account is told, whether or not the account exists."""
    return Forbidden(
        "A token is issued by its owner, or for a service account by who looks after it.", code="token-owner"
    )


def _kind(owner: User, parent: Token | None, lifetime: timedelta | None) -> TokenKind:
    if lifetime is not None or (parent is not None and parent.kind == TokenKind.SHORT):
        return TokenKind.SHORT
    return TokenKind.SERVICE if owner.kind == User.Kind.SERVICE else TokenKind.PERSONAL


def _end(
    kind: TokenKind, expires_at: datetime | None, lifetime: timedelta | None, parent: Token | None
) -> datetime | None:
    if lifetime is not None:
        if expires_at is not None:
            raise Invalid("Give a lifetime or an expiry, not both.", code="token-lifetime")
        return token_policy.short_end(lifetime)
    if expires_at is not None:
        return token_policy.wished_end(kind, expires_at)
    return token_policy.usual_end(kind, parent.ends_at if parent else None)


def write(
    *,
    owner: User,
    scope: TokenScope,
    kind: str,
    parent: Token | None,
    replaces: Token | None = None,
    by_predecessor: bool = False,
) -> tuple[Token, str]:
    """The row of a new token and its text; whoever calls has asked everything and writes the audit entry."""
    text, parts = make_token()
    token = Token.objects.create(
        key_id=parts.key_id,
        digest=token_digest(parts, settings.TPI_TOKEN_PEPPER),
        user=owner,
        kind=kind,
        name=scope.name,
        verbs=to_mask(scope.verbs),
        indexes=sorted(scope.indexes),
        projects=sorted(scope.projects),
        networks=[str(network) for network in scope.networks],
        expires_at=scope.expires_at,
        parent=parent,
        replaces=replaces,
        by_predecessor=by_predecessor,
    )
    generations.bump_tables()
    return token, text


def revoke(*, actor: Actor, token: Token) -> None:
    """End a token at once, everywhere, with all that was made with it and, unless it ends itself, what it rotated itself to.

    Revoking it again ends what is left of its line.
    """
    _require_may_revoke(actor, token)
    ends_itself = actor.token is not None and actor.token.key_id == token.key_id
    with transaction.atomic():
        token_lineage.hold()
        if ended := token_lineage.end_line(token, with_successors=not ends_itself):
            others = [key_id for key_id in ended if key_id != token.key_id]
            audit.record(
                actor=actor,
                action="token.revoke",
                subject=token,
                owner=token.user.username,
                **audit.listed("descendants", others),
            )
            generations.bump_access()


def _require_may_revoke(actor: Actor, token: Token) -> None:
    if not (actor.user_id == token.user_id or actor.may_secure or may_manage_service_account(actor, token.user)):
        raise Unseen("There is no such token of yours.")
    if actor.token is not None and actor.token.key_id != token.key_id and not _may_end_others(actor.token):
        raise Forbidden(
            "This token may revoke only itself; use one with the right to administer and without bounds, or a password.",
            code="token-scope",
        )


def _may_end_others(scope: TokenScope) -> bool:
    return scope.is_unbounded and Verb.ADMINISTER in scope.verbs


__all__ = ["issue", "not_the_owner", "recognise", "require_may_issue", "revoke", "write"]
