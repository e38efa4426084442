"""How many REST requests an actor may make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts.domain.actors import Actor
from tpi_site.kit.request_context import current

if TYPE_CHECKING:  # DRF imports its views while it loads the classes that settings name, this one among them
    from rest_framework.views import APIView


class ActorThrottle(SimpleRateThrottle):
    """Counts per user, or per address for those without credentials."""

    scope = "actor"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Take the rate that fits the actor, then count."""
        self.scope = "actor" if isinstance(request.auth, Actor) and not request.auth.is_anonymous else "anonymous"
        self.rate = self.get_rate()
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return bool(super().allow_request(request, view))

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        """Who is counted."""
        actor = request.auth
        ident = str(actor.user_id) if self.scope == "actor" else current.get().address  # type: ignore[union-attr]
        return f"throttle:{self.scope}:{ident}"
