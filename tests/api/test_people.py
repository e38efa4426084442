from __future__ import annotations

import pytest

from accounts.models import AuditEntry, Membership, User
from accounts.services import service_accounts
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, join, make_directory, make_team, make_user
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


def test_setting_a_password(rest: AsPerson, by_password: AsPerson, cast: Cast, machine: WsgiClient):
    assert cast.reader
    path = "users/reader/password/"
    assert by_password("administrator").post(path, {"password": PASSWORD}).status == 204
    mine = Rest(machine.signed(basic("reader", PASSWORD)))
    refused(mine.post(path, {"password": PASSWORD + "!"}), 400, "password-needed")
    refused(mine.post(path, {"password": PASSWORD + "!", "present": "a guess"}), 403, "password-wrong")
    assert mine.post(path, {"password": PASSWORD + "!", "present": PASSWORD}).status == 204
    refused(Rest(machine.signed(basic("reader", PASSWORD))).get("users/"), 401, "password-wrong")
    refused(by_password("administrator").post(path, {"password": "1"}), 400, "password-weak")
    for role in ("reader", "administrator"):
        refused(rest(role).post(path, {"password": PASSWORD, "present": PASSWORD}), 403, "token-scope")


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
    assert member.json | {"created_at": ""} == {
        "name": "alice",
        "user": "alice",
        "role": "member",
        "sources": ["here"],
        "created_at": "",
    }
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
    assert set(member.names("teams/tools/members/")) == {"team_admin", "maintainer", "member", "alice"}
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


def test_a_person_whom_a_directory_put_there_too_is_one_line_with_the_higher_place(rest: AsPerson, cast: Cast):
    corp = make_directory("corp")
    join(cast.member, cast.team, role="maintainer", directory=corp)
    join(cast.outsider, cast.team, role="admin", directory=corp)
    join(cast.outsider, make_team("others"), role="admin")
    rows = {row["user"]: row for row in rest("team_admin").get("teams/tools/members/").json["results"]}
    assert {name: (row["role"], row["sources"]) for name, row in rows.items()} == {
        "member": ("maintainer", ["here", "corp"]),
        "outsider": ("admin", ["corp"]),
        "maintainer": ("maintainer", ["here"]),
        "team_admin": ("admin", ["here"]),
    }
    one = rest("team_admin").get("teams/tools/members/member/").json
    assert (one["role"], one["sources"]) == ("maintainer", ["here", "corp"])


def test_what_a_directory_gives_is_not_taken_here(rest: AsPerson, cast: Cast):
    join(cast.outsider, cast.team, directory=make_directory("corp"))
    admin = rest("team_admin")
    answer = refused(admin.delete("teams/tools/members/outsider/"), 409, "membership-of-directory")
    assert "'corp'" in answer["detail"]
    assert admin.patch("teams/tools/members/outsider/", {"role": "admin"}).json["sources"] == ["corp", "here"]
    assert admin.delete("teams/tools/members/outsider/").status == 204
    assert admin.get("teams/tools/members/outsider/").json["role"] == "member"


def test_inviting_takes_the_exact_name_and_tells_no_more_of_others(rest: AsPerson, cast: Cast):
    make_user("gone", is_active=False)
    service_accounts.create(actor=SYSTEM, team=make_team("others"), name="svc-other")
    admin = rest("team_admin")
    told = [
        refused(admin.post("teams/tools/members/", {"user": name}), 400, "user-unknown")["detail"]
        for name in ("nobody", "gone", "svc-other", "Outsider", "out")
    ]
    assert len(set(told)) == 1
    attempts = AuditEntry.objects.filter(action="team.set-member", outcome="refused", object_name="tools")
    assert [entry.actor_name for entry in attempts] == ["team_admin"] * 5
    assert admin.post("teams/tools/members/", {"user": "outsider"}).status == 201


def test_nested_teams(rest: AsPerson, cast: Cast):
    admin, chief = rest("team_admin"), rest("administrator")
    assert admin.post("teams/", {"name": "backend", "parent": "tools"}).json["parent"] == "tools"
    refused(admin.post("teams/", {"name": "own"}), 403, "administrator-needed")
    refused(admin.patch("teams/tools/", {"parent": "backend"}), 409, "team-circle")
    chief.post("teams/", {"name": "other"})
    refused(admin.patch("teams/backend/", {"parent": "other"}), 403)
    refused(admin.patch("teams/backend/", {"parent": "nowhere"}), 403)
    refused(chief.patch("teams/backend/", {"parent": "nowhere"}), 404, "team-unknown")
    assert chief.patch("teams/backend/", {"parent": None}).json["parent"] is None
    refused(admin.get("teams/backend/"), 403)


def test_a_teams_service_accounts(rest: AsPerson, cast: Cast):
    admin, maintainer = rest("team_admin"), rest("maintainer")
    made = admin.post("teams/tools/service-accounts/", {"name": "svc-build", "description": "Builds"})
    assert made.status == 201
    assert made.json | {"created_at": ""} == {
        "name": "svc-build",
        "team": "tools",
        "description": "Builds",
        "is_active": True,
        "created_at": "",
    }
    refused(admin.post("teams/tools/service-accounts/", {"name": "svc-build"}), 409, "user-exists")
    refused(maintainer.post("teams/tools/service-accounts/", {"name": "svc-two"}), 403, "team-admin-needed")
    token = maintainer.post("tokens/", {"name": "ci", "verbs": ["upload"], "user": "svc-build"})
    assert (token.status, token.json["user"]) == (201, "svc-build")
    refused(rest("member").post("tokens/", {"name": "ci", "verbs": ["read"], "user": "svc-build"}), 403, "token-owner")
    refused(maintainer.post("tokens/", {"name": "ci", "verbs": ["read"], "user": "member"}), 403, "token-owner")
    assert [row["user"] for row in maintainer.get("tokens/?user=svc-build").json["results"]] == ["svc-build"]
    assert admin.delete(f"tokens/{token.json['id']}/").status == 204
    path = "teams/tools/service-accounts/svc-build/"
    assert admin.patch(path, {"is_active": False}).json["is_active"] is False
    refused(maintainer.delete(path), 403, "team-admin-needed")
    refused(rest("administrator").delete("teams/tools/"), 409, "team-in-use")
    refused(rest("administrator").get("teams/tools/service-accounts/member/"), 404, "service-account-unknown")
    assert admin.delete(path).status == 204


def test_parts_for_the_instance(rest: AsPerson, by_password: AsPerson, cast: Cast):
    chief = by_password("administrator")
    refused(rest("administrator").patch("users/reader/", {"instance_roles": ["operator"]}), 403, "token-scope")
    refused(rest("administrator").post("users/", {"username": "boss", "is_superuser": True}), 403, "token-scope")
    assert chief.get("users/auditor/").json["instance_roles"] == ["auditor"]
    changed = chief.patch("users/reader/", {"instance_roles": ["operator", "billing"]})
    assert (changed.json["instance_roles"], changed.json["kind"]) == (["operator", "billing"], "person")
    assert chief.patch("users/reader/", {"instance_roles": []}).json["instance_roles"] == []
    refused(chief.patch("users/reader/", {"instance_roles": ["king"]}), 400)
    refused(chief.patch("users/reader/", {"is_break_glass": True}), 409, "break-glass-local")
    refused(rest("security_officer").patch("users/reader/", {"instance_roles": ["operator"]}), 403)
    assert rest("security_officer").patch("users/reader/", {"is_active": False}).json["is_active"] is False
    assert set(rest("auditor").names("users/")) >= {"administrator", "reader", "auditor"}
    assert rest("operator").names("users/") == ["operator"]
