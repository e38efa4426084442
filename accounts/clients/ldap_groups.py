"""Who is in which group of a directory, through groups in groups; loops are survived.

Active Directory answers for the whole chain itself (LDAP_MATCHING_RULE_IN_CHAIN); elsewhere we go group by group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from accounts.clients.ldap_connection import DirectoryFault, search_fault
from accounts.clients.ldap_entries import Found, pages
from accounts.domain.directory_settings import DirectorySettings

if TYPE_CHECKING:
    from ldap.ldapobject import LDAPObject

_CHAIN = "1.2.840.113556.1.4.1941"
_MEMBERS = ("member", "uniqueMember", "memberUid")
_PLAIN_DN = re.compile(r"(?:[\w-]+=[\w.@-]+(?: [\w.@-]+)*(?:,|\Z))+")
"""Names without anything that could be written in two ways but case; nearly all are such, and parsing is slow."""
_MOST_GROUPS = 10_000
"""Of one person or below one group; a directory that has more is misread rather than read."""


def normal_dn(dn: str) -> str:
    """A name in a form that compares equal however it is written (case, spaces, escapes; RFC 4514)."""
    from ldap import DECODING_ERROR
    from ldap.dn import dn2str, str2dn

    if _PLAIN_DN.fullmatch(dn):
        return dn.lower()
    try:
        return str(
            dn2str([[(kind.lower(), value.lower(), flags) for kind, value, flags in part] for part in str2dn(dn)])
        )
    except DECODING_ERROR:
        return dn.strip().lower()


def is_dn(text: str) -> bool:
    """Whether the text is a distinguished name."""
    from ldap.dn import is_dn as library_is_dn

    return bool(text.strip()) and bool(library_is_dn(text))


def groups_of(connection: LDAPObject, settings: DirectorySettings, dn: str, username: str) -> frozenset[str]:
    """The normalised names of all groups that the person is in, directly or through others."""
    if settings.nesting == "chain":
        return frozenset(_names(connection, settings, _matching(f"(member:{_CHAIN}:=%s)", dn)))
    uid = _matching("(memberUid=%s)", username)
    found: set[str] = set()
    level = [f"(|{_direct(dn)}{uid})"]
    while level:
        fresh = [(normal_dn(name), name) for name in _names(connection, settings, f"(|{''.join(level)})", normal=False)]
        news = [(key, name) for key, name in fresh if key not in found]
        found.update(key for key, _ in news)
        if len(found) > _MOST_GROUPS:
            raise DirectoryFault(
                "groups", f"A person is in more than {_MOST_GROUPS} groups; check the filter of groups."
            )
        level = [_direct(name) for _, name in news] if settings.nesting == "walk" else []
    return frozenset(found)


def _direct(dn: str) -> str:
    return _matching("(member=%s)", dn) + _matching("(uniqueMember=%s)", dn)


def _matching(template: str, value: str) -> str:
    from ldap.filter import filter_format

    return str(filter_format(template, [value]))


def _names(
    connection: LDAPObject, settings: DirectorySettings, membership: str, *, normal: bool = True
) -> Iterator[str]:
    filterstr = f"(&{settings.groups}{membership})"
    for page in pages(connection, settings.group_base, filterstr, ["1.1"], settings.page_size, "groups"):
        for dn, _ in page:
            yield normal_dn(dn) if normal else dn


def group_names(connection: LDAPObject, settings: DirectorySettings) -> frozenset[str]:
    """The normalised names of all groups, to tell a member that is a group from one that is a person."""
    everything = pages(connection, settings.group_base, settings.groups, ["1.1"], settings.page_size, "groups")
    return frozenset(normal_dn(dn) for page in everything for dn, _ in page)


def chain_members(connection: LDAPObject, settings: DirectorySettings, group_dn: str) -> Iterator[list[str]]:
    """The normalised names of everybody in the group, through groups in groups, page by page."""
    filterstr = f"(&{settings.people}{_matching(f'(memberOf:{_CHAIN}:=%s)', group_dn)})"
    for page in pages(connection, settings.user_base, filterstr, ["1.1"], settings.page_size, "groups"):
        yield [normal_dn(dn) for dn, _ in page]


def direct_members(connection: LDAPObject, group_dn: str) -> list[str]:
    """The normalised names (or ``uid:<name>`` of posix groups) of what is directly in the group: people, groups, others."""
    return list(_listed(connection, group_dn))


def _listed(connection: LDAPObject, dn: str) -> Iterator[str]:
    """The direct members of one group; none for a group that is not there (a mapping may outlive it)."""
    import ldap

    found: list[Found] = []
    with suppress(ldap.NO_SUCH_OBJECT):
        try:
            found = connection.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", list(_MEMBERS))
        except ldap.NO_SUCH_OBJECT:
            raise
        except ldap.LDAPError as error:
            raise search_fault(error, dn, "groups") from None
    for _, attributes in found:
        for name, values in attributes.items():
            for value in values:
                text = value.decode("utf-8", "replace")
                yield f"uid:{text.casefold()}" if name.lower() == "memberuid" else normal_dn(text)


def missing(connection: LDAPObject, group_dns: Iterable[str]) -> list[str]:
    """Which of the named groups are not in the directory."""
    import ldap

    gone = []
    for dn in group_dns:
        try:
            connection.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", ["1.1"])
        except (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX):
            gone.append(dn)
        except ldap.LDAPError as error:
            raise search_fault(error, dn, "groups") from None
    return gone
