"""The REST API's credentials: the same as everywhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts.authentication import actor_of
from accounts.domain.actors import Actor, Method
from tpi_site.kit.edge import CHALLENGE


class ActorAuthentication(BaseAuthentication):
    """Gives ``request.user`` None and ``request.auth`` the :class:`Actor`; a session must pass the CSRF check."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        """The actor of the request, also when it is nobody."""
        actor = actor_of(request._request)
        if actor.method is Method.SESSION:
            _enforce_csrf(request)
        request._request.actor = actor  # type: ignore[attr-defined]  # DRF is about to hide the session's user from it
        return None, actor

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return CHALLENGE


def _never_called(*_: object, **__: object) -> HttpResponse:
    raise AssertionError("the check looks at the request and calls nothing")


def _enforce_csrf(request: Request) -> None:
    check = CSRFCheck(_never_called)
    check.process_request(request._request)
    if check.process_view(request._request, _never_called, (), {}):
        raise PermissionDenied("The request lacks the CSRF token of the browser session; reload the page.")
