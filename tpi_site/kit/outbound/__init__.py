"""The one way out: connections to addresses that people have entered, or that another server has named.

A name is resolved once and the connection goes to the address that was looked at, so that it cannot turn into another one in
between.  Loopback, link-local and private addresses are refused unless ``TPI_OUTBOUND_NETWORKS`` names them: what an
administrator or an upstream writes must not become a way into the machine's own neighbourhood.
"""

from __future__ import annotations

from tpi_site.kit.outbound.connecting import TIMEOUT, connect, is_allowed
from tpi_site.kit.outbound.failures import Code, OutboundFailed
from tpi_site.kit.outbound.fetching import Limits, Response, get, send
from tpi_site.kit.outbound.posting import Answer, post
from tpi_site.kit.outbound.targets import Target
from tpi_site.kit.outbound.tls import secure
from tpi_site.kit.outbound.ways import Way

__all__ = [
    "TIMEOUT",
    "Answer",
    "Code",
    "Limits",
    "OutboundFailed",
    "Response",
    "Target",
    "Way",
    "connect",
    "get",
    "is_allowed",
    "post",
    "secure",
    "send",
]
