from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.domain.audit_formats import as_cef, as_json, as_ocsf
from accounts.domain.csv_cells import defused
from accounts.domain.syslog import framed

ENTRY: dict[str, Any] = {
    "position": 7,
    "id": 9,
    "at": "2026-01-02T03:04:05.678901Z",
    "actor_id": 3,
    "actor_name": "ann",
    "token_key_id": "k",
    "method": "token",
    "address": "192.0.2.1",
    "request_id": "r",
    "action": "file.upload",
    "object_type": "file",
    "object_id": None,
    "object_name": "x.whl",
    "outcome": "done",
    "reason": "",
    "detail": {"a": 1},
    "hash": "00",
}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a=b", "cs2=a\\=b "),
        ("a\\b", "cs2=a\\\\b "),
        ("a|b", "cs2=a|b "),
        ("a\r\nCEF:0|x", "cs2=a\\nCEF:0|x "),
    ],
)
def test_an_extension_of_cef_is_escaped(text: str, written: str) -> None:
    line = as_cef({**ENTRY, "object_name": text})
    assert written in line
    assert "\n" not in line
    assert "\r" not in line


def test_a_header_of_cef_is_escaped() -> None:
    line = as_cef({**ENTRY, "action": "a|b\\c\nd"})
    assert line.split("|", 4)[4].startswith("a\\|b\\\\c d|a\\|b\\\\c d done|3|")


def test_json_is_one_line() -> None:
    line = as_json({**ENTRY, "object_name": "a\nb\u2028"})
    assert "\n" not in line
    assert json.loads(line)["object_name"] == "a\nb\u2028"


@pytest.mark.parametrize(
    ("action", "type_uid"),
    [
        ("sign-in", 300201),
        ("sign-out", 300202),
        ("file.upload", 600601),
        ("file.delete", 600604),
        ("user.create", 300101),
        ("team.set-member", 300403),
        ("role.grant", 300401),
        ("token.revoke", 300404),
        ("request.refuse", 600399),
    ],
)
def test_ocsf_names_the_class_and_the_activity(action: str, type_uid: int) -> None:
    event = json.loads(as_ocsf({**ENTRY, "action": action}))
    assert event["type_uid"] == type_uid
    assert event["class_uid"] == type_uid // 100
    assert event["category_uid"] == type_uid // 100_000
    assert event["time"] == 1767323045678
    assert event["status_id"] == 1


def test_a_syslog_message_is_counted_in_bytes_and_cannot_forge_another() -> None:
    message = framed("é\n<1>1 forged", at="2026-01-02T03:04:05.678901Z", host="a b\n", action="x y", is_refusal=False)
    count, _, rest = message.partition(b" ")
    assert int(count) == len(rest)
    assert rest.decode() == "<110>1 2026-01-02T03:04:05.678901Z ab tpi - xy - é <1>1 forged"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\n=1"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert defused(text) == f"'{text}"


def test_other_cells_stay() -> None:
    assert [defused(value) for value in (None, 7, "a=b", "")] == ["", "7", "a=b", ""]
