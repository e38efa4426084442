"""Browser sessions at the door: what Django takes for signed in counts only with a row of ours that is within its limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.domain.user_agents import in_short
from accounts.models import BrowserSession, User
from accounts.services import second_factors, sessions
from accounts.services.directories import standing
from tpi_site.kit.request_context import current

_SECRET = "browser_session"  # noqa: S105  where in Django's session the secret is


class BrowserSessionMiddleware:
    """Make ``request.user`` nobody where the session has ended, is over, or lacks a second factor that it must have.

    Nothing is looked up until somebody asks for the user; then it costs one query.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        request.user = SimpleLazyObject(lambda: _admitted(request))  # type: ignore[assignment]  # as Django does
        return self.get_response(request)


def _admitted(request: HttpRequest) -> User | AnonymousUser:
    user = get_user(request)
    if not isinstance(user, User):
        return AnonymousUser()
    session = sessions.find(user=user, secret=str(request.session.get(_SECRET, "")))
    if session is None or not standing.stands(user) or not _suffices(session, user):
        with suppress(DatabaseError):
            request.session.flush()
        return AnonymousUser()
    session.user = user
    sessions.note_use(session, current.get().address)
    request.browser_session = session  # type: ignore[attr-defined]  # our addition
    return user


def _suffices(session: BrowserSession, user: User) -> bool:
    """Also when the account was given a part, or the policy changed, since the person signed in."""
    if user.kind == User.Kind.SERVICE:
        return False
    return session.second_factor or not second_factors.is_required(user, session)


def session_of(request: HttpRequest) -> BrowserSession | None:
    """The session in which the request came; None for nobody and for who came with credentials in a header."""
    if not request.user.is_authenticated:
        return None
    return getattr(request, "browser_session", None)


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person of the session showed a short while ago that it is them."""
    session = session_of(request)
    return session is not None and sessions.is_fresh(session)


def on_login(request: HttpRequest, user: User, **_: Any) -> None:
    """Begin the row of a session that Django begins; connected to its signal, so that no way of signing in is without."""
    browser = in_short(request.META.get("HTTP_USER_AGENT", ""))
    session, secret = sessions.begin(user=user, address=current.get().address, browser=browser)
    request.session[_SECRET] = secret
    request.browser_session = session  # type: ignore[attr-defined]  # our addition
