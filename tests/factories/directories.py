"""Directories that lead to the suite's own servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.models import Directory, GroupMapping, Team
from accounts.services.directories import settings
from tests.factories.people import SYSTEM
from tests.servers.directory_values import host, samba_values, slapd_values

if TYPE_CHECKING:
    from tests.servers.samba import Samba
    from tests.servers.slapd import Slapd


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


def move(directory: Directory, hosts: str) -> None:
    """Let the directory be elsewhere."""
    settings.change(actor=SYSTEM, directory=directory, hosts=hosts)


def map_group(
    directory: Directory, group_dn: str, team: Team | None, role: str = "", instance_role: str = ""
) -> GroupMapping:
    """A group's members hold a place in ``team`` or a part for the instance."""
    return settings.map_group(
        actor=SYSTEM, directory=directory, group_dn=group_dn, team=team, role=role, instance_role=instance_role
    )


__all__ = ["active_directory", "host", "map_group", "move", "openldap", "samba_values", "slapd_values"]
