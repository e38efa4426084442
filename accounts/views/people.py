"""What pages for people share: who reads, what to do with those who have not signed in, and where to go next."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.domain.actors import Actor, Method
from accounts.models import User
from tpi_site.kit.errors import Unauthenticated

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def reader(request: HttpRequest) -> Actor:
    """The actor of the request."""
    return cast("Actor", request.actor)  # type: ignore[attr-defined]  # set by ActorMiddleware


def account(request: HttpRequest) -> User:
    """The account of a request that :func:`signed_in` let through."""
    return cast("User", request.user)


def for_people(view: View[P]) -> View[P]:
    """Let a browser without credentials sign in where the view needs some; the answer stays with its reader."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Unauthenticated:
            if request.headers.get("Authorization") or request.method not in ("GET", "HEAD"):
                raise
            return to_sign_in(request)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return wrapped


def signed_in(view: View[P]) -> View[P]:
    """Only for a browser that has signed in; what is on these pages is never kept by a cache."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if reader(request).method is not Method.SESSION:
            return to_sign_in(request)
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return wrapped


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """A redirect to the sign-in page that comes back here."""
    here = request.get_full_path() if request.method in ("GET", "HEAD") else ""
    query = f"?{urlencode({'next': here})}" if here else ""
    response = HttpResponseRedirect(f"{reverse('account:sign-in')}{query}")
    response.headers["Cache-Control"] = "no-store"
    return response


def safe_next(request: HttpRequest, default: str) -> str:
    """The ``next`` of the form or the query if it is an address of this site, else ``default``."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_path = target.startswith("/") and not target.startswith("//")
    if is_path and url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return target
    return default
