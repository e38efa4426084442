"""How the suite's directory servers are reached, as the fields of a directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.servers.samba import Samba
    from tests.servers.slapd import Slapd


def host(uri: str) -> str:
    """The host, with the port where it is not the usual one, as a directory names it."""
    return urlsplit(uri).netloc


def slapd_values(slapd: Slapd, **others: Any) -> dict[str, Any]:
    """How OpenLDAP is reached: LDAPS, with a bind account."""
    return {
        "hosts": host(slapd.uri_ldaps),
        "security": "ldaps",
        "ca_certificates": Path(slapd.ca_file).read_text(),
        "bind_dn": slapd.service_dn,
        "bind_password": slapd.service_password,
        "user_base": slapd.people_dn,
        "group_base": slapd.groups_dn,
    } | others


def samba_values(samba: Samba, **others: Any) -> dict[str, Any]:
    """How the domain controller is reached: LDAPS, with a bind account."""
    return {
        "kind": "active-directory",
        "hosts": host(samba.uri_ldaps),
        "security": "ldaps",
        "ca_certificates": Path(samba.ca_file).read_text(),
        "bind_dn": samba.service_dn,
        "bind_password": samba.service_password,
        "user_base": samba.people_dn,
        "group_base": samba.groups_dn,
    } | others
