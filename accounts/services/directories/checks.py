"""'Test this directory': each step of a sign-in and of a sync, with a sentence for the first that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.clients import ldap_entries, ldap_groups
from accounts.clients.ldap_connection import DirectoryFault, bound, encrypted, require_library
from accounts.clients.ldap_probe import first_answering
from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.directory_settings import DirectorySettings
from accounts.models import Directory
from accounts.services.directories.settings import settings_of

if TYPE_CHECKING:
    from ldap.ldapobject import LDAPObject

STEPS = ("connect", "tls", "bind", "search", "groups")


@dataclass(frozen=True)
class Step:
    """One step: ``is_good`` is None for one that was not reached or has nothing to do."""

    name: str
    is_good: bool | None
    sentence: str


def check(directory: Directory, username: str = "") -> list[Step]:
    """All five steps; with ``username`` the search and the groups are that person's, else anybody's."""
    settings = settings_of(directory)
    done: dict[str, str] = {}
    try:
        require_library()
        uri = first_answering(settings)
        done["connect"] = f"{uri} answers."
        encrypted(settings).unbind_s()
        done["tls"] = _encryption(settings)
        if settings.may_search:
            _look(settings, directory, username, done)
        else:
            done["bind"] = "People bind directly; there is no bind account, so a sync cannot be made."
    except DirectoryFault as fault:
        return [_step(name, done, fault) for name in STEPS]
    return [Step(name, is_good=True if name in done else None, sentence=done.get(name, _IDLE)) for name in STEPS]


_IDLE = "Not looked at."


def _step(name: str, done: dict[str, str], fault: DirectoryFault) -> Step:
    if name == fault.step:
        return Step(name, is_good=False, sentence=fault.sentence)
    if STEPS.index(name) < STEPS.index(fault.step):
        return Step(name, is_good=True, sentence=done.get(name, "Good."))
    return Step(name, is_good=None, sentence="Not reached.")


def _encryption(settings: DirectorySettings) -> str:
    if not settings.verify_certificate:
        return "Encrypted, but the certificate is not checked: whoever stands in between can read passwords."
    return "Encrypted, and the certificate is in order."


def _look(settings: DirectorySettings, directory: Directory, username: str, done: dict[str, str]) -> None:
    with bound(settings) as connection:
        done["bind"] = f"Signed in as '{settings.bind_dn}'."
        person = _somebody(connection, settings, username)
        done["search"] = f"Found {person.dn} with the name '{person.username}'."
        groups = ldap_groups.groups_of(connection, settings, person.dn, person.username)
        gone = ldap_groups.missing(connection, directory.mappings.values_list("group_dn", flat=True).distinct())
        if gone:
            raise DirectoryFault("groups", f"These mapped groups are not in the directory: {'; '.join(gone[:5])}.")
        done["groups"] = f"{person.username} is in {len(groups)} groups; every mapped group is there."


def _somebody(connection: LDAPObject, settings: DirectorySettings, username: str) -> DirectoryEntry:
    """The person of that name, or the first of all."""
    from ldap.filter import filter_format

    names = "".join(filter_format(f"({name}=%s)", [username]) for name in settings.names) if username else ""
    filterstr = f"(&{settings.people}(|{names}))" if username else settings.people
    size = 1 if not username else 2
    for page in ldap_entries.pages(connection, settings.user_base, filterstr, ldap_entries.wanted(settings), size):
        for found in page:
            person = ldap_entries.entry(found, settings)
            if person is None:
                raise DirectoryFault(
                    "search",
                    f"The entry {found[0]} has no {settings.names[0]}, or nothing that names it for ever "
                    f"({', '.join(settings.dialect.keys)}); check the attribute and the bind account's rights.",
                )
            return person
    what = f"a person named '{username}'" if username else "anybody"
    raise DirectoryFault(
        "search", f"The search below '{settings.user_base}' does not find {what}; check base and filter."
    )
