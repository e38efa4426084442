"""How an index's upstream is reached."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from indexapp.clients.upstream import UpstreamAddress
from indexapp.models import Index, Upstream
from indexapp.services.mirrors import secrets

PYPI = "PyPI"


def of(index: Index) -> UpstreamAddress:
    """The address of the mirror's upstream with all that is needed to be let in."""
    upstream = index.upstream
    opened = secrets.opened(upstream)
    return UpstreamAddress(
        url=upstream.url or PYPI_SIMPLE_ENDPOINT,
        username=upstream.username,
        password=opened["password"],
        ca_certificates=upstream.ca_certificates,
        client_certificate=upstream.client_certificate,
        client_key=opened["client_key"],
        proxy_url=_with_password(upstream.proxy_url, opened["proxy_password"]),
    )


def in_words(upstream: Upstream) -> str:
    """What people call the upstream: its address, or PyPI."""
    return upstream.url or PYPI


def _with_password(url: str, password: str) -> str:
    """The proxy's URL, which names its user, with the user's password."""
    if not password:
        return url
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()
