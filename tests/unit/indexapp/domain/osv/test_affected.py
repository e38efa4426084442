from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from indexapp.domain.osv.affected import Affected, Event

_BRANCHES: list[Event] = [("introduced", "0"), ("fixed", "1.2"), ("introduced", "2.0"), ("last_affected", "2.5")]


@pytest.mark.parametrize(
    ("version", "is_affected"),
    [
        ("0.1", True),
        ("1.1.9", True),
        ("1.2rc1", True),
        ("1.2", False),
        ("1.2.0", False),
        ("1.9", False),
        ("2.0", True),
        ("2.5", True),
        ("2.5+cpu", True),
        ("2.5.post1", False),
        ("3!0.1", False),
        ("nonsense", False),
    ],
)
def test_events_count_by_the_order_of_versions(version: str, is_affected: bool) -> None:
    assert Affected([_BRANCHES], []).affects(version) is is_affected
    assert Affected([_BRANCHES[::-1]], []).affects(version) is is_affected


def test_versions_that_are_named_are_affected_in_any_spelling() -> None:
    named = Affected([], ["1", "2.1", "odd one"])
    assert [version for version in ("1", "v1.0.0", "2.1+local", "odd one", "1.1", "odd") if named.affects(version)] == [
        "1",
        "v1.0.0",
        "2.1+local",
        "odd one",
    ]


def test_an_event_may_name_a_local_version() -> None:
    patched = Affected([[("introduced", "0"), ("fixed", "1.0+patched")]], [])
    assert (patched.affects("1.0"), patched.affects("1.0+patched"), patched.affects("1.1")) == (True, False, False)


def test_what_is_fixed_and_introduced_at_once_is_affected() -> None:
    assert Affected([[("fixed", "1.0"), ("introduced", "1.0")]], []).affects("1.0")
    only = Affected([[("last_affected", "1.0"), ("introduced", "1.0")]], [])
    assert (only.affects("1.0"), only.affects("1.1")) == (True, False)


def test_limits_end_a_range() -> None:
    limited = Affected([[("introduced", "0"), ("limit", "2.0")]], [])
    assert (limited.affects("1.9"), limited.affects("2.0")) == (True, False)
    assert Affected([[("introduced", "0"), ("limit", "*"), ("limit", "1.0")]], []).affects("2.0")


def test_nothing_is_affected_by_nothing() -> None:
    assert not Affected([], []).affects("1.0")
    assert not Affected([[("fixed", "1.0")]], []).affects("0.9")


_VERSIONS = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda pair: f"{pair[0]}.{pair[1]}")


@given(_VERSIONS, _VERSIONS, _VERSIONS)
def test_a_range_is_what_lies_between(first: str, last: str, asked: str) -> None:
    begins, ends, version = Version(first), Version(last), Version(asked)
    found = Affected([[("introduced", first), ("fixed", last)]], []).affects(asked)
    if begins == ends:
        assert found is (version >= begins)  # introduced again where it was fixed
    elif begins < ends:
        assert found is (begins <= version < ends)
    else:
        assert found is (version >= begins)
