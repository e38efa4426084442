"""What the OpenLDAP server holds, and how a test changes it as the directory's owner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import ldap
from ldap.ldapobject import LDAPObject

from tests.servers import ldif

_LOCKED_FOR_EVER = b"000001010000Z"  # as slapo-ppolicy(5) has it


class Entries(ABC):
    """People are named by uid; where groups are among them, these are written ``cn=name``."""

    base_dn = ldif.BASE_DN
    people_dn = ldif.PEOPLE_DN
    groups_dn = ldif.GROUPS_DN
    service_dn = ldif.person_dn("svc")
    service_password = ldif.password_of("svc")

    @abstractmethod
    def _admin(self) -> LDAPObject:
        """A connection that may change everything."""

    def person_dn(self, uid: str) -> str:
        """Where the person is."""
        return ldif.person_dn(uid)

    def group_dn(self, cn: str) -> str:
        """Where the group is."""
        return ldif.group_dn(cn)

    def password_of(self, uid: str) -> str:
        """What a person signs in with."""
        return ldif.password_of(uid)

    def add_person(self, uid: str, **attributes: str) -> str:
        """Add a person with a password; ``attributes`` replace those that people have. Returns the DN."""
        values = {**dict(ldif.person(uid)), "userPassword": ldif.password_of(uid), **attributes}
        self._admin().add_s(ldif.person_dn(uid), [(name, [text.encode()]) for name, text in values.items()])
        return ldif.person_dn(uid)

    def add_group(self, cn: str, members: Sequence[str] = ()) -> str:
        """Add a group; ``members`` are people by uid and groups as ``cn=name``. Returns the DN."""
        held = [dn.encode() for name, dn in ldif.members_of(cn, members) if name == "member"]
        entry = [("objectClass", [b"groupOfNames"]), ("cn", [cn.encode()]), ("member", held)]
        self._admin().add_s(ldif.group_dn(cn), entry)
        return ldif.group_dn(cn)

    def set_members(self, cn: str, members: Sequence[str]) -> None:
        """Replace a group's members, written as in ``add_group``."""
        held = [dn.encode() for name, dn in ldif.members_of(cn, members) if name == "member"]
        self._admin().modify_s(ldif.group_dn(cn), [(ldap.MOD_REPLACE, "member", held)])

    def set_attribute(self, dn: str, name: str, *values: str) -> None:
        """Replace an attribute's values; none removes it."""
        encoded = [value.encode() for value in values] or None
        self._admin().modify_s(dn, [(ldap.MOD_REPLACE, name, encoded)])

    def rename(self, dn: str, rdn: str, *, under: str | None = None) -> str:
        """Give an entry another relative name, ``uid=anna``, and ``under`` another parent. Returns the new DN."""
        self._admin().rename_s(dn, rdn, under)
        return f"{rdn},{under or dn.partition(',')[2]}"

    def delete(self, dn: str) -> None:
        """Remove the entry; its memberships go along."""
        self._admin().delete_s(dn)

    def lock(self, uid: str) -> None:
        """Refuse the person's password until ``unlock``."""
        operation = [(ldap.MOD_REPLACE, "pwdAccountLockedTime", [_LOCKED_FOR_EVER])]
        self._admin().modify_s(ldif.person_dn(uid), operation)

    def unlock(self, uid: str) -> None:
        """Take the lock off."""
        self.set_attribute(ldif.person_dn(uid), "pwdAccountLockedTime")

    def lock_after(self, failures: int) -> None:
        """Lock whoever gives that many wrong passwords in a row; the known content never does."""
        self.set_attribute(ldif.POLICY_DN, "pwdMaxFailure", str(failures))
