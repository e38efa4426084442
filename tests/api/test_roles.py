from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Index, Project, ReservedPrefix, Role
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.factories.cast import Cast
from tests.factories.people import make_user
from tests.factories.publishing import give, make_index, make_project


def test_granting_on_an_index_and_on_a_project(rest: AsPerson, cast: Cast, acme: Index):
    assert cast.outsider
    team_admin = rest("team_admin")
    made = team_admin.post("roles/", {"index": "main", "team": "tools", "verbs": ["upload"]})
    assert made.status == 201
    assert made.json["verbs"] == ["read", "upload"]
    assert (made.json["name"], made.json["user"], made.json["project"]) == ("tools on main", None, None)
    refused(rest("outsider").get("indexes/main/projects/acme-tool/"), 403)
    body = {"index": "main", "project": "Acme_Tool", "user": "outsider", "verbs": ["read"]}
    assert team_admin.post("roles/", body).json["name"] == "outsider on main/acme-tool"
    assert rest("outsider").get("indexes/main/projects/acme-tool/").status == 200
    assert rest("outsider").names("indexes/main/projects/") == ["Acme.Tool"]
    assert team_admin.post("roles/", {**body, "verbs": ["administer"]}).json["verbs"][-1] == "administer"
    assert Role.objects.filter(user=cast.outsider).count() == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"verbs": []}, "verbs"),
        ({"verbs": ["fly"]}, "fly"),
        ({"user": None}, "either"),
        ({"team": "tools"}, "either"),
        ({"user": "nobody"}, "nobody"),
        ({"user": None, "team": "nobody"}, "nobody"),
        ({"index": None}, "index"),
        ({"index": "nul\x00"}, "index"),
        ({"role": "admin"}, "role"),
    ],
)
def test_an_unsound_role_is_refused(rest: AsPerson, cast: Cast, main: Index, change: dict[str, object], word: str):
    assert cast.team, cast.outsider
    make_user("alice")
    before = Role.objects.count()
    body = {"index": "main", "user": "alice", "verbs": ["read"], **change}
    assert word in refused(rest("administrator").post("roles/", body), 400)["detail"]
    assert Role.objects.count() == before


def test_who_does_not_administer_grants_nothing_and_learns_nothing(rest: AsPerson, cast: Cast, acme: Index):
    assert cast.outsider
    uploader = rest("uploader")
    for index, project in (("main", None), ("niam", None), ("main", "acme-tool"), ("main", "nothing")):
        body = {"index": index, "project": project, "user": "outsider", "verbs": ["read"]}
        refused(uploader.post("roles/", body), 403, "right-missing")
        refused(uploader.post("roles/", {**body, "user": "nobody"}), 403, "right-missing")
    refused(rest("administrator").post("roles/", {"index": "niam", "user": "outsider", "verbs": ["read"]}), 404)


def test_everybody_sees_their_own_roles_and_admins_all_of_their_index(rest: AsPerson, cast: Cast, acme: Index):
    assert cast.team
    give(cast.reader, [Verb.DELETE], acme, Project.objects.get())
    give(cast.uploader, [Verb.READ], make_index("other"))
    assert {row["name"] for row in rest("reader").rows("roles/")} == {"reader on main", "reader on main/acme-tool"}
    assert rest("member").names("roles/") == ["tools on main"]
    assert rest("outsider").names("roles/") == []
    seen = set(rest("team_admin").names("roles/"))
    assert seen == {
        "team_admin on main",
        "tools on main",
        "reader on main",
        "reader on main/acme-tool",
        "uploader on main",
    }
    administrator = rest("administrator")
    assert administrator.names("roles/?index=other") == ["uploader on other"]
    assert administrator.names("roles/?project=ACME.tool") == ["reader on main/acme-tool"]
    assert administrator.names("roles/?team=tools") == ["tools on main"]
    assert len(administrator.names("roles/?user=reader")) == 2


def test_a_projects_admin_sees_the_roles_on_it_alone(rest: AsPerson, cast: Cast, acme: Index):
    assert cast.reader
    give(cast.outsider, [Verb.ADMINISTER], acme, Project.objects.get())
    give(cast.uploader, [Verb.YANK], acme, Project.objects.get())
    give(cast.uploader, [Verb.YANK], acme, make_project(acme, "other"))
    assert set(rest("outsider").names("roles/")) == {"outsider on main/acme-tool", "uploader on main/acme-tool"}


def test_taking_a_role_away(rest: AsPerson, cast: Cast, main: Index):
    role = give(cast.reader, [Verb.DELETE], make_index("other"))
    mine = Role.objects.get(user=cast.reader, index=main)
    refused(rest("team_admin").delete(f"roles/{role.pk}/"), 404, "role-unknown")
    refused(rest("reader").delete(f"roles/{mine.pk}/"), 403, "right-missing")
    assert rest("team_admin").delete(f"roles/{mine.pk}/").status == 204
    refused(rest("reader").get("indexes/main/"), 403)
    refused(rest("administrator").get(f"roles/{10**30}/"), 404)


def test_prefixes(rest: AsPerson, cast: Cast, main: Index):
    assert cast.team
    team_admin, administrator = rest("team_admin"), rest("administrator")
    made = team_admin.post("prefixes/", {"prefix": "Acme", "team": "tools", "index": "main"})
    assert made.status == 201
    assert (made.json["name"], made.json["index"]) == ("acme", "main")
    refused(team_admin.post("prefixes/", {"prefix": "acme", "team": "tools"}), 403, "administrator-needed")
    assert administrator.post("prefixes/", {"prefix": "big", "team": "tools"}).json["index"] is None
    refused(administrator.post("prefixes/", {"prefix": "big", "team": "tools"}), 409, "prefix-reserved")
    refused(administrator.post("prefixes/", {"prefix": "no good", "team": "tools"}), 400)
    refused(administrator.post("prefixes/", {"prefix": "x", "team": "nobody"}), 400, "team-unknown")
    refused(rest("uploader").post("indexes/main/projects/", {"name": "acme-new"}), 400, "name-reserved")
    assert rest("uploader").names("prefixes/") == []
    assert set(rest("member").names("prefixes/")) == {"acme", "big"}
    assert administrator.names("prefixes/?index=main") == ["acme"]
    refused(rest("uploader").delete(f"prefixes/{made.json['id']}/"), 404)
    refused(rest("member").delete(f"prefixes/{made.json['id']}/"), 403)
    assert team_admin.delete(f"prefixes/{made.json['id']}/").status == 204
    assert ReservedPrefix.objects.count() == 1
