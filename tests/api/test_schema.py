from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from tests.api.rest import ROOT
from tests.wsgi_client import WsgiClient


@pytest.fixture
def schema(machine: WsgiClient) -> dict[str, Any]:
    answer = machine.get(f"{ROOT}schema/")
    assert answer.status == 200
    document: dict[str, Any] = answer.json
    return document


def test_the_schema_is_valid_and_complete():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=StringIO())


def test_the_schema_comes_as_json_and_as_yaml(machine: WsgiClient, schema: dict[str, Any]):
    assert schema["openapi"].startswith("3.")
    plain = machine.get(f"{ROOT}schema/", Accept="application/json")
    assert plain.headers["Content-Type"] == "application/json"
    for yaml in (
        machine.get(f"{ROOT}schema/?format=yaml"),
        machine.get(f"{ROOT}schema/", Accept="application/vnd.oai.openapi"),
    ):
        assert yaml.body.startswith(b"openapi: 3.")
    hostile = machine.get(f"{ROOT}schema/?lang=%0a&version=%0d%0aX:y&format=%00")
    assert hostile.status == 200
    assert hostile.json == schema


def test_every_operation_has_a_summary_credentials_and_refusals(schema: dict[str, Any]):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["security"] == [{"basic": []}, {"bearer": []}], where
            assert {"400", "401", "403", "429"} <= set(operation["responses"]), where
            assert ("requestBody" in operation) <= ({"413", "415"} <= set(operation["responses"])), where
    schemes = schema["components"]["securitySchemes"]
    assert {name: scheme["scheme"] for name, scheme in schemes.items()} == {"basic": "basic", "bearer": "bearer"}
    for response in schema["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]


def test_the_contracts_addresses_are_there(schema: dict[str, Any]):
    project = f"{ROOT}indexes/{{index}}/projects/{{project}}/"
    for path, methods in {
        f"{ROOT}tokens/": {"get", "post"},
        f"{ROOT}users/": {"get", "post"},
        f"{ROOT}teams/{{team}}/members/": {"get", "post"},
        f"{ROOT}indexes/{{index}}/": {"get", "patch", "delete"},
        project: {"get", "delete"},
        f"{project}releases/{{version}}/": {"get", "delete"},
        f"{project}files/{{filename}}/": {"get", "delete"},
        f"{project}releases/{{version}}/files/{{filename}}/yank/": {"post"},
        f"{ROOT}changes/": {"get"},
        f"{ROOT}audit/": {"get"},
    }.items():
        assert set(schema["paths"][path]) == methods


def test_main_operations_have_examples(schema: dict[str, Any]):
    for path in ("tokens/", "users/", "teams/", "indexes/", "indexes/{index}/projects/", "roles/"):
        content = schema["paths"][f"{ROOT}{path}"]["post"]["requestBody"]["content"]
        assert content["application/json"]["examples"], path


def test_the_root_lists_the_resources(machine: WsgiClient, db: None):
    answer = machine.get(ROOT)
    assert answer.json["indexes"] == "http://tpi.example/api/v1/indexes/"
    assert set(answer.json) >= {"users", "teams", "tokens", "roles", "changes", "audit", "schema", "docs"}


def test_the_explorer_keeps_the_strict_policy(machine: WsgiClient, db: None):
    page = machine.get(f"{ROOT}docs/?lang=%22%3E%3Cscript%3E", Accept="text/html")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "'unsafe" not in page.headers["Content-Security-Policy"]
    html = page.body.decode()
    assert "<style" not in html
    assert not re.search(r"\sstyle=|\son\w+=", html)
    assert all(body.strip() == "" for body in re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL))
    addresses = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"([^\"]+)\"", html)
    assert addresses
    assert all(address.startswith("/") and not address.startswith("//") for address in addresses)
    script = next(address for address in addresses if "docs" in address)
    answer = machine.get(script.replace("&amp;", "&"))
    assert answer.headers["Content-Type"].startswith("application/javascript")
    assert b"SwaggerUIBundle(" in answer.body
    assert json.dumps("/api/v1/schema/") in html
