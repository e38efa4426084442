"""Parts that an account may play for the whole installation, beside administering it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from tpi_site.kit.errors import Invalid


class InstanceRole(Enum):
    """A part; its value is the word used in the API, its ``bit`` the place in a stored mask."""

    OPERATOR = "operator"
    """Runs the installation (health, jobs, directories, settings) and sees no package content for it."""
    SECURITY_OFFICER = "security-officer"
    """Reads everything, holds projects back, ends tokens and sessions."""
    AUDITOR = "auditor"
    """Reads everything, the audit log too, and changes nothing, whatever else the account is granted."""
    BILLING = "billing"
    """Sees the licence and the number of seats."""

    @property
    def bit(self) -> int:
        """The power of two that stands for this role in a mask."""
        return _BITS[self]


_BITS = {role: 1 << place for place, role in enumerate(InstanceRole)}
NO_ROLES: frozenset[InstanceRole] = frozenset()


def parse_roles(words: Iterable[str]) -> frozenset[InstanceRole]:
    """The roles named by ``words``; refuses an unknown one by name."""
    found = set()
    for word in words:
        try:
            found.add(InstanceRole(word))
        except ValueError:
            known = ", ".join(role.value for role in InstanceRole)
            raise Invalid(f"'{word}' is not an instance role; use one of {known}.", code="role-unknown") from None
    return frozenset(found)


def roles_to_mask(roles: Iterable[InstanceRole]) -> int:
    """The stored form of a set of roles."""
    return sum(role.bit for role in frozenset(roles))


@lru_cache(maxsize=256)
def roles_from_mask(mask: int) -> frozenset[InstanceRole]:
    """The roles of a stored mask; unknown bits, of a later version, give nothing."""
    return frozenset(role for role in InstanceRole if mask & role.bit) if mask else NO_ROLES


def role_words(roles: Iterable[InstanceRole]) -> list[str]:
    """The words of ``roles`` in the order in which the enum lists them."""
    given = frozenset(roles)
    return [role.value for role in InstanceRole if role in given]
