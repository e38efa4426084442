"""The content of the OpenLDAP server as LDIF: a few people and groups by name, and as many more as a test asks for."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

BASE_DN = "dc=tpi,dc=example"
PEOPLE_DN = f"ou=people,{BASE_DN}"
GROUPS_DN = f"ou=groups,{BASE_DN}"
POLICY_DN = f"cn=default,ou=policies,{BASE_DN}"
NOBODY_DN = f"cn=nobody,{BASE_DN}"
"""The only member of a group that has none, which ``groupOfNames`` does not allow."""

PEOPLE = ("alice", "bob", "carol", "svc")
MEMBERS = {
    "team-a": ("alice",),
    "devs": ("cn=team-a", "bob"),
    "pkg-admins": ("cn=devs",),
    "ring-one": ("cn=ring-two", "carol"),
    "ring-two": ("cn=ring-one",),
}
"""``cn=`` marks a group. The rings hold each other."""


def person_dn(uid: str) -> str:
    """Where the person is."""
    return f"uid={uid},{PEOPLE_DN}"


def group_dn(cn: str) -> str:
    """Where the group is."""
    return f"cn={cn},{GROUPS_DN}"


def member_dn(name: str) -> str:
    """The entry of a person, or of a group where ``name`` begins with ``cn=``."""
    return group_dn(name.removeprefix("cn=")) if name.startswith("cn=") else person_dn(name)


def password_of(name: str) -> str:
    """What a person who is known by name signs in with."""
    return f"the password of {name}"


def entry_uuid(dn: str) -> str:
    """The ``entryUUID`` that an entry is loaded with, the same in each run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, dn))


@dataclass(frozen=True)
class Crowd:
    """People ``p00000`` and so on and groups ``g000`` and so on.

    Person i belongs to group i modulo the number of groups. Each group holds the one before it, in chains of ten; the
    last chain is a ring.
    """

    people: int = 0
    groups: int = 0

    def uids(self) -> Iterator[str]:
        """The names to sign in with."""
        return (f"p{number:05}" for number in range(self.people))

    def members(self) -> dict[str, list[str]]:
        """Each group's members, as in ``MEMBERS``."""
        found: dict[str, list[str]] = {}
        for number in range(self.groups):
            below = [f"cn=g{number - 1:03}"] if number % 10 else []
            found[f"g{number:03}"] = [*below, *(f"p{i:05}" for i in range(number, self.people, self.groups))]
        if self.groups:
            first = (self.groups - 1) // 10 * 10
            found[f"g{first:03}"].append(f"cn=g{self.groups - 1:03}")
        return found


@dataclass
class _Writer:
    groups_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def entry(self, dn: str, attributes: Iterable[tuple[str, str]]) -> str:
        lines = [f"dn: {dn}", f"entryUUID: {entry_uuid(dn)}"]
        lines += [f"{name}: {value}" for name, value in attributes]
        lines += [f"memberOf: {group}" for group in self.groups_of.get(dn, ())]
        return "\n".join(lines) + "\n\n"


def lines(crowd: Crowd) -> Iterator[str]:
    """The whole content, entry by entry. ``slapadd`` calls no overlay, so ``memberOf`` is written out."""
    members: Mapping[str, Sequence[str]] = {**MEMBERS, **crowd.members()}
    writer = _Writer()
    for group, names in members.items():
        for name in names:
            writer.groups_of[member_dn(name)].append(group_dn(group))
    yield from (writer.entry(dn, attributes) for dn, attributes in _frame())
    yield from (writer.entry(person_dn(uid), [*person(uid), ("userPassword", password_of(uid))]) for uid in PEOPLE)
    yield from (writer.entry(person_dn(uid), person(uid)) for uid in crowd.uids())
    yield from (writer.entry(group_dn(group), members_of(group, names)) for group, names in members.items())


def person(uid: str) -> list[tuple[str, str]]:
    """The attributes of a person, ``inetOrgPerson`` (RFC 2798)."""
    given = uid.title()
    return [
        ("objectClass", "inetOrgPerson"),
        ("uid", uid),
        ("cn", f"{given} Example"),
        ("sn", "Example"),
        ("givenName", given),
        ("mail", f"{uid}@tpi.example"),
    ]


def members_of(cn: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """The attributes of a group, ``groupOfNames`` (RFC 4519)."""
    held = [member_dn(name) for name in names] or [NOBODY_DN]
    return [("objectClass", "groupOfNames"), ("cn", cn), *(("member", dn) for dn in held)]


def _frame() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    yield BASE_DN, [("objectClass", "dcObject"), ("objectClass", "organization"), ("o", "TPI"), ("dc", "tpi")]
    for unit in ("people", "groups", "policies"):
        yield f"ou={unit},{BASE_DN}", [("objectClass", "organizationalUnit"), ("ou", unit)]
    yield NOBODY_DN, [("objectClass", "applicationProcess"), ("cn", "nobody")]
    policy = [("objectClass", "device"), ("objectClass", "pwdPolicy"), ("cn", "default")]
    yield POLICY_DN, [*policy, ("pwdAttribute", "userPassword"), ("pwdLockout", "TRUE"), ("pwdMaxFailure", "0")]
