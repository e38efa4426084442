"""'Set up my client': what to paste where."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.views.people import for_people, reader
from indexapp.domain import client_setup
from indexapp.models import Index
from indexapp.services.pages import access
from indexapp.views.browse.addresses import addresses_of
from indexapp.views.methods import only_read
from tpi_site.kit.errors import Unauthenticated


@only_read
@for_people
def clients(request: HttpRequest) -> HttpResponse:
    """The settings of each client for the chosen index, or for the default one."""
    actor = reader(request)
    indexes = access.visible_indexes(actor)
    if not indexes and actor.is_anonymous:
        raise Unauthenticated("Sign in to see the settings for your indexes.")
    chosen = _chosen(request, indexes)
    if chosen is None:
        return render(request, "browse/clients.html", {"indexes": []})
    addresses = addresses_of(request, chosen.name)
    takes_uploads = chosen.kind == Index.Kind.HOSTED
    context = {
        "indexes": indexes,
        "chosen": chosen,
        "addresses": addresses,
        "installing": client_setup.installing(addresses, takes_uploads=takes_uploads),
        "publishing": client_setup.publishing(addresses) if takes_uploads else [],
        "credentials": client_setup.credentials(addresses),
    }
    return render(request, "browse/clients.html", context)


def _chosen(request: HttpRequest, indexes: list[Index]) -> Index | None:
    """The index that the query names, else the default one, else the first."""
    by_name = {index.name: index for index in indexes}
    named = by_name.get(request.GET.get("index", ""))
    return named or next((index for index in indexes if index.is_default), next(iter(indexes), None))
