"""The public address and its certificate, and the shared cache."""

from __future__ import annotations

import http.client
import ssl
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.cache import cache

from tpi_site.kit import shared_cache
from tpi_site.services.doctor.findings import Verdict, failing, good, unused, warning

_TIMEOUT = 5.0  # seconds
_FEW_DAYS = 7
_SOON = 30
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def public_address() -> Verdict:
    """Whether ``TPI_URL`` leads here, over TLS, with a certificate that clients believe and that lasts a while."""
    if not settings.TPI_URL:
        return unused("TPI_URL is not set; addresses are made from what a request calls this host.")
    parts = urlsplit(settings.TPI_URL)
    try:
        status, certificate = _ask(parts)
    except ssl.SSLCertVerificationError as error:
        return failing(
            f"The certificate of {settings.TPI_URL} is not believed: {error.verify_message}.",
            "Renew it, or let this machine know its authority (SSL_CERT_FILE).",
        )
    except (OSError, http.client.HTTPException) as error:
        return failing(
            f"{settings.TPI_URL} cannot be reached from here: {error}.", "Check the proxy, DNS and firewalls."
        )
    if status != http.HTTPStatus.OK:
        return failing(f"{settings.TPI_URL}/livez answers {status}.", "Let the proxy pass this path on to TPI.")
    return _of_certificate(parts, certificate)


def _ask(parts: SplitResult) -> tuple[int, dict[str, object]]:
    """The status of ``/livez`` and the certificate, which is empty without TLS."""
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=_TIMEOUT, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    try:
        connection.connect()
        certificate = connection.sock.getpeercert() if isinstance(connection.sock, ssl.SSLSocket) else None
        connection.request("GET", f"{parts.path}/livez")
        return connection.getresponse().status, dict(certificate or {})
    finally:
        connection.close()


def _of_certificate(parts: SplitResult, certificate: dict[str, object]) -> Verdict:
    if not certificate:
        if parts.hostname in _LOOPBACK:
            return good(f"{settings.TPI_URL} answers.")
        return warning(
            f"{settings.TPI_URL} is not encrypted: passwords and tokens can be read on the way.",
            "Let a proxy end TLS and set TPI_URL to its https address.",
        )
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = (end - datetime.now(UTC)).days
    told = f"{settings.TPI_URL} answers; its certificate ends on {end:%Y-%m-%d}, in {days} days."
    if days < _FEW_DAYS:
        return failing(told, "Renew the certificate now.")
    return warning(told, "Renew the certificate.") if days < _SOON else good(told)


def the_cache() -> Verdict:
    """Whether the shared cache takes and gives."""
    if not settings.TPI_CACHE_URL:
        return unused("TPI_CACHE_URL is not set; each process remembers for itself.")
    try:
        cache.set("doctor", "probe", 10)
        found = cache.get("doctor")
    except Exception as error:
        if not shared_cache.is_away(error):
            raise
        return warning(
            "The shared cache cannot be reached.",
            "TPI goes on without it, more slowly; start Redis or correct TPI_CACHE_URL.",
        )
    if found != "probe":
        return warning("The shared cache forgets at once what it is given.", "Give Redis more memory (maxmemory).")
    return good("The shared cache takes and gives.")


def mail() -> Verdict:
    """There is no mail yet."""
    return unused("This version sends no mail.")
