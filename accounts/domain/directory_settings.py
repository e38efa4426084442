"""How a directory server is reached and read, as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tpi_site.kit.errors import Invalid

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?\Z")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_HIGHEST_PORT = 65535
USER = "%(user)s"
"""Stands for the escaped user name in a template."""


@dataclass(frozen=True)
class Dialect:
    """What a kind of directory calls things.

    ``names`` are the attributes that a person signs in with, the account's name here first; ``keys`` those that name an
    entry for ever; ``people`` and ``groups`` RFC 4515 filters.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    people: str
    groups: str


LDAP = Dialect(
    names=("uid",),
    keys=("entryUUID", "nsUniqueId", "ipaUniqueID"),
    people="(objectClass=person)",
    groups="(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
)
ACTIVE_DIRECTORY = Dialect(
    names=("sAMAccountName", "userPrincipalName"),
    keys=("objectGUID",),
    people="(&(objectCategory=person)(objectClass=user))",
    groups="(objectClass=group)",
)
_DIALECTS = {"ldap": LDAP, "active-directory": ACTIVE_DIRECTORY}


@dataclass(frozen=True)
class DirectorySettings:
    """One directory; times in seconds, ``bind_password`` in clear (in memory alone)."""

    name: str
    kind: str
    hosts: str
    user_base: str
    security: str = "ldaps"
    ca_certificates: str = ""
    verify_certificate: bool = True
    timeout: int = 5
    direct: bool = False
    bind_dn: str = ""
    bind_password: str = field(default="", repr=False)
    user_template: str = ""
    user_filter: str = ""
    name_attribute: str = ""
    group_base: str = ""
    group_filter: str = ""
    nesting: str = "walk"
    page_size: int = 500

    @property
    def dialect(self) -> Dialect:
        """The attributes and filters of this kind of directory."""
        return _DIALECTS[self.kind]

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes that a person may sign in with; the first is the account's name here."""
        given = tuple(word.strip() for word in self.name_attribute.split(",") if word.strip())
        return given or self.dialect.names

    @property
    def people(self) -> str:
        """The filter of everybody who may have an account here."""
        return self.user_filter or self.dialect.people

    @property
    def groups(self) -> str:
        """The filter of groups."""
        return self.group_filter or self.dialect.groups

    @property
    def uris(self) -> list[str]:
        """The hosts in the order in which they are tried, as LDAP addresses."""
        scheme, port = ("ldaps", 636) if self.security == "ldaps" else ("ldap", 389)
        return [f"{scheme}://{host}:{given or port}" for host, given in map(_split_host, self.hosts.split())]

    @property
    def may_search(self) -> bool:
        """Whether there is a bind account to search with when nobody signs in, as a sync does."""
        return bool(self.bind_dn)


def _split_host(text: str) -> tuple[str, str | None]:
    match = _HOST.match(text)
    if match is None or int(match[3] or 1) not in range(1, _HIGHEST_PORT + 1):
        raise Invalid(
            f"{text!a} is not a host; name hosts as host or host:port, with spaces between them and no scheme.",
            code="directory-host",
        )
    return match[1], match[3]


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field of a directory, in one sentence; ``code`` is that of the refusal."""

    field: str
    sentence: str
    code: str = "directory-invalid"


def faults(settings: DirectorySettings) -> list[Fault]:
    """All that could not work."""
    return [*_host_faults(settings), *_bind_faults(settings), *_search_faults(settings)]


def _host_faults(settings: DirectorySettings) -> Iterator[Fault]:
    if not settings.hosts.split():
        yield Fault("hosts", "Name at least one host of the directory.", "directory-host")
    try:
        _ = settings.uris
    except Invalid as refusal:
        yield Fault("hosts", refusal.detail, refusal.code)


def _bind_faults(settings: DirectorySettings) -> Iterator[Fault]:
    if settings.direct and settings.user_template.count(USER) != 1:
        yield Fault(
            "user_template",
            f"Say how a name becomes a bind name, with {USER} once: uid={USER},ou=people,dc=corp or {USER}@corp.example.",
            "directory-template",
        )
    if not settings.direct and not settings.bind_dn:
        sentence = "Name the account that searches for people, or let people bind directly."
        yield Fault("bind_dn", sentence, "directory-bind")
    if settings.bind_dn and not settings.bind_password:
        sentence = "Give the bind account's password; a bind without one is anonymous."
        yield Fault("bind_password", sentence, "directory-bind")


def _search_faults(settings: DirectorySettings) -> Iterator[Fault]:
    if not settings.user_base:
        sentence = "Name the entry below which people are, for example ou=people,dc=corp."
        yield Fault("user_base", sentence, "directory-base")
    if not all(map(_ATTRIBUTE.match, settings.names)):
        sentence = "Name attributes by their names, with commas between them: uid."
        yield Fault("name_attribute", sentence, "directory-attribute")
    for name, text, what in (
        ("user_filter", settings.user_filter, "people"),
        ("group_filter", settings.group_filter, "groups"),
    ):
        if sentence := _wrong_filter(text, what):
            yield Fault(name, sentence, "directory-filter")


def _wrong_filter(text: str, what: str) -> str:
    if text and not (text.startswith("(") and text.endswith(")") and text.count("(") == text.count(")")):
        return f"The filter of {what} is not an RFC 4515 filter in brackets."
    if "%" in text:
        return f"The filter of {what} holds for everybody and takes no user name; leave '%' out."
    return ""
