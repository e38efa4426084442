from __future__ import annotations

import pytest

from accounts.models import AuditEntry, Membership, User
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.cast import Cast
from tests.factories.people import make_team, make_user
from tests.wsgi_client import WsgiClient, basic

PASSWORD = "a-long-enough-Passw0rd"


def test_the_smallest_account_signs_in(rest: AsPerson, machine: WsgiClient):
    body = {"username": "alice", "email": "alice@tpi.example", "password": PASSWORD}
    answer = rest("administrator").post("users/", body)
    assert answer.status == 201
    assert answer.headers["Location"].endswith("/api/v1/users/alice/")
    assert "password" not in answer.json
    mine = Rest(machine.signed(basic("alice", PASSWORD)))
    assert mine.names("users/") == ["alice"]
    assert mine.get("users/alice/").json["email"] == "alice@tpi.example"


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 400, "username"),
        ({"username": ""}, 400, "username"),
        ({"username": "no spaces"}, 400, "username"),
        ({"username": "x" * 151}, 400, "username"),
        ({"username": "nul\x00"}, 400, "username"),
        ({"username": ["a"]}, 400, "username"),
        ({"username": "bob", "email": "not an address"}, 400, "email"),
        ({"username": "bob", "password": "short"}, 400, "short"),
        ({"username": "bob", "password": "x" * 2000}, 400, "password"),
        ({"username": "bob", "is_superuser": "perhaps"}, 400, "is_superuser"),
        ({"username": "bob", "is_staff": True}, 400, "is_staff"),
        ({"username": "OUTSIDER"}, 409, "already"),
    ],
)
def test_an_unsound_account_is_refused(rest: AsPerson, cast: Cast, body: dict[str, object], status: int, word: str):
    assert cast.outsider
    administrator = rest("administrator")
    before = User.objects.count()
    assert word in refused(administrator.post("users/", body), status)["detail"]
    assert User.objects.count() == before


def test_only_administrators_manage_accounts(rest: AsPerson, cast: Cast):
    assert cast.reader
    team_admin = rest("team_admin")
    refused(team_admin.post("users/", {"username": "bob"}), 403, "administrator-needed")
    existing = refused(team_admin.get("users/reader/"), 403)
    absent = refused(team_admin.get("users/redaer/"), 403)
    assert existing["detail"].replace("reader", "redaer") == absent["detail"]
    refused(team_admin.patch("users/reader/", {"is_superuser": True}), 403)
    refused(team_admin.patch("users/team_admin/", {"is_superuser": True}), 403, "administrator-needed")
    refused(team_admin.delete("users/reader/"), 403)
    refused(rest("administrator").get("users/redaer/"), 404, "user-unknown")


def test_changing_and_deleting_an_account(rest: AsPerson, cast: Cast):
    assert cast.reader
    reader, administrator = rest("reader"), rest("administrator")
    changed = administrator.patch("users/reader/", {"first_name": "Rea", "is_active": False}).json
    assert (changed["first_name"], changed["is_active"]) == ("Rea", False)
    refused(reader.get("users/"), 401)
    assert administrator.names("users/?is_active=false") == ["reader"]
    assert administrator.names("users/?username=REA") == ["reader"]
    refused(administrator.patch("users/reader/", {}), 400, "nothing-to-change")
    refused(administrator.patch("users/reader/", {"username": "r"}), 400)
    refused(administrator.patch("users/administrator/", {"is_active": False}), 409, "self-lockout")
    assert administrator.delete("users/reader/").status == 204
    refused(administrator.get("users/reader/"), 404)
    assert AuditEntry.objects.filter(action="user.delete", actor_name="administrator", object_name="reader").exists()


def test_setting_a_password(rest: AsPerson, cast: Cast, machine: WsgiClient):
    assert cast.reader
    path = "users/reader/password/"
    assert rest("administrator").post(path, {"password": PASSWORD}).status == 204
    mine = Rest(machine.signed(basic("reader", PASSWORD)))
    assert mine.post(path, {"password": PASSWORD + "!"}).status == 204
    refused(Rest(machine.signed(basic("reader", PASSWORD))).get("users/"), 401, "password-wrong")
    refused(rest("reader").post(path, {"password": PASSWORD}), 403, "token-scope")
    refused(rest("administrator").post(path, {"password": "1"}), 400, "password-weak")


def test_a_team_and_its_members(rest: AsPerson, cast: Cast):
    administrator = rest("administrator")
    make_user("alice")
    made = administrator.post("teams/", {"name": "platform", "title": "Platform"})
    assert made.status == 201
    assert made.json["title"] == "Platform"
    refused(administrator.post("teams/", {"name": "platform"}), 409, "team-exists")
    refused(administrator.post("teams/", {"name": "Not A Slug"}), 400, "team-invalid")
    member = administrator.post("teams/platform/members/", {"user": "alice"})
    assert member.status == 201
    assert member.json | {"created_at": ""} == {"name": "alice", "user": "alice", "role": "member", "created_at": ""}
    assert administrator.patch("teams/platform/members/alice/", {"role": "admin"}).json["role"] == "admin"
    assert administrator.names("teams/platform/members/?role=admin") == ["alice"]
    refused(administrator.patch("teams/platform/members/alice/", {"role": "king"}), 400)
    refused(administrator.post("teams/platform/members/", {"user": "nobody"}), 400, "user-unknown")
    assert administrator.delete("teams/platform/members/alice/").status == 204
    refused(administrator.get("teams/platform/members/alice/"), 404, "member-unknown")
    assert administrator.patch("teams/platform/", {"description": "They build."}).json["description"] == "They build."
    assert administrator.delete("teams/platform/").status == 204
    refused(administrator.get("teams/platform/"), 404, "team-unknown")


def test_a_teams_admin_manages_it_and_members_only_look(rest: AsPerson, cast: Cast):
    assert cast.team
    make_user("alice")
    team_admin, member = rest("team_admin"), rest("member")
    assert team_admin.post("teams/tools/members/", {"user": "alice", "role": "maintainer"}).status == 201
    assert set(member.names("teams/tools/members/")) == {"team_admin", "member", "alice"}
    refused(member.post("teams/tools/members/", {"user": "outsider"}), 403, "team-admin-needed")
    refused(member.post("teams/tools/members/", {"user": "nobody"}), 403, "team-admin-needed")
    refused(member.patch("teams/tools/members/member/", {"role": "admin"}), 403)
    refused(member.delete("teams/tools/members/alice/"), 403)
    refused(team_admin.delete("teams/tools/"), 403, "administrator-needed")
    assert member.delete("teams/tools/members/member/").status == 204  # anybody may leave
    assert not Membership.objects.filter(user__username="member").exists()


def test_a_foreign_team_is_refused_like_none(rest: AsPerson, cast: Cast):
    assert cast.team
    make_team("smiths")
    outsider = rest("outsider")
    assert outsider.names("teams/") == []
    assert rest("member").names("teams/") == ["tools"]
    assert rest("administrator").names("teams/?name=s") == ["smiths"]
    for path in ("teams/{}/", "teams/{}/members/", "teams/{}/members/member/"):
        existing = refused(outsider.get(path.format("tools")), 403)
        absent = refused(outsider.get(path.format("loots")), 403)
        assert existing["detail"].replace("tools", "loots") == absent["detail"]
    refused(outsider.post("teams/tools/members/", {"user": "outsider"}), 403)
