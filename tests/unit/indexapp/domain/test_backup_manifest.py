from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from indexapp.domain.backup_manifest import LARGEST, Manifest, ManifestBroken, Part, code, is_authentic, parsed

KEY = bytes(range(32))
MANIFEST = Manifest(
    name="20261123T030133Z-c36d15",
    made_at=datetime(2026, 11, 23, 3, 1, 33, 5, UTC),
    kind="full",
    base="",
    product="0.1.0",
    database="sqlite",
    database_version=3,
    migrations={"indexapp": ["0001_initial"]},
    serial=7,
    installation="tpi-audit/0",
    audit_checkpoint="a note\n",
    keys={"a": "00"},
    naming="11",
    others={"TPI_TOKEN_PEPPER": "22"},
    contents=3,
    content_bytes=5,
    damaged=0,
    parts=[Part("database", "ab/cd", 9, "ef", "s1.a.x", "gzip")],
    mac_key="a",
)
SIGNED = replace(MANIFEST, mac=code(MANIFEST, KEY))


def test_what_is_written_is_read_again_with_its_code() -> None:
    found = parsed(SIGNED.to_json().encode())
    assert found == SIGNED
    assert found.mac == SIGNED.mac
    assert is_authentic(found, KEY)
    assert not is_authentic(found, KEY[::-1])


@pytest.mark.parametrize("member", sorted({*json.loads(SIGNED.to_json())} - {"mac", "format"}))
def test_no_member_can_be_changed_without_being_seen(member: str) -> None:
    found = json.loads(SIGNED.to_json())
    found[member] = _other(found[member])
    try:
        changed = parsed(json.dumps(found).encode())
    except ManifestBroken:
        return
    assert not is_authentic(changed, KEY)


def _other(value: Any) -> Any:
    if isinstance(value, str):
        return "2027-01-01T00:00:00+00:00" if value.startswith("2026-") else value + "0"
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [{**value[0], "size": 10}]
    return {**value, "b": ["x"] if any(isinstance(each, list) for each in value.values()) else "x"}


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"serial": "7"},
        {"serial": True},
        {"format": 0},
        {"name": "../../etc"},
        {"made_at": "yesterday"},
        {"made_at": "2026-11-23T03:01:33"},
        {"parts": [{}]},
        {"parts": 5},
        {"keys": {"a": 1}},
        {"migrations": {"indexapp": "all"}},
        {"migrations": {"indexapp": [1]}},
    ],
    ids=str,
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ManifestBroken):
        parsed(json.dumps({**json.loads(SIGNED.to_json()), **change}).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"[" * 100_000, b" " * (LARGEST + 1)], ids=len)
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ManifestBroken):
        parsed(raw)


def test_a_later_format_is_named() -> None:
    with pytest.raises(ManifestBroken, match="format 2, which only a later release"):
        parsed(json.dumps({"format": 2, "unknown": 1}).encode())
