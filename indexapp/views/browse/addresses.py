"""The public address of the site, as clients must be told it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from indexapp.domain.client_setup import IndexAddresses


def addresses_of(request: HttpRequest, index: str) -> IndexAddresses:
    """The index's addresses: below the configured public URL, else below the address that the browser used."""
    base = settings.TPI_URL or request.build_absolute_uri(settings.FORCE_SCRIPT_NAME or "/")
    return IndexAddresses(base.rstrip("/"), index)
