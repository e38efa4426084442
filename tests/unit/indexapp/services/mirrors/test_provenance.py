"""Provenance objects of a mirror's files."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from indexapp.models import Index
from tests.builders.wheels import build_wheel
from tests.factories.policies import make_rule
from tests.plugins import process_memory
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
PAGE = "/outside/simple/acme-tool/"
SAID = {"version": 1, "attestation_bundles": []}
ATTESTED = build_wheel("acme-tool", "2.0")


@pytest.fixture
def attested(upstream: StaticIndex) -> str:
    upstream.publish(StaticFile(*ATTESTED, provenance=json.dumps(SAID).encode()))
    return "/outside/integrity/acme-tool/2.0/acme_tool-2.0-py3-none-any.whl/provenance"


def file(machine: WsgiClient) -> dict[str, Any]:
    answer = machine.get(PAGE, Accept="application/vnd.pypi.simple.v1+json")
    return next(file for file in answer.json["files"] if file["filename"] == ATTESTED.filename)


def test_the_page_tells_of_it_and_it_is_fetched_once(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, attested: str
) -> None:
    assert file(machine)["provenance"] == attested
    assert f'data-provenance="{attested}"'.encode() in machine.get(PAGE, Accept="text/html").body
    for _ in range(2):
        answer = machine.get(attested)
        assert (answer.status, answer.json) == (200, SAID)
        assert answer.headers["Content-Type"] == "application/vnd.pypi.integrity.v1+json"
        upstream.behaviour = Behaviour(status=500)
    assert sum("provenance" in asked.path for asked in upstream.requests) == 1


def test_its_address_has_the_public_host(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, attested: str, settings: Any
) -> None:
    settings.TPI_URL = "https://packages.example"
    assert file(machine)["provenance"] == f"https://packages.example{attested}"
    assert machine.get(urlsplit(file(machine)["provenance"]).path).status == 200


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"\xff"])
def test_what_is_no_object_is_not_passed_on(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, attested: str, content: bytes
) -> None:
    upstream.publish(StaticFile(*ATTESTED, provenance=content))
    file(machine)
    answer = machine.get(attested)
    assert (answer.status, answer.code) == (503, "upstream-unavailable")


@pytest.mark.parametrize(
    "address", ["acme-tool/1.0/acme_tool-1.0-py3-none-any.whl", "acme-tool/9/x.whl", "acme-tool/!/x"]
)
def test_where_nothing_is_attested(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, attested: str, address: str
) -> None:
    file(machine)
    answer = machine.get(f"/outside/integrity/{address}/provenance")
    assert (answer.status, answer.code) == (404, "provenance-none")


def test_a_failure_is_not_for_ever(machine: WsgiClient, upstream: StaticIndex, mirror: Index, attested: str) -> None:
    file(machine)
    upstream.behaviour = Behaviour(status=502, on="provenance")
    assert machine.get(attested).status == 503
    upstream.behaviour = Behaviour()
    assert machine.get(attested).status == 503
    process_memory.forget()
    assert machine.get(attested).status == 200


def test_a_blocked_file_has_none_and_the_upstream_is_not_asked(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, attested: str
) -> None:
    file(machine)
    make_rule(mirror, "block", name="nothing from there", projects=["acme-tool"])
    process_memory.forget()
    answer = machine.get(attested)
    assert (answer.status, answer.code) == (403, "policy-blocked")
    assert not any("provenance" in asked.path for asked in upstream.requests)
