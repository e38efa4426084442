"""Where an upstream is and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from tpi_site.kit.outbound import Way


@dataclass(frozen=True)
class UpstreamAddress:
    """``url`` is the root of a simple repository, with or without its last slash.

    User name, password and the client certificate (PEM, as the key and the authorities) are shown to its origin only;
    ``proxy_url`` is ``http(s)://[user:password@]host[:port]``.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_certificates: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    proxy_url: str = field(default="", repr=False)
    contact: str = ""

    @property
    def root(self) -> str:
        """The list of projects."""
        return f"{self.url.rstrip('/')}/"

    def page(self, normalized_name: str) -> str:
        """The page of a project."""
        return f"{self.root}{quote(normalized_name, safe='')}/"

    @property
    def way(self) -> Way:
        """For the outbound client."""
        return Way(
            home=self.url,
            username=self.username,
            password=self.password,
            ca_certificates=self.ca_certificates,
            client_certificate=self.client_certificate,
            client_key=self.client_key,
            proxy_url=self.proxy_url,
            contact=self.contact,
        )
