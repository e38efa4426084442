from __future__ import annotations

import pytest

from accounts.authentication import remembered
from accounts.domain.instance_roles import InstanceRole, roles_from_mask
from accounts.domain.verbs import Verb
from accounts.models import Generation, User
from accounts.services import teams, tokens, users
from indexapp.models import Project
from indexapp.services import indexes, projects
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, SYSTEM, actor_of, make_directory, make_user
from tests.factories.publishing import make_project

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_parts_are_given_and_taken_and_both_are_written_down(cast: Cast) -> None:
    found, actor = evidence.collecting(), cast.actor("administrator")
    users.change(actor=actor, user=cast.reader, instance_roles=[InstanceRole.AUDITOR, InstanceRole.OPERATOR])
    users.change(actor=actor, user=User.objects.get(username="reader"), instance_roles=[])
    given, taken = (entry.detail for entry in found.audit)
    assert given == {"before": {"instance_roles": []}, "after": {"instance_roles": ["operator", "auditor"]}}
    assert taken["after"] == {"instance_roles": []}
    assert not roles_from_mask(User.objects.get(username="reader").instance_roles)


def test_a_change_of_parts_voids_what_is_remembered(cast: Cast) -> None:
    before = Generation.objects.filter(name="access").values_list("value", flat=True).first() or 0
    users.change(actor=cast.actor("administrator"), user=cast.reader, instance_roles=[InstanceRole.AUDITOR])
    assert Generation.objects.get(name="access").value == before + 1
    assert remembered("Bearer nothing", before + 1) is None


@pytest.mark.parametrize("role", ["team_admin", "operator", "security_officer", "auditor"])
def test_only_administrators_give_parts(cast: Cast, role: str) -> None:
    with refused("administrator-needed"):
        users.change(actor=cast.actor(role), user=cast.reader, instance_roles=[InstanceRole.OPERATOR])


def test_nobody_makes_themself_an_auditor(cast: Cast) -> None:
    with refused("self-lockout"):
        users.change(actor=cast.actor("administrator"), user=cast.administrator, instance_roles=[InstanceRole.AUDITOR])


def test_an_administrator_who_audits_changes_nothing(cast: Cast) -> None:
    chief = make_user("chief", is_superuser=True)
    users.change(actor=cast.actor("administrator"), user=chief, instance_roles=[InstanceRole.AUDITOR])
    actor = actor_of(User.objects.get(username="chief"))
    assert not actor.may_administer_instance
    with refused("administrator-needed"):
        teams.create(actor=actor, name="new")
    with refused("right-missing"):
        projects.create(actor=actor, index=cast.index, name="new")


def test_an_auditor_keeps_their_own_password_and_makes_tokens_that_read(cast: Cast) -> None:
    actor = cast.actor("auditor")
    users.set_password(actor=actor, user=cast.auditor, password="nobody guesses this", present=PASSWORD)
    token, _ = tokens.issue(actor=actor, owner=cast.auditor, name="mine", verbs=[Verb.READ])
    tokens.revoke(actor=actor, token=token)
    with refused("token-auditor"):
        tokens.issue(actor=actor, owner=cast.auditor, name="mine", verbs=[Verb.READ, Verb.UPLOAD])
    with refused("auditor-reads"):
        users.change_own(actor=actor, user=cast.auditor, first_name="A", last_name="", email="")


def test_an_auditor_does_not_even_leave_a_team(cast: Cast) -> None:
    teams.set_member(actor=SYSTEM, team=cast.team, user=cast.auditor, role="admin")
    with refused("team-admin-needed"):
        teams.remove_member(actor=cast.actor("auditor"), team=cast.team, user=cast.auditor)
    with refused("team-admin-needed"):
        teams.set_member(actor=cast.actor("auditor"), team=cast.team, user=cast.reader, role="member")


