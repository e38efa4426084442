"""Addresses as clients outside know them."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest


def public_url(request: HttpRequest, path: str) -> str:
    """``path``, which begins with the installation's prefix, as an absolute address.

    ``TPI_URL`` gives scheme and host where it is set, because behind a proxy the request may name others.
    """
    if not settings.TPI_URL:
        return request.build_absolute_uri(path)
    public = urlsplit(settings.TPI_URL)
    return f"{public.scheme}://{public.netloc}{path}"
