"""What a URL says about a request: where to connect, what to ask for, and whose secrets may go there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from tpi_site.kit.outbound.failures import Code, OutboundFailed

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._:-]+\Z")
_KEPT = "/%:@!$&'()*+,;=~[]"  # of a path; a query may have a question mark too


@dataclass(frozen=True)
class Target:
    """An http or https address without user name, password and fragment: those never leave in a URL."""

    scheme: str
    host: str
    port: int
    path: str
    """Path and query, percent-encoded; begins with a slash."""

    @classmethod
    def of(cls, url: str) -> Target:
        """Read a URL; raises OutboundFailed for one that cannot be asked."""
        try:
            parts = urlsplit(url)
            host = (
                (parts.hostname or "").encode("idna").decode()
                if not (parts.hostname or "").isascii()
                else parts.hostname or ""
            )
            port = parts.port
            path = quote(parts.path or "/", safe=_KEPT) + (
                f"?{quote(parts.query, safe=_KEPT + '?')}" if parts.query else ""
            )
        except ValueError:
            raise OutboundFailed("An address is not a URL.", Code.NOT_ALLOWED) from None
        if parts.scheme not in _PORTS or not _HOST.match(host):
            raise OutboundFailed("An address is not an http or https URL with a host.", Code.NOT_ALLOWED)
        return cls(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path)

    @property
    def is_secure(self) -> bool:
        """Whether it is asked over TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> str:
        """Host and port as CONNECT has them."""
        return self.authority if self.port != _PORTS[self.scheme] else f"{self.authority}:{self.port}"

    @property
    def url(self) -> str:
        """All of it."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def is_of_origin(self, other: Target) -> bool:
        """Whether both are one server to whom the same secrets belong."""
        return (self.scheme, self.host.lower(), self.port) == (other.scheme, other.host.lower(), other.port)
