"""One person's sign-in through a directory, by django-auth-ldap; accounts are none of its business here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ldap
from django_auth_ldap.backend import LDAPBackend, ldap_error
from django_auth_ldap.config import LDAPSearch, LDAPSettings
from ldap.filter import escape_filter_chars

from accounts.clients import ldap_groups
from accounts.clients.ldap_connection import encrypted, fault_of, options, search_fault
from accounts.clients.ldap_entries import entry, wanted
from accounts.clients.ldap_probe import first_answering
from accounts.domain.directory_entries import DirectoryEntry, account_name
from accounts.domain.directory_settings import DirectorySettings


@dataclass(frozen=True)
class Visit:
    """What came of it: no entry for an unknown name, nor for one that is several people's, which ``is_ambiguous`` tells.

    ``groups`` are normalised names, and empty unless asked for.
    """

    entry: DirectoryEntry | None = None
    is_verified: bool = False
    is_ambiguous: bool = False
    groups: frozenset[str] = frozenset()


MayBind = Callable[[DirectoryEntry | None], bool]
"""Whether the password may be given to the directory, asked once for the entry that was found (or None) before it is."""


def visit(settings: DirectorySettings, username: str, password: str, *, with_groups: bool, may_bind: MayBind) -> Visit:
    """Ask the directory whether name and password belong together; raises :class:`DirectoryFault` when it cannot say.

    Where people bind directly nothing is known of their entries before, so ``may_bind`` is asked with None.
    """
    if settings.direct and not may_bind(None):
        encrypted(settings).unbind_s()
        return Visit()
    backend = _Backend(settings, may_bind)
    try:
        return _visited(backend, settings, username, password, with_groups=with_groups)
    finally:
        backend.close()


def _visited(
    backend: _Backend, settings: DirectorySettings, username: str, password: str, *, with_groups: bool
) -> Visit:
    found = backend.authenticate(None, username=username, password=password)
    person = backend.person
    if backend.search.is_ambiguous:
        return Visit(is_ambiguous=True)
    if found is None and settings.direct:  # nothing can be read with a password that was refused
        return Visit()
    if person is None or person.dn is None or person.attrs is None:
        return Visit()
    known = entry((person.dn, person.attrs), settings)
    if known is None or found is None or known.disabled:
        return Visit(known)
    groups: frozenset[str] = frozenset()
    if with_groups:
        groups = ldap_groups.groups_of(person.connection, settings, person.dn, known.username)
    return Visit(known, is_verified=True, groups=groups)


class _Visitor:
    """What django-auth-ldap takes for a user row, and nothing is saved."""

    def set_unusable_password(self) -> None:
        """Nothing to set."""

    def save(self) -> None:
        """Nothing to save."""


class _Search(LDAPSearch):  # type: ignore[misc]  # untyped library
    """People by any of the attributes that name them, in one question, so that every name costs the same.

    The library takes a search that failed for one that found nothing, where here it is a fault, and several entries for
    none.  A person may often set attributes such as ``mail`` on their own; so whom the first one names is meant, and the
    others count only where it names nobody.
    """

    def __init__(self, directory: DirectorySettings) -> None:
        names = "".join(f"({name}=%(user)s)" for name in directory.names)
        people = directory.people.replace("%", "%%")
        super().__init__(directory.user_base, ldap.SCOPE_SUBTREE, f"(&{people}(|{names}))", wanted(directory))
        self._first = directory.names[0].lower()
        self.is_ambiguous = False

    def execute(self, connection: Any, filterargs: Mapping[str, str] | tuple[()] = (), escape: bool = True) -> Any:  # noqa: FBT001, FBT002  the library's signature
        """The entry, name and attributes, or none; :attr:`is_ambiguous` says whether that is because there are several."""
        asked = dict(filterargs)
        given = {name: escape_filter_chars(value) for name, value in asked.items()}
        try:
            found = connection.search_s(self.base_dn, self.scope, self.filterstr % given, self.attrlist)
        except ldap.LDAPError as error:
            raise search_fault(error, self.base_dn) from None
        entries = [(dn, attributes) for dn, attributes in found if dn]
        if len(entries) > 1:
            entries = [one for one in entries if self._is_first_name(asked.get("user", ""), one[1])] or entries
        self.is_ambiguous = len(entries) > 1
        return [] if self.is_ambiguous else entries

    def _is_first_name(self, name: str, attributes: Mapping[str, list[bytes]]) -> bool:
        """As a directory compares, without case and in one Unicode form, since its own answer does not tell which matched."""
        values = next((values for key, values in attributes.items() if key.lower() == self._first), [])
        return account_name(name) in {account_name(value.decode("utf-8", "replace")) for value in values}


class _Backend(LDAPBackend):  # type: ignore[misc]  # untyped library
    """The library's backend with the settings of one directory, for one sign-in."""

    def __init__(self, directory: DirectorySettings, may_bind: MayBind) -> None:
        self.directory = directory
        self._may_bind = may_bind
        self.person: Any = None
        self.search = _Search(directory)
        self.settings = _library_settings(directory, self.search)

    def authenticate_ldap_user(self, ldap_user: Any, password: str) -> Any:
        """Keep who was found, also where the password is wrong; who is locked out is not bound at all."""
        self.person = ldap_user
        if not self.directory.direct and not self._may_bind_as(ldap_user):
            return None
        return super().authenticate_ldap_user(ldap_user, password)

    def _may_bind_as(self, ldap_user: Any) -> bool:
        """Who is not there, or locked out, is counted like the others, so that the number of steps tells nothing."""
        known = None
        if ldap_user.dn is not None:
            known = entry((ldap_user.dn, ldap_user.attrs), self.directory)
        if known is not None and known.disabled:
            known = None
        return self._may_bind(known) and known is not None

    def close(self) -> None:
        """End the connection, which the library leaves to the collector of garbage."""
        connection = getattr(self.person, "_connection", None)
        if connection is not None:
            with suppress(ldap.LDAPError):
                connection.unbind_s()

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[_Visitor, bool]:
        """Nobody's row: what an entry is here is for the services to say."""
        if self.directory.direct and ldap_user._user_dn is None:  # noqa: SLF001  its property would look again
            # Bound, and not found under that name: the library would take the name to bind with for an entry's.
            raise ldap_user.AuthenticationFailed("nobody is found under the name")
        return _Visitor(), True


def _library_settings(directory: DirectorySettings, search: _Search) -> LDAPSettings:
    given: dict[str, Any] = {
        "SERVER_URI": first_answering(directory),
        "START_TLS": directory.security == "starttls",
        "CONNECTION_OPTIONS": options(directory),
        "BIND_DN": directory.bind_dn,
        "BIND_PASSWORD": directory.bind_password,
        "USER_SEARCH": search,
    }
    if directory.direct:
        given |= {
            "USER_DN_TEMPLATE": directory.user_template,
            "BIND_AS_AUTHENTICATING_USER": True,
            "REFRESH_DN_ON_BIND": True,
        }
    settings = LDAPSettings("TPI_UNUSED_")
    for name, value in given.items():
        setattr(settings, name, value)
    return settings


def _raise_fault(sender: type, **told: Any) -> None:
    """The library tells of a failure by a signal and goes on; we do not."""
    if issubclass(sender, _Backend):
        raise fault_of(told["exception"])


ldap_error.connect(_raise_fault, dispatch_uid="tpi-directory-fault")
