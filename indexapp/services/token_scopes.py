"""The names of indexes and projects that a token may be bound to."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.domain.actors import Actor
from accounts.services.token_scopes import ScopeNames
from indexapp.domain import names
from indexapp.models import Index
from tpi_site.kit.errors import Invalid


def settle(actor: Actor, indexes: Iterable[str], projects: Iterable[str]) -> ScopeNames:
    """The names as a token stores them.

    An index must exist and be visible to ``actor``, in one sentence for both; a project need not exist yet, because
    a token may be there before the first upload.
    """
    wanted = frozenset(indexes)
    known = set(Index.objects.visible_to(actor).filter(name__in=wanted).values_list("name", flat=True))
    if unknown := wanted - known:
        raise Invalid(f"There is no index named '{min(unknown)}' that you may read.", code="index-unknown")
    return ScopeNames(wanted, frozenset(names.normalize_name(names.require_valid_name(name)) for name in projects))
