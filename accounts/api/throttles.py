"""How many REST requests an actor may make."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts.domain.actors import Actor
from tpi_site.kit import shared_cache
from tpi_site.kit.request_context import current

if TYPE_CHECKING:  # DRF imports its views while it loads the classes that settings name, this one among them
    from rest_framework.views import APIView


log = logging.getLogger(__name__)


class ActorThrottle(SimpleRateThrottle):
    """Counts per user, or per address for those without credentials.

    A number and the time from which it counts: DRF's own list of times would be read and written as a whole with every
    request, and be as long as the limit is high.
    """

    scope = "actor"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Take the rate that fits the actor, then count; nobody is held up because the counters cannot be reached."""
        self.scope = self.scope_of(request)
        self.rate = self.get_rate()
        limit, seconds = self.parse_rate(self.rate)
        try:
            return self._count(self.get_cache_key(request, view), seconds or 0) <= (limit or 0)
        except Exception as error:
            if not shared_cache.is_away(error):
                raise
            log.warning("A REST request is not counted: the shared cache cannot be reached.")
            return True

    def scope_of(self, request: Request) -> str:
        """Which rate holds."""
        return "actor" if isinstance(request.auth, Actor) and not request.auth.is_anonymous else "anonymous"

    def _count(self, key: str, seconds: int) -> int:
        """Which request of the current stretch of time this one is; a stretch begins with its first request."""
        self._until = seconds + float(cache.get_or_set(f"{key}:from", self.timer, seconds) or self.timer())
        cache.add(key, 0, seconds)
        try:
            return int(cache.incr(key))
        except ValueError:  # it ended between the two
            return 1

    def wait(self) -> float:
        """Seconds until the next stretch."""
        return max(1.0, self._until - self.timer())

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Who is counted."""
        actor = request.auth
        ident = str(actor.user_id) if self.scope == "actor" else current.get().address  # type: ignore[union-attr]
        return f"throttle:{self.scope}:{ident}"


class LeakThrottle(ActorThrottle):
    """Counts reports of leaked tokens, by address whoever sends them."""

    def scope_of(self, request: Request) -> str:
        """Their own."""
        return "leaks"
