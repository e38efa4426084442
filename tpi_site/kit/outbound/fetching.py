"""A guarded GET whose body is read as it comes.

Redirects are followed here, so that each hop is looked at like the first address: where it leads, whether it leaves TLS, and
whether the secrets may go along.
"""

from __future__ import annotations

import http.client
import math
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

from tpi_site.kit.outbound.bodies import received, too_large, unpacked
from tpi_site.kit.outbound.deadlines import Deadline, Hurried
from tpi_site.kit.outbound.failures import Code, OutboundFailed, reason
from tpi_site.kit.outbound.nested import Nested
from tpi_site.kit.outbound.targets import Target
from tpi_site.kit.outbound.ways import Way

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PROXY_REFUSED = 407
_CLOSED = (BrokenPipeError, ConnectionResetError)


@dataclass(frozen=True)
class Limits:
    """How long and how much: seconds and bytes.

    ``head``: until the headers of the last hop are there, names resolved and redirects followed, and ``step`` for each part
    of that, as a piece that is sent; ``idle``: for each next piece of the body; ``total``: for all of the body; ``most``: what
    the body may have, when unpacked too.
    """

    most: int
    head: float = 15.0
    step: float = math.inf
    idle: float = 30.0
    total: float = math.inf


class Response:
    """An answer whose headers are there; close it, or use it in a ``with`` block.

    ``body`` yields pieces and raises OutboundFailed; its end is the end that the server announced, never an earlier one.
    """

    def __init__(self, answer: http.client.HTTPResponse, sock: socket.socket, target: Target, limits: Limits) -> None:
        self.status = answer.status
        self.headers: Message = answer.headers
        self.url = target.url
        self.length = answer.length
        """Bytes that the body has as it is sent, where the server says it."""
        self.encoding = (answer.headers.get("Content-Encoding") or "identity").strip().lower()
        self.tls: str = sock.version() or "" if isinstance(sock, ssl.SSLSocket | Nested) else ""
        """The version of TLS; empty without."""
        self._answer, self._sock = answer, sock
        self.body: Iterator[bytes] = received(answer, target.host, limits.most)

    def unpack(self, host: str, most: int) -> None:
        """Undo the packing that was asked for; raises OutboundFailed for another."""
        if self.encoding in {"gzip", "x-gzip"}:
            self.body = unpacked(self.body, host, most)
        elif self.encoding != "identity":
            raise OutboundFailed(f"{host} packs its answer as it was not asked to.", Code.BAD_ANSWER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Read nothing more."""
        with suppress(OSError):
            self._answer.close()
        self._sock.close()


def get(
    url: str, headers: Mapping[str, str] | None = None, *, way: Way, limits: Limits, takes_gzip: bool = False
) -> Response:
    """GET an http or https address, through redirects; raises :class:`OutboundFailed`, whose sentence has no secret.

    Statuses are the caller's to read. With ``takes_gzip`` the answer may come packed and ``body`` is unpacked; without,
    ``identity`` is asked for and ``body`` is what came, whatever the server calls its encoding.
    """
    deadline = Deadline(limits.head)
    target = Target.of(url)
    is_home = way.leads_home(target)
    own = {**(headers or {}), "Accept-Encoding": "gzip" if takes_gzip else "identity"}
    for _ in range(MOST_REDIRECTS + 1):
        response = _ask(target, own, way, limits, deadline, is_home=is_home)
        try:
            if response.status not in _REDIRECTS:
                return _ready(response, target, limits, deadline, takes_gzip=takes_gzip)
            following = _following(response, target)
        except BaseException:
            response.close()
            raise
        response.close()
        is_home = is_home and following.is_of_origin(target)
        target = following
    raise OutboundFailed(f"{target.host} redirects more than {MOST_REDIRECTS} times.", Code.BAD_ANSWER)


def send(url: str, body: bytes | Iterable[bytes], headers: Mapping[str, str], *, way: Way, limits: Limits) -> Response:
    """POST ``body`` and read the answer as it comes, as :func:`get` does; a redirect is an answer like any other.

    With a body in pieces ``headers`` say its Content-Length.  Who answers and closes before all of it has come is heard.
    """
    deadline, target = Deadline(limits.head, limits.step), Target.of(url)
    own = {**headers, "Accept-Encoding": "identity"}
    response = _ask(target, own, way, limits, deadline, is_home=way.leads_home(target), body=body)
    try:
        return _ready(response, target, limits, deadline, takes_gzip=False)
    except BaseException:
        response.close()
        raise


def _ask(
    target: Target,
    headers: Mapping[str, str],
    way: Way,
    limits: Limits,
    deadline: Deadline,
    *,
    is_home: bool,
    body: bytes | Iterable[bytes] | None = None,
) -> Response:
    try:
        sock = way.connected(target, deadline, is_home=is_home)
    except TimeoutError:
        raise OutboundFailed(f"{target.host} did not answer in time.", Code.TOO_SLOW) from None
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = Hurried(sock, deadline)
    path = target.url if way.proxy_url and not target.is_secure else target.path
    sent = {**headers, **way.headers(target, is_home=is_home), "Host": target.authority, "Connection": "close"}
    try:
        with suppress(*_CLOSED if body is not None else ()):
            connection.request("GET" if body is None else "POST", path, body, headers=sent)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        sock.close()
        raise _no_answer(target, error) from None
    if answer.status == _PROXY_REFUSED and way.proxy_url and not target.is_secure:
        answer.close()
        sock.close()
        raise OutboundFailed(f"The proxy answers 407 when asked for {target.authority}.", Code.PROXY)
    return Response(answer, sock, target, limits)


def _no_answer(target: Target, error: Exception) -> OutboundFailed:
    if isinstance(error, TimeoutError):
        return OutboundFailed(f"{target.host} did not answer in time.", Code.TOO_SLOW)
    if isinstance(error, OSError):
        return OutboundFailed(f"{target.host} did not answer the request: {reason(error)}.")
    return OutboundFailed(f"{target.host} gave no answer of HTTP.", Code.BAD_ANSWER)


def _ready(response: Response, target: Target, limits: Limits, deadline: Deadline, *, takes_gzip: bool) -> Response:
    if (response.length or 0) > limits.most:
        raise too_large(target.host, limits.most)
    if takes_gzip:
        response.unpack(target.host, limits.most)
    deadline.renew(limits.total, limits.idle)
    return response


def _following(response: Response, target: Target) -> Target:
    """Where a redirect leads; raises OutboundFailed where it may not be followed."""
    location = response.headers.get("Location")
    if not location:
        raise OutboundFailed(f"{target.host} redirects to nowhere.", Code.BAD_ANSWER)
    try:
        following = Target.of(urljoin(target.url, location))
    except (ValueError, OutboundFailed):
        raise OutboundFailed(
            f"{target.host} redirects to what is not an http or https address.", Code.NOT_ALLOWED
        ) from None
    if target.is_secure and not following.is_secure:
        raise OutboundFailed(f"{target.host} redirects from https to http, which is not followed.", Code.NOT_ALLOWED)
    return following
