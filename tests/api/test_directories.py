"""``/directories/``, ``/alarms/`` and what an account leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from accounts import tasks
from accounts.domain.verbs import Verb
from accounts.models import Directory, DirectorySync, GroupMapping
from accounts.services import alarms
from accounts.services.directories.settings import settings_of
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.evidence import collecting
from tests.factories.cast import Cast
from tests.factories.directories import map_group, move, openldap, silent_directory, silent_values, slapd_values
from tests.factories.people import make_team, make_token, make_user

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db


def test_a_directory_from_its_making_to_its_end(rest: AsPerson, slapd: Slapd) -> None:
    administrator, evidence = rest("administrator"), collecting()
    values = slapd_values(slapd)
    made = administrator.post("directories/", {"name": "corp", **values})
    assert made.status == 201, made.body
    assert made.headers["Location"].endswith("/api/v1/directories/corp/")
    assert made.json["has_bind_password"] is True
    assert values["bind_password"].encode() not in made.body
    assert administrator.names("directories/?enabled=true&kind=ldap") == ["corp"]

    changed = administrator.patch("directories/corp/", {"title": "Corp", "removal_limit": 30}).json
    assert (changed["title"], changed["removal_limit"]) == ("Corp", 30)
    assert settings_of(Directory.objects.get()).bind_password == values["bind_password"]
    assert administrator.patch("directories/corp/", {"bind_password": "other"}).status == 200
    assert settings_of(Directory.objects.get()).bind_password == "other"
    going = administrator.delete("directories/corp/")
    assert (going.status, going.json["enabled"], going.json["has_bind_password"]) == (202, False, False)
    assert (going.json["removal"]["people"], going.json["removal"]["ended"]) == (0, 0)
    assert administrator.get("directories/corp/").json == going.json
    refused(administrator.delete("directories/corp/"), 409, "directory-being-removed")
    refused(administrator.patch("directories/corp/", {"enabled": True}), 409, "directory-being-removed")
    refused(administrator.post("directories/corp/sync/"), 409, "directory-being-removed")
    refused(administrator.post("directories/", {"name": "corp", **values}), 409, "directory-being-removed")
    tasks.remove_directories()
    refused(administrator.get("directories/corp/"), 404, "directory-unknown")
    assert [action for action in evidence.actions if action.startswith("directory.")] == [
        "directory.create",
        "directory.change",
        "directory.change",
        "directory.delete",
        "directory.removed",
    ]
    assert values["bind_password"] not in str([entry.detail for entry in evidence.audit])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"hosts": "ldaps://x"}, "directory-host"),
        ({"hosts": ""}, None),
        ({"hosts": "nul\x00"}, None),
        ({"bind_dn": ""}, "directory-bind"),
        ({"user_filter": "uid=*"}, "directory-filter"),
        ({"name": "Not a slug"}, "directory-invalid"),
        ({"kind": "nis"}, None),
        ({"removal_limit": 0}, None),
        ({"timeout": "5"}, None),
        ({"origin": "environment"}, None),
        ({"bind": "direct", "user_template": "%(user)s%(user)s"}, "directory-template"),
        ({"bind_password": "x" * 2000}, None),
    ],
)
def test_an_unsound_directory_is_refused(rest: AsPerson, body: dict[str, Any], code: str | None) -> None:
    refused(rest("administrator").post("directories/", {"name": "corp", **silent_values(), **body}), 400, code)
    assert not Directory.objects.exists()


def test_all_that_is_wrong_is_told_at_once(rest: AsPerson) -> None:
    administrator, body = rest("administrator"), {"hosts": "ldaps://x", "bind_dn": "", "user_filter": "uid=*"}
    told = refused(
        administrator.post("directories/", {"name": "corp", **silent_values(), **body}), 400, "directory-invalid"
    )
    assert set(told["errors"]) == {"hosts", "bind_dn", "user_filter"}
    assert told["errors"]["user_filter"][0] in told["detail"]
    silent_directory()
    moved = {"hosts": "127.0.0.1:2", "ca_certificates": "PEM"}
    told = refused(administrator.patch("directories/corp/", moved), 400, "directory-password-again")
    assert list(told["errors"]) == ["bind_password"]


def test_what_contradicts_is_refused(rest: AsPerson) -> None:
    administrator = rest("administrator")
    silent_directory()
    silent_directory("env", origin="environment")
    refused(administrator.post("directories/", {"name": "corp", **silent_values()}), 409, "directory-exists")
    refused(administrator.patch("directories/env/", {"title": "x"}), 409, "directory-from-environment")
    refused(administrator.delete("directories/env/"), 409, "directory-from-environment")
    refused(administrator.patch("directories/corp/", {}), 400, "nothing-to-change")
    refused(administrator.patch("directories/corp/", {"name": "other"}), 400)


def test_others_are_refused_alike_whether_it_exists_or_not(rest: AsPerson, cast: Cast) -> None:
    assert cast.team
    silent_directory()
    team_admin = rest("team_admin")
    for path in ("directories/{}/", "directories/{}/syncs/", "directories/{}/mappings/"):
        existing, absent = (refused(team_admin.get(path.format(name)), 403) for name in ("corp", "nope"))
        assert existing["detail"] == absent["detail"]
    for path in ("directories/{}/test/", "directories/{}/sync/"):
        existing, absent = (refused(team_admin.post(path.format(name), {}), 403) for name in ("corp", "nope"))
        assert existing["detail"] == absent["detail"]


def test_the_test_names_the_step_that_fails(rest: AsPerson, slapd: Slapd) -> None:
    administrator = rest("administrator")
    openldap(slapd)
    steps = administrator.post("directories/corp/test/", {"username": "alice"}).json["steps"]
    assert [step["step"] for step in steps] == ["connect", "tls", "bind", "search", "groups"]
    assert all(step["ok"] is True for step in steps)
    steps = administrator.post("directories/corp/test/", {"username": "nobody*)("}).json["steps"]
    assert [step["ok"] for step in steps] == [True, True, True, False, None]
    move(Directory.objects.get(), "127.0.0.1:1")
    steps = administrator.post("directories/corp/test/", {}).json["steps"]
    assert [step["ok"] for step in steps] == [False, None, None, None, None]
    refused(administrator.post("directories/corp/test/", {"user": "alice"}), 400)


def test_syncs_are_jobs_with_reports(rest: AsPerson, slapd: Slapd, django_capture_on_commit_callbacks: Any) -> None:
    administrator = rest("administrator")
    map_group(openldap(slapd), slapd.group_dn("devs"), make_team("devs"))
    with django_capture_on_commit_callbacks(execute=True):
        planned = administrator.post("directories/corp/plan/")
    with django_capture_on_commit_callbacks(execute=True):
        asked = administrator.post("directories/corp/sync/", {"accept_removals": False})
    assert (planned.status, asked.status) == (202, 202)
    jobs = [waiting.task for waiting in OrmQ.objects.order_by("pk")]
    assert [job["name"] for job in jobs] == [planned.json["job"], asked.json["job"]]
    for job in jobs:
        tasks.sync_directory(*job["args"])

    done, plan = administrator.rows("directories/corp/syncs/")
    assert (plan["dry_run"], done["dry_run"]) == (True, False)
    assert plan["added"] == done["added"] > 0
    assert "differences" not in plan
    report = administrator.get(f"directories/corp/syncs/{plan['id']}/").json
    assert {"person": "alice", "did": ["account made", "member of devs"]} in report["differences"]
    assert administrator.rows("directories/corp/syncs/?dry_run=true") == [plan]
    silent_directory("other")
    refused(administrator.get(f"directories/other/syncs/{plan['id']}/"), 404, "sync-unknown")


def test_a_sync_that_cannot_be_is_refused_at_once(rest: AsPerson) -> None:
    administrator = rest("administrator")
    direct = {"bind": "direct", "user_template": "uid=%(user)s,dc=tpi", "bind_dn": "", "bind_password": ""}
    silent_directory("direct", **direct)
    refused(administrator.post("directories/direct/sync/"), 409, "sync-bind")
    refused(administrator.post("directories/direct/plan/"), 409, "sync-bind")
    row = silent_directory()
    Directory.objects.filter(pk=row.pk).update(paused_at="2026-01-01T00:00:00Z")
    refused(administrator.post("directories/corp/sync/"), 409, "sync-paused")
    assert administrator.post("directories/corp/sync/", {"accept_removals": True}).status == 202
    running = DirectorySync(directory=row, moved_at="2999-01-01T00:00:00Z", cursor={"owner": "elsewhere 1 1"})
    running.save()
    refused(administrator.post("directories/corp/plan/"), 409, "sync-running")


def test_groups_are_mapped_and_unmapped(rest: AsPerson, by_password: AsPerson) -> None:
    administrator = by_password("administrator")
    silent_directory()
    silent_directory("other")
    make_team("devs")
    path, group = "directories/corp/mappings/", "cn=devs,ou=groups,dc=tpi"
    made = administrator.post(path, {"group_dn": group, "team": "devs", "role": "admin"})
    assert made.status == 201
    assert (made.json["team"], made.json["role"], made.json["instance_role"]) == ("devs", "admin", "")
    assert administrator.get(made.headers["Location"]).json == made.json
    by_token = rest("administrator").post(path, {"group_dn": group, "instance_role": "operator"})
    refused(by_token, 403, "token-scope")
    part = administrator.post(path, {"group_dn": group, "instance_role": "operator"})
    assert (part.json["team"], part.json["instance_role"]) == (None, "operator")
    for name in (group, group.upper().replace(",", ", ")):
        refused(administrator.post(path, {"group_dn": name, "team": "devs", "role": "admin"}), 409, "mapping-exists")
    refused(administrator.post(path, {"group_dn": group}), 400, "mapping-aim")
    refused(administrator.post(path, {"group_dn": "devs", "team": "devs"}), 400, "directory-dn")
    refused(administrator.post(path, {"group_dn": group, "team": "nope"}), 400, "team-unknown")
    refused(administrator.post(path, {"group_dn": group, "instance_role": "king"}), 400)
    assert len(administrator.rows(path)) == 2
    assert [row["id"] for row in administrator.rows(f"{path}?team=devs")] == [made.json["id"]]
    refused(administrator.delete(f"directories/other/mappings/{made.json['id']}/"), 404, "mapping-unknown")
    assert administrator.delete(f"{path}{made.json['id']}/").status == 204
    assert GroupMapping.objects.get().instance_role == "operator"


def test_alarms_are_read_and_ended(rest: AsPerson) -> None:
    administrator = rest("administrator")
    alarm = alarms.ring("directory-away", "The directory 'corp' fails.", subject="corp")
    [row] = administrator.rows("alarms/?open=true&code=directory-away")
    assert (row["id"], row["count"], row["ended_at"]) == (alarm.pk, 1, None)
    assert administrator.post(f"alarms/{alarm.pk}/end/").status == 204
    assert administrator.get(f"alarms/{alarm.pk}/").json["ended_by"] == "administrator"
    assert administrator.rows("alarms/?open=true") == []
    refused(administrator.post("alarms/987654/end/"), 404, "alarm-unknown")
    refused(rest("team_admin").get("alarms/"), 403, "right-missing")


def test_what_an_account_leaves_behind(rest: AsPerson) -> None:
    ann = make_user("ann")
    make_team("devs", admins=[ann])
    make_token(ann, [Verb.READ], name="CI")
    found = rest("administrator").get("users/ann/left-behind/").json
    assert [(row["kind"], row["name"]) for row in found["results"]] == [("team", "devs"), ("token", "CI")]
    assert found["next"] is None
    assert rest("auditor").get("users/ann/left-behind/").json == found
    refused(rest("team_admin").get("users/ann/left-behind/"), 403, "administrator-needed")
    refused(rest("administrator").get("users/nobody/left-behind/"), 404, "user-unknown")


def test_a_token_that_only_reads_is_not_an_operators(rest: AsPerson, cast: Cast, machine: Any) -> None:
    silent_directory()
    client = machine.signed({"Authorization": f"Bearer {cast.token('administrator', [Verb.READ])}"})
    assert client.get("/api/v1/directories/").status == 403
    assert client.get("/api/v1/alarms/").status == 403


@pytest.mark.parametrize("path", ["directories/", "directories/corp/mappings/", "directories/corp/syncs/", "alarms/"])
def test_a_list_costs_the_same_for_few_and_for_many(rest: AsPerson, path: str) -> None:
    administrator, row = rest("administrator"), silent_directory()

    def grow(number: int) -> None:
        silent_directory(f"more-{number}")
        map_group(row, f"cn=group-{number},dc=tpi", make_team())
        DirectorySync.objects.create(directory=row, state="done", moved_at=timezone.now())
        alarms.ring("test", "Something needs a person.", subject=str(number))

    def cost() -> int:
        administrator.get(path)  # what is remembered per process is not what is counted
        with CaptureQueriesContext(connection) as queries:
            assert administrator.get(path).status == 200
        return len(queries)

    grow(0)
    few = cost()
    for number in range(1, 20):
        grow(number)
    assert cost() == few
