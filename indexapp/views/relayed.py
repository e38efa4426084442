"""Uploads between sites: what the request says of the way that it came, and what is answered to who relays."""

from __future__ import annotations

from django.http import HttpRequest

from indexapp.clients.relaying import KEY, RELAY, SERIAL, SITE
from indexapp.services.replication import epochs, relaying
from indexapp.services.replication.relaying import Came
from tpi_site.kit import request_context


def came(request: HttpRequest) -> Came:
    """How the upload came here."""
    return relaying.read_way(
        request.headers.get(RELAY, ""),
        request.headers.get(KEY, ""),
        authorization=request.META.get("HTTP_AUTHORIZATION", ""),
        address=request_context.current.get().address,
    )


def told(way: Came) -> dict[str, str]:
    """Headers for a replica that relays: who took it, and up to which serial it has to come."""
    if not way.sites:
        return {}
    return {SITE: str(epochs.site()), SERIAL: str(epochs.newest_serial())}
