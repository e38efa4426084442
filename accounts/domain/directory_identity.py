"""Whether a directory that was configured anew is the one that was removed before.

What a server says of itself (its base, its domain's SID, the lasting keys of its entries) proves nothing: whoever runs
another directory can say the same.  What counts is what an administrator wrote here and TLS has proved: the host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from accounts.domain.directory_settings import DirectorySettings

_COMMA = re.compile(r"\s*,\s*")


@dataclass(frozen=True)
class DirectoryIdentity:
    """``base`` is the people's base in lower case, ``places`` the hosts with their ports.

    ``is_proved`` tells that the hosts' certificates are checked; without that nobody knows who answers.
    """

    kind: str
    base: str
    places: frozenset[str]
    is_proved: bool

    def is_same(self, other: DirectoryIdentity) -> bool:
        """Whether keys of the one may be believed to name the same people in the other."""
        is_alike = (self.kind, self.base) == (other.kind, other.base)
        return is_alike and self.is_proved and other.is_proved and not self.places.isdisjoint(other.places)


def identity_of(settings: DirectorySettings) -> DirectoryIdentity:
    """What the directory is known by."""
    return DirectoryIdentity(
        kind=settings.kind,
        base=_COMMA.sub(",", settings.user_base.strip().casefold()),
        places=frozenset(uri.partition("://")[2].casefold() for uri in settings.uris),
        is_proved=settings.verify_certificate,
    )
