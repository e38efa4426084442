"""A connection to a directory server, opened step by step so that a failure can be told in a sentence.

python-ldap is an extra that an installation may lack, so it is imported where it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings as site

from accounts.domain.directory_settings import DirectorySettings

if TYPE_CHECKING:
    from ldap.ldapobject import LDAPObject


class DirectoryFault(Exception):
    """A step that failed: ``connect``, ``tls``, ``bind``, ``search`` or ``groups``, with a sentence for an operator."""

    def __init__(self, step: str, sentence: str) -> None:
        super().__init__(sentence)
        self.step = step
        self.sentence = sentence


def require_library() -> None:
    """Refuse where python-ldap is not installed."""
    try:
        import ldap  # noqa: F401
    except ImportError:
        raise DirectoryFault(
            "connect",
            "python-ldap is not installed here; install libldap-dev, libsasl2-dev and gcc, and start again.",
        ) from None


def options(settings: DirectorySettings) -> dict[int, Any]:
    """The options of a connection, in the order in which the library wants them set."""
    import ldap

    demand = ldap.OPT_X_TLS_DEMAND if settings.verify_certificate else ldap.OPT_X_TLS_NEVER
    given: dict[int, Any] = {
        ldap.OPT_PROTOCOL_VERSION: ldap.VERSION3,
        ldap.OPT_REFERRALS: 0,
        ldap.OPT_NETWORK_TIMEOUT: float(settings.timeout),
        ldap.OPT_TIMEOUT: float(settings.timeout * 4),
        ldap.OPT_X_TLS_REQUIRE_CERT: demand,
        ldap.OPT_X_TLS_PROTOCOL_MIN: ldap.OPT_X_TLS_PROTOCOL_TLS1_2,
    }
    if settings.ca_certificates:
        given[ldap.OPT_X_TLS_CACERTFILE] = str(_ca_file(settings.ca_certificates))
    given[ldap.OPT_X_TLS_NEWCTX] = 0  # last: makes the options above hold for this connection
    return given


def _ca_file(certificates: str) -> Path:
    """The certificates in a file named by their digest, because the library takes no text."""
    digest = hashlib.sha256(certificates.encode()).hexdigest()
    path = Path(site.TPI_DATA_DIR) / "directory-ca" / f"{digest[:32]}.pem"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        candidate = path.with_suffix(f".{hashlib.sha256(str(id(certificates)).encode()).hexdigest()[:8]}")
        candidate.write_text(certificates, encoding="utf-8")
        candidate.replace(path)
    return path


def encrypted(settings: DirectorySettings) -> LDAPObject:
    """A connection to the first host that answers, encrypted and not bound."""
    import ldap

    from accounts.clients.ldap_probe import first_answering

    require_library()
    uri = first_answering(settings)
    connection = ldap.initialize(uri, bytes_mode=False)
    for option, value in options(settings).items():
        connection.set_option(option, value)
    try:
        if settings.security == "starttls":
            connection.start_tls_s()
    except ldap.LDAPError as error:
        with suppress(ldap.LDAPError):
            connection.unbind_s()
        raise DirectoryFault(  # the host took a connection a moment ago
            "tls", f"The encryption of {uri} was refused: {_info(error)}. Check the CA certificates and the name."
        ) from None
    return connection


def _opening_fault(uri: str, error: Exception) -> DirectoryFault:
    info = _info(error)
    lowered = info.lower()
    if any(word in lowered for word in ("certificate", "tls", "ssl", "handshake", "(-", "expired", "not trusted")):
        return DirectoryFault(
            "tls", f"The encryption of {uri} was refused: {info}. Check the CA certificates and the name."
        )
    return DirectoryFault("connect", f"{uri} cannot be reached: {info}. Check the host, the port and the firewall.")


def _info(error: Exception) -> str:
    """What the server or the library says, without a line break."""
    detail = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    words = [str(detail.get("desc", type(error).__name__)), str(detail.get("info", ""))]
    return " - ".join(" ".join(word.split()) for word in words if word)[:300]


@contextmanager
def bound(settings: DirectorySettings) -> Iterator[LDAPObject]:
    """A connection bound as the bind account, closed in the end; raises :class:`DirectoryFault`."""
    import ldap

    connection = encrypted(settings)
    try:
        try:
            connection.simple_bind_s(settings.bind_dn, settings.bind_password)
        except ldap.INVALID_CREDENTIALS:
            raise DirectoryFault(
                "bind", f"The bind account '{settings.bind_dn}' was refused; check its name and password."
            ) from None
        except ldap.LDAPError as error:
            raise DirectoryFault("bind", f"The bind failed: {_info(error)}.") from None
        yield connection
    finally:
        with suppress(ldap.LDAPError):
            connection.unbind_s()


def fault_of(error: Exception) -> DirectoryFault:
    """What an error of the library while somebody signs in means for an operator."""
    import ldap

    if isinstance(error, ldap.INVALID_CREDENTIALS | ldap.INAPPROPRIATE_AUTH | ldap.INSUFFICIENT_ACCESS):
        return DirectoryFault("bind", f"The bind account was refused: {_info(error)}. Check its name and password.")
    if isinstance(error, ldap.SERVER_DOWN | ldap.CONNECT_ERROR | ldap.TIMEOUT):
        return _opening_fault("the directory", error)
    return DirectoryFault("search", f"The directory answered: {_info(error)}.")


def search_fault(error: Exception, base: str, step: str = "search") -> DirectoryFault:
    """The sentence for a search that failed."""
    return DirectoryFault(
        step, f"The search below '{base}' failed: {_info(error)}. Check the base and the bind account."
    )
