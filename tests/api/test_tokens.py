from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Token
from indexapp.models import Index
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD
from tests.wsgi_client import WsgiClient, basic, bearer


@pytest.fixture
def by_password(machine: WsgiClient, cast: Cast) -> Rest:
    return Rest(machine.signed(cast.basic("uploader")))


def test_a_password_issues_a_token_whose_text_is_shown_once(by_password: Rest, machine: WsgiClient, acme: Index):
    body = {
        "name": "release job",
        "verbs": ["read", "upload"],
        "indexes": ["main"],
        "projects": ["Acme_Tool"],
        "expires_at": "2099-01-01T00:00:00Z",
    }
    answer = by_password.post("tokens/", body)
    assert answer.status == 201
    made = answer.json
    assert made["token"].startswith("tpi_")
    assert made | {"token": "", "id": 0, "key_id": "", "created_at": ""} == {
        "id": 0,
        "name": "release job",
        "key_id": "",
        "user": "uploader",
        "verbs": ["read", "upload"],
        "indexes": ["main"],
        "projects": ["acme-tool"],
        "created_at": "",
        "expires_at": "2099-01-01T00:00:00Z",
        "last_used_at": None,
        "revoked_at": None,
        "token": "",
    }
    assert answer.headers["Location"] == f"http://tpi.example/api/v1/tokens/{made['id']}/"
    assert "no-store" in answer.headers["Cache-Control"]
    again = by_password.get(answer.headers["Location"])
    assert "token" not in again.json
    assert made["token"] not in by_password.get("tokens/").body.decode()
    assert Rest(machine.signed(bearer(made["token"]))).names("indexes/main/projects/") == ["Acme.Tool"]


def test_the_smallest_token(by_password: Rest):
    made = by_password.post("tokens/", {"name": "x", "verbs": ["read"]}).json
    assert (made["indexes"], made["projects"], made["expires_at"]) == ([], [], None)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"name": "x"}, "verbs"),
        ({"name": "x", "verbs": []}, "verbs"),
        ({"name": "x", "verbs": ["fly"]}, "verbs"),
        ({"name": "x", "verbs": "read"}, "verbs"),
        ({"name": "", "verbs": ["read"]}, "name"),
        ({"name": "x" * 101, "verbs": ["read"]}, "name"),
        ({"name": "x", "verbs": ["read"], "indexes": "main"}, "indexes"),
        ({"name": "x", "verbs": ["read"], "indexes": ["nowhere"]}, "nowhere"),
        ({"name": "x", "verbs": ["read"], "projects": ["not a name"]}, "not a name"),
        ({"name": "x", "verbs": ["read"], "projects": ["a"] * 501}, "projects"),
        ({"name": "x", "verbs": ["read"], "expires_at": "yesterday"}, "expires_at"),
        ({"name": "x", "verbs": ["read"], "expires_at": "2001-01-01T00:00:00Z"}, "expiry"),
        ({"name": "x", "verbs": ["read"], "expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"name": "x", "verbs": ["read"], "expires_at": "99999-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "verbs": ["read"], "expires_at": 10**30}, "expires_at"),
        ({"name": "x", "verbs": ["read"], "expire_at": None}, "expire_at"),
    ],
)
def test_an_unsound_token_is_refused_by_the_name_of_what_is_wrong(
    by_password: Rest, body: dict[str, object], word: str
):
    assert word in refused(by_password.post("tokens/", body), 400)["detail"]
    assert not Token.objects.exists()


def test_an_index_that_one_may_not_see_is_refused_like_one_that_is_not_there(rest: AsPerson, main: Index):
    outsider = rest("outsider")
    hidden = refused(outsider.post("tokens/", {"name": "x", "verbs": ["read"], "indexes": ["main"]}), 400)
    absent = refused(outsider.post("tokens/", {"name": "x", "verbs": ["read"], "indexes": ["niam"]}), 400)
    assert hidden["detail"].replace("main", "niam") == absent["detail"]


