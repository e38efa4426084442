"""The names of indexes and projects that a token may be bound to."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import InvalidName, canonicalize_name

from accounts.domain.actors import Actor
from accounts.services import scope_indexes
from tpi_site.kit.errors import Invalid


def checked_indexes(*, actor: Actor, names: Iterable[str]) -> frozenset[str]:
    """The names; refuses one of an index that is not there or that ``actor`` may not see, in the same sentence."""
    wanted = frozenset(names)
    known = {index.name for index in scope_indexes.visible_to(actor)} if wanted else set()
    if actor.token is not None:
        known |= actor.token.indexes  # a token that may not read still knows what it is bound to
    if unknown := wanted - known:
        raise Invalid(f"There is no index named '{min(unknown)}' that you may read.", code="index-unknown")
    return wanted


def checked_projects(names: Iterable[str]) -> frozenset[str]:
    """The normalised names; no project needs to be there, because a token may come before the first upload."""
    return frozenset(map(_normalized, names))


def _normalized(name: str) -> str:
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise Invalid(
            f"{name!a} is not a project name: use letters, digits, '.', '-' and '_'.", code="name-invalid"
        ) from None
