"""Mirrors over REST: made, set, asked, judged, merged, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from indexapp.models import File, Index, Merge, Upstream
from indexapp.services.mirrors import refreshing
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.servers.static_index import StaticIndex

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    with StaticIndex([build_wheel("theirs", "2.0")]) as server:
        yield server


@pytest.fixture
def mirror(rest: AsPerson, upstream: StaticIndex) -> str:
    body = {"name": "outside", "kind": "mirror", "upstream": {"url": upstream.url}}
    assert rest("administrator").post("indexes/", body).json["kind"] == "mirror"
    return "outside"


def test_a_name_and_a_kind_make_a_mirror_of_pypi(rest: AsPerson):
    administrator = rest("administrator")
    assert administrator.post("indexes/", {"name": "outside", "kind": "mirror"}).status == 201
    found = administrator.get("indexes/outside/upstream/").json
    assert (found["url"], found["shown_as"], found["is_offline"], found["page_seconds"]) == ("", "PyPI", False, 600)
    assert found["warning"] == ""


def test_secrets_go_in_and_never_out(rest: AsPerson, mirror: str):
    administrator = rest("administrator")
    answer = administrator.patch("indexes/outside/upstream/", {"username": "ci", "password": "very secret"})
    assert (answer.status, answer.json["has_password"], answer.json["username"]) == (200, True, "ci")
    assert b"very secret" not in answer.body + administrator.get("indexes/outside/upstream/").body
    assert answer.json["warning"]  # the test's server speaks plain http
    assert administrator.patch("indexes/outside/upstream/", {"password": ""}).json["has_password"] is False


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"url": "ftp://x.example/"}, "url"),
        ({"page_seconds": 0}, "page_seconds"),
        ({"on_yank": "ignore"}, "on_yank"),
        ({"room": "much"}, "room"),
        ({"is_offline": "yes"}, "is_offline"),
        ({"failure": "none"}, "failure"),
        ({"password": "x"}, "username"),
    ],
)
def test_an_unsound_change_is_refused(rest: AsPerson, mirror: str, body: dict[str, Any], word: str):
    before = Upstream.objects.values().get()
    problem = refused(rest("administrator").patch("indexes/outside/upstream/", body), 400)
    assert word in problem["detail"]
    assert Upstream.objects.values().get() == before


def test_hosted_indexes_have_no_upstream(rest: AsPerson, main: Index):
    refused(rest("administrator").get("indexes/main/upstream/"), 400, "index-not-mirror")
    body = {"name": "x", "upstream": {"url": "https://pypi.corp.example/simple/"}}
    refused(rest("administrator").post("indexes/", body), 400, "index-not-mirror")


def test_it_is_tried_out_and_asked(rest: AsPerson, mirror: str, upstream: StaticIndex):
    administrator = rest("administrator")
    trial = administrator.post("indexes/outside/upstream/test/").json
    assert (trial["is_usable"], trial["code"], trial["form"]) == (True, "", "json")
    found = administrator.post("indexes/outside/projects/Theirs/refresh/").json
    assert (found["name"], found["exists"], found["failure"]) == ("theirs", True, "")
    assert administrator.post("indexes/outside/projects/unheard-of/refresh/").json["exists"] is False
    assert administrator.names("indexes/outside/projects/") == ["theirs"]
    assert upstream.count("/theirs/") == 1


def test_other_bytes_are_judged(rest: AsPerson, mirror: str, upstream: StaticIndex):
    index = Index.objects.select_related("upstream").get(name=mirror)
    refreshing.refresh(actor=SYSTEM, index=index, name="theirs")
    file = File.objects.get()
    path = f"indexes/outside/projects/theirs/files/{file.filename}"
    refused(rest("security_officer").post(f"{path}/keep-ours/"), 409, "no-conflict")
    upstream.publish(build_wheel("theirs", "2.0", description="other bytes"))
    refreshing.refresh(actor=SYSTEM, index=index, name="theirs")
    assert rest("security_officer").post(f"{path}/keep-ours/").status == 204
    refused(rest("operator").post(f"{path}/take-theirs/"), 403)
    assert rest("security_officer").post(f"{path}/take-theirs/").status == 204
    assert not File.objects.filter(sha256=file.sha256).exists()


def test_a_name_is_merged_and_given_back(rest: AsPerson, mirror: str, main: Index):
    rest("administrator").post("indexes/", {"name": "everything", "kind": "group", "members": ["main", mirror]})
    officer = rest("security_officer")
    refused(officer.post("indexes/everything/merges/", {"name": "acme-tool"}), 400)
    refused(officer.post("indexes/everything/merges/", {"name": "acme-tool", "reason": "  "}), 400)
    refused(officer.post("indexes/main/merges/", {"name": "acme", "reason": "x"}), 400, "group-without-mirror")
    body = {"name": "Acme.Tool", "reason": "ours is a fork"}
    refused(rest("team_admin").post("indexes/everything/merges/", body), 403)
    made = officer.post("indexes/everything/merges/", body)
    assert (made.status, made.json["name"], made.json["created_by"]) == (201, "acme-tool", "security_officer")
    assert made.headers["Location"].endswith("/api/v1/indexes/everything/merges/acme-tool/")
    refused(officer.post("indexes/everything/merges/", body), 409, "merge-exists")
    assert officer.delete("indexes/everything/merges/acme-tool/").status == 204
    refused(officer.delete("indexes/everything/merges/acme-tool/"), 404, "merge-unknown")
    assert Merge.objects.get().revoked_by == "security_officer"
    assert rest("auditor").names("indexes/everything/merges/") == ["acme-tool"]
    assert rest("auditor").names("indexes/everything/merges/?active=true") == []


def test_a_mirror_goes_with_what_it_holds_when_its_name_confirms_it(rest: AsPerson, mirror: str):
    administrator = rest("administrator")
    administrator.post("indexes/outside/projects/theirs/refresh/")
    refused(administrator.delete("indexes/outside/"), 409, "index-in-use")
    refused(administrator.delete("indexes/outside/?confirm=other"), 409, "index-in-use")
    refused(administrator.delete("indexes/outside/?sure=outside"), 400, "parameter-unknown")
    assert administrator.delete("indexes/outside/?confirm=outside").status == 204
    assert not File.objects.exists()
