"""The REST API's credentials: the same as everywhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.authentication import actor_of
from accounts.browser_sessions import is_fresh
from accounts.domain.actors import Actor, Method
from tpi_site.kit.edge import CHALLENGE
from tpi_site.kit.errors import Forbidden


class ActorAuthentication(BaseAuthentication):
    """Gives ``request.user`` None and ``request.auth`` the :class:`Actor`; a session must pass the CSRF check."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        """The actor of the request, also when it is nobody."""
        actor = actor_of(request._request)
        if actor.method is Method.SESSION:
            _enforce_csrf(request)
            _require_fresh_sign_in(request)
        request._request.actor = actor  # type: ignore[attr-defined]  # DRF is about to hide the session's user from it
        return None, actor

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return CHALLENGE


def _require_fresh_sign_in(request: Request) -> None:
    """What the console does only after a proof must not be had without one by its cookie."""
    if request.method not in SAFE_METHODS and not is_fresh(request._request):
        raise Forbidden(
            "You signed in some time ago; confirm on your account's page that it is you, then try again, or use a token.",
            code="proof-needed",
        )


def _never_called(*_: object, **__: object) -> HttpResponse:
    raise AssertionError("the check looks at the request and calls nothing")


def _enforce_csrf(request: Request) -> None:
    check = CSRFCheck(_never_called)
    check.process_request(request._request)
    if check.process_view(request._request, _never_called, (), {}):
        raise PermissionDenied("The request lacks the CSRF token of the browser session; reload the page.")
