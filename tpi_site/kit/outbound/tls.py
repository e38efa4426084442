"""TLS with the other side: whom we trust, and who we say that we are."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass, field
from functools import lru_cache

from tpi_site.kit.outbound.failures import Code, OutboundFailed, reason


@dataclass(frozen=True)
class Trust:
    """PEM texts: authorities, and the certificate and key that we show.

    The given authorities replace the system's unless ``with_system``.
    """

    ca_certificates: str = ""
    with_system: bool = False
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)


def secure(plain: socket.socket, host: str, ca_certificates: str = "", *, trust: Trust | None = None) -> ssl.SSLSocket:
    """TLS over a connection; the certificate must be good for ``host`` by the given authorities (PEM), else the system's.

    The hand-shake ends within the time-out of the socket. A connection that fails is closed.
    """
    try:
        return context_for(trust or Trust(ca_certificates)).wrap_socket(plain, server_hostname=host)
    except (OSError, ValueError) as error:
        plain.close()
        raise tls_failure(host, error) from None
    except OutboundFailed:
        plain.close()
        raise


def tls_failure(host: str, error: Exception) -> OutboundFailed:
    """What to tell of a hand-shake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return OutboundFailed(f"The certificate of {host} is not good: {error.verify_message}.", Code.TLS)
    if isinstance(error, TimeoutError):
        return OutboundFailed(f"TLS with {host} failed: timed out.", Code.TOO_SLOW)
    return OutboundFailed(f"TLS with {host} failed: {reason(error)}.", Code.TLS)


@lru_cache(maxsize=32)  # the system's authorities take 20 ms to read
def context_for(trust: Trust) -> ssl.SSLContext:
    """How connections are secured; raises OutboundFailed for texts that are no certificates, or do not fit each other."""
    try:
        context = ssl.create_default_context(cadata=trust.ca_certificates or None)
    except (ssl.SSLError, ValueError, TypeError):
        raise OutboundFailed(
            "The certificates of the authorities cannot be used: give them as PEM.", Code.TLS
        ) from None
    if trust.ca_certificates and trust.with_system:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if trust.client_certificate:
        _show(context, trust)
    return context


def _show(context: ssl.SSLContext, trust: Trust) -> None:
    """Load our own certificate: OpenSSL reads it from a file by its name only, so that file is one in memory."""
    descriptor = os.memfd_create("client-certificate")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(f"{trust.client_certificate.strip()}\n{trust.client_key.strip()}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    except (ssl.SSLError, ValueError):
        raise OutboundFailed(
            "The client certificate and its key cannot be used: give both as PEM, the key without a pass-phrase.",
            Code.TLS,
        ) from None
    finally:
        os.close(descriptor)


def _no_password() -> str:
    """Said in place of OpenSSL's question on the terminal."""
    raise ValueError("the key has a pass-phrase")
