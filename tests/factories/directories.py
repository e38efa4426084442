"""Directories that lead to the suite's own servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from accounts.models import Directory, GroupMapping, Team
from accounts.services.directories import settings
from tests.factories.people import SYSTEM

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


def openldap(slapd: Slapd, name: str = "corp", **others: Any) -> Directory:
    """A directory on the OpenLDAP server."""
    return settings.create(actor=SYSTEM, name=name, **slapd_values(slapd, **others))


def active_directory(samba: Samba, name: str = "ad", **others: Any) -> Directory:
    """A directory on the Samba domain."""
    return settings.create(actor=SYSTEM, name=name, **samba_values(samba, **others))


def silent_values(**others: Any) -> dict[str, Any]:
    """A directory on this machine at a port where nobody listens."""
    return {
        "hosts": "127.0.0.1:1",
        "bind_dn": "cn=tpi,dc=tpi",
        "bind_password": "the service's password",
        "user_base": "ou=people,dc=tpi",
    } | others


def silent_directory(name: str = "corp", **others: Any) -> Directory:
    """A directory that does not answer, for what has to do with its row alone."""
    return settings.create(actor=SYSTEM, name=name, **silent_values(**others))


def map_group(
    directory: Directory, group_dn: str, team: Team | None, role: str = "", instance_role: str = ""
) -> GroupMapping:
    """A group's members hold a place in ``team`` or a part for the instance."""
    return settings.map_group(
        actor=SYSTEM, directory=directory, group_dn=group_dn, team=team, role=role, instance_role=instance_role
    )
