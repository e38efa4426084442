"""What a token may be bound to, and that it never reaches beyond the one it is made with."""

from __future__ import annotations

from accounts.domain.actors import TokenScope
from accounts.domain.instance_roles import InstanceRole, roles_from_mask
from accounts.domain.networks import are_within
from accounts.domain.verbs import Verb
from accounts.models import User
from tpi_site.kit.errors import Forbidden, Invalid

MAX_SCOPE_NAMES = 500
_MAX_NAME = 100


def require_sound(scope: TokenScope) -> None:
    """Refuse what no token may have."""
    if not _is_plain(scope.name):
        raise Invalid(f"Give the token a name of at most {_MAX_NAME} characters, in one line.", code="token-name")
    if not scope.verbs:
        raise Invalid("Give the token at least one verb, for example read.", code="token-verbs")
    if max(len(scope.indexes), len(scope.projects)) > MAX_SCOPE_NAMES:
        raise Invalid(f"A token names at most {MAX_SCOPE_NAMES} indexes and projects.", code="token-scope")
    if not all(map(_is_plain, scope.indexes | scope.projects)):
        raise Invalid("Name the indexes and projects of the token by their names.", code="token-scope")


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= _MAX_NAME and name.isprintable()


def require_fit(scope: TokenScope, owner: User) -> None:
    """Refuse a token that its owner's part in the installation rules out: an auditor's changes nothing."""
    if InstanceRole.AUDITOR in roles_from_mask(owner.instance_roles) and scope.verbs != {Verb.READ}:
        raise Forbidden("The token of an auditor may read and nothing else.", code="token-auditor")


def require_not_wider(held: TokenScope | None, scope: TokenScope) -> None:
    """A token may only make one that can do no more, from no more places, and live no longer than itself."""
    if held is None:
        return
    wider = not scope.verbs <= held.verbs
    wider |= bool(held.indexes) and not (scope.indexes and scope.indexes <= held.indexes)
    wider |= bool(held.projects) and not (scope.projects and scope.projects <= held.projects)
    wider |= held.expires_at is not None and (scope.expires_at is None or scope.expires_at > held.expires_at)
    wider |= not are_within(scope.networks, held.networks)
    if wider:
        raise Forbidden(
            "A token cannot make another one that may do more, from more places, or lives longer; sign in with your password.",
            code="token-wider",
        )
