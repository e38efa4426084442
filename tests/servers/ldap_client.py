"""A client of directory servers that trusts one authority and nothing of the machine's own configuration."""

from __future__ import annotations

from pathlib import Path

import ldap
from ldap.ldapobject import LDAPObject


def connect(uri: str, *, ca_file: Path | None = None, start_tls: bool = False, timeout: float = 5.0) -> LDAPObject:
    """A connection that has not signed in; with ``ca_file`` the server's certificate has to be signed by that authority.

    ``timeout`` is in seconds, for the connection and for each answer.
    """
    connection = ldap.initialize(uri)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, timeout)
    connection.set_option(ldap.OPT_TIMEOUT, timeout)
    if ca_file is not None:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(ca_file))
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # last: the context takes what is set before it
    if start_tls:
        connection.start_tls_s()
    return connection
