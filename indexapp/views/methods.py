"""Addresses that are only read."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from tpi_site.kit import edge
from tpi_site.kit.errors import Unsupported
from tpi_site.kit.public_urls import public_url

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def refused_method(request: HttpRequest) -> HttpResponse:
    """405; an upload that came to a wrong address, which is what usually comes, is told the right one."""
    where = public_url(request, reverse("index:default-upload").rstrip("/") + "/")
    words = f"This address is read with GET or HEAD; uploads go to {where} or to /<index>/legacy/."
    # Never a page: no form of ours posts here, and uv shows all of a page before its sentence.
    accept = request.headers.get("Accept", "")
    answer = edge.http_response(edge.answer_for(Unsupported(words, code="method-not-allowed"), accept))
    answer.headers["Allow"] = "GET, HEAD"
    return answer


def only_read(view: View[P]) -> View[P]:
    """Refuse every other method before anything else does: an upload brings no token for forms."""

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return refused_method(request)
        return view(request, *args, **kwargs)

    return wrapped
