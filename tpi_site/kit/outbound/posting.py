"""Sending to an address that somebody has entered."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tpi_site.kit.outbound.connecting import TIMEOUT, connect
from tpi_site.kit.outbound.deadlines import Deadline, Hurried
from tpi_site.kit.outbound.failures import Code, OutboundFailed, reason
from tpi_site.kit.outbound.tls import secure

_MOST = 64 * 1024  # bytes of an answer that are read


@dataclass(frozen=True)
class Answer:
    """What came back: the status and the beginning of the body."""

    status: int
    body: bytes


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, ca_certificates: str = "", timeout: float = TIMEOUT
) -> Answer:
    """POST ``body`` to an http or https address; redirects are answers like any other and are not followed.

    After ``timeout`` seconds it is over, however much came by then; only the look-up of the name has its own limit.
    """
    deadline = Deadline(timeout)
    parts = urlsplit(url)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    connection = http.client.HTTPConnection(host, parts.port or (443 if is_secure else 80), timeout=timeout)
    sock: socket.socket = connect(host, connection.port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        sock.settimeout(deadline.left())
        sock = secure(sock, host, ca_certificates) if is_secure else sock
        connection.sock = Hurried(sock, deadline)
        connection.request("POST", path, body, {**headers, "Host": parts.netloc.rpartition("@")[2]})
        response = connection.getresponse()
        return Answer(response.status, response.read(_MOST))
    except (OSError, http.client.HTTPException) as error:
        code = Code.TOO_SLOW if isinstance(error, TimeoutError) else Code.UNREACHABLE
        raise OutboundFailed(f"{host} did not answer the request: {reason(error)}.", code) from None
    finally:
        connection.close()
        sock.close()
