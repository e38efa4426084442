from __future__ import annotations

from typing import Any

import pytest

from accounts.domain.verbs import ALL_VERBS, Verb, from_mask
from accounts.models import Membership
from indexapp import permissions
from indexapp.models import File, Index, Project, ReservedPrefix, RetiredFilename, Role
from indexapp.services import indexes, projects, roles, search
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.evidence import refused
from tests.factories.cast import ROLES, Cast
from tests.factories.people import join, make_team, make_user
from tests.factories.publishing import give, make_index, make_project, published, upload
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]

CREATION = Index.ProjectCreation


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (CREATION.ADMINISTRATORS, {"team_admin", "administrator"}),
        (CREATION.UPLOADERS, {"uploader", "member", "maintainer", "team_admin", "administrator"}),
        (CREATION.MEMBERS, set(ROLES) - {"anonymous", "auditor"}),
    ],
)
def test_who_may_bring_in_a_new_name(cast: Cast, policy: str, allowed: set[str]) -> None:
    cast.index.project_creation = policy
    for role in ROLES:
        name = f"thing-{role.replace('_', '')}"
        try:
            projects.create(actor=cast.actor(role), index=cast.index, name=name)
        except Refusal:
            assert role not in allowed
        else:
            assert role in allowed
        assert Project.objects.filter(normalized_name=name).exists() is (role in allowed)


@pytest.mark.parametrize("policy", CREATION.values)
def test_a_token_brings_in_only_the_names_it_is_for(cast: Cast, policy: str) -> None:
    cast.index.project_creation = policy
    projects.create(
        actor=cast.token_actor("administrator", ALL_VERBS, projects=["mine"]), index=cast.index, name="Mine"
    )
    narrow = [
        cast.token_actor("administrator", ALL_VERBS, projects=["mine"]),
        cast.token_actor("administrator", ALL_VERBS, indexes=["elsewhere"]),
        cast.token_actor("administrator", [Verb.READ]),
    ]
    for actor in narrow:
        with refused("right-missing"):
            projects.create(actor=actor, index=cast.index, name="other")


def test_the_creator_holds_everything_on_the_project_and_nothing_more_on_the_index(cast: Cast) -> None:
    project = projects.create(actor=cast.actor("uploader"), index=cast.index, name="Acme")
    role = Role.objects.get(project=project)
    assert (role.user, from_mask(role.verbs)) == (cast.uploader, ALL_VERBS)


@pytest.mark.parametrize("role", ["team_admin", "administrator"])
def test_who_administers_the_index_needs_no_role_on_the_project(cast: Cast, role: str) -> None:
    project = projects.create(actor=cast.actor(role), index=cast.index, name="Acme")
    assert not Role.objects.filter(project=project).exists()


def test_a_name_is_taken_once_in_all_its_spellings(cast: Cast) -> None:
    actor = cast.actor("administrator")
    project = projects.create(actor=actor, index=cast.index, name="Acme.Tool")
    assert (project.name, project.normalized_name) == ("Acme.Tool", "acme-tool")
    for spelling in ("acme-tool", "ACME_TOOL", "acme--tool"):
        with refused("project-exists"):
            projects.create(actor=actor, index=cast.index, name=spelling)
    projects.create(actor=actor, index=make_index("other"), name="acme-tool")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name-invalid"),
        ("-acme", "name-invalid"),
        ("acme\n", "name-invalid"),
        ("acmé", "name-invalid"),
        ("x" * 101, "name-too-long"),
        ("json", "name-standard-library"),
        ("JSON", "name-standard-library"),
        ("xml", "name-standard-library"),
        ("asynchat", "name-standard-library"),
        ("acrne-to0l", ""),
        ("acme-too1", "name-confusable"),
        ("acmetool", "name-confusable"),
        ("acme-t00l", "name-confusable"),
        ("ac-me-tooI", "name-confusable"),
        ("acme-tools", ""),
    ],
)
def test_rules_of_new_names(cast: Cast, name: str, code: str) -> None:
    make_project(cast.index, "acme-tool")
    actor = cast.actor("administrator")
    if not code:
        projects.create(actor=actor, index=cast.index, name=name)
        return
    with refused(code):
        projects.create(actor=actor, index=cast.index, name=name)


def test_names_of_other_indexes_confuse_nobody(cast: Cast) -> None:
    make_project(make_index("other"), "acme-tool")
    projects.create(actor=cast.actor("administrator"), index=cast.index, name="acme-too1")


