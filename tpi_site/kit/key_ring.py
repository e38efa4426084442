"""The key ring: the keys under which secrets and the data keys of blobs are wrapped before they are written down.

``TPI_KEYRING`` says where it lies and who wraps its keys (:mod:`tpi_site.kit.keys`): the current key wraps, and each text
names the key that opens it.
"""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from tpi_site.kit.keys import places
from tpi_site.kit.keys.addresses import place_at
from tpi_site.kit.keys.places import Place, RingFile, Standing, before_making
from tpi_site.kit.keys.ring import (
    VERSION,
    Fresh,
    KeyRing,
    WrapBroken,
    given_up,
    key_id_of,
    with_coming_current,
    with_coming_key,
    with_new_key,
    without_key,
)
from tpi_site.kit.keys.sources import KeyRingBroken, KeySourceAway, in_full
from tpi_site.kit.keys.text import as_json, wrapped_beforehand

LOCK = "key-ring"
"""Held with others while a wrapped text is written, alone while the ring changes (:mod:`tpi_site.kit.locking`)."""


@lru_cache(maxsize=4)
def _place(address: str) -> Place:
    return place_at(address)


def key_ring() -> KeyRing:
    """The installation's ring; made (mode 0600) when a file of its own is not there yet.

    Raises KeyRingBroken, and KeySourceAway where the source that wraps its keys is away for too long.
    """
    return _place(settings.TPI_KEYRING).ring()


def forget() -> None:
    """Empty this process's memory of rings."""
    _place.cache_clear()
    places.forget()


def is_there() -> bool:
    """Whether there is a ring, which to ask for would make; raises KeyRingBroken where its address is none."""
    return _place(settings.TPI_KEYRING).is_there()


def is_file() -> bool:
    """Whether the product can write the ring: it is a file, not a variable."""
    return _place(settings.TPI_KEYRING).is_writable


def replace_file(ring: KeyRing) -> None:
    """Write ``ring`` in place of the installation's; whoever reads sees the old one or the new one, also after a crash."""
    _place(settings.TPI_KEYRING).write(ring)


def fresh_keys() -> Fresh:
    """New keys, which the source has wrapped already, so that it is not asked while a transaction waits."""
    return wrapped_beforehand(Fresh(), _place(settings.TPI_KEYRING).source)


def standing() -> Standing:
    """How the source of the keys is, as this process sees it."""
    try:
        return _place(settings.TPI_KEYRING).standing()
    except KeyRingBroken as error:
        return Standing(settings.TPI_KEYRING.partition(":")[0], is_outside=False, fault=in_full(error))


def confirm() -> None:
    """Ask the source again where that is long ago; what it says is told by :func:`standing`."""
    standing()


__all__ = [
    "LOCK",
    "VERSION",
    "Fresh",
    "KeyRing",
    "KeyRingBroken",
    "KeySourceAway",
    "RingFile",
    "Standing",
    "WrapBroken",
    "as_json",
    "before_making",
    "confirm",
    "forget",
    "fresh_keys",
    "given_up",
    "is_file",
    "is_there",
    "key_id_of",
    "key_ring",
    "replace_file",
    "standing",
    "with_coming_current",
    "with_coming_key",
    "with_new_key",
    "without_key",
]
