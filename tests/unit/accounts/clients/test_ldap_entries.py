"""What the attributes of an entry say of a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.clients import ldap_entries
from accounts.domain.directory_entries import UnreadableEntry
from accounts.domain.directory_settings import DirectorySettings

_BEGINNING = datetime(1601, 1, 1, tzinfo=UTC)


def expires_in(seconds: int) -> bytes:
    """As Active Directory writes a moment: steps of 100 ns since 1601."""
    return b"%d" % ((datetime.now(UTC) + timedelta(seconds=seconds) - _BEGINNING).total_seconds() * 10**7)


@pytest.mark.parametrize("value", [b"0", b"9223372036854775807", b"9000000000000000000", b"9" * 40, b"", b"soon"])
def test_a_moment_that_never_comes_locks_nobody_out(value: bytes) -> None:
    assert not ldap_entries.is_disabled({"accountexpires": [value]})


@pytest.mark.parametrize(("seconds", "is_over"), [(-3600, True), (3600, False)])
def test_an_account_ends_when_its_time_is_over(seconds: int, is_over: bool) -> None:
    assert ldap_entries.is_disabled({"accountexpires": [expires_in(seconds)]}) is is_over


def test_a_time_before_all_time_is_over() -> None:
    assert ldap_entries.is_disabled({"accountexpires": [b"-9000000000000000000"]})


@pytest.mark.parametrize(
    ("kind", "attributes", "why"),
    [
        ("ldap", {"uid": [b"alice"]}, "has no lasting key that can be kept"),
        ("ldap", {"entryUUID": [b"k" * 65], "uid": [b"alice"]}, "has no lasting key that can be kept"),
        ("ldap", {"entryUUID": [b"k"], "uid": [b" \x00"]}, "has no name"),
        ("ldap", {"entryUUID": [], "uid": []}, "has no lasting key that can be kept"),
        (
            "active-directory",
            {"objectGUID": [b"\xff" * 17], "sAMAccountName": [b"a"]},
            "has no lasting key that can be kept",
        ),
    ],
)
def test_an_entry_of_which_nobody_can_be_made(kind: str, attributes: dict[str, list[bytes]], why: str) -> None:
    settings = DirectorySettings("corp", kind, "ldap.tpi.example", "dc=tpi,dc=example")
    one = ldap_entries.read(("cn=a", attributes), settings)
    assert isinstance(one, UnreadableEntry)
    assert one.why == why
    assert ldap_entries.entry(("cn=a", attributes), settings) is None


def test_an_entry_that_cannot_be_judged_is_not_taken_for_one_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(_: object) -> bool:
        raise OverflowError

    monkeypatch.setattr(ldap_entries, "is_disabled", overflow)
    settings = DirectorySettings("corp", "ldap", "ldap.tpi.example", "dc=tpi,dc=example")
    one = ldap_entries.read(("cn=a", {"entryUUID": [b"k"], "uid": [b"alice"]}), settings)
    assert one == UnreadableEntry("cn=a", "does not say whether it is disabled", "k", "alice")
