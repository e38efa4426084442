"""What the attributes of an entry say of a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.clients import ldap_entries

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
