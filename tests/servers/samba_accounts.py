"""What the Samba domain holds, and how a test changes it as the domain's Administrator."""

from __future__ import annotations

from abc import ABC, abstractmethod

import ldap
from ldap.filter import escape_filter_chars
from ldap.ldapobject import LDAPObject

from tests.servers.samba_process import DOMAIN, REALM

_NORMAL_ACCOUNT = 0x200  # userAccountControl, [MS-ADTS] 2.2.16
_DISABLED = 0x2
_UNITS = ("Staff", "Leavers", "Teams")


class Accounts(ABC):
    """Users and groups are named by ``sAMAccountName``."""

    base_dn = "DC=tpi,DC=example"
    people_dn = f"OU=Staff,{base_dn}"
    leavers_dn = f"OU=Leavers,{base_dn}"
    groups_dn = f"OU=Teams,{base_dn}"
    service_dn = f"CN=Svc Example,{people_dn}"
    service_password = "the password of svc"

    @abstractmethod
    def _admin(self) -> LDAPObject:
        """A connection that may change everything."""

    @abstractmethod
    def _reader(self) -> LDAPObject:
        """A connection that only reads."""

    def upn(self, name: str) -> str:
        """``userPrincipalName``, with which a user signs in."""
        return f"{name}@{REALM.lower()}"

    def down_level_name(self, name: str) -> str:
        """The name with the domain in front, with which a user signs in as well."""
        return f"{DOMAIN}\\{name}"

    def password_of(self, name: str) -> str:
        """What a user signs in with, unless it was changed."""
        return f"the password of {name}"

    def dn_of(self, name: str) -> str:
        """Where the user or group is now."""
        expression = f"(sAMAccountName={escape_filter_chars(name)})"
        found = self._reader().search_s(self.base_dn, ldap.SCOPE_SUBTREE, expression, ["objectGUID"])
        [dn] = [str(dn) for dn, _ in found if dn is not None]
        return dn

    def add_user(self, name: str, **attributes: str) -> str:
        """Add a user with a password; ``attributes`` replace those that users have. Returns the DN."""
        given = name.title()
        values = {
            "objectClass": "user",
            "sAMAccountName": name,
            "userPrincipalName": self.upn(name),
            "givenName": given,
            "sn": "Example",
            "displayName": f"{given} Example",
            "mail": f"{name}@tpi.example",
            "userAccountControl": str(_NORMAL_ACCOUNT),
            **attributes,
        }
        entry = [(key, [text.encode()]) for key, text in values.items()]
        dn = f"CN={given} Example,{self.people_dn}"
        self._admin().add_s(dn, [*entry, ("unicodePwd", [_unicode_password(self.password_of(name))])])
        return dn

    def add_group(self, name: str, *members: str) -> str:
        """Add a global security group of users and groups. Returns the DN."""
        held = [self.dn_of(member).encode() for member in members]
        entry = [("objectClass", [b"group"]), ("sAMAccountName", [name.encode()])]
        self._admin().add_s(f"CN={name},{self.groups_dn}", [*entry, *([("member", held)] if held else [])])
        return f"CN={name},{self.groups_dn}"

    def add_member(self, group: str, member: str) -> None:
        """Put a user or a group into a group."""
        self._change(group, (ldap.MOD_ADD, "member", [self.dn_of(member).encode()]))

    def remove_member(self, group: str, member: str) -> None:
        """Take it out."""
        self._change(group, (ldap.MOD_DELETE, "member", [self.dn_of(member).encode()]))

    def disable(self, name: str) -> None:
        """Refuse the user, whatever the password."""
        self.set_attribute(name, "userAccountControl", str(_NORMAL_ACCOUNT | _DISABLED))

    def enable(self, name: str) -> None:
        """Let the user in again."""
        self.set_attribute(name, "userAccountControl", str(_NORMAL_ACCOUNT))

    def set_password(self, name: str, password: str) -> None:
        """Give the user another password."""
        self._change(name, (ldap.MOD_REPLACE, "unicodePwd", [_unicode_password(password)]))

    def set_attribute(self, name: str, attribute: str, *values: str) -> None:
        """Replace an attribute's values; none removes it."""
        encoded = [value.encode() for value in values] or None
        self._change(name, (ldap.MOD_REPLACE, attribute, encoded))

    def rename(self, name: str, new_name: str) -> str:
        """Give a user another account name, principal name and common name; ``objectGUID`` stays. Returns the new DN."""
        dn = self.dn_of(name)
        self._change(
            name,
            (ldap.MOD_REPLACE, "sAMAccountName", [new_name.encode()]),
            (ldap.MOD_REPLACE, "userPrincipalName", [self.upn(new_name).encode()]),
        )
        rdn = f"CN={new_name.title()} Example"
        self._admin().rename_s(dn, rdn)
        return f"{rdn},{dn.partition(',')[2]}"

    def move(self, name: str, under: str) -> str:
        """Move a user below another container, such as ``leavers_dn``. Returns the new DN."""
        dn = self.dn_of(name)
        rdn = dn.partition(",")[0]
        self._admin().rename_s(dn, rdn, under)
        return f"{rdn},{under}"

    def delete(self, name: str) -> None:
        """Remove the user or group; its memberships go along."""
        self._admin().delete_s(self.dn_of(name))

    def lock_after(self, failures: int) -> None:
        """Lock whoever gives that many wrong passwords in a row for half an hour; the known content never does."""
        half_an_hour = str(-30 * 60 * 10**7).encode()
        values = {"lockoutThreshold": str(failures).encode()}
        values |= {"lockoutDuration": half_an_hour, "lockOutObservationWindow": half_an_hour}
        self._admin().modify_s(self.base_dn, [(ldap.MOD_REPLACE, key, [value]) for key, value in values.items()])

    def _change(self, name: str, *operations: tuple[int, str, list[bytes] | None]) -> None:
        self._admin().modify_s(self.dn_of(name), [*operations])

    def fill(self) -> None:
        """The known content: alice and bob through nested groups, carol disabled, svc to search with."""
        easy = [(ldap.MOD_REPLACE, "pwdProperties", [b"0"]), (ldap.MOD_REPLACE, "minPwdLength", [b"4"])]
        self._admin().modify_s(self.base_dn, [*easy, (ldap.MOD_REPLACE, "minPwdAge", [b"0"])])
        for unit in _UNITS:
            self._admin().add_s(f"OU={unit},{self.base_dn}", [("objectClass", [b"organizationalUnit"])])
        for name in ("alice", "bob", "carol", "svc"):
            self.add_user(name)
        self.add_group("team-a", "alice")
        self.add_group("devs", "team-a", "bob")
        self.add_group("pkg-admins", "devs")
        self.disable("carol")


def _unicode_password(password: str) -> bytes:
    """As ``unicodePwd`` takes it: quoted, in UTF-16."""
    return f'"{password}"'.encode("utf-16-le")