def test_a_token_makes_no_wider_token(machine: WsgiClient, cast: Cast):
    narrow = Rest(machine.signed(bearer(cast.token("uploader", [Verb.READ], indexes=["main"]))))
    for body in (
        {"verbs": ["upload"], "indexes": ["main"]},
        {"verbs": ["read"]},
        {"verbs": ["read"], "indexes": []},
    ):
        refused(narrow.post("tokens/", {"name": "x", **body}), 403, "token-wider")
    assert narrow.post("tokens/", {"name": "x", "verbs": ["read"], "indexes": ["main"]}).status == 201


def test_a_token_without_the_right_to_read_still_names_its_index(machine: WsgiClient, cast: Cast):
    upload_only = Rest(machine.signed(bearer(cast.token("uploader", [Verb.UPLOAD], indexes=["main"]))))
    answer = upload_only.post("tokens/", {"name": "x", "verbs": ["upload"], "indexes": ["main"]})
    assert answer.status == 201


def test_everybody_sees_their_own_tokens_and_administrators_all(rest: AsPerson, cast: Cast):
    cast.token("reader")
    cast.token("uploader")
    assert {row["user"] for row in rest("reader").rows("tokens/")} == {"reader"}
    assert {row["user"] for row in rest("administrator").rows("tokens/")} >= {"reader", "uploader"}
    assert {row["user"] for row in rest("administrator").rows("tokens/?user=uploader")} == {"uploader"}


def test_a_bound_token_sees_itself_alone(machine: WsgiClient, cast: Cast):
    cast.token("reader")
    bound = Rest(machine.signed(bearer(cast.token("reader", [Verb.READ], indexes=["main"]))))
    (row,) = bound.rows("tokens/")
    assert row["indexes"] == ["main"]


def test_revoking_ends_a_token_at_once(rest: AsPerson, machine: WsgiClient, cast: Cast):
    text = cast.token("reader")
    reader = Rest(machine.signed(bearer(text)))
    newest = reader.rows("tokens/")[0]
    assert reader.delete(f"tokens/{newest['id']}/").status == 204
    refused(reader.get("tokens/"), 401, "token-wrong")
    mine = rest("reader")
    assert mine.get(f"tokens/{newest['id']}/").json["revoked_at"] is not None
    assert newest["id"] not in [row["id"] for row in mine.rows("tokens/?active=true")]
    assert [row["id"] for row in mine.rows("tokens/?active=false")] == [newest["id"]]


def test_a_foreign_token_looks_like_none(rest: AsPerson, cast: Cast):
    cast.token("uploader")
    foreign = Token.objects.get().pk
    refused(rest("reader").get(f"tokens/{foreign}/"), 404, "token-unknown")
    refused(rest("reader").delete(f"tokens/{foreign}/"), 404, "token-unknown")
    refused(rest("reader").delete(f"tokens/{10**30}/"), 404, "token-unknown")
    assert Token.objects.get(pk=foreign).revoked_at is None


def test_an_administrator_issues_for_others_and_nobody_else_does(rest: AsPerson, cast: Cast):
    assert cast.reader
    body = {"name": "x", "verbs": ["read"], "user": "reader"}
    assert rest("administrator").post("tokens/", body).json["user"] == "reader"
    refused(rest("uploader").post("tokens/", body), 403, "token-owner")
    refused(rest("administrator").post("tokens/", {**body, "user": "nobody"}), 400, "user-unknown")


def test_expired_tokens_are_inactive(rest: AsPerson, cast: Cast):
    cast.token("reader", expires_at=timezone.now() + timedelta(days=1))
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert len(rest("reader").rows("tokens/?active=false")) == 1


def test_the_audit_log_names_the_token_and_never_its_text(by_password: Rest):
    made = by_password.post("tokens/", {"name": "job", "verbs": ["read"]}).json
    entry = AuditEntry.objects.get(action="token.issue")
    assert entry.actor_name == "uploader"
    assert made["token"] not in str(entry.detail) + entry.object_name


def test_any_user_name_goes_with_a_token_as_password(machine: WsgiClient, cast: Cast):
    text = cast.token("reader")
    assert machine.signed(basic("__token__", text)).get("/api/v1/indexes/main/").status == 200
    assert machine.signed(basic("reader", PASSWORD)).get("/api/v1/indexes/main/").status == 200
