"""Entries of people, read from a directory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from accounts.clients.ldap_connection import search_fault
from accounts.domain.directory_entries import DirectoryEntry, UnreadableEntry, account_name
from accounts.domain.directory_settings import DirectorySettings

if TYPE_CHECKING:
    from ldap.ldapobject import LDAPObject

Attributes = Mapping[str, Sequence[bytes]]
Found = tuple[str, Attributes]
_LOCKS = ("userAccountControl", "accountExpires", "pwdAccountLockedTime", "nsAccountLock", "loginDisabled")
_DISABLED_BIT = 0x2  # ACCOUNTDISABLE of [MS-ADTS] 2.2.16
_LOCKED_FOR_EVER = b"000001010000Z"  # draft-behera-ldap-password-policy: only an administrator opens it again
_NEVER = {0, 0x7FFFFFFFFFFFFFFF}
_UUID_BYTES = 16
_LONGEST_KEY = 64  # characters of the account's row
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # of Windows' file times


def wanted(settings: DirectorySettings) -> list[str]:
    """The attributes to ask for."""
    return [*settings.names, *settings.dialect.keys, "mail", "givenName", "sn", *_LOCKS]


def entry(found: Found, settings: DirectorySettings) -> DirectoryEntry | None:
    """The person, or None for an entry of which nobody can be made."""
    one = read(found, settings)
    return one if isinstance(one, DirectoryEntry) else None


def read(found: Found, settings: DirectorySettings) -> DirectoryEntry | UnreadableEntry:
    """The person, or what is wrong with the entry; whatever a directory holds, it is one of the two."""
    dn, given = found
    attributes = {name.lower(): values for name, values in given.items()}
    key, name = _key(attributes, settings), account_name(_text(attributes, settings.names[0]))
    if not key or not name:
        why = "has no name" if key else "has no lasting key that can be kept"
        return UnreadableEntry(dn, why, key, name)
    try:
        is_locked_out = is_disabled(attributes)
    except (ArithmeticError, LookupError, ValueError):
        return UnreadableEntry(dn, "does not say whether it is disabled", key, name)
    return DirectoryEntry(
        key=key,
        dn=dn,
        username=name,
        email=_text(attributes, "mail")[:254],
        first_name=_text(attributes, "givenName")[:150],
        last_name=_text(attributes, "sn")[:150],
        disabled=is_locked_out,
    )


def _text(attributes: Attributes, name: str) -> str:
    values = attributes.get(name.lower()) or [b""]
    text = values[0].decode("utf-8", "replace")
    return "".join(character for character in text if character.isprintable()).strip()


def _key(attributes: Attributes, settings: DirectorySettings) -> str:
    """The lasting key; empty too where only a part of it could be kept, which might be somebody else's."""
    for name in settings.dialect.keys:
        values = attributes.get(name.lower())
        if values:
            if name == "objectGUID":
                return str(uuid.UUID(bytes_le=bytes(values[0]))) if len(values[0]) == _UUID_BYTES else ""
            key = _text(attributes, name)
            return key if len(key) <= _LONGEST_KEY else ""
    return ""


def is_disabled(attributes: Attributes) -> bool:
    """Whether the directory has locked the person out for good (a lock-out that passes by itself is none)."""
    if _number(attributes, "useraccountcontrol") & _DISABLED_BIT:
        return True
    expiry = _number(attributes, "accountexpires")
    if expiry not in _NEVER and expiry <= _file_time(datetime.now(UTC)):
        return True
    if _LOCKED_FOR_EVER in attributes.get("pwdaccountlockedtime", ()):
        return True
    flags = [*attributes.get("nsaccountlock", ()), *attributes.get("logindisabled", ())]
    return any(flag.upper() == b"TRUE" for flag in flags)


def _file_time(moment: datetime) -> int:
    """Tenths of a microsecond; compared as numbers, because directories hold some that no calendar has."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 10


def _number(attributes: Attributes, name: str) -> int:
    try:
        return int(attributes.get(name, [b"0"])[0])
    except (ValueError, IndexError):
        return 0


def pages(
    connection: LDAPObject, base: str, filterstr: str, attributes: list[str], size: int, step: str = "search"
) -> Iterator[list[Found]]:
    """All entries below ``base``, ``size`` at a time (RFC 2696), so that neither side's memory grows with their number."""
    import ldap
    from ldap.controls import SimplePagedResultsControl

    cookie: bytes | str = ""
    while True:
        control = SimplePagedResultsControl(criticality=True, size=size, cookie=cookie)
        try:
            number = connection.search_ext(base, ldap.SCOPE_SUBTREE, filterstr, attributes, serverctrls=[control])
            _, results, _, controls = connection.result3(number)
        except ldap.LDAPError as error:
            raise search_fault(error, base, step) from None
        yield [(dn, values) for dn, values in results if dn]  # referrals have no name
        answers = [one for one in controls if one.controlType == SimplePagedResultsControl.controlType]
        cookie = answers[0].cookie if answers else ""
        if not cookie:
            return


def people(connection: LDAPObject, settings: DirectorySettings) -> Iterator[list[DirectoryEntry | UnreadableEntry]]:
    """Everybody below the base, page by page."""
    for page in pages(connection, settings.user_base, settings.people, wanted(settings), settings.page_size):
        yield [read(found, settings) for found in page]
