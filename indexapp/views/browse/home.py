"""The first page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.views.people import for_people, reader
from indexapp.services.pages import access, lists
from indexapp.views.methods import only_read


@only_read
@for_people
def home(request: HttpRequest) -> HttpResponse:
    """Search, the reader's indexes and what is new; where nothing is public, a stranger is shown where to sign in."""
    actor = reader(request)
    indexes = access.visible_indexes(actor)
    if not indexes and actor.is_anonymous:
        return render(request, "browse/welcome.html")
    context = {"indexes": indexes, "recent": lists.recent_releases(actor), "days": lists.RECENT_DAYS}
    return render(request, "browse/home.html", context)
