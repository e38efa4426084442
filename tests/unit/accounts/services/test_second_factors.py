from __future__ import annotations

from typing import Any

import pytest

from accounts.authentication import authenticate
from accounts.domain.actors import Method
from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.models import Alarm, User
from accounts.services import second_factors
from tests import evidence
from tests.factories.factors import begun, with_factor
from tests.factories.people import PASSWORD, make_team, make_token, make_user
from tests.wsgi_client import basic

pytestmark = pytest.mark.django_db
POLICIES = ("off", "administrators", "privileged", "everybody")


def person(part: str) -> User:
    user = make_user(is_superuser=part == "administrator")
    if part == "auditor":
        User.objects.filter(pk=user.pk).update(instance_roles=roles_to_mask([InstanceRole.AUDITOR]))
    if part == "team admin":
        make_team("", admins=[user])
    if part == "member":
        make_team("", user)
    user.refresh_from_db()
    return user


@pytest.mark.parametrize(
    ("part", "required"),
    [
        ("administrator", "administrators privileged everybody"),
        ("auditor", "privileged everybody"),
        ("team admin", "privileged everybody"),
        ("member", "everybody"),
        ("nobody in particular", "everybody"),
    ],
)
def test_the_policy_says_who_must_have_a_second_factor(part: str, required: str, settings: Any) -> None:
    user, found = person(part), []
    for policy in POLICIES:
        settings.TPI_SECOND_FACTOR = policy
        found += [policy] if second_factors.is_required(user) else []
    assert " ".join(found) == required


def test_a_service_account_is_never_asked(settings: Any) -> None:
    settings.TPI_SECOND_FACTOR = "everybody"
    robot = User.objects.create(username="robot", kind=User.Kind.SERVICE, service_team=make_team())
    assert not second_factors.is_required(robot)


def test_the_usual_policies_ask_the_database_nothing(settings: Any, django_assert_num_queries: Any) -> None:
    users = [person("administrator"), person("auditor"), person("member")]
    with django_assert_num_queries(0):
        for settings.TPI_SECOND_FACTOR in ("off", "administrators", "everybody"):
            for user in users:
                second_factors.is_required(user)


def header(user: User) -> str:
    return basic(user.username, PASSWORD)["Authorization"]


def test_a_program_with_a_password_alone_is_refused_where_a_factor_is_needed(settings: Any) -> None:
    root, mia = person("administrator"), make_user()
    assert authenticate(header(root)).user_id == root.pk
    settings.TPI_SECOND_FACTOR = "administrators"
    with evidence.refused("second-factor-needed"):
        authenticate(header(root))
    assert authenticate(header(mia)).user_id == mia.pk


def test_a_password_alone_does_not_go_round_a_factor_that_somebody_wanted(db: None) -> None:
    mia = make_user()
    begun(mia)
    assert authenticate(header(mia)).user_id == mia.pk
    with_factor(mia)
    with evidence.refused("second-factor-needed"):
        authenticate(header(mia))


def test_tokens_go_on(settings: Any) -> None:
    settings.TPI_SECOND_FACTOR = "everybody"
    mia = make_user()
    with_factor(mia)
    _, text = make_token(mia)
    assert authenticate(basic("__token__", text)["Authorization"]).method is Method.TOKEN


def test_it_costs_one_query(django_assert_num_queries: Any) -> None:
    mia = make_user()
    with django_assert_num_queries(1):
        second_factors.admit_password_alone(mia.actor(Method.PASSWORD))


def test_a_program_that_uses_the_break_glass_account_rings() -> None:
    glass = make_user("glass", is_superuser=True)
    User.objects.filter(pk=glass.pk).update(is_break_glass=True)
    authenticate(header(glass))
    assert Alarm.objects.get().code == "break-glass-used"
