"""Who wraps the keys of the ring: nobody, or a service outside that never gives its own key away."""

from __future__ import annotations

import base64
import hmac
from typing import Protocol

from tpi_site.kit.errors import Unavailable


class KeyRingBroken(Unavailable):
    """The key ring cannot be read; the sentence says what is wrong and names no key.

    It is for everybody; ``why`` has paths, and what a service said, for those who run the installation.
    """

    default_code = "key-ring-broken"

    def __init__(self, detail: str, *, why: str = "") -> None:
        super().__init__(detail)
        self.why = why


class KeySourceAway(Unavailable):
    """The source that wraps the ring's keys does not answer, or refuses, or answers what cannot be.

    The sentence says what is wrong and is for everybody; ``why`` names addresses, for those who run the installation.
    """

    default_code = "key-source-away"

    def __init__(self, detail: str, *, why: str = "") -> None:
        super().__init__(detail)
        self.why = why

    def again(self) -> KeySourceAway:
        """The same, to be raised once more."""
        return KeySourceAway(self.detail, why=self.why)


class KeySource(Protocol):
    """Wraps and unwraps the 32 bytes of a key; both raise KeySourceAway.

    ``purpose`` is bound in where the source can do that, so that a key opens in no other place of the ring.
    """

    @property
    def kind(self) -> str:
        """As the address and the ring name it."""

    @property
    def is_outside(self) -> bool:
        """Whether asking costs a request to another machine, which may be away."""

    def wrap(self, key: bytes, purpose: str) -> str:
        """The key as printable text."""

    def unwrap(self, text: str, purpose: str) -> bytes:
        """What :meth:`wrap` was given; raises KeyRingBroken where the source says that it is not that."""


class _Plain:
    """Keys lie in the ring as they are."""

    kind = "plain"
    is_outside = False

    def wrap(self, key: bytes, purpose: str) -> str:
        """Base64."""
        return base64.b64encode(key).decode()

    def unwrap(self, text: str, purpose: str) -> bytes:
        """See the protocol; raises ValueError where it is no base64."""
        return base64.b64decode(text, validate=True)


PLAIN: KeySource = _Plain()


class Remembering:
    """A source of which each key is asked once.

    What it wraps it is asked to open at once: a text that nobody can open must never come into a ring.
    """

    def __init__(self, source: KeySource) -> None:
        self.source = source
        self.kind, self.is_outside = source.kind, source.is_outside
        self.opened = 0
        """How often the source itself opened a key."""
        self._keys: dict[tuple[str, str], bytes] = {}
        self._texts: dict[tuple[bytes, str], str] = {}

    def wrap(self, key: bytes, purpose: str) -> str:
        """See the protocol; raises KeySourceAway too where the source does not open what it gave."""
        if (key, purpose) not in self._texts:
            text = self.source.wrap(key, purpose)
            self.require_opens(text, key, purpose)
            self._note(text, key, purpose)
        return self._texts[key, purpose]

    def unwrap(self, text: str, purpose: str) -> bytes:
        """See the protocol."""
        if (text, purpose) not in self._keys:
            self._note(text, self._opened(text, purpose), purpose)
        return self._keys[text, purpose]

    def require_opens(self, text: str, key: bytes, purpose: str) -> None:
        """Ask the source itself; raises KeySourceAway unless the text is this key's."""
        try:
            found = self._opened(text, purpose)
        except KeyRingBroken as broken:
            raise KeySourceAway(broken.detail, why=broken.why) from None
        if not hmac.compare_digest(found, key):
            raise KeySourceAway("The key source opens a key of the ring as another one.")

    def _opened(self, text: str, purpose: str) -> bytes:
        key = self.source.unwrap(text, purpose)
        self.opened += 1
        return key

    def _note(self, text: str, key: bytes, purpose: str) -> None:
        self._keys[text, purpose] = key
        self._texts[key, purpose] = text


def in_full(error: Unavailable) -> str:
    """The sentence with what only those who run the installation are told."""
    return f"{error.detail} {getattr(error, 'why', '')}".strip()
