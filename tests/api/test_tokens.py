from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Token
from indexapp.models import Index
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, make_service_account, make_token
from tests.wsgi_client import WsgiClient, basic, bearer

END = f"{timezone.now() + timedelta(days=199, hours=12):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def by_password(machine: WsgiClient, cast: Cast) -> Rest:
    return Rest(machine.signed(cast.basic("uploader")))


def test_a_password_issues_a_token_whose_text_is_shown_once(by_password: Rest, machine: WsgiClient, acme: Index):
    body = {
        "name": "release job",
        "verbs": ["read", "upload"],
        "indexes": ["main"],
        "projects": ["Acme_Tool"],
        "networks": ["2001:db8::/32", "192.0.2.0/24", "127.0.0.1"],
        "expires_at": END,
    }
    answer = by_password.post("tokens/", body)
    assert answer.status == 201
    made = answer.json
    assert made["token"].startswith("tpi_")
    assert made["networks"] == ["127.0.0.1/32", "192.0.2.0/24", "2001:db8::/32"]
    assert made | {"token": "", "id": 0, "key_id": "", "created_at": "", "networks": []} == {
        "id": 0,
        "name": "release job",
        "key_id": "",
        "user": "uploader",
        "kind": "personal",
        "verbs": ["read", "upload"],
        "indexes": ["main"],
        "projects": ["acme-tool"],
        "networks": [],
        "parent": None,
        "replaces": None,
        "created_at": "",
        "expires_at": END,
        "ends_at": END,
        "expires_in_days": 199,
        "last_used_at": None,
        "last_address": "",
        "last_client": "",
        "revoked_at": None,
        "leaked_at": None,
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
    assert (made["indexes"], made["projects"], made["networks"]) == ([], [], [])
    assert made["expires_in_days"] == 89
    assert made["expires_at"] == made["ends_at"]


def test_without_a_limit_a_token_need_not_end(by_password: Rest, settings: Any):
    settings.TPI_TOKEN_MAX_DAYS = 0
    made = by_password.post("tokens/", {"name": "x", "verbs": ["read"], "expires_at": None}).json
    assert (made["expires_at"], made["ends_at"], made["expires_in_days"]) == (None, None, None)


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
        ({"name": "x", "verbs": ["read"], "networks": ["home"]}, "home"),
        ({"name": "x", "verbs": ["read"], "networks": ["10.0.0.1/8"]}, "10.0.0.0/8"),
        ({"name": "x", "verbs": ["read"], "networks": [f"10.0.0.{n}" for n in range(21)]}, "networks"),
        ({"name": "x", "verbs": ["read"], "networks": "10.0.0.0/8"}, "networks"),
        ({"name": "x", "verbs": ["read"], "lifetime_seconds": 59}, "lifetime"),
        ({"name": "x", "verbs": ["read"], "lifetime_seconds": 3601}, "lifetime"),
        ({"name": "x", "verbs": ["read"], "lifetime_seconds": 600, "expires_at": END}, "lifetime"),
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


def test_tokens_of_service_accounts_are_issued_by_who_looks_after_them(rest: AsPerson, cast: Cast):
    make_service_account(cast.team, "svc-robot")
    body = {"name": "x", "verbs": ["read"], "user": "svc-robot"}
    for role in ("administrator", "team_admin"):
        made = rest(role).post("tokens/", body).json
        assert (made["user"], made["kind"]) == ("svc-robot", "service")
        assert rest(role).get(f"tokens/{made['id']}/").status == 200
    for role in ("member", "uploader"):
        refused(rest(role).post("tokens/", body), 403, "token-owner")
        refused(rest(role).get(f"tokens/{made['id']}/"), 404, "token-unknown")
    assert {row["kind"] for row in rest("team_admin").rows("tokens/?kind=service")} == {"service"}
    assert rest("team_admin").delete(f"tokens/{made['id']}/").status == 204


def test_nobody_issues_in_the_name_of_another_person(rest: AsPerson, cast: Cast):
    assert cast.reader
    body = {"name": "x", "verbs": ["read"], "user": "reader"}
    for role in ("administrator", "team_admin", "uploader"):
        refused(rest(role).post("tokens/", body), 403, "token-owner")
    refused(rest("uploader").post("tokens/", {**body, "user": "nobody"}), 403, "token-owner")
    refused(rest("administrator").post("tokens/", {**body, "user": "nobody"}), 400, "user-unknown")


def test_rotation_gives_a_successor_and_lets_the_old_one_go_on(rest: AsPerson, machine: WsgiClient, cast: Cast):
    old, text = make_token(cast.reader, [Verb.READ], indexes=["main"])
    itself = Rest(machine.signed(bearer(text)))
    answer = itself.post(f"tokens/{old.pk}/rotate/", {"overlap_seconds": 3600})
    new = answer.json
    assert (answer.status, new["replaces"], new["indexes"], new["verbs"]) == (201, old.key_id, ["main"], ["read"])
    assert answer.headers["Location"] == f"http://tpi.example/api/v1/tokens/{new['id']}/"
    assert Rest(machine.signed(bearer(new["token"]))).get("indexes/main/").status == 200
    assert itself.get(f"tokens/{old.pk}/").json["expires_in_days"] == 0
    refused(itself.post(f"tokens/{old.pk}/rotate/"), 409, "token-rotated")
    for wrong in (-1, 604_801, "1"):
        refused(itself.post(f"tokens/{old.pk}/rotate/", {"overlap_seconds": wrong}), 400)
    refused(rest("administrator").post(f"tokens/{old.pk}/rotate/"), 403, "token-owner")
    refused(rest("uploader").post(f"tokens/{old.pk}/rotate/"), 404, "token-unknown")


def test_lists_are_filtered_by_end(rest: AsPerson, cast: Cast, settings: Any):
    client = rest("reader")
    for days in (3, 30):
        make_token(cast.reader, name=f"in {days}", expires_at=timezone.now() + timedelta(days=days))
    assert client.names("tokens/?expiring_within=14") == ["in 3"]
    assert client.names("tokens/?expiring_within=40") == ["in 30", "in 3"]
    refused(client.get("tokens/?expiring_within=soon"), 400)
    refused(client.get("tokens/?kind=royal"), 400)
    assert client.names("tokens/?outlives_policy=true") == []
    settings.TPI_TOKEN_MAX_DAYS = 10
    assert client.names("tokens/?outlives_policy=true") == ["in 30", "test"]
    assert client.names("tokens/?outlives_policy=false") == ["in 3"]
    assert client.names("tokens/?expiring_within=14") == ["in 30", "in 3", "test"]


def test_a_short_lived_token(by_password: Rest):
    made = by_password.post("tokens/", {"name": "x", "verbs": ["read"], "lifetime_seconds": 600}).json
    assert (made["kind"], made["expires_in_days"]) == ("short-lived", 0)


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
