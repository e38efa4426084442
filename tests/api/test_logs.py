from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Change, Index, Project
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_index
from tests.wsgi_client import WsgiClient, bearer


@pytest.fixture
def busy(rest: AsPerson, main: Index) -> Index:
    """The default index after some acts of its admin, and one in another index."""
    make_index("other")
    team_admin, administrator = rest("team_admin"), rest("administrator")
    for name in ("acme", "betty"):
        team_admin.post("indexes/main/projects/", {"name": name})
        team_admin.post(f"indexes/main/projects/{name}/archive/")
    administrator.post("indexes/other/projects/", {"name": "acme"})
    return main


def test_a_reader_of_the_index_gets_all_its_changes_in_order(rest: AsPerson, busy: Index):
    rows = rest("reader").rows("changes/")
    assert [(row["kind"], row["project"]) for row in rows] == [
        ("project-created", "acme"),
        ("project-status", "acme"),
        ("project-created", "betty"),
        ("project-status", "betty"),
    ]
    assert {row["index"] for row in rows} == {"main"}
    assert {row["actor"] for row in rows} == {"team_admin"}
    assert len(rest("administrator").rows("changes/")) == 5


def test_going_on_from_a_serial(rest: AsPerson, busy: Index):
    reader = rest("reader")
    first = reader.get("changes/?page_size=3").json
    last = first["results"][-1]["serial"]
    assert f"since={last}" in first["next"]
    (row,) = reader.rows(f"changes/?since={last}")
    assert row["serial"] > last
    assert reader.get(f"changes/?since={row['serial']}").json == {"results": [], "next": None}
    assert len(reader.rows("changes/?since=0")) == 4
    for wrong in ("-1", "x", "1.5", "", "9" * 30, "%00", "%D9%A1"):
        refused(reader.get(f"changes/?since={wrong}"), 400, "cursor-invalid")


def test_filters_of_changes(rest: AsPerson, busy: Index):
    administrator = rest("administrator")
    assert len(administrator.rows("changes/?index=other")) == 1
    assert len(administrator.rows("changes/?index=main&project=ACME&kind=project-status")) == 1
    refused(administrator.get("changes/?kind=nothing"), 400)


def test_a_reader_of_one_project_gets_its_changes_alone(rest: AsPerson, cast: Cast, busy: Index):
    assert rest("outsider").rows("changes/") == []
    give(cast.outsider, [Verb.READ], busy, Project.objects.get(index=busy, name="acme"))
    assert {(row["index"], row["project"]) for row in rest("outsider").rows("changes/")} == {("main", "acme")}


def test_a_new_project_does_not_show_the_past_of_its_name(rest: AsPerson, cast: Cast, busy: Index, settings):
    settings.TPI_TRASH_DAYS = 0
    administrator = rest("administrator")
    administrator.delete("indexes/main/projects/acme/")
    administrator.post("indexes/main/projects/", {"name": "acme"})
    give(cast.outsider, [Verb.READ], busy, Project.objects.get(index=busy, name="acme"))
    (row,) = rest("outsider").rows("changes/")
    assert row["kind"] == "project-created"
    assert row["serial"] == Change.objects.latest("serial").serial


def test_a_bound_token_gets_the_changes_of_its_projects(machine: WsgiClient, cast: Cast, busy: Index):
    for role, owned in (("reader", {"main"}), ("administrator", {"main", "other"})):
        by_project = Rest(machine.signed(bearer(cast.token(role, [Verb.READ], projects=["acme"]))))
        assert {(row["index"], row["project"]) for row in by_project.rows("changes/")} == {(i, "acme") for i in owned}
    by_index = Rest(machine.signed(bearer(cast.token("administrator", [Verb.READ], indexes=["other"]))))
    assert {row["index"] for row in by_index.rows("changes/")} == {"other"}
    blind = Rest(machine.signed(bearer(cast.token("administrator", [Verb.UPLOAD]))))
    assert blind.rows("changes/") == []


def test_the_audit_log_is_for_administrators(rest: AsPerson, busy: Index):
    refused(rest("team_admin").get("audit/"), 403, "administrator-needed")
    refused(rest("anonymous").get("audit/"), 401)
    administrator = rest("administrator")
    rows = administrator.rows("audit/?actor=team_admin&action=project.archive")
    assert [row["object_name"] for row in rows] == ["betty", "acme"]
    assert administrator.get(f"audit/{rows[0]['id']}/").json == rows[0]
    assert administrator.rows("audit/?before=2001-01-01T00:00:00Z") == []
    assert administrator.rows("audit/?after=2001-01-01T00:00:00Z&object_type=project&outcome=done")
    refused(administrator.get("audit/?after=yesterday"), 400)
    refused(administrator.get(f"audit/{10**30}/"), 404)
    refused(administrator.post("audit/", {}), 405)
    refused(administrator.delete(f"audit/{rows[0]['id']}/"), 405)
