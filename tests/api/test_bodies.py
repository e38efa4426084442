"""Hostile input: every answer is a 4xx problem document."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexapp.models import Index, Project
from tests.api.conftest import AsPerson
from tests.api.rest import ROOT, Rest, refused
from tests.factories.cast import Cast
from tests.wsgi_client import WsgiClient

PROJECTS = "indexes/main/projects/"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"name": "a", "name": "b"}',
        b'{"name": NaN}',
        b'{"name": -Infinity}',
        b'{"name": 1' + b"0" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name":' * 30_000,
        b'{"name": "a"} trailing',
        b'\xef\xbb\xbf{"name": "a"}',
        json.dumps({"name": "a"}).encode("utf-16"),
        b'{"name": "a\x00b"}',
        b'{"name": "a\\u0000b"}',
        b"{}",
        b"",
    ],
)
def test_a_broken_body_is_refused(rest: AsPerson, main: Index, raw: bytes):
    refused(rest("administrator").post(PROJECTS, raw), 400)
    assert not Project.objects.exists()


def test_a_refusal_names_the_field(rest: AsPerson, main: Index):
    problem = refused(rest("administrator").post(PROJECTS, {"nmae": "acme", "more": 1}), 400)
    assert set(problem["errors"]) == {"nmae", "more"}
    assert problem["detail"].startswith("nmae: This field is unknown")


def test_a_body_above_the_limit_is_refused_whatever_it_announces(rest: AsPerson, main: Index):
    big = b'{"name": "' + b"a" * (10 * 2**20) + b'"}'
    refused(rest("administrator").post(PROJECTS, big), 413, "body-too-large")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "x" * 300,
        "application/xml",
    ],
)
def test_another_media_type_is_refused_with_a_hint(machine: WsgiClient, cast: Cast, main: Index, content_type: str):
    headers = {**cast.bearer("administrator"), "Content-Type": content_type}
    answer = machine.request("POST", ROOT + PROJECTS, headers=headers, body=b'{"name": "acme"}')
    assert "application/json" in refused(answer, 415, "unsupported-media-type")["detail"]


def test_a_charset_changes_nothing(machine: WsgiClient, cast: Cast, main: Index):
    for charset in ("utf-8", "latin-1", "utf-7", "bz2_codec", "nonsense"):
        headers = {**cast.bearer("administrator"), "Content-Type": f"application/json; charset={charset}"}
        refused(
            machine.request("POST", ROOT + PROJECTS, headers=headers, body='{"name": "é"}'.encode()),
            400,
            "name-invalid",
        )


def test_a_chunked_body_is_refused(machine: WsgiClient, cast: Cast, main: Index):
    headers = {**cast.bearer("administrator"), "Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    refused(machine.request("POST", ROOT + PROJECTS, headers=headers), 400, "length-missing")


def test_a_wrong_length_is_refused(machine: WsgiClient, cast: Cast, main: Index):
    for length in ("99", "-5", "9" * 30):
        headers = {**cast.bearer("administrator"), "Content-Length": length, "Content-Type": "application/json"}
        refused(machine.request("POST", ROOT + PROJECTS, headers=headers, body=b'{"name":'), 400)


@pytest.mark.parametrize(
    "path",
    [
        "users/%00/",
        "users/%FF%FE/",
        "teams/%00/members/",
        "indexes/%00/",
        "indexes/main/projects/%00/",
        "indexes/main/projects/acme/releases/%00/",
        "indexes/main/projects/acme/files/%00/",
        "indexes/" + "x" * 5000 + "/",
        "indexes/main/projects/" + "x" * 5000 + "/",
        "indexes/main/projects/acme/releases/" + "9" * 5000 + "/",
        "tokens/" + "9" * 4000 + "/",
        "tokens/-1/",
        "roles/x/",
        "nothing/",
        "users",
    ],
)
def test_a_hostile_address_is_refused(rest: AsPerson, main: Index, path: str):
    administrator = rest("administrator")
    for answer in (administrator.get(path), administrator.delete(path), administrator.patch(path, {"title": "x"})):
        assert answer.status in (400, 404, 405), (answer.status, answer.body)
        refused(answer, answer.status)


def test_an_address_without_its_slash_says_so(rest: AsPerson):
    assert "slash" in refused(rest("anonymous").get("users"), 404)["detail"]
    refused(rest("anonymous").post("users", {}), 404)


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Basic AAAA", "Bearer", "Bearer x", "Digest x", "x" * 9000, "Bearer \xff"]
)
def test_broken_credentials_are_refused(machine: WsgiClient, db: None, header: str):
    refused(machine.get(f"{ROOT}users/", Authorization=header), 401)


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "text/html", "image/png", "", "x" * 9000, "application/xml;q=1"]
)
def test_answers_are_json_whatever_is_preferred(machine: WsgiClient, cast: Cast, accept: str):
    answer = machine.get(f"{ROOT}indexes/?format=xml", Accept=accept, **cast.bearer("administrator"))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    refused(machine.get(f"{ROOT}indexes/x/", Accept=accept, **cast.bearer("administrator")), 404)


def test_plain_text_refusals_for_who_takes_nothing_else(machine: WsgiClient, db: None):
    answer = machine.get(f"{ROOT}users/", Accept="text/plain")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "text/plain; charset=utf-8")
    assert answer.body.decode().strip() == answer.reason


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = [
    "name",
    "username",
    "email",
    "password",
    "verbs",
    "indexes",
    "projects",
    "expires_at",
    "user",
    "team",
    "role",
    "index",
    "project",
    "prefix",
    "title",
    "kind",
    "members",
    "max_file_size",
    "closing_window_days",
    "allowed_platforms",
    "reason",
    "is_active",
]
_ADDRESSES = (
    ("POST", "users/"),
    ("POST", "teams/"),
    ("POST", "tokens/"),
    ("POST", "indexes/"),
    ("PATCH", "indexes/main/"),
    ("POST", "indexes/main/projects/"),
    ("POST", "indexes/main/projects/acme-tool/archive/"),
    ("POST", "roles/"),
    ("POST", "prefixes/"),
    ("PATCH", "users/outsider/"),
    ("POST", "teams/tools/members/"),
)


@pytest.fixture
def administrator(rest: AsPerson, cast: Cast, acme: Index) -> Rest:
    assert cast.team, cast.outsider
    return rest("administrator")


@given(
    address=st.sampled_from(_ADDRESSES),
    body=st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=5) | _JSON,
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_the_server_fail(administrator: Rest, address: tuple[str, str], body: Any):
    answer = administrator.send(*address, body)
    assert answer.status < 500, (address, body, answer.body)
    if answer.status >= 400:
        refused(answer, answer.status)


_PARAMETERS = (
    *(("changes/", name) for name in ("since", "page_size", "index", "project", "kind")),
    *(("indexes/main/projects/", name) for name in ("cursor", "q", "name", "status")),
    *(("indexes/main/projects/acme-tool/files/", name) for name in ("kind", "yanked", "cursor")),
    *(("audit/", name) for name in ("after", "actor", "outcome")),
    *(("tokens/", name) for name in ("user", "active", "cursor")),
    ("users/", "username"),
)


@given(
    parameter=st.sampled_from(_PARAMETERS), value=st.text(max_size=30) | st.binary(max_size=30).map(urlsafe_b64encode)
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_makes_the_server_fail(administrator: Rest, parameter: tuple[str, str], value: str | bytes):
    path, name = parameter
    answer = administrator.get(
        f"{path}?{name}={quote(value) if isinstance(value, bytes) else quote(value, errors='replace')}"
    )
    assert answer.status in (200, 400), answer.body
