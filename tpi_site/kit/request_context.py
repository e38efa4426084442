"""The request's id and address, available to logs and audit rows without passing them through every call."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_SCHEME = "HTTP_X_FORWARDED_PROTO"
_OF_PROXIES = frozenset({"HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA"})
_SAFE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a log line or an audit row needs to know of the request it belongs to."""

    request_id: str = ""
    address: str = ""
    client: str = ""
    """What the client calls itself, unread and of any length."""


NO_REQUEST = RequestContext()
current: ContextVar[RequestContext] = ContextVar("tpi_request", default=NO_REQUEST)


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def is_within(address: str, networks: list[str]) -> bool:
    """Whether ``address`` lies in one of ``networks``; an unreadable address lies nowhere."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _networks(tuple(networks)))


def client_address(environ: Mapping[str, object]) -> str:
    """The address of the client: the peer's, or what a trusted proxy says in ``X-Forwarded-For``.

    Only the right-most entry that is not itself a trusted proxy counts; everything left of it is the client's own word.
    """
    peer = str(environ.get("REMOTE_ADDR", ""))
    if not is_trusted_proxy(environ):
        return peer
    hops = [hop.strip() for hop in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()]
    for hop in reversed(hops):
        if not is_within(hop, settings.TPI_TRUSTED_PROXIES):
            return hop[:64]
    return peer


def is_trusted_proxy(environ: Mapping[str, object]) -> bool:
    """Whether who hands the request over is one of the proxies that settings name."""
    proxies = settings.TPI_TRUSTED_PROXIES
    return bool(proxies) and is_within(str(environ.get("REMOTE_ADDR", "")), proxies)


def is_inside(environ: Mapping[str, object]) -> bool:
    """Whether the client's own address is one of ``TPI_METRICS_NETWORKS``, to which a node tells how it does.

    Never behind a proxy that settings do not name: all its clients have its address, which may well be loopback's.
    """
    if not _OF_PROXIES.isdisjoint(environ) and not is_trusted_proxy(environ):
        return False
    return is_within(client_address(environ), settings.TPI_METRICS_NETWORKS)


def begin(environ: Mapping[str, object]) -> RequestContext:
    """The context of a request that starts now; a trusted proxy's well-formed ``X-Request-ID`` is kept.

    A client that could choose the id could make its entries in the audit log look like parts of somebody else's request.
    """
    given = str(environ.get("HTTP_X_REQUEST_ID", ""))
    is_kept = _SAFE_ID.match(given) and is_trusted_proxy(environ)
    request_id = given if is_kept else secrets.token_hex(8)
    return RequestContext(request_id, client_address(environ), str(environ.get("HTTP_USER_AGENT", "")))


class RequestContextMiddleware:
    """Set the context for the time of one request and name its id in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        if not is_trusted_proxy(request.META):
            request.META.pop(_SCHEME, None)  # anybody's word, which Django would take for the proxy's
        context = begin(request.META)
        token = current.set(context)
        try:
            response = self.get_response(request)
        finally:
            current.reset(token)
        response.headers["X-Request-ID"] = context.request_id
        return response
