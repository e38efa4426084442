"""The list of an index's projects."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts.views.people import for_people, reader
from indexapp.models import Index
from indexapp.services import indexes
from indexapp.services.pages import access, lists
from indexapp.views.methods import only_read


@only_read
@for_people
def index(request: HttpRequest, index: str) -> HttpResponse:
    """One page of projects by name, those that begin with ``q``."""
    here = reverse("browse:index", args=[index])
    if not request.path.endswith("/"):
        return HttpResponsePermanentRedirect(here)
    served = access.open_list(reader(request), index)
    prefix, after, before = (request.GET.get(key, "").replace("\x00", "").strip() for key in ("q", "after", "before"))
    page = lists.page_of_index(served, reader(request), prefix=prefix, after=after, before=before)
    row = Index.objects.get(pk=served.pk)
    context = {
        "index": row,
        "members": indexes.member_names(row) if served.is_group else [],
        "q": prefix,
        "page": page,
        "previous": _link(here, prefix, "before", page.previous),
        "next": _link(here, prefix, "after", page.next),
    }
    return render(request, "browse/index.html", context)


def _link(here: str, prefix: str, key: str, cursor: str) -> str:
    """The address of the neighbouring page; empty when there is none."""
    if not cursor:
        return ""
    return f"{here}?{urlencode({**({'q': prefix} if prefix else {}), key: cursor})}"
