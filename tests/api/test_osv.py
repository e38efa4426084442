"""The addresses that ``pip-audit --osv-url`` and ``uv audit --service-url`` ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from indexapp.models import Index
from indexapp.services import indexes
from indexapp.services.vulnerabilities import queries
from tests.api.rest import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tests.factories.vulnerabilities import affected, make_advisory
from tests.wsgi_client import Answer, WsgiClient

ACME = {"name": "acme-tool", "ecosystem": "PyPI"}


@pytest.fixture
def asker(machine: WsgiClient, cast: Cast) -> WsgiClient:
    return machine.signed(cast.bearer("outsider"))


def _ask(client: WsgiClient, body: Any, path: str = "query") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.request("POST", f"/osv/v1/{path}", body=raw)


def _ids(client: WsgiClient, body: Any) -> list[str]:
    answer = _ask(client, body)
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.json.get("vulns", [])]


def test_a_question_about_a_version(asker: WsgiClient) -> None:
    make_advisory()
    (found,) = _ask(asker, {"package": ACME, "version": "1.0"}).json["vulns"]
    assert (found["id"], found["aliases"], found["schema_version"]) == ("PYSEC-2026-1", ["CVE-2026-1"], "1.6.0")
    assert found["affected"][0]["ranges"][0]["events"] == [{"introduced": "0"}, {"fixed": "2.0"}]
    assert _ask(asker, {"package": ACME, "version": "2.0"}).json == {}
    assert _ids(asker, {"package": ACME}) == ["PYSEC-2026-1"]


@pytest.mark.parametrize(
    "question",
    [
        {"package": {"name": "Acme_Tool", "ecosystem": "PyPI"}, "version": "v1.0.0"},
        {"package": {"purl": "pkg:pypi/acme-tool@1.0"}},
        {"package": {"purl": "pkg:pypi/acme-tool@1.0?extension=whl#part"}},
        {"package": {"purl": "pkg:pypi/acme-tool"}, "version": "1.0"},
        {"package": {"name": "acme-tool", "ecosystem": "PyPI", "purl": ""}, "version": "1.0", "commit": ""},
    ],
)
def test_spellings(question: Any, asker: WsgiClient) -> None:
    make_advisory()
    assert _ids(asker, question) == ["PYSEC-2026-1"]


@pytest.mark.parametrize(
    "question",
    [
        {"package": {"name": "acme-tool", "ecosystem": "npm"}, "version": "1.0"},
        {"package": {"name": "../acme-tool", "ecosystem": "PyPI"}, "version": "1.0"},
        {"package": {"purl": "pkg:npm/acme-tool@1.0"}},
        {"package": ACME, "version": "no version"},
        {"commit": "6879efc2c1596d11a6a6ad296f80063b558d5e0f"},
    ],
)
def test_what_nothing_is_known_of(question: Any, asker: WsgiClient) -> None:
    make_advisory()
    assert _ask(asker, question).json == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        [],
        {},
        {"package": "acme"},
        {"package": {}},
        {"package": {"name": 7, "ecosystem": "PyPI"}},
        {"package": {"name": "a" * 600, "ecosystem": "PyPI"}},
        {"package": ACME, "version": ["1.0"]},
        {"package": ACME, "version": "1.0\x00"},
        {"package": ACME, "page_token": "!"},
        {"package": {"purl": "pkg:pypi/acme-tool@1.0"}, "version": "1.0"},
    ],
)
def test_what_is_no_question_is_refused(body: Any, asker: WsgiClient) -> None:
    refused(_ask(asker, body), 400, "osv-query-invalid")
    if not isinstance(body, bytes):
        refused(_ask(asker, {"queries": [body]}, "querybatch"), 400, "osv-query-invalid")


def test_many_questions_at_once(asker: WsgiClient, django_assert_max_num_queries: Any) -> None:
    make_advisory()
    make_advisory("PYSEC-2026-2", affected("other"))
    body = {
        "queries": [
            {"package": {"name": "other", "ecosystem": "PyPI"}, "version": "1.0"},
            {"package": ACME, "version": "2.0"},
            *[{"package": ACME, "version": "1.0"}] * 50,
        ]
    }
    with django_assert_max_num_queries(12):
        first, second, *others = _ask(asker, body, "querybatch").json["results"]
    assert first == {"vulns": [{"id": "PYSEC-2026-2", "modified": "2026-01-02T00:00:00.000000Z"}]}
    assert second == {}
    assert [[one["id"] for one in other["vulns"]] for other in others] == [["PYSEC-2026-1"]] * 50


def test_too_many_questions_are_refused(asker: WsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_QUERIES", 2)
    refused(_ask(asker, {"queries": [{"package": ACME}] * 3}, "querybatch"), 400, "osv-query-invalid")
    refused(_ask(asker, {"queries": "all"}, "querybatch"), 400, "osv-query-invalid")
    refused(_ask(asker, b" " * (1024 * 1024 + 1)), 413, "osv-query-too-large")


def test_answers_come_in_pages(asker: WsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    ids = [f"PYSEC-2026-{number}" for number in range(5)]
    for one in ids:
        make_advisory(one)
    found, question = [], {"package": ACME, "version": "1.0"}
    while True:
        page = _ask(asker, question).json
        batch = _ask(asker, {"queries": [question]}, "querybatch").json["results"][0]
        assert [one["id"] for one in batch["vulns"]] == [one["id"] for one in page["vulns"]]
        assert batch.get("next_page_token") == page.get("next_page_token")
        found += [one["id"] for one in page["vulns"]]
        if "next_page_token" not in page:
            break
        question = question | {"page_token": page["next_page_token"]}
    assert found == ids


def test_a_batch_has_a_bound_of_its_own(asker: WsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH_SIZE", 3)
    for number in range(3):
        make_advisory(f"PYSEC-2026-{number}")
    found = _ask(asker, {"queries": [{"package": ACME}] * 3}, "querybatch").json["results"]
    assert [len(one["vulns"]) for one in found] == [3, 1, 1]
    assert ["next_page_token" in one for one in found] == [False, True, True]


def test_one_advisory_by_its_id_withdrawn_or_not(asker: WsgiClient) -> None:
    make_advisory("PYSEC-2026-1", withdrawn="2026-02-01T00:00:00Z")
    assert asker.get("/osv/v1/vulns/PYSEC-2026-1").json["withdrawn"] == "2026-02-01T00:00:00.000000Z"
    assert _ids(asker, {"package": ACME, "version": "1.0"}) == []
    refused(asker.get("/osv/v1/vulns/PYSEC-2026-2"), 404, "advisory-unknown")
    refused(asker.get("/osv/v1/vulns/" + "A" * 200), 404, "advisory-unknown")


def test_everybody_may_ask_where_an_index_is_open(machine: WsgiClient, cast: Cast) -> None:
    make_advisory()
    assert _ask(machine, {"package": ACME}).status == 401
    indexes.change(actor=SYSTEM, index=cast.index, anonymous_read=True)
    assert _ids(machine, {"package": ACME}) == ["PYSEC-2026-1"]
    assert _ask(machine.signed({"Authorization": "Basic eDp5"}), {"package": ACME}).status == 401


def test_read_only_mode_does_not_silence_it(machine: WsgiClient, cast: Cast, settings: Any) -> None:
    make_advisory()
    reader = machine.signed(cast.bearer("reader"))
    settings.TPI_READ_ONLY = True
    assert _ids(reader, {"package": ACME}) == ["PYSEC-2026-1"]
    assert len(_ask(reader, {"queries": [{"package": ACME}]}, "querybatch").json["results"]) == 1


def test_an_index_that_was_called_so_before_is_served_on(machine: WsgiClient, cast: Cast) -> None:
    index = make_index("osv")
    published(index)
    make_advisory()
    client = machine.signed(cast.bearer("administrator"))
    assert client.get("/osv/simple/acme-tool/").status == 200
    assert client.get("/osv/pypi/acme-tool/json").status == 200
    assert client.get("/osv/legacy/").status == 200
    assert client.get("/osv/project/acme-tool/").status == 200
    indexes.change(actor=SYSTEM, index=index, title="Older")
    assert Index.objects.get(name="osv").title == "Older"
    assert _ids(client, {"package": ACME}) == ["PYSEC-2026-1"]
