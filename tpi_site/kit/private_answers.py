"""What somebody got who had said who they are is theirs: no cache that many share may keep it (RFC 9111, 3.5 and 5.2.2)."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_DECIDED = frozenset({"private", "no-store", "public"})


class PrivateAnswersMiddleware:
    """Mark the answers of requests with credentials as private, unless the view has said something about it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        response = self.get_response(request)
        if "HTTP_AUTHORIZATION" in request.META or settings.SESSION_COOKIE_NAME in request.COOKIES:
            said = response.headers.get("Cache-Control", "no-cache")
            if not {word.strip() for word in said.split(",")} & _DECIDED:
                response.headers["Cache-Control"] = f"private, {said}"
        return response
