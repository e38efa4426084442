"""How many REST requests an actor may make."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts.domain.actors import ANONYMOUS, Actor
from accounts.domain.networks import place_of
from accounts.services import attempts, request_rates
from tpi_site.kit.errors import Throttled
from tpi_site.kit.request_context import current

if TYPE_CHECKING:  # DRF imports its views while it loads the classes that settings name, this one among them
    from rest_framework.views import APIView


class ActorThrottle(SimpleRateThrottle):
    """Counts per user, or per place for those without credentials; for all processes and nodes together."""

    scope = "actor"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Take the rate that fits the actor, then count."""
        self.scope = self.scope_of(request)
        self.rate = self.get_rate()
        limit, seconds = self.parse_rate(self.rate)
        number, self._wait = self.count(self.get_cache_key(request, view), limit or 0, seconds or 0)
        return number <= (limit or 0)

    def scope_of(self, request: Request) -> str:
        """Which rate holds."""
        return "actor" if isinstance(request.auth, Actor) and not request.auth.is_anonymous else "anonymous"

    def count(self, key: str, limit: int, seconds: int) -> tuple[int, float]:
        """Which request of the current stretch of time this one is, and the seconds to its end."""
        return request_rates.count(key, limit, seconds)

    def wait(self) -> float:
        """Seconds until the next stretch."""
        return max(1.0, self._wait)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Who is counted."""
        actor: object = request.auth
        return _who(self.scope, actor if isinstance(actor, Actor) else ANONYMOUS)


def _who(scope: str, actor: Actor) -> str:
    """The name under which requests are counted."""
    return f"actor:{actor.user_id}" if scope == "actor" else f"{scope}:{place_of(current.get().address)}"


def require_rate(actor: Actor) -> None:
    """Count a request to an address beside REST together with those to REST, and refuse it above the same rate."""
    throttle = ActorThrottle()
    throttle.scope = "anonymous" if actor.is_anonymous else "actor"
    limit, seconds = throttle.parse_rate(throttle.get_rate())
    number, wait = throttle.count(_who(throttle.scope, actor), limit or 0, seconds or 0)
    if number > (limit or 0):
        raise Throttled(
            "Too many requests; go on when the time in Retry-After is over.", retry_after=max(1, ceil(wait))
        )


class LeakThrottle(ActorThrottle):
    """Counts reports of leaked tokens, by place whoever sends them; each at once, as there are few and all write."""

    def scope_of(self, request: Request) -> str:
        """Their own."""
        return "leaks"

    def count(self, key: str, limit: int, seconds: int) -> tuple[int, float]:
        """In the database; what is over the limit is only looked at."""
        counted = attempts.count([key])[key]
        return counted + 1 if counted >= limit else attempts.add(key, seconds), float(seconds)
