"""What a person who has gone leaves behind, as told by each app of its own things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import F, Q

from accounts.models import Membership, Team, Token, User


@dataclass(frozen=True)
class LeftBehind:
    """A thing in somebody's name; ``kind`` is a word for machines, ``sentence`` says what to do about it."""

    kind: str
    name: str
    sentence: str


Lister = Callable[[User], list[LeftBehind]]
_listers: list[Lister] = []


def register(lister: Lister) -> None:
    """Let ``lister`` say what there is, the most pressing first; a second registration of the same changes nothing."""
    if lister not in _listers:
        _listers.append(lister)


def report(user: User) -> list[LeftBehind]:
    """All that is in the account's name, in the order in which the apps were registered."""
    return [thing for lister in _listers for thing in lister(user)]


def identity(user: User) -> list[LeftBehind]:
    """Teams that have no other admin, the service accounts of those, and tokens."""
    return [*_teams(user), *_tokens(user)]


def _teams(user: User) -> Iterator[LeftBehind]:
    admins = Membership.objects.filter(role=Membership.Place.ADMIN)
    kept = admins.filter(user__is_active=True).exclude(user=user)
    teams = Team.objects.filter(pk__in=admins.filter(user=user).values("team")).exclude(pk__in=kept.values("team"))
    for team in teams.order_by("name").prefetch_related("service_accounts"):
        yield LeftBehind("team", team.name, "Has no other admin; make one of its members admin.")
        for account in sorted(team.service_accounts.all(), key=lambda account: account.username):
            yield LeftBehind(
                "service-account",
                account.username,
                f"Belongs to the team '{team.name}', which has no other admin; it goes on until somebody ends it.",
            )


def _tokens(user: User) -> Iterator[LeftBehind]:
    """Those that did not end by themselves: something may be waiting for each of them."""
    ended_itself = Q(expires_at__isnull=False, revoked_at__isnull=False, expires_at__lte=F("revoked_at"))
    for token in Token.objects.filter(user=user).exclude(ended_itself).order_by("-revoked_at", "name", "pk"):
        yield LeftBehind("token", token.name, _end_of(token))


def _end_of(token: Token) -> str:
    used = f"last used {token.last_used_at:%Y-%m-%d}" if token.last_used_at else "never used"
    if token.revoked_at is not None:
        return f"Revoked {token.revoked_at:%Y-%m-%d}, {used}; what used it needs a token of another account."
    until = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "without an end"
    return f"Valid {until}, {used}; it works only while the account does."
