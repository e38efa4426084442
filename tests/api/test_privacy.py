"""What one may not see is answered like what does not exist."""

from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Index, Project
from tests.api.conftest import AsPerson
from tests.api.rest import ROOT, Rest, refused
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_index, make_project
from tests.wsgi_client import WsgiClient, bearer

READS = (
    "indexes/{index}/",
    "indexes/{index}/projects/",
    "indexes/{index}/projects/{project}/",
    "indexes/{index}/projects/{project}/releases/",
    "indexes/{index}/projects/{project}/releases/1.0/",
    "indexes/{index}/projects/{project}/releases/1.0/files/",
    "indexes/{index}/projects/{project}/files/",
    "indexes/{index}/projects/{project}/files/acme_tool-1.0.tar.gz/",
)
CHANGES = (
    ("PATCH", "indexes/{index}/"),
    ("DELETE", "indexes/{index}/"),
    ("POST", "indexes/{index}/make-default/"),
    ("POST", "indexes/{index}/projects/"),
    ("DELETE", "indexes/{index}/projects/{project}/"),
    *(
        ("POST", "indexes/{index}/projects/{project}/" + act)
        for act in ("archive/", "deprecate/", "quarantine/", "clear/")
    ),
    ("DELETE", "indexes/{index}/projects/{project}/releases/1.0/"),
    ("POST", "indexes/{index}/projects/{project}/releases/1.0/yank/"),
    ("DELETE", "indexes/{index}/projects/{project}/files/acme_tool-1.0.tar.gz/"),
    ("POST", "indexes/{index}/projects/{project}/releases/1.0/files/acme_tool-1.0.tar.gz/yank/"),
)
REAL = {"index": "main", "project": "acme-tool"}
FAKES = ({"index": "niam", "project": "acme-tool"}, {"index": "main", "project": "loot-emca"})


def _same(client: Rest, method: str, path: str, status: int) -> None:
    body = {"name": "acme-tool"} if path.endswith("projects/") else {}
    real = refused(client.send(method, path.format(**REAL), body), status)
    for fake in FAKES:
        answer = client.send(method, path.format(**fake), {"name": "acme-tool"} if body else {})
        problem = refused(answer, status, real["code"])
        detail = problem["detail"].replace(fake["index"], "main")
        if fake["project"] != "acme-tool":
            detail = detail.replace(fake["project"], "acme-tool")
        assert detail == real["detail"]


@pytest.mark.parametrize(("role", "status"), [("outsider", 403), ("anonymous", 401)])
@pytest.mark.parametrize("path", READS)
def test_reading_tells_nothing(rest: AsPerson, acme: Index, path: str, role: str, status: int):
    _same(rest(role), "GET", path, status)


@pytest.mark.parametrize(("role", "status"), [("outsider", 403), ("anonymous", 401)])
@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_changing_tells_nothing(rest: AsPerson, acme: Index, method: str, path: str, role: str, status: int):
    _same(rest(role), method, path, status)


@pytest.mark.parametrize("policy", Index.ProjectCreation.values[:2])
def test_creating_tells_nothing_of_the_policy_either(rest: AsPerson, acme: Index, policy: str):
    Index.objects.update(project_creation=policy)
    _same(rest("outsider"), "POST", "indexes/{index}/projects/", 403)


def test_a_token_elsewhere_tells_nothing(machine: WsgiClient, cast: Cast, acme: Index):
    make_index("other")
    for scope in ({"indexes": ["other"]}, {"projects": ["else"]}):
        client = Rest(machine.signed(bearer(cast.token("reader", **scope))))
        for path in READS[2:]:
            _same(client, "GET", path, 403)


def test_a_reader_of_the_whole_index_is_told_what_is_not_there(rest: AsPerson, acme: Index):
    reader = rest("reader")
    refused(reader.get("indexes/main/projects/nothing/"), 404)
    refused(reader.get("indexes/main/projects/acme-tool/releases/9/"), 404)
    refused(reader.get("indexes/niam/"), 403)
    refused(reader.get("indexes/niam/projects/nothing/"), 403)
    refused(rest("administrator").get("indexes/niam/"), 404)
    refused(rest("administrator").get("indexes/niam/projects/x/"), 404)


def test_a_reader_of_one_project_is_told_nothing_of_the_others(rest: AsPerson, cast: Cast, acme: Index):
    make_project(acme, "secret")
    give(cast.outsider, [Verb.READ], acme, Project.objects.get(normalized_name="acme-tool"))
    outsider = rest("outsider")
    assert outsider.names("indexes/") == ["main"]
    assert outsider.names("indexes/main/projects/") == ["Acme.Tool"]
    assert outsider.names("indexes/main/projects/?q=secret") == []
    there = refused(outsider.get("indexes/main/projects/secret/"), 403)
    absent = refused(outsider.get("indexes/main/projects/terces/"), 403)
    assert there == absent


def test_what_is_public_needs_no_credentials(rest: AsPerson, acme: Index):
    Index.objects.update(anonymous_read=True)
    nobody = rest("anonymous")
    for path in READS:
        assert nobody.get(path.format(**REAL)).status == 200
    assert nobody.names("indexes/") == ["main"]
    assert nobody.get("changes/").status == 200
    refused(nobody.get("indexes/main/projects/nothing/"), 404)
    for method, path in CHANGES:
        refused(nobody.send(method, path.format(**REAL), {}), 401)


@pytest.mark.parametrize(
    "path", ["indexes/", "changes/", "users/", "teams/", "tokens/", "roles/", "prefixes/", "audit/"]
)
def test_lists_ask_for_credentials_where_nothing_is_public(rest: AsPerson, acme: Index, path: str):
    refused(rest("anonymous").get(path), 401)


def test_answers_stay_out_of_caches(machine: WsgiClient, cast: Cast, acme: Index):
    assert "private" in machine.get(f"{ROOT}indexes/", **cast.bearer("reader")).headers["Cache-Control"]
    assert "no-store" in machine.get(f"{ROOT}indexes/").headers["Cache-Control"]
