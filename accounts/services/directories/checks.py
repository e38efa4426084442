"""'Test this directory': each step of a sign-in and of a sync, with a sentence for the first that fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class FoundGroup:
    """A group of the person who was looked for, by its normalised DN, and what it gives here, in words."""

    dn: str
    gives: tuple[str, ...] = ()


@dataclass
class Outcome:
    """The five steps, the person who was found, and their groups; both empty where the test did not come so far."""

    steps: list[Step] = field(default_factory=list)
    person: str = ""
    groups: list[FoundGroup] = field(default_factory=list)

    @property
    def warning(self) -> str:
        """What is not wrong and probably not meant: a person without groups, or with none that is mapped."""
        if not self.person or any(step.is_good is False for step in self.steps):
            return ""
        if not self.groups:
            return (
                f"No group of {self.person} was found: check the base and the filter of groups, the nesting, and whether the "
                "bind account may read groups."
            )
        if not any(group.gives for group in self.groups):
            return f"None of the groups of {self.person} is mapped: they can sign in and are in no team."
        return ""


def check(directory: Directory, username: str = "") -> Outcome:
    """Go through all five steps; with ``username`` the search and the groups are that person's, else anybody's."""
    outcome = Outcome()
    outcome.steps = _steps(directory, username, outcome)
    return outcome


def _steps(directory: Directory, username: str, outcome: Outcome) -> list[Step]:
    settings = settings_of(directory)
    done: dict[str, str] = {}
    try:
        require_library()
        uri = first_answering(settings)
        done["connect"] = f"{uri} answers."
        encrypted(settings).unbind_s()
        done["tls"] = _encryption(settings)
        if settings.may_search:
            _look(settings, directory, username, done, outcome)
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


def _look(
    settings: DirectorySettings, directory: Directory, username: str, done: dict[str, str], outcome: Outcome
) -> None:
    with bound(settings) as connection:
        done["bind"] = f"Signed in as '{settings.bind_dn}'."
        person = _somebody(connection, settings, username)
        done["search"] = f"Found {person.dn} with the name '{person.username}'."
        groups = ldap_groups.groups_of(connection, settings, person.dn, person.username)
        outcome.person, outcome.groups = person.username, _with_what_they_give(directory, groups)
        gone = ldap_groups.missing(connection, directory.mappings.values_list("group_dn", flat=True).distinct())
        if gone:
            raise DirectoryFault("groups", f"These mapped groups are not in the directory: {'; '.join(gone[:5])}.")
        number = f"{len(groups)} group" if len(groups) == 1 else f"{len(groups)} groups"
        done["groups"] = f"{person.username} is in {number}; every mapped group is there."


def _with_what_they_give(directory: Directory, groups: Iterable[str]) -> list[FoundGroup]:
    gives: dict[str, list[str]] = {}
    for mapping in directory.mappings.select_related("team").order_by("pk"):
        words = f"{mapping.role} of {mapping.team.name}" if mapping.team else f"{mapping.instance_role} of the instance"
        gives.setdefault(ldap_groups.normal_dn(mapping.group_dn), []).append(words)
    return [FoundGroup(dn, tuple(gives.get(dn, ()))) for dn in sorted(groups)]


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