class TestReservedPrefixes:
    """New names under a prefix are one team's; existing projects stay whose they are."""

    @pytest.fixture(autouse=True)
    def _prefix(self, cast: Cast) -> None:
        self.owners = make_team("owners", cast.uploader)
        ReservedPrefix.objects.create(prefix="acme", team=self.owners, index=cast.index)

    def create(self, cast: Cast, role: str, name: str, index: Index | None = None) -> None:
        projects.create(actor=cast.actor(role), index=index or cast.index, name=name)

    @pytest.mark.parametrize("name", ["acme", "Acme.Tool", "acme-tool"])
    def test_the_team_may_and_others_may_not(self, cast: Cast, name: str) -> None:
        for role in ("member", "team_admin"):
            with refused("name-reserved"):
                self.create(cast, role, name)
        self.create(cast, "uploader", name)

    def test_administrators_of_the_instance_may_unless_their_token_is_bound(self, cast: Cast) -> None:
        bound = cast.token_actor("administrator", ALL_VERBS, indexes=["main"])
        with refused("name-reserved"):
            projects.create(actor=bound, index=cast.index, name="acme-tool")
        self.create(cast, "administrator", "acme-tool")

    @pytest.mark.parametrize("name", ["acmeology", "my-acme", "acm"])
    def test_names_beside_the_prefix_are_free(self, cast: Cast, name: str) -> None:
        self.create(cast, "member", name)

    def test_another_index_is_free_unless_the_prefix_is_reserved_everywhere(self, cast: Cast) -> None:
        other = make_index("other")
        give(cast.member, [Verb.UPLOAD], other)
        self.create(cast, "member", "acme-one", other)
        ReservedPrefix.objects.create(prefix="acme", team=self.owners, index=None)
        with refused("name-reserved"):
            self.create(cast, "member", "acme-two", other)

    def test_of_nested_prefixes_the_longest_decides(self, cast: Cast) -> None:
        ReservedPrefix.objects.create(prefix="acme-tools", team=cast.team, index=None)
        with refused("name-reserved"):
            self.create(cast, "uploader", "acme-tools-hammer")
        self.create(cast, "member", "acme-tools-hammer")
        self.create(cast, "uploader", "acme-other")

    def test_of_equal_prefixes_the_indexs_own_decides(self, cast: Cast) -> None:
        ReservedPrefix.objects.create(prefix="acme", team=cast.team, index=None)
        with refused("name-reserved"):
            self.create(cast, "member", "acme-tool")
        self.create(cast, "uploader", "acme-tool")

    def test_leaving_the_team_ends_the_right(self, cast: Cast) -> None:
        Membership.objects.filter(team=self.owners).delete()
        with refused("name-reserved"):
            self.create(cast, "uploader", "acme-tool")

    def test_what_exists_already_is_uploaded_to_by_its_people(self, cast: Cast) -> None:
        make_project(cast.index, "acme-tool")
        upload(cast.index, build_wheel("acme-tool"), actor=cast.actor("member"))


@pytest.mark.parametrize("kind", ["mirror", "group"])
def test_only_hosted_indexes_take_projects(cast: Cast, kind: str) -> None:
    index = make_index("other", kind=kind)
    actor = cast.actor("administrator")
    with refused("index-not-hosted"):
        projects.create(actor=actor, index=index, name="acme")


@pytest.mark.parametrize(
    ("status", "action"),
    [
        ("archived", "project.archive"),
        ("deprecated", "project.deprecate"),
        ("quarantined", "project.quarantine"),
        ("active", "project.clear"),
    ],
)
def test_each_status_with_its_reason_and_evidence(cast: Cast, status: str, action: str) -> None:
    project = make_project(cast.index, "acme")
    found = evidence.collecting()
    projects.set_status(actor=cast.actor("team_admin"), project=project, status=status, reason=" because\x00 of\nit ")
    project.refresh_from_db()
    assert (project.status, project.status_reason) == (status, "because of it")
    assert found.actions == [action]
    assert found.changes[0].detail == {"status": status, "reason": "because of it"}
    assert project.last_serial == found.changes[0].serial


def test_what_no_status_may_be(cast: Cast) -> None:
    project, actor = make_project(cast.index, "acme"), cast.actor("team_admin")
    with refused("status-unknown"):
        projects.set_status(actor=actor, project=project, status="haunted")
    with refused("reason-too-long"):
        projects.set_status(actor=actor, project=project, status="archived", reason="x" * 1001)


def test_a_projects_own_admin_archives_but_neither_quarantines_nor_clears(cast: Cast) -> None:
    project = make_project(cast.index, "acme")
    give(cast.outsider, [Verb.ADMINISTER], cast.index, project)
    actor = cast.actor("outsider")
    projects.set_status(actor=actor, project=project, status="archived")
    with refused("index-admin-needed"):
        projects.set_status(actor=actor, project=project, status="quarantined")
    stale = Project.objects.select_related("index").get(pk=project.pk)
    projects.set_status(actor=cast.actor("team_admin"), project=project, status="quarantined")
    for seen in (stale, Project.objects.select_related("index").get(pk=project.pk)):
        with refused("index-admin-needed"):
            projects.set_status(actor=actor, project=seen, status="active")


