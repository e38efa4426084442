"""What is deleted is gone at once, comes back as it was, keeps its names and its place in the account, and ends in its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.domain.verbs import Verb
from indexapp import tasks
from indexapp.domain.file_paths import file_path
from indexapp.models import (
    Blob,
    Description,
    File,
    Index,
    Project,
    Quota,
    Release,
    RetiredFilename,
    Role,
    Trashed,
    TrashedRole,
)
from indexapp.services import garbage, indexes, projects, quota_settings, releases, search
from indexapp.services.trash import purging, restoring
from tests import evidence
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, SYSTEM, make_team
from tests.factories.publishing import give, make_index, published, upload
from tests.threads import together
from tests.unit.indexapp.services.integrity.test_checking import fsck
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]

JSON = {"Content-Type": "application/json"}
Delete = Callable[[File], object]
DELETIONS: dict[str, Delete] = {
    "project": lambda file: projects.delete(actor=SYSTEM, project=file.project),
    "release": lambda file: releases.delete(actor=SYSTEM, release=file.release),
    "file": lambda file: releases.delete_file(actor=SYSTEM, file=file),
}
every_deletion = pytest.mark.parametrize("what", DELETIONS)


def rows() -> dict[str, list[Any]]:
    """All that is published, but for what a change always moves."""
    found: dict[str, list[Any]] = {
        model.__name__: list(model._base_manager.order_by("pk").values())
        for model in (Project, Release, Description, File, RetiredFilename, Quota)
    }
    for row in found["Project"]:
        row.pop("last_serial")
    roles = Role.objects.order_by("user", "team").values_list("index", "project", "user", "team", "through", "verbs")
    return {**found, "Role": list(roles)}


def without_serial(page: bytes) -> bytes:
    return page.partition(b"<!--SERIAL")[0]


def restore(**which: Any) -> Project:
    return restoring.restore(actor=SYSTEM, entry=Trashed.objects.select_related("index").get(**which))


@pytest.fixture
def file(cast: Cast) -> File:
    """A wheel of a described release, beside its sdist and another release; somebody has a role on the project."""
    actor = cast.actor("uploader")
    wheel = build_wheel(headers=[("Summary", "one")], description="# The tool")
    made = published(cast.index, wheel, actor=actor)
    published(cast.index, build_sdist(), actor=actor)
    published(cast.index, build_wheel(version="2.0"), actor=actor)
    releases.yank_file(actor=SYSTEM, file=made, reason="wrong")
    give(cast.team, [Verb.YANK], cast.index, made.project)
    return File.objects.select_related("index", "project__index", "release__project__index").get(pk=made.pk)


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


@every_deletion
def test_it_is_gone_at_once_and_comes_back_as_it_was(file: File, what: str, reader: WsgiClient) -> None:
    before = rows()
    address = f"/main/files/{file_path(file.sha256, file.filename)}"
    page = reader.get("/simple/acme-tool/").body
    assert reader.get(address).status == 200

    found = evidence.collecting()
    DELETIONS[what](file)
    assert (found.actions, found.kinds) == ([f"{what}.delete"], [f"{what}-deleted"])
    assert reader.get(address).status in (403, 404)
    assert file.filename.encode() not in reader.get("/simple/acme-tool/").body
    assert fsck()[0] == 0

    found = evidence.collecting()
    restore()
    assert (found.actions, found.kinds) == (["trash.restore"], [f"{what}-restored"])
    assert rows() == before
    assert reader.get(address).status == 200
    assert without_serial(reader.get("/simple/acme-tool/").body) == without_serial(page)
    assert list(search.matching(Project.objects.all(), "acme")) == [file.project]
    assert not Trashed.objects.exists()
    assert fsck("--deep")[0] == 0


@every_deletion
def test_it_counts_until_it_is_purged_and_its_bytes_stay_as_long(file: File, what: str, settings: Any) -> None:
    used = Quota.objects.get(index=file.index).used
    DELETIONS[what](file)
    entry = Trashed.objects.get()
    assert Quota.objects.get(index=file.index).used == used
    garbage.mark()
    assert not Blob.objects.filter(unreferenced_since__isnull=False).exists()

    settings.TPI_TRASH_DAYS = 3
    Trashed.objects.update(deleted_at=timezone.now() - timedelta(days=2.9))
    assert tasks.purge_trash() == 0
    Trashed.objects.update(deleted_at=timezone.now() - timedelta(days=3.1))
    found = evidence.collecting()
    assert tasks.purge_trash() == 1
    assert (found.actions, found.kinds) == (["trash.purge"], ["trash-purged"])
    assert Quota.objects.get(index=file.index).used == used - entry.size
    assert garbage.mark() > 0
    assert RetiredFilename.objects.filter(filename=file.filename).exists()
    assert fsck()[0] == 0


def test_the_name_of_a_project_is_kept_from_others(file: File, cast: Cast) -> None:
    DELETIONS["project"](file)
    for name in ("acme-tool", "Acme_Tool", "acme-too1"):
        with refused("name-in-trash"):
            projects.create(actor=SYSTEM, index=cast.index, name=name)
    with refused("name-in-trash"):
        upload(cast.index, build_wheel("acme-tool", "9.0"))
    upload(make_index("other"), build_wheel("acme-tool", "9.0"))
    purging.purge(actor=SYSTEM, entry=Trashed.objects.get(), typed="acme-tool")
    with refused("filename-retired"):
        upload(cast.index)
    upload(cast.index, build_wheel("acme-tool", "9.0"))


def test_the_name_of_a_file_is_kept(file: File, cast: Cast) -> None:
    DELETIONS["file"](file)
    with refused("filename-retired"):
        upload(cast.index, build_wheel(files={"other.py": b""}))
    restore()
    with refused("file-exists"):
        upload(cast.index, build_wheel(files={"other.py": b""}))


def test_one_after_the_other_is_undone_in_its_order(file: File) -> None:
    before = rows()
    for what in ("file", "release", "project"):
        DELETIONS[what](file)
    with refused("project-in-trash"):
        restore(kind="file")
    restore(kind="project")
    with refused("release-in-trash"):
        restore(kind="file")
    restore(kind="release")
    restore(kind="file")
    assert rows() == before


def test_files_join_a_release_that_has_come_meanwhile(file: File, cast: Cast) -> None:
    DELETIONS["release"](file)
    new = published(cast.index, build_wheel(build="2"))
    project = restore()
    assert project.releases.get(version="1.0").files.count() == 3
    assert new.release_id == File.objects.get(pk=file.pk).release_id
    assert project.total_size == sum(File.objects.values_list("size", flat=True))
    assert fsck()[0] == 0


def test_what_has_come_into_its_place_is_not_overwritten(cast: Cast) -> None:
    index = make_index("snapshots", profile=Index.Profile.SNAPSHOT)
    old = published(index)
    DELETIONS["file"](old)
    published(index, build_wheel(files={"other.py": b""}))
    with refused("file-name-taken"):
        restore()


def test_a_project_takes_what_was_deleted_of_it_along_when_it_is_purged(file: File) -> None:
    DELETIONS["file"](file)
    DELETIONS["project"](file)
    entry = Trashed.objects.get(kind="project")
    with refused("name-not-typed"):
        purging.purge(actor=SYSTEM, entry=entry, typed="acme")
    purging.purge(actor=SYSTEM, entry=entry, typed="acme-tool")
    assert not Trashed.objects.exists()
    assert Quota.objects.get(index=file.index).used == 0
    assert fsck()[0] == 0


def test_who_may_delete_may_undo_also_by_a_role_that_went_with_the_project(file: File, cast: Cast) -> None:
    owner = cast.actor("uploader")
    assert Role.objects.filter(user=cast.uploader, project=file.project).exists(), "as who made the project"
    projects.delete(actor=owner, project=file.project)
    entry = Trashed.objects.get()
    for role in ("anonymous", "outsider", "reader", "member", "auditor", "operator", "security_officer"):
        with refused("unauthenticated" if role == "anonymous" else "right-missing"):
            restoring.restore(actor=cast.actor(role), entry=entry)
    for narrow in (cast.token_actor("uploader", [Verb.READ]), cast.token_actor("uploader", projects=["else"])):
        with refused("right-missing"):
            restoring.restore(actor=narrow, entry=entry)
    restoring.restore(actor=owner, entry=entry)
    assert Role.objects.filter(user=cast.uploader, project=file.project).exists()


def test_a_role_of_somebody_who_has_gone_does_not_come_back(file: File, cast: Cast) -> None:
    DELETIONS["project"](file)
    assert TrashedRole.objects.count() == 2
    cast.uploader.delete()
    restore()
    assert list(Role.objects.filter(project=file.project).values_list("team", flat=True)) == [cast.team.pk]


def test_a_quarantined_project_stays_its_administrators(file: File, cast: Cast) -> None:
    projects.set_status(actor=SYSTEM, project=file.project, status="quarantined")
    projects.delete(actor=cast.actor("team_admin"), project=Project.objects.select_related("index").get())
    entry = Trashed.objects.get()
    with refused("project-quarantined"):
        restoring.restore(actor=cast.actor("uploader"), entry=entry)
    assert restoring.restore(actor=cast.actor("team_admin"), entry=entry).status == "quarantined"


@pytest.mark.parametrize("is_gone", [False, True])
def test_the_evidence_of_a_quarantine_is_not_its_own_peoples_to_destroy(
    file: File, cast: Cast, settings: Any, is_gone: bool
) -> None:
    own, admin = cast.actor("uploader"), cast.actor("team_admin")
    releases.delete_file(actor=own, file=file)
    projects.set_status(actor=SYSTEM, project=Project.objects.select_related("index").get(), status="quarantined")
    if is_gone:
        projects.delete(actor=SYSTEM, project=Project.objects.select_related("index").get())
    for entry in Trashed.objects.all():
        with refused("project-quarantined"):
            purging.purge(actor=own, entry=entry, typed=str(entry))
    Trashed.objects.update(deleted_at=timezone.now() - timedelta(days=settings.TPI_TRASH_DAYS + 1))
    assert purging.purge_due(actor=SYSTEM) == 0
    assert Trashed.objects.count() == 1 + is_gone
    entry = Trashed.objects.all()[0]
    purging.purge(actor=admin, entry=entry, typed=str(entry))
    assert not Trashed.objects.exists()


@every_deletion
def test_what_was_deleted_by_a_wider_right_is_not_undone_by_a_role_on_the_project(
    file: File, cast: Cast, what: str
) -> None:
    own, admin = cast.actor("uploader"), cast.actor("team_admin")
    delete = {
        "project": lambda: projects.delete(actor=admin, project=file.project),
        "release": lambda: releases.delete(actor=admin, release=file.release),
        "file": lambda: releases.delete_file(actor=admin, file=file),
    }
    delete[what]()
    entry = Trashed.objects.get()
    with refused("deleted-by-wider-right"):
        restoring.restore(actor=own, entry=entry)
    with refused("deleted-by-wider-right"):
        purging.purge(actor=own, entry=entry, typed=str(entry))
    bound = cast.token_actor("team_admin", projects=["acme-tool"])
    assert restoring.restore(actor=bound, entry=entry).pk == file.project_id
    assert Role.objects.filter(user=cast.uploader, project=file.project).exists()


def test_what_a_wider_right_deleted_does_not_go_with_its_project(file: File, cast: Cast) -> None:
    own = cast.actor("uploader")
    releases.delete_file(actor=cast.actor("team_admin"), file=file)
    projects.delete(actor=own, project=Project.objects.select_related("index").get())
    entry = Trashed.objects.get(kind="project")
    with refused("deleted-by-wider-right"):
        purging.purge(actor=own, entry=entry, typed=str(entry))
    assert restoring.restore(actor=own, entry=entry).pk == file.project_id


def test_the_roles_in_the_trash_are_named_and_can_be_left_there(file: File, cast: Cast, machine: WsgiClient) -> None:
    projects.delete(actor=cast.actor("team_admin"), project=file.project)
    admin = machine.signed(cast.bearer("team_admin"))
    [row] = admin.get("/api/v1/indexes/main/trash/").json["results"]
    assert sorted(row["roles"]) == sorted([cast.uploader.username, cast.team.name])
    at = f"/api/v1/indexes/main/trash/{row['id']}/restore/"
    assert admin.request("POST", at, body=b'{"with_roles": false}', headers=JSON).status == 200
    assert not Role.objects.filter(project=file.project).exists()


def test_the_account_of_a_team_has_its_trash(file: File) -> None:
    team = make_team("paying")
    DELETIONS["file"](file)
    project = Project.objects.select_related("index", "team").get()
    quota_settings.assign(actor=SYSTEM, project=project, team=team)
    assert Quota.objects.get(team=team).used == project.total_size + file.size
    assert fsck()[0] == 0
    purging.purge(actor=SYSTEM, entry=Trashed.objects.get(), typed=file.filename)
    assert Quota.objects.get(team=team).used == project.total_size


def test_an_index_with_trash_is_not_empty(file: File, cast: Cast) -> None:
    other = make_index("other")
    DELETIONS["project"](published(other))
    with refused("index-in-use"):
        indexes.delete(actor=SYSTEM, index=other)
    purging.purge(actor=SYSTEM, entry=Trashed.objects.get(), typed="acme-tool")
    indexes.delete(actor=SYSTEM, index=other)


@every_deletion
def test_without_a_trash_it_goes_at_once(file: File, what: str, settings: Any) -> None:
    settings.TPI_TRASH_DAYS = 0
    DELETIONS[what](file)
    assert not Trashed.objects.exists()
    assert Quota.objects.get(index=file.index).used == sum(File.objects.values_list("size", flat=True))
    assert fsck()[0] == 0


def test_rest_lists_restores_and_purges(file: File, cast: Cast, machine: WsgiClient) -> None:
    admin = machine.signed(cast.bearer("team_admin"))
    for address in ("projects/acme-tool/releases/2.0/", f"projects/acme-tool/files/{file.filename}/"):
        assert admin.request("DELETE", f"/api/v1/indexes/main/{address}").status == 204
    listed = admin.get("/api/v1/indexes/main/trash/").json["results"]
    assert [(row["kind"], row["name"], row["files"]) for row in listed] == [
        ("file", file.filename, 1),
        ("release", "acme-tool 2.0", 1),
    ]
    assert machine.signed(cast.bearer("reader")).get("/api/v1/indexes/main/trash/").json["results"] == []
    at = f"/api/v1/indexes/main/trash/{listed[0]['id']}/"
    assert admin.post(f"{at}restore/").json["filename"] == file.filename
    assert admin.post(f"{at}restore/").status == 404
    at = f"/api/v1/indexes/main/trash/{listed[1]['id']}/"
    answer = admin.request("POST", f"{at}purge/", body=b'{"name": "acme"}', headers=JSON)
    assert (answer.status, answer.code) == (400, "name-not-typed")
    assert admin.request("POST", f"{at}purge/", body=b'{"name": "acme-tool 2.0"}', headers=JSON).status == 204
    assert File.objects.count() == 2


def test_who_has_nothing_left_in_the_index_still_undoes_by_rest(cast: Cast, machine: WsgiClient) -> None:
    project = published(cast.index).project
    give(cast.outsider, [Verb.DELETE], cast.index, project)
    owner = machine.signed(cast.bearer("outsider"))
    assert owner.get("/api/v1/indexes/main/trash/").status == 200
    assert owner.request("DELETE", "/api/v1/indexes/main/projects/acme-tool/").status == 204
    [row] = owner.get("/api/v1/indexes/main/trash/").json["results"]
    assert owner.post(f"/api/v1/indexes/main/trash/{row['id']}/restore/").status == 200
    assert Role.objects.filter(user=cast.outsider, project__pk=project.pk).exists()


def test_the_console_shows_undoes_and_asks_for_the_name(file: File, cast: Cast, client: Client) -> None:
    client.force_login(cast.team_admin)
    client.post("/account/confirm/", {"password": PASSWORD})
    page = client.get(f"/admin/indexapp/release/{file.release_id}/delete/").content.decode()
    assert "into the trash, from which it can be restored for 7 days" in page
    client.post(f"/admin/indexapp/release/{file.release_id}/delete/", {"confirmed": "1"})
    entry = Trashed.objects.get()
    assert "acme-tool 1.0" in client.get("/admin/indexapp/trashed/?q=acme-tool").content.decode()
    assert client.post(f"/admin/indexapp/trashed/{entry.pk}/do/restore/", {"confirmed": "1"}).status_code == 302
    assert Release.objects.filter(pk=file.release_id).exists()
    DELETIONS["release"](file)
    at = f"/admin/indexapp/trashed/{Trashed.objects.get().pk}/delete/"
    assert "This is not the name" in client.post(at, {"confirmed": "1", "typed": "acme"}).content.decode()
    assert client.post(at, {"confirmed": "1", "typed": "acme-tool 1.0"}).status_code == 302
    assert not Trashed.objects.exists()


def test_twenty_sdists_come_back_with_as_many_queries_as_two(cast: Cast) -> None:
    queries = []
    for number in (2, 20):
        index = make_index(f"of-{number}")
        for minor in range(number):
            made = published(index, build_sdist(version=f"1.{minor}"))
        projects.delete(actor=SYSTEM, project=made.project)
        entry = Trashed.objects.select_related("index").get(index=index)
        with CaptureQueriesContext(connection) as captured:
            project = restoring.restore(actor=SYSTEM, entry=entry)
        assert File.objects.filter(project=project, kind="sdist").count() == number
        queries.append(len(captured))
    assert queries[0] == queries[1] < 40


@pytest.mark.django_db(transaction=True)
def test_one_deletion_is_restored_or_purged_once(file: File) -> None:
    for _ in range(3):
        File.objects.filter(pk=file.pk).exists()
        DELETIONS["release"](file)
        entry = Trashed.objects.select_related("index").get()
        calls: list[Callable[[], object]] = [
            lambda: restoring.restore(actor=SYSTEM, entry=entry),
            lambda: restoring.restore(actor=SYSTEM, entry=entry),
        ]
        found = together(calls)
        assert sorted(isinstance(each, Project) for each in found) == [False, True]
        assert fsck()[0] == 0
    DELETIONS["release"](file)
    entry = Trashed.objects.select_related("index").get()
    found = together(
        [
            lambda: restoring.restore(actor=SYSTEM, entry=entry),
            lambda: purging.purge(actor=SYSTEM, entry=entry, typed=str(entry)),
        ]
    )
    assert sum(isinstance(each, Project | None) for each in found) == 1
    assert fsck()[0] == 0
