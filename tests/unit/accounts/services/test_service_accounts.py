from __future__ import annotations

import pytest

from accounts.authentication import authenticate
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Membership, User
from accounts.services import service_accounts, teams, tokens, users
from indexapp import permissions
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token
from tests.wsgi_client import basic, bearer
from tpi_site.kit.errors import Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_it_is_a_member_of_its_team_and_signs_in_with_tokens_alone(cast: Cast) -> None:
    program = service_accounts.create(actor=cast.actor("team_admin"), team=cast.team, name="svc-build")
    _, text = tokens.issue(
        actor=cast.actor("maintainer"), owner=program, name="ci", verbs=[Verb.READ, Verb.UPLOAD], indexes=["main"]
    )
    actor = authenticate(bearer(text)["Authorization"])
    assert permissions.verbs_on(actor, cast.index) == {Verb.READ, Verb.UPLOAD}
    assert not program.has_usable_password()
    for password in ("", "!", program.password):
        with pytest.raises(Unauthenticated):
            authenticate(basic("svc-build", password)["Authorization"])


@pytest.mark.parametrize(
    "name", ["", "Svc", "svc build", "-svc", "svc-", "svc", "build", "svc-" + "s" * 61, "svc-x\n", "svc-@x"]
)
def test_what_no_service_account_is_called(cast: Cast, name: str) -> None:
    with refused("name-invalid"):
        service_accounts.create(actor=cast.actor("team_admin"), team=cast.team, name=name)


def test_its_name_is_nobody_elses(cast: Cast) -> None:
    make_service_account(cast.team, "svc-build")
    with refused("user-exists"):
        service_accounts.create(actor=cast.actor("team_admin"), team=cast.team, name="svc-build")
    User.objects.filter(username="svc-build").update(username="SVC-Build")
    with refused("user-exists"):
        service_accounts.create(actor=cast.actor("administrator"), team=cast.team, name="svc-build")


@pytest.mark.parametrize("description", ["x" * 151, "two\nlines"])
def test_it_is_described_in_a_line(cast: Cast, description: str) -> None:
    with refused("description-invalid"):
        service_accounts.create(
            actor=cast.actor("team_admin"), team=cast.team, name="svc-build", description=description
        )


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("outsider", False),
        ("member", False),
        ("maintainer", True),
        ("team_admin", True),
        ("auditor", False),
        ("operator", False),
        ("administrator", True),
    ],
)
def test_who_issues_and_revokes_its_tokens(cast: Cast, role: str, may: bool) -> None:
    program = make_service_account(cast.team)
    actor = cast.actor(role)
    assert service_accounts.may_manage_service_account(actor, program) is may
    if not may:
        with refused("token-owner"):
            tokens.issue(actor=actor, owner=program, name="ci", verbs=[Verb.READ])
        return
    token, _ = tokens.issue(actor=actor, owner=program, name="ci", verbs=[Verb.READ])
    tokens.revoke(actor=actor, token=token)


def test_nobody_manages_a_persons_tokens_so(cast: Cast) -> None:
    assert not service_accounts.may_manage_service_account(cast.actor("administrator"), cast.member)
    with refused("token-owner"):
        tokens.issue(actor=cast.actor("team_admin"), owner=cast.member, name="ci", verbs=[Verb.READ])


def test_a_bound_token_of_a_maintainer_issues_none_for_it(cast: Cast) -> None:
    program = make_service_account(cast.team)
    for scope in ({"verbs": [Verb.UPLOAD]}, {"verbs": ALL_VERBS, "indexes": ["main"]}):
        actor = cast.token_actor("maintainer", **scope)  # type: ignore[arg-type]
        assert not service_accounts.may_manage_service_account(actor, program)


def test_the_admins_of_a_team_above_look_after_it_and_those_below_do_not(cast: Cast) -> None:
    below = make_team("below", admins=[cast.outsider], parent=cast.team)
    assert service_accounts.may_manage_service_account(cast.actor("maintainer"), make_service_account(below))
    assert not service_accounts.may_manage_service_account(cast.actor("outsider"), make_service_account(cast.team))


def test_disabling_ends_its_tokens_and_enabling_brings_them_back(cast: Cast) -> None:
    program = make_service_account(cast.team)
    text = make_token(program)[1]
    service_accounts.change(actor=cast.actor("team_admin"), user=program, is_active=False)
    with pytest.raises(Unauthenticated):
        authenticate(bearer(text)["Authorization"])
    assert User.objects.get(pk=program.pk).ended_by == User.Ended.ADMINISTRATOR
    service_accounts.change(actor=cast.actor("team_admin"), user=program, is_active=True, description="Builds")
    assert authenticate(bearer(text)["Authorization"]).user_id == program.pk
    assert User.objects.get(pk=program.pk).first_name == "Builds"
    with refused("field-fixed"):
        service_accounts.change(actor=cast.actor("team_admin"), user=program, username="other")


def test_it_stays_in_its_team_and_as_a_member(cast: Cast) -> None:
    program, elsewhere = make_service_account(cast.team), make_team("elsewhere")
    for team in (cast.team, elsewhere):
        with refused("service-account-fixed"):
            teams.set_member(actor=SYSTEM, team=team, user=program, role="admin")
    with refused("service-account-fixed"):
        teams.remove_member(actor=cast.actor("team_admin"), team=cast.team, user=program)
    assert Membership.objects.get(user=program).role == "member"


def test_it_gets_no_password_and_no_part_for_the_instance(cast: Cast) -> None:
    program, actor = make_service_account(cast.team), cast.actor("administrator")
    with refused("service-account-fixed"):
        users.set_password(actor=actor, user=program, password="nobody guesses this")
    for values in ({"is_superuser": True}, {"instance_roles": [InstanceRole.OPERATOR]}, {"is_break_glass": True}):
        with refused("service-account-fixed"):
            users.change(actor=actor, user=User.objects.get(pk=program.pk), **values)


def test_a_person_is_not_looked_after_as_a_program(cast: Cast) -> None:
    for deed in (service_accounts.delete, service_accounts.change):
        with refused("not-a-service-account"):
            deed(actor=cast.actor("team_admin"), user=cast.member)
