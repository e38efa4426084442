"""Before what is dangerous in the wrong hands, the person of the session shows again that it is them."""

from __future__ import annotations

from functools import wraps
from typing import ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.browser_sessions import is_fresh
from accounts.views.people import View, signed_in

P = ParamSpec("P")


def freshly_signed_in(view: View[P]) -> View[P]:
    """As :func:`.people.signed_in`, and only within a quarter of an hour after the last proof."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return interruption(request) or view(request, *args, **kwargs)

    return signed_in(wrapped)


def interruption(request: HttpRequest) -> HttpResponse | None:
    """Where the proof is too old, the way to :mod:`.confirm`, which comes back to this address; else None."""
    if is_fresh(request):
        return None
    query = {"next": request.get_full_path()}
    if request.method not in ("GET", "HEAD"):
        query["interrupted"] = "1"
    response = HttpResponseRedirect(f"{reverse('account:confirm')}?{urlencode(query)}")
    response.headers["Cache-Control"] = "no-store"
    return response
