from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry
from indexapp.models import Change, Index, Project, Role
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_project
from tests.wsgi_client import WsgiClient, bearer

PROJECTS = "indexes/main/projects/"
ACME = "indexes/main/projects/acme-tool/"


def test_creating_a_project(rest: AsPerson, main: Index):
    answer = rest("uploader").post(PROJECTS, {"name": "Acme.Tool"})
    assert answer.status == 201
    made = answer.json
    assert (made["name"], made["normalized_name"], made["index"]) == ("Acme.Tool", "acme-tool", "main")
    assert (made["status"], made["latest_version"], made["total_size"]) == ("active", None, 0)
    assert answer.headers["Location"] == f"http://tpi.example/api/v1/{ACME}"
    assert Role.objects.get(project__normalized_name="acme-tool").user.username == "uploader"
    assert Change.objects.get().kind == "project-created"
    refused(rest("uploader").post(PROJECTS, {"name": "acme_tool"}), 409, "project-exists")


@pytest.mark.parametrize("name", ["", "-x", "x" * 101, "os", "naïve", "nul\x00", "a/b", 7.5, None, {"a": 1}])
def test_an_unsound_name_is_refused(rest: AsPerson, main: Index, name: object):
    refused(rest("administrator").post(PROJECTS, {"name": name}), 400)
    assert not Project.objects.exists()


@pytest.mark.parametrize("role", ["reader", "outsider"])
def test_who_may_not_publish_makes_no_project(rest: AsPerson, main: Index, role: str):
    refused(rest(role).post(PROJECTS, {"name": "acme"}), 403, "right-missing")
    refused(rest(role).post("indexes/niam/projects/", {"name": "acme"}), 403, "right-missing")
    assert not Project.objects.exists()


def test_a_group_takes_no_projects(rest: AsPerson, main: Index):
    rest("administrator").post("indexes/", {"name": "all", "kind": "group"})
    refused(rest("administrator").post("indexes/all/projects/", {"name": "acme"}), 400, "index-not-hosted")
    refused(rest("administrator").post("indexes/nowhere/projects/", {"name": "acme"}), 404, "index-unknown")


def test_reading_by_any_spelling(rest: AsPerson, acme: Index):
    for spelling in ("acme-tool", "Acme.Tool", "ACME__tool"):
        row = rest("reader").get(f"{PROJECTS}{spelling}/").json
        assert (row["name"], row["latest_version"], row["summary"]) == ("Acme.Tool", "1.1", "Tools of acme")


def test_the_list_and_its_filters(rest: AsPerson, acme: Index):
    make_project(acme, "acme-other", status="archived", summary="Something else")
    make_project(acme, "zebra", summary="Stripes for tools")
    reader = rest("reader")
    assert reader.names(PROJECTS) == ["acme-other", "Acme.Tool", "zebra"]
    assert [row["latest_version"] for row in reader.rows(PROJECTS)] == [None, "1.1", None]
    assert reader.names(f"{PROJECTS}?name=Acme_") == ["acme-other", "Acme.Tool"]
    assert reader.names(f"{PROJECTS}?status=archived") == ["acme-other"]
    assert reader.names(f"{PROJECTS}?q=tool") == ["Acme.Tool", "zebra"]
    assert reader.names(f"{PROJECTS}?q=%22%27)%20OR%20*") == []
    refused(reader.get(f"{PROJECTS}?status=gone"), 400)
    refused(reader.get(f"{PROJECTS}?name=%00"), 400)


def test_the_states_of_a_project(rest: AsPerson, acme: Index):
    team_admin = rest("team_admin")
    archived = team_admin.post(f"{ACME}archive/")
    assert (archived.status, archived.json["status"]) == (200, "archived")
    deprecated = team_admin.post(f"{ACME}deprecate/", {"reason": "Use acme-tools."}).json
    assert (deprecated["status"], deprecated["status_reason"]) == ("deprecated", "Use acme-tools.")
    assert team_admin.post(f"{ACME}quarantine/", {"reason": "Malware?"}).json["status"] == "quarantined"
    cleared = team_admin.post(f"{ACME}clear/").json
    assert (cleared["status"], cleared["status_reason"], cleared["latest_version"]) == ("active", "", "1.1")
    kinds = [(change.kind, change.detail["status"]) for change in Change.objects.order_by("serial")]
    assert kinds == [("project-status", state) for state in ("archived", "deprecated", "quarantined", "active")]
    refused(team_admin.post(f"{ACME}archive/", {"reasn": "x"}), 400)
    refused(team_admin.post(f"{ACME}archive/", {"reason": "x" * 1001}), 400)


def test_only_who_administers_the_index_quarantines_and_clears(rest: AsPerson, cast: Cast, acme: Index):
    give(cast.outsider, [Verb.ADMINISTER], acme, Project.objects.get())
    outsider = rest("outsider")
    assert outsider.post(f"{ACME}archive/").status == 200
    refused(outsider.post(f"{ACME}quarantine/"), 403, "index-admin-needed")
    rest("team_admin").post(f"{ACME}quarantine/")
    refused(outsider.post(f"{ACME}clear/"), 403, "index-admin-needed")
    refused(rest("uploader").post(f"{ACME}archive/"), 403, "right-missing")


def test_deleting_a_project(rest: AsPerson, acme: Index):
    refused(rest("uploader").delete(ACME), 403, "right-missing")
    assert rest("team_admin").delete(ACME).status == 204
    refused(rest("team_admin").delete(ACME), 404, "project-unknown")
    assert AuditEntry.objects.get(action="project.delete").actor_name == "team_admin"


def test_a_token_is_held_to_its_verbs_and_projects(machine: WsgiClient, cast: Cast, acme: Index):
    make_project(acme, "other")
    bound = Rest(machine.signed(bearer(cast.token("administrator", [Verb.READ], projects=["acme-tool"]))))
    assert bound.names(PROJECTS) == ["Acme.Tool"]
    refused(bound.get(f"{PROJECTS}other/"), 403)
    refused(bound.delete(ACME), 403, "right-missing")
    refused(bound.post(PROJECTS, {"name": "new"}), 403)
    refused(bound.post("indexes/", {"name": "new"}), 403, "administrator-needed")
    upload_only = Rest(machine.signed(bearer(cast.token("uploader", [Verb.UPLOAD], indexes=["main"]))))
    assert upload_only.post(PROJECTS, {"name": "fresh"}).status == 201
