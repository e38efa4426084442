"""A shared cache that nobody answers for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.test import override_settings

from tests.servers.ports import LOOPBACK, free_port


@contextmanager
def away() -> Iterator[None]:
    """Inside, ``TPI_CACHE_URL`` and ``CACHES`` are those of an installation whose Redis is down."""
    address = f"redis://{LOOPBACK}:{free_port()}/0"
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address}
    with override_settings(TPI_CACHE_URL=address, CACHES={"default": cache, "descriptions": cache}):
        yield
