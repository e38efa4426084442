"""Member names and the ledger that keeps them apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.archives.member_names import NameLedger, decode_name, path_of, shown
from tpi_site.kit.errors import Invalid

NAMES = st.lists(st.sampled_from(["a", "b", "a.", ".a", "a-", "a b", "ä", "!"]), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b", "a/b"),
        ("./a/b", "a/b"),
        ("a//b", "a/b"),
        ("a/./b/", "a/b"),
        ("././a", "a"),
        (".", ""),
        ("./", ""),
        ("a/.", "a"),
        ("a.", "a."),
        ("a./b", "a./b"),
        (".a", ".a"),
    ],
)
def test_paths_lose_what_a_file_system_ignores(name: str, path: str) -> None:
    assert path_of(name) == path


def test_names_are_shown_short_and_in_ascii() -> None:
    assert shown("größe\n") == r"'gr\xf6\xdfe\n'"
    assert shown(b"\xff") == r"b'\xff'"
    assert len(shown("\U0001f600" * 1000)) < 1200


@pytest.mark.parametrize("name", ["a b", "~", "größe", "日本", "ab:c", "é", "e\u0301", "COM1"])
def test_unusual_names_that_nobody_misreads_are_taken(name: str) -> None:
    assert decode_name(name.encode()) == name


@given(st.binary(max_size=40))
def test_any_bytes_are_a_safe_name_or_refused(raw: bytes) -> None:
    try:
        name = decode_name(raw)
    except Invalid:
        return
    assert name.isprintable() or not name.isascii()
    assert not name.startswith("/")
    assert ".." not in name.split("/")


@given(st.lists(NAMES, unique=True, max_size=12))
def test_a_file_above_another_is_found_whatever_the_order(names: list[str]) -> None:
    ledger = NameLedger(ArchiveLimits())
    for name in names:
        ledger.add_file(name)
    if any(below.startswith(f"{above}/") for above in names for below in names):
        with pytest.raises(Invalid):
            ledger.require_no_file_above_another()
    else:
        ledger.require_no_file_above_another()
    assert ledger.files == set(names)
