from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.osv import record as records
from indexapp.domain.osv.record import OsvRecord, RecordInvalid, parse_record
from indexapp.domain.osv.severity import severity_word

_VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def _record(**more: Any) -> dict[str, Any]:
    return {"id": "PYSEC-2026-1", "modified": "2026-01-02T03:04:05Z"} | more


def _parsed(**more: Any) -> OsvRecord:
    return parse_record(json.dumps(_record(**more)).encode())


def _of(name: str = "acme", *events: dict[str, str], ecosystem: str = "PyPI", **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events) or [{"introduced": "0"}]}]
    return {"package": {"name": name, "ecosystem": ecosystem}, "ranges": ranges} | more


def test_what_a_record_says() -> None:
    entry = _of(
        "Acme_Tool", {"introduced": "0"}, {"fixed": "1.10"}, {"introduced": "2"}, {"fixed": "2.1"}, versions=["1.0.0"]
    )
    found = _parsed(
        schema_version="1.7.3",
        aliases=["CVE-2026-1", "GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1", 7],
        summary="Two\nlines",
        details="More.",
        published="2026-01-01T00:00:00.123456789Z",
        withdrawn="2026-02-01T00:00:00+01:00",
        severity=[{"type": "CVSS_V3", "score": _VECTOR}],
        affected=[entry],
    )
    assert (found.osv_id, found.aliases) == ("PYSEC-2026-1", ("CVE-2026-1", "GHSA-aaaa-bbbb-cccc"))
    assert (found.summary, found.details) == ("Two lines", "More.")
    assert (found.severity, found.score) == (_VECTOR, 9.8)
    assert found.modified == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.withdrawn == datetime(2026, 1, 31, 23, tzinfo=UTC)
    (one,) = found.affected
    assert (one.name, one.versions, one.fixed) == ("acme-tool", ("1",), ("1.10", "2.1"))


def test_several_entries_of_one_project_are_put_together_and_other_ecosystems_left_out() -> None:
    found = _parsed(
        affected=[
            _of("acme", {"introduced": "0"}, {"fixed": "1"}),
            _of("ACME", {"introduced": "2"}, {"fixed": "3"}),
            _of("other"),
            _of("acme", ecosystem="npm"),
            {"ranges": [{"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}]},
        ]
    )
    assert [(one.name, len(one.ranges), one.fixed) for one in found.affected] == [
        ("acme", 2, ("1", "3")),
        ("other", 1, ()),
    ]
    assert len(found.document["affected"]) == 3


def test_ranges_of_commits_say_nothing_about_versions() -> None:
    entry = _of("acme") | {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}], "versions": ["1.0"]}
    (one,) = _parsed(affected=[entry]).affected
    assert (one.ranges, one.versions) == ((), ("1",))


def test_doubt_goes_against_the_package() -> None:
    entry = _of("acme", {"introduced": "once upon a time"}, {"fixed": "later"}, {"last_affected": "1.0"})
    found = _parsed(affected=[entry])
    assert found.affected[0].ranges == ((("introduced", "0"), ("last_affected", "1.0")),)
    assert found.document["affected"][0]["ranges"][0]["events"] == [{"introduced": "0"}, {"last_affected": "1.0"}]


@pytest.mark.parametrize(
    ("more", "severity", "score", "word"),
    [
        ({}, "", None, "unknown"),
        ({"database_specific": {"severity": "HIGH"}}, "high", 7.0, "high"),
        ({"database_specific": {"severity": "MODERATE"}}, "moderate", 4.0, "medium"),
        ({"database_specific": {"severity": "dire"}}, "", None, "unknown"),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, "CVSS:4.0/AV:N", None, "unknown"),
        (
            {"severity": [{"score": "CVSS:4.0/AV:N"}], "database_specific": {"severity": "LOW"}},
            "low",
            0.1,
            "low",
        ),
        ({"severity": "much"}, "", None, "unknown"),
        ({"affected": [_of("acme", severity=[{"type": "CVSS_V3", "score": _VECTOR}])]}, _VECTOR, 9.8, "critical"),
    ],
)
def test_how_bad_it_is(more: dict[str, Any], severity: str, score: float | None, word: str) -> None:
    found = _parsed(**more)
    assert (found.severity, found.score, severity_word(found.score)) == (severity, score, word)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"null",
        b"{",
        b"[" * 100_000,
        b'{"id": "A-1", "modified": NaN}',
        b'{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "x": 1e999}',
        b'{"a":' * 50 + b"1" + b"}" * 50,
        json.dumps(_record(id=None)).encode(),
        json.dumps(_record(id="../../etc")).encode(),
        json.dumps(_record(id="A" * 101)).encode(),
        json.dumps(_record(modified=None)).encode(),
        json.dumps(_record(modified="yesterday")).encode(),
        json.dumps(_record(modified=["2026"])).encode(),
        json.dumps(_record(modified="0001-01-01T00:00:00+10:00")).encode(),
        json.dumps(_record(schema_version="2.0.0")).encode(),
        json.dumps(_record(schema_version=1)).encode(),
        json.dumps(_record(affected="all")).encode(),
        json.dumps(_record(affected=[_of("acme", ranges="all")])).encode(),
        json.dumps(_record(affected=[_of("acme", versions="all")])).encode(),
        json.dumps(_record(affected=[_of("acme", versions=["1"] * (records.MAX_VERSIONS + 1))])).encode(),
        json.dumps(_record(affected=[_of()] * (records.MAX_AFFECTED + 1))).encode(),
        json.dumps(_record(aliases={})).replace("{}", '{"a": 1}').encode(),
        json.dumps(_record(x=[0] * (records.MAX_VALUES + 1))).encode(),
        b" " * (records.MAX_RECORD_SIZE + 1),
    ],
    ids=range(26),
)
def test_what_cannot_be_used_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(RecordInvalid, match="no OSV record that can be used"):
        parse_record(body)


def test_text_that_no_database_keeps_is_made_harmless() -> None:
    found = parse_record(
        b'{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "summary": "a\\u0000b", "details": "\\ud800"}'
    )
    assert (found.summary, found.details) == ("a\N{REPLACEMENT CHARACTER}b", "\N{REPLACEMENT CHARACTER}")


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["PyPI", "0", "1.0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["package", "name", "ecosystem", "ranges", "type", "events", "versions", "fixed", "severity", "score"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["affected", "aliases", "severity", "database_specific", "withdrawn"]), _JSON))
def test_whatever_a_record_holds_only_one_error_comes_out(more: dict[str, Any]) -> None:
    try:
        found = parse_record(json.dumps(_record(**more)).encode())
    except RecordInvalid:
        return
    json.dumps(found.document)
