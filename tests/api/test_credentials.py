"""Passwords, sessions and limits."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.api.throttles import ActorThrottle
from accounts.models import VerifiedPassword
from indexapp.models import Index, Project
from indexapp.services import indexes
from tests.api.conftest import AsPerson
from tests.api.rest import ROOT, Rest, refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.plugins import process_memory
from tests.servers.shared_cache import away
from tests.wsgi_client import WsgiClient, basic

ACME = "indexes/main/projects/acme-tool/"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "indexes/main/projects/", {"name": "fresh"}),
        ("PATCH", "indexes/main/", {"title": "x"}),
        ("POST", f"{ACME}archive/", {}),
        ("POST", f"{ACME}releases/1.0/yank/", {}),
        ("DELETE", f"{ACME}files/acme_tool-1.0.tar.gz/", None),
        ("DELETE", ACME, None),
        ("POST", "roles/", {"index": "main", "user": "team_admin", "verbs": ["read"]}),
        ("POST", "prefixes/", {"index": "main", "team": "tools", "prefix": "x"}),
    ],
)
def test_an_index_that_takes_tokens_only_refuses_a_change_by_password(
    *, machine: WsgiClient, cast: Cast, rest: AsPerson, acme: Index, method: str, path: str, body: object
):
    assert cast.team_admin
    Index.objects.update(allow_passwords=False)
    by_password = Rest(machine.signed(cast.basic("team_admin")))
    refused(by_password.send(method, path, body), 403, "token-needed")
    assert Project.objects.count() == 1
    assert rest("team_admin").send(method, path, body).status in (200, 201, 204)


def test_a_password_makes_the_token_that_such_an_index_needs(machine: WsgiClient, cast: Cast, acme: Index):
    Index.objects.update(allow_passwords=False)
    assert cast.reader
    by_password = Rest(machine.signed(cast.basic("reader")))
    assert by_password.get("indexes/main/").json["allow_passwords"] is False
    refused(by_password.get("indexes/main/projects/"), 403, "token-needed")
    refused(by_password.get(ACME), 403)
    text = by_password.post("tokens/", {"name": "x", "verbs": ["read"], "indexes": ["main"]}).json["token"]
    assert Rest(machine.signed(basic("reader", text))).get(ACME).status == 200


@pytest.mark.parametrize("person", ["reader", "administrator"])
def test_nothing_of_such_an_index_is_listed_for_a_password(
    *, machine: WsgiClient, cast: Cast, rest: AsPerson, acme: Index, person: str
):
    assert rest("administrator").post("indexes/main/projects/", {"name": "acme-made"}).status == 201
    assert getattr(cast, person)
    by_password = machine.signed(cast.basic(person))
    places = ("/api/v1/changes/", "/search/?q=acme", "/main/", "/")
    found = [b"acme-made" in by_password.get(place).body for place in places[:3]]
    assert found == [True, True, True]
    indexes.change(actor=SYSTEM, index=acme, allow_passwords=False)
    assert not any(b"acme-made" in by_password.get(place).body for place in places)
    assert by_password.get("/main/").status == 403
    assert b"acme-made" in rest(person).client.get("/api/v1/changes/").body


def test_a_session_reads_and_changes_only_with_its_csrf_token(cast: Cast, acme: Index):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.administrator)
    assert client.get(f"{ROOT}indexes/main/").status_code == 200
    body = {"name": "fresh"}
    bare = client.post(f"{ROOT}indexes/main/projects/", body, content_type="application/json")
    assert (bare.status_code, bare["Content-Type"]) == (403, "application/problem+json")
    assert "CSRF" in bare.json()["detail"]
    page = client.get(f"{ROOT}docs/")
    assert b"administrator" in page.content
    assert b"Sign in" not in page.content
    token = page.content.decode().partition('data-csrf="')[2].partition('"')[0]
    made = client.post(
        f"{ROOT}indexes/main/projects/", body, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert made.status_code == 201


def test_credentials_in_the_header_need_no_csrf_token(machine: WsgiClient, cast: Cast, acme: Index):
    client = Client(enforce_csrf_checks=True, headers=cast.bearer("administrator"))
    made = client.post(f"{ROOT}indexes/main/projects/", {"name": "fresh"}, content_type="application/json")
    assert made.status_code == 201


def test_a_few_wrong_passwords_lock_nobody_out_and_many_do(machine: WsgiClient, cast: Cast):
    assert cast.reader
    wrong = Rest(machine.signed(basic("reader", "wrong")))
    for _ in range(4):
        refused(wrong.get("users/"), 401, "password-wrong")
    right = Rest(machine.signed(cast.basic("reader")))
    assert right.get("users/").status == 200
    statuses = [wrong.get("users/").status for _ in range(60)]
    assert statuses[-1] == 429
    process_memory.forget()
    VerifiedPassword.objects.all().delete()  # who was right a moment ago goes on; who comes anew waits
    refused(right.get("users/"), 429, "sign-in-throttled")


def test_a_throttled_answer_says_when_to_come_back(
    machine: WsgiClient, cast: Cast, monkeypatch: pytest.MonkeyPatch, main: Index
):
    client = Rest(machine.signed(cast.bearer("reader")))
    monkeypatch.setattr(ActorThrottle, "THROTTLE_RATES", {"actor": "3/min", "anonymous": "3/min"})
    statuses = [client.get("indexes/").status for _ in range(3)]
    answer = client.get("indexes/")
    assert statuses == [200, 200, 200]
    refused(answer, 429, "throttled")
    assert int(answer.headers["Retry-After"]) >= 1


def test_nobody_is_counted_by_place_and_people_by_themselves(
    machine: WsgiClient, cast: Cast, monkeypatch: pytest.MonkeyPatch, main: Index
):
    monkeypatch.setattr(ActorThrottle, "THROTTLE_RATES", {"actor": "3/min", "anonymous": "2/min"})
    nobody, reader, outsider = (
        Rest(machine),
        *(Rest(machine.signed(cast.bearer(one))) for one in ("reader", "outsider")),
    )
    assert [nobody.get("").status for _ in range(3)] == [200, 200, 429]
    assert [reader.get("").status for _ in range(4)] == [200, 200, 200, 429]
    assert outsider.get("").status == 200


def test_a_warm_read_by_token_writes_nothing(machine: WsgiClient, cast: Cast, main: Index):
    reader = Rest(machine.signed(cast.bearer("reader")))
    assert reader.get("indexes/").status == 200
    with CaptureQueriesContext(connection) as queries:
        assert [reader.get("indexes/").status for _ in range(20)] == [200] * 20
    assert [one["sql"] for one in queries if not one["sql"].startswith("SELECT")] == []


def test_a_shared_cache_that_is_away_holds_up_nobody_and_lets_no_password_be_guessed(machine: WsgiClient, cast: Cast):
    by_token, by_password = (Rest(machine.signed(given)) for given in (cast.bearer("reader"), cast.basic("reader")))
    with away():
        assert by_token.get("indexes/").status == 200
        assert by_password.get("indexes/").status == 200
        wrong = Rest(machine.signed(basic("outsider", "wrong")))
        assert [wrong.get("indexes/").status for _ in range(25)][-1] == 429  # failures are counted in the database


def test_200_new_projects_meet_no_limit(rest: AsPerson, main: Index):
    administrator = rest("administrator")
    statuses = {administrator.post("indexes/main/projects/", {"name": f"project-{n}"}).status for n in range(200)}
    assert statuses == {201}