def test_a_quarantined_project_is_frozen_for_its_own_people(cast: Cast) -> None:
    file = published(cast.index)
    project = file.project
    give(cast.outsider, [Verb.ADMINISTER], cast.index, project)
    projects.set_status(actor=cast.actor("team_admin"), project=project, status="quarantined")
    actor = cast.actor("outsider")
    with refused("project-quarantined"):
        projects.delete(actor=actor, project=project)
    with refused("project-quarantined"):
        upload(cast.index, build_wheel("acme-tool", "2.0"), actor=actor)
    projects.delete(actor=cast.actor("team_admin"), project=project)


def test_deleting_takes_all_rows_and_keeps_the_names_refused(cast: Cast) -> None:
    file = published(cast.index)
    published(cast.index, build_wheel("acme-tool", "2.0"))
    give(cast.outsider, [Verb.UPLOAD], cast.index, file.project)
    found = evidence.collecting()
    projects.delete(actor=cast.actor("administrator"), project=file.project)
    assert not Project.objects.exists()
    assert not File.objects.exists()
    assert not Role.objects.filter(user=cast.outsider).exists()
    assert set(RetiredFilename.objects.values_list("filename", flat=True)) == {
        "acme_tool-1.0-py3-none-any.whl",
        "acme_tool-2.0-py3-none-any.whl",
    }
    [change] = found.changes
    assert (change.project, change.detail, change.index_name) == ("acme-tool", {"files": 2}, "main")
    assert list(search.matching(Project.objects.all(), "acme")) == []


def test_the_name_of_a_deleted_project_can_be_used_again_but_not_its_files(cast: Cast, settings: Any) -> None:
    settings.TPI_TRASH_DAYS = 0
    file = published(cast.index)
    projects.delete(actor=cast.actor("administrator"), project=file.project)
    with refused("filename-retired"):
        upload(cast.index)
    upload(cast.index, build_wheel("acme-tool", "1.0.1"))


def test_what_is_deleted_already_is_not_deleted_twice(cast: Cast) -> None:
    project, actor = make_project(cast.index, "acme"), cast.actor("administrator")
    twin = Project.objects.select_related("index").get(pk=project.pk)
    projects.delete(actor=actor, project=project)
    with refused("not-found"):
        projects.delete(actor=actor, project=twin)
    with refused("not-found"):
        projects.set_status(actor=actor, project=twin, status="archived")


def test_the_rules_of_the_index_in_the_database_hold(cast: Cast) -> None:
    indexes.change(actor=cast.actor("administrator"), index=cast.index, project_creation="administrators")
    actor = cast.actor("uploader")
    with refused("right-missing"):
        projects.create(actor=actor, index=cast.index, name="acme")
    assert make_user().pk


def test_what_was_made_by_a_teams_right_is_held_while_in_the_team(cast: Cast) -> None:
    actor = cast.actor("member")
    project = projects.create(actor=actor, index=cast.index, name="Acme")
    assert permissions.verbs_on(actor, cast.index, project) == ALL_VERBS
    assert project in Project.objects.permitting(actor, Verb.ADMINISTER)

    Membership.objects.filter(user=cast.member).delete()

    assert permissions.verbs_on(actor, cast.index, project) == frozenset()
    assert project not in Project.objects.permitting(actor, Verb.READ)
    join(cast.member, make_team("below", parent=cast.team))
    assert permissions.verbs_on(actor, cast.index, project) == ALL_VERBS
    assert project in Project.objects.permitting(actor, Verb.ADMINISTER)


def test_what_was_made_by_ones_own_right_stays_whatever_teams_one_leaves(cast: Cast) -> None:
    give(cast.member, [Verb.UPLOAD], cast.index)
    actor = cast.actor("member")
    project = projects.create(actor=actor, index=cast.index, name="Acme")
    Membership.objects.filter(user=cast.member).delete()
    assert permissions.verbs_on(actor, cast.index, project) == ALL_VERBS


def test_a_role_that_is_granted_anew_does_not_hang_on_the_team(cast: Cast) -> None:
    project = projects.create(actor=cast.actor("member"), index=cast.index, name="Acme")
    roles.grant(
        actor=cast.actor("administrator"), index=cast.index, project=project, holder=cast.member, verbs=[Verb.UPLOAD]
    )
    Membership.objects.filter(user=cast.member).delete()
    assert permissions.verbs_on(cast.actor("member"), cast.index, project) == {Verb.READ, Verb.UPLOAD}
