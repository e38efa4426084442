from __future__ import annotations

import pytest

from indexapp.models import Index
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.factories.cast import Cast
from tests.factories.publishing import make_group, make_index, make_project


def test_a_name_makes_a_private_hosted_index(rest: AsPerson):
    administrator = rest("administrator")
    answer = administrator.post("indexes/", {"name": "research"})
    assert answer.status == 201
    made = answer.json
    assert (made["name"], made["kind"], made["anonymous_read"], made["members"]) == ("research", "hosted", False, [])
    assert made["simple_url"] == "http://tpi.example/research/simple/"
    assert made["upload_url"] == "http://tpi.example/research/legacy/"
    assert answer.headers["Location"] == "http://tpi.example/api/v1/indexes/research/"
    assert administrator.get(answer.headers["Location"]).json == made
    refused(administrator.post("indexes/", {"name": "research"}), 409, "index-exists")


def test_only_administrators_make_indexes(rest: AsPerson):
    for role in ("outsider", "uploader", "team_admin"):
        refused(rest(role).post("indexes/", {"name": "research"}), 403, "administrator-needed")
    refused(rest("anonymous").post("indexes/", {"name": "research"}), 401)
    assert Index.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": "Not A Slug"}, "name"),
        ({"name": "simple"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "x", "kind": "cloud"}, "kind"),
        ({"name": "x", "max_file_size": 0}, "max_file_size"),
        ({"name": "x", "max_file_size": -1}, "max_file_size"),
        ({"name": "x", "max_file_size": 2**63}, "max_file_size"),
        ({"name": "x", "max_file_size": 1.5}, "max_file_size"),
        ({"name": "x", "max_file_size": "1000"}, "max_file_size"),
        ({"name": "x", "max_file_size": True}, "max_file_size"),
        ({"name": "x", "allow_passwords": "yes"}, "allow_passwords"),
        ({"name": "x", "allow_passwords": 1}, "allow_passwords"),
        ({"name": "x", "closing_window_days": 10**9}, "closing_window_days"),
        ({"name": "x", "allowed_platforms": ["a\x00b"]}, "allowed_platforms"),
        ({"name": "x", "allowed_platforms": [{}]}, "allowed_platforms"),
        ({"name": "x", "members": ["main"]}, "group"),
        ({"name": "x", "is_default": True}, "is_default"),
        ({"name": "x", "titel": "X"}, "titel"),
    ],
)
def test_an_unsound_index_is_refused(rest: AsPerson, main: Index, body: dict[str, object], word: str):
    assert word in refused(rest("administrator").post("indexes/", body), 400)["detail"]
    assert Index.objects.count() == 1


def test_changing_the_policy(rest: AsPerson, main: Index):
    team_admin = rest("team_admin")
    changed = team_admin.patch("indexes/main/", {"max_file_size": 1_000_000, "profile": "pypi-strict"})
    assert changed.status == 200
    assert (changed.json["max_file_size"], changed.json["profile"]) == (1_000_000, "pypi-strict")
    assert team_admin.patch("indexes/main/", {"max_file_size": None}).json["max_file_size"] is None
    refused(team_admin.patch("indexes/main/", {"name": "other"}), 400)
    refused(team_admin.patch("indexes/main/", {"anonymous_read": True}), 403, "opening-an-index")
    refused(rest("uploader").patch("indexes/main/", {"title": "Mine"}), 403, "right-missing")
    assert rest("administrator").patch("indexes/main/", {"anonymous_read": True}).json["anonymous_read"] is True
    assert rest("anonymous").names("indexes/") == ["main"]


def test_a_group_shows_the_members_that_the_reader_may_see(rest: AsPerson, main: Index):
    make_index("secret")
    administrator = rest("administrator")
    made = administrator.post("indexes/", {"name": "all", "kind": "group", "members": ["main", "secret"]})
    assert made.json["members"] == ["main", "secret"]
    refused(administrator.patch("indexes/all/", {"members": ["all"]}), 400, "group-circle")
    refused(administrator.patch("indexes/all/", {"members": ["main", "main"]}), 400, "group-member-twice")
    refused(administrator.patch("indexes/all/", {"members": ["nowhere"]}), 400, "index-unknown")
    assert rest("reader").get("indexes/all/").json["members"] == ["main"]
    assert administrator.patch("indexes/all/", {"members": ["secret", "main"]}).json["members"] == ["secret", "main"]
    assert sorted(rest("reader").names("indexes/")) == ["all", "main"]
    assert administrator.names("indexes/?kind=group") == ["all"]


def test_a_group_lists_the_projects_that_it_resolves(rest: AsPerson, main: Index):
    other = make_index("other")
    for index, name in ((main, "both"), (main, "mine"), (other, "both"), (other, "theirs")):
        make_project(index, name)
    make_group("all", main, other)
    rows = rest("administrator").rows("indexes/all/projects/")
    assert [(row["name"], row["index"]) for row in rows] == [("both", "main"), ("mine", "main"), ("theirs", "other")]
    assert rest("administrator").get("indexes/all/projects/theirs/").json["index"] == "other"
    refused(rest("administrator").delete("indexes/all/projects/theirs/"), 404, "project-unknown")


def test_making_an_index_the_default(rest: AsPerson, main: Index):
    make_index("next")
    refused(rest("team_admin").post("indexes/main/make-default/"), 403, "administrator-needed")
    assert rest("administrator").post("indexes/next/make-default/").json["is_default"] is True
    assert rest("administrator").names("indexes/?is_default=true") == ["next"]
    refused(rest("administrator").post("indexes/next/make-default/", {"reason": "x"}), 400)


def test_deleting_an_index(rest: AsPerson, main: Index):
    make_project(make_index("full"))
    make_index("empty")
    administrator = rest("administrator")
    refused(rest("team_admin").delete("indexes/main/"), 403, "administrator-needed")
    refused(administrator.delete("indexes/main/"), 409, "index-default")
    refused(administrator.delete("indexes/full/"), 409, "index-in-use")
    assert administrator.delete("indexes/empty/").status == 204
    refused(administrator.delete("indexes/empty/"), 404, "index-unknown")


def test_a_project_reader_sees_the_index_and_nothing_else_of_it(rest: AsPerson, cast: Cast, main: Index):
    assert rest("outsider").names("indexes/") == []
    assert rest("reader").names("indexes/") == ["main"]
