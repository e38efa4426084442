"""Names that somebody may not see are not found out by trying them."""

from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Membership, Team, User
from accounts.services import service_accounts, teams, unseen_names
from indexapp.models import Project, Role
from indexapp.services import role_holders
from tests.factories.cast import Cast
from tests.factories.people import make_service_account, make_team, make_user
from tests.factories.publishing import give, make_project
from tpi_site.kit.errors import Invalid, Refusal, Throttled

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def acme(cast: Cast) -> Project:
    """A project of which the outsider is the admin, who holds nothing else."""
    project = make_project(cast.index, "acme")
    give(cast.outsider, [Verb.ADMINISTER], cast.index, project)
    return project


@pytest.fixture(autouse=True)
def _others(cast: Cast) -> None:
    make_service_account(make_team("rivals", make_user("rival"), parent=make_team("above")), "svc-rival")
    make_user("gone", is_active=False)


def told(cast: Cast, acme: Project, **name: str) -> tuple[type[Refusal], str, str]:
    with pytest.raises(Refusal) as refusal:
        role_holders.named(actor=cast.actor("outsider"), index=cast.index, project=acme, **name)
    return type(refusal.value), refusal.value.code, refusal.value.detail


def test_a_projects_admin_gets_one_answer_for_all_that_fails(cast: Cast, acme: Project) -> None:
    answers = {
        told(cast, acme, **name)
        for name in (
            {"user": "nobody"},
            {"user": "gone"},
            {"user": "svc-rival"},
            {"user": "Rival"},
            {"user": "rival "},
            {"team": "rivals"},
            {"team": "nowhere"},
            {"team": "tools"},
        )
    }
    assert [(kind, code) for kind, code, _ in answers] == [(Invalid, "holder-unknown")]
    entries = AuditEntry.objects.filter(action="role.grant", outcome="refused")
    assert {(entry.actor_name, entry.object_name, entry.reason) for entry in entries} == {
        ("outsider", str(acme), "holder-unknown")
    }
    assert entries.count() == 8
    assert not any(name in str(entry.detail) for entry in entries for name in ("rivals", "gone"))


def test_a_projects_admin_names_people_exactly_and_teams_of_their_own(cast: Cast, acme: Project) -> None:
    actor = cast.actor("outsider")
    assert role_holders.named(actor=actor, index=cast.index, project=acme, user="rival") == User.objects.get(
        username="rival"
    )
    Membership.objects.create(team=cast.team, user=cast.outsider)
    assert role_holders.named(actor=actor, index=cast.index, project=acme, team="tools") == cast.team
    program = make_service_account(cast.team, "svc-ours")
    assert role_holders.named(actor=actor, index=cast.index, project=acme, user="svc-ours") == program


def test_who_administers_the_whole_index_names_any_team_and_is_told_no_more_of_what_fails(cast: Cast) -> None:
    actor = cast.actor("team_admin")
    assert role_holders.named(actor=actor, index=cast.index, team="rivals") == Team.objects.get(name="rivals")
    for name in ({"user": "nobody"}, {"user": "gone"}, {"user": "svc-rival"}, {"team": "nowhere"}):
        with pytest.raises(Invalid) as refusal:
            role_holders.named(actor=actor, index=cast.index, **name)
        assert refusal.value.code == "holder-unknown"


@pytest.mark.parametrize(("name", "code"), [({"user": "nobody"}, "user-unknown"), ({"team": "nobody"}, "team-unknown")])
def test_who_reads_everything_is_told_what_there_is_not(cast: Cast, name: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid, match="'nobody'") as refusal:
        role_holders.named(actor=cast.actor("administrator"), index=cast.index, **name)
    assert refusal.value.code == code
    assert not AuditEntry.objects.filter(outcome="refused").exists()


def test_who_administers_nothing_there_does_not_come_so_far(cast: Cast, acme: Project) -> None:
    for name in ("rival", "nobody"):
        with pytest.raises(Refusal) as refusal:
            role_holders.named(actor=cast.actor("reader"), index=cast.index, project=acme, user=name)
        assert refusal.value.code == "right-missing"
    assert not AuditEntry.objects.filter(outcome="refused").exists()


def test_a_new_team_is_not_told_of_others_that_its_maker_does_not_see(cast: Cast) -> None:
    actor = cast.actor("team_admin")
    answers = set()
    for name in ("rivals", "above"):
        with pytest.raises(Invalid) as refusal:
            teams.create(actor=actor, name=name, parent=cast.team)
        answers.add((refusal.value.code, refusal.value.detail))
        assert name not in refusal.value.detail
    assert [code for code, _ in answers] == ["name-unavailable"]
    assert AuditEntry.objects.filter(action="team.create", outcome="refused", actor_name="team_admin").count() == 2
    for chief, name in (("administrator", "rivals"), ("team_admin", "tools")):
        with pytest.raises(Refusal) as conflict:
            teams.create(actor=cast.actor(chief), name=name, parent=cast.team)
        assert conflict.value.code == "team-exists"


def test_a_new_service_account_is_not_told_of_others_either(cast: Cast) -> None:
    actor = cast.actor("team_admin")
    with pytest.raises(Invalid) as refusal:
        service_accounts.create(actor=actor, team=cast.team, name="svc-rival")
    assert refusal.value.code == "name-unavailable"
    assert AuditEntry.objects.filter(action="service-account.create", outcome="refused").count() == 1
    with pytest.raises(Invalid) as person:
        service_accounts.create(actor=actor, team=cast.team, name="rival")
    with pytest.raises(Invalid) as nobody:
        service_accounts.create(actor=actor, team=cast.team, name="nobody")
    assert person.value.detail == nobody.value.detail
    with pytest.raises(Refusal) as conflict:
        service_accounts.create(actor=cast.actor("administrator"), team=cast.team, name="svc-rival")
    assert conflict.value.code == "user-exists"


def test_trying_on_and_on_is_stopped_for_names_that_are_there_too(cast: Cast, acme: Project) -> None:
    actor = cast.actor("outsider")
    for number in range(unseen_names.MOST):
        with pytest.raises(Invalid):
            role_holders.named(actor=actor, index=cast.index, project=acme, user=f"guess-{number}")
    for name in ("rival", "nobody"):
        with pytest.raises(Throttled) as refusal:
            role_holders.named(actor=actor, index=cast.index, project=acme, user=name)
        assert refusal.value.code == "names-throttled"
    assert role_holders.named(actor=cast.actor("administrator"), index=cast.index, user="rival").pk
    assert Role.objects.filter(project=acme).count() == 1
