"""Whether a host of a directory takes an encrypted connection, asked before libldap is let near it.

libldap has no time limit for a TLS handshake (it spins while the other side is silent) and tells little of what it
minds about a certificate.  Python's own handshake has a limit and says what is wrong, so it goes first.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from accounts.clients.ldap_connection import DirectoryFault
from accounts.domain.directory_settings import DirectorySettings


def first_answering(settings: DirectorySettings) -> str:
    """The address of the first host that takes a connection; raises :class:`DirectoryFault` where none does."""
    faults = []
    for uri in settings.uris:
        try:
            _probe(uri, settings)
        except DirectoryFault as fault:
            faults.append(fault)
        else:
            return uri
    raise next((fault for fault in faults if fault.step == "tls"), faults[-1])


def _probe(uri: str, settings: DirectorySettings) -> None:
    place = urlsplit(uri)
    name, port = place.hostname or "", place.port or 0
    try:
        raw = socket.create_connection((name, port), settings.timeout)
    except OSError as error:
        raise DirectoryFault(
            "connect",
            f"{uri} cannot be reached: {error.strerror or error}. Check the host, the port and the firewall.",
        ) from None
    with raw:
        if place.scheme == "ldaps":
            _shake_hands(raw, uri, name, settings)


def _shake_hands(raw: socket.socket, uri: str, name: str, settings: DirectorySettings) -> None:
    context = _context(settings)
    try:
        context.wrap_socket(raw, server_hostname=name).close()
    except ssl.SSLCertVerificationError as error:
        raise DirectoryFault(
            "tls",
            f"The certificate of {uri} was refused: {error.verify_message.rstrip('.')}. Check the CA certificates, the "
            "server's certificate and the name that it was made for.",
        ) from None
    except TimeoutError:
        raise DirectoryFault(
            "tls", f"{uri} took the connection and said nothing; is LDAPS served on this port?"
        ) from None
    except OSError as error:
        raise DirectoryFault(
            "tls", f"{uri} refused the encryption: {error.strerror or error}. Is LDAPS served on this port?"
        ) from None


def _context(settings: DirectorySettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=settings.ca_certificates or None)
    except ssl.SSLError:
        raise DirectoryFault(
            "tls", "The CA certificates are not PEM; paste them with their BEGIN and END lines."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
