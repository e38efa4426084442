"""Whether the cache that the nodes share is away."""

from __future__ import annotations

import sys


def is_away(error: BaseException) -> bool:
    """Whether ``error`` is Redis's client saying that its server cannot be reached, or refuses to work.

    The client takes megabytes, so it is loaded only where ``TPI_CACHE_URL`` names a server; elsewhere nothing can raise its
    errors.
    """
    client = sys.modules.get("redis.exceptions")
    return client is not None and isinstance(error, client.RedisError)
