"""The shared cache of a test: one that nobody answers for, or a real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.test import override_settings

from tests.servers.ports import LOOPBACK, free_port


@contextmanager
def away() -> Iterator[None]:
    """Inside, ``TPI_CACHE_URL`` and ``CACHES`` are those of an installation whose Redis is down."""
    with named(f"redis://{LOOPBACK}:{free_port()}/0"):
        yield


@contextmanager
def named(address: str) -> Iterator[None]:
    """Inside, the settings are those of an installation whose ``TPI_CACHE_URL`` is ``address``."""
    cache = settings.SHARED_CACHE | {"LOCATION": address}
    with override_settings(TPI_CACHE_URL=address, CACHES={"default": cache, "descriptions": cache}):
        yield
