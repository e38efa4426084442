"""Searching projects."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.views.people import for_people, reader
from indexapp.services.pages import access, lists
from indexapp.views.methods import only_read
from tpi_site.kit.errors import Unauthenticated


@only_read
@for_people
def search(request: HttpRequest) -> HttpResponse:
    """Projects whose name or summary has all words of ``q``, in one index or in all that the reader may see."""
    actor = reader(request)
    text = request.GET.get("q", "")[: lists.MAX_QUERY].replace("\x00", "").strip()
    name = request.GET.get("index", "")
    indexes = access.visible_indexes(actor)
    if not indexes and actor.is_anonymous:
        raise Unauthenticated("Sign in to search; nothing here is open to everybody.")
    index = access.open_index(actor, name) if name else None
    page = lists.results(actor, text, index, after=request.GET.get("after", "")) if text else None
    onward = {"q": text, **({"index": name} if name else {})}
    more = f"{reverse('browse:search')}?{urlencode({**onward, 'after': page.next})}" if page and page.next else ""
    context = {
        "q": text,
        "chosen": name,
        "indexes": indexes,
        "page": page,
        "more": more,
        "is_first": "after" not in request.GET,
        "is_cut": len(request.GET.get("q", "")) > lists.MAX_QUERY,
    }
    return render(request, "browse/search.html", context)