def test_an_officer_disables_people_and_no_administrator_and_does_nothing_else_to_them(cast: Cast) -> None:
    actor = cast.actor("security_officer")
    users.change(actor=actor, user=cast.reader, is_active=False)
    assert User.objects.get(username="reader").ended_by == User.Ended.ADMINISTRATOR
    for user, values in (
        (cast.administrator, {"is_active": False}),
        (cast.reader, {"is_active": True}),
        (cast.member, {"email": "x@tpi.example"}),
        (cast.member, {"is_active": False, "is_superuser": True}),
        (cast.member, {"is_superuser": True}),
    ):
        with refused("administrator-needed"):
            users.change(actor=actor, user=User.objects.get(pk=user.pk), **values)
    with refused("self-lockout"):
        users.change(actor=actor, user=cast.security_officer, is_active=False)


def test_an_officer_holds_a_project_back_and_frees_it_and_sets_no_other_status(cast: Cast) -> None:
    project, actor = make_project(cast.index, "acme"), cast.actor("security_officer")
    for status in ("archived", "deprecated", "active"):
        with refused("right-missing"):
            projects.set_status(actor=actor, project=project, status=status)
    projects.set_status(actor=actor, project=project, status="quarantined", reason="stolen token")
    for status in ("archived", "deprecated"):
        with refused("right-missing"):
            projects.set_status(actor=actor, project=Project.objects.get(pk=project.pk), status=status)
    projects.set_status(actor=actor, project=Project.objects.get(pk=project.pk), status="active")
    assert Project.objects.get(pk=project.pk).status == "active"


def test_an_officer_with_an_old_view_of_a_project_does_not_wake_an_archived_one(cast: Cast) -> None:
    project = make_project(cast.index, "acme", status="quarantined")
    Project.objects.filter(pk=project.pk).update(status="archived")
    with refused("right-missing"):
        projects.set_status(actor=cast.actor("security_officer"), project=project, status="active")


@pytest.mark.parametrize(
    "values", [{"anonymous_read": True}, {"allow_passwords": True}, {"project_creation": "members"}, {"members": []}]
)
def test_an_operator_sets_nothing_that_gives_a_right(cast: Cast, values: dict[str, object]) -> None:
    with refused("right-missing"):
        indexes.change(actor=cast.actor("operator"), index=cast.index, **values)
    indexes.change(actor=cast.actor("operator"), index=cast.index, max_file_size=1000, title="Main")


@pytest.mark.parametrize("role", ["operator", "security_officer"])
def test_a_bound_or_reading_token_has_no_part_in_the_instance(cast: Cast, role: str) -> None:
    weak = [
        cast.token_actor(role, [Verb.READ]),
        cast.token_actor(role, indexes=["main"]),
        cast.token_actor(role, projects=["acme"]),
    ]
    assert not any(actor.may_operate or actor.may_secure for actor in weak)
    assert not any(actor.reads_everything or actor.sees_operation for actor in weak[1:])


class TestBreakGlass:
    def test_another_administrator_gives_the_flag(self, cast: Cast) -> None:
        with refused("break-glass-by-another"):
            users.change(actor=cast.actor("administrator"), user=cast.administrator, is_break_glass=True)
        second = make_user("second", is_superuser=True)
        users.change(actor=actor_of(second), user=cast.administrator, is_break_glass=True)
        assert User.objects.get(username="administrator").is_break_glass

    def test_only_an_administrator_with_a_password_here_has_it(self, cast: Cast) -> None:
        actor = cast.actor("administrator")
        from_directory = make_user("remote", is_superuser=True)
        from_directory.directory = make_directory()
        from_directory.save()
        without = make_user("without", is_superuser=True)
        without.set_unusable_password()
        without.save()
        auditor = make_user("chief", is_superuser=True)
        auditor.instance_roles = InstanceRole.AUDITOR.bit
        auditor.save()
        for user in (cast.reader, from_directory, without, auditor):
            with refused("break-glass-local"):
                users.change(actor=actor, user=user, is_break_glass=True)

    def test_it_goes_with_administration(self, cast: Cast) -> None:
        second = make_user("second", is_superuser=True)
        users.change(actor=cast.actor("administrator"), user=second, is_break_glass=True)
        users.change(actor=cast.actor("administrator"), user=second, is_superuser=False)
        assert not User.objects.get(username="second").is_break_glass
