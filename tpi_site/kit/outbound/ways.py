"""How a server is reached: as whom, by what authorities, through which proxy."""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tpi_site.kit.outbound.connecting import allowed_of, connect, resolved
from tpi_site.kit.outbound.deadlines import Deadline
from tpi_site.kit.outbound.failures import Code, OutboundFailed
from tpi_site.kit.outbound.nested import secure_over
from tpi_site.kit.outbound.targets import Target
from tpi_site.kit.outbound.tls import Trust, context_for
from tpi_site.kit.release import RELEASE

_AGENT = f"trusted-packaging-index/{RELEASE}"
_MOST_HEAD = 16 * 1024  # bytes of a proxy's answer to CONNECT
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")


@dataclass(frozen=True)
class Way:
    """What belongs to ``home``, a URL: user name, password and client certificate go to its origin only.

    ``ca_certificates`` (PEM) are the only authorities for that origin, and are good beside the system's for others: a
    proxy that looks into TLS signs for all of them.  ``proxy_url`` is ``http(s)://[user:password@]host[:port]``; it is
    asked for everything, and a name that is not known here is left for it to resolve.
    """

    home: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca_certificates: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    proxy_url: str = field(default="", repr=False)
    contact: str = ""
    """Whom the other side may ask about the requests; it is told with each of them."""

    def check(self) -> None:
        """Raise OutboundFailed for a home, a proxy or certificates that cannot be used as they are written."""
        home = Target.of(self.home)
        if self.proxy_url:
            try:
                Target.of(self.proxy_url)
            except OutboundFailed:
                raise OutboundFailed(
                    "The proxy is not an http or https URL, as http://proxy.example:3128.", Code.PROXY
                ) from None
        if home.is_secure:
            context_for(self.trust(is_home=True))

    def leads_home(self, target: Target) -> bool:
        """Whether the secrets are for that server."""
        return target.is_of_origin(Target.of(self.home))

    def trust(self, *, is_home: bool) -> Trust:
        """Whom to believe there, and what to show."""
        if is_home:
            return Trust(self.ca_certificates, client_certificate=self.client_certificate, client_key=self.client_key)
        return Trust(self.ca_certificates, with_system=True)

    def headers(self, target: Target, *, is_home: bool) -> dict[str, str]:
        """What a request says of who sends it."""
        found = {"User-Agent": f"{_AGENT} ({self.contact})" if self.contact else _AGENT}
        if is_home and (self.username or self.password):
            found["Authorization"] = basic(self.username, self.password)
        if self.proxy_url and not target.is_secure:
            found.update(self._proxy_headers())
        return found

    def connected(self, target: Target, deadline: Deadline, *, is_home: bool) -> socket.socket:
        """A connection on which the request can be written."""
        if self.proxy_url:
            sock = self._through_proxy(target, deadline)
        else:
            sock = connect(target.host, target.port, timeout=deadline.left())
        return secure_over(sock, target.host, self.trust(is_home=is_home), deadline) if target.is_secure else sock

    def _through_proxy(self, target: Target, deadline: Deadline) -> socket.socket:
        _look_at(target)
        proxy = Target.of(self.proxy_url)
        sock = connect(proxy.host, proxy.port, timeout=deadline.left())
        if proxy.is_secure:
            sock = secure_over(sock, proxy.host, self.trust(is_home=False), deadline)
        if target.is_secure:
            try:
                self._tunnel(sock, target, deadline)
            except BaseException:
                sock.close()
                raise
        return sock

    def _tunnel(self, sock: socket.socket, target: Target, deadline: Deadline) -> None:
        lines = [f"CONNECT {target.address} HTTP/1.1", f"Host: {target.address}"]
        lines += [f"{name}: {value}" for name, value in self._proxy_headers().items()]
        head = b""
        try:
            sock.settimeout(deadline.left())
            sock.sendall("\r\n".join([*lines, "", ""]).encode())
            while not head.endswith((b"\r\n\r\n", b"\n\n")) and len(head) < _MOST_HEAD:
                sock.settimeout(deadline.left())
                if not (byte := sock.recv(1)):  # what follows the head belongs to the other side
                    break
                head += byte
        except TimeoutError:
            raise OutboundFailed("The proxy did not answer in time.", Code.TOO_SLOW) from None
        except OSError:
            raise OutboundFailed("The proxy broke the connection off.", Code.PROXY) from None
        status = _STATUS.match(head)
        if not status or not head.endswith(b"\n"):
            raise OutboundFailed("The proxy gave no answer of HTTP.", Code.PROXY)
        if not status[1].startswith(b"2"):
            raise OutboundFailed(f"The proxy answers {status[1].decode()} when asked for {target.address}.", Code.PROXY)

    def _proxy_headers(self) -> dict[str, str]:
        parts = urlsplit(self.proxy_url)
        if parts.username is None and parts.password is None:
            return {}
        return {"Proxy-Authorization": basic(unquote(parts.username or ""), unquote(parts.password or ""))}


def basic(username: str, password: str) -> str:
    """The value of a header with Basic credentials."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _look_at(target: Target) -> None:
    """Refuse to ask a proxy for what may not be reached from here; raises OutboundFailed.

    It chooses among the addresses of a name itself, so that all of them count.  A name that this machine cannot resolve
    is the proxy's to resolve.
    """
    try:
        addresses: list[str] | None = [str(ipaddress.ip_address(target.host))]
    except ValueError:
        addresses = resolved(target.host, target.port)
    for address in addresses or ():
        allowed_of(target.host, [address])
