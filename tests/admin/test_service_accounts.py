from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.domain.instance_roles import InstanceRole
from accounts.models import Membership, ServiceAccount, Team, Token, User
from indexapp.models import Role
from tests.admin.conftest import SignIn
from tests.admin.screens import NO_MEMBERS, Side, address, do, errors, messages, refusal
from tests.factories.people import join, make_service_account, make_team, make_user

pytestmark = pytest.mark.django_db


def test_a_teams_admin_makes_changes_and_deletes_a_service_account(red: Side, blue: Side, sign_in: SignIn) -> None:
    browser = sign_in(red.admin)
    browser.post(address(ServiceAccount, "add"), {"team": "red-team", "name": "svc-red", "description": "Builds"})
    row = ServiceAccount.objects.get(username="svc-red")
    assert (row.service_team, row.first_name, row.has_usable_password()) == (red.team, "Builds", False)
    browser.post(address(row), {"first_name": "Publishes", "is_active": "on"})
    assert messages(do(browser, row, "disable"))[-1].endswith("disabled.")
    row.refresh_from_db()
    assert (row.first_name, row.is_active) == ("Publishes", False)
    assert row.username in browser.get(address(ServiceAccount, "changelist")).content.decode()
    do(browser, row, "enable")
    do(browser, row, "delete")
    assert not User.objects.filter(username="svc-red").exists()


def test_another_teams_is_not_there(red: Side, blue: Side, sign_in: SignIn) -> None:
    browser, foreign = sign_in(red.admin), make_service_account(blue.team, "svc-blue")
    row = ServiceAccount.objects.get(pk=foreign.pk)
    assert "svc-blue" not in browser.get(address(ServiceAccount, "changelist")).content.decode()
    assert browser.get(address(row)).status_code == 302
    answer = browser.post(address(ServiceAccount, "add"), {"team": "blue-team", "name": "svc-new"})
    assert "no team of yours" in errors(answer)


def test_a_maintainer_looks_and_changes_no_team_nor_account(red: Side, sign_in: SignIn) -> None:
    person = make_user("mia")
    join(person, red.team, role="maintainer")
    browser, program = sign_in(person), make_service_account(red.team, "svc-red")
    row = ServiceAccount.objects.get(pk=program.pk)
    for page in (row, red.team):
        answer = browser.get(address(page))
        assert answer.status_code == 200
        assert 'name="_save"' not in answer.content.decode()
    browser.post(address(row), {"first_name": "Mine"})
    browser.post(address(red.team), {"title": "Mine", **NO_MEMBERS})
    do(browser, row, "delete")
    assert User.objects.get(pk=program.pk).first_name == ""
    assert Team.objects.get(pk=red.team.pk).title == ""
    assert "red-member" not in browser.get(address(Membership, "changelist")).content.decode()


def test_a_new_team_stands_below_one_of_the_persons_own(red: Side, sign_in: SignIn, administrator: User) -> None:
    browser, form = sign_in(red.admin), address(Team, "add")

    def offered() -> Any:
        return browser.get(form).context["adminform"].form

    assert offered().initial["parent"] == red.team
    assert 'value="red-team"' in browser.get(form).content.decode()
    answer = browser.post(form, {"name": "top", "parent": "", **NO_MEMBERS})
    assert list(answer.context["adminform"].form.errors) == ["parent"]
    make_team("second", admins=[red.admin])
    assert offered().initial["parent"] is None
    assert not Team.objects.filter(name="top").exists()
    assert sign_in(administrator).post(form, {"name": "top", "parent": "", **NO_MEMBERS}).status_code == 302


def test_a_team_is_put_below_one_that_one_manages_too(red: Side, blue: Side, sign_in: SignIn) -> None:
    browser = sign_in(red.admin)
    browser.post(address(Team, "add"), {"name": "lower", "parent": "red-team", **NO_MEMBERS})
    lower = Team.objects.get(name="lower")
    assert lower.parent == red.team
    assert 'value="red-team"' in browser.get(address(lower)).content.decode()
    assert "no team of yours" in errors(browser.post(address(lower), {"parent": "blue-team", **NO_MEMBERS}))
    answer = browser.post(address(red.team), {"parent": "lower", **NO_MEMBERS})
    assert "cannot be inside itself" in errors(answer)
    browser.post(address(lower), {"title": "Lower", "parent": "red-team", **NO_MEMBERS})
    assert Team.objects.get(name="lower").title == "Lower"


def test_a_team_below_a_foreign_one_stays_there_when_its_title_changes(red: Side, sign_in: SignIn) -> None:
    above = make_team("above")
    Team.objects.filter(pk=red.team.pk).update(parent=above)
    sign_in(red.admin).post(address(red.team), {"title": "Red", "parent": "above", **NO_MEMBERS})
    found = Team.objects.get(pk=red.team.pk)
    assert (found.title, found.parent) == ("Red", above)


def test_a_new_token_begins_with_the_account_as_its_owner(red: Side, sign_in: SignIn) -> None:
    browser, program = sign_in(red.admin), make_service_account(red.team, "svc-red")
    link = f"{address(Token, 'add')}?owner=svc-red"
    page = browser.get(address(ServiceAccount.objects.get(pk=program.pk))).content.decode()
    assert f'href="{link}"' in page
    assert f'href="{link}"' in browser.get(f"{address(Token, 'changelist')}?owner=svc-red").content.decode()
    assert re.search(
        r'<input[^>]*name="owner"[^>]*value="svc-red"|value="svc-red"[^>]*name="owner"', _text(browser, link)
    )
    assert f'href="{address(Token, "add")}"' in _text(browser, address(Token, "changelist"))


def _text(browser: Client, url: str) -> str:
    return browser.get(url).content.decode()


def test_a_disabled_one_is_offered_no_token(red: Side, sign_in: SignIn) -> None:
    program = make_service_account(red.team, "svc-red")
    User.objects.filter(pk=program.pk).update(is_active=False)
    assert ">New token<" not in _text(sign_in(red.admin), address(ServiceAccount.objects.get(pk=program.pk)))


def test_a_teams_page_leads_to_its_own_service_accounts(red: Side, sign_in: SignIn) -> None:
    make_service_account(red.team, "svc-red")
    other = make_team("other", admins=[red.admin])
    make_service_account(other, "svc-other")
    listed = f"{address(ServiceAccount, 'changelist')}?team=red-team"
    browser = sign_in(red.admin)
    assert f'href="{listed}"' in _text(browser, address(red.team))
    assert [row.username for row in browser.get(listed).context["cl"].result_list] == ["svc-red"]


@pytest.mark.parametrize("action", ["disable", "delete"])
def test_a_maintainer_is_not_asked_what_would_be_refused(red: Side, sign_in: SignIn, action: str) -> None:
    keeper, program = make_user("keeper"), make_service_account(red.team)
    join(keeper, red.team, role="maintainer")
    browser, row = sign_in(keeper), ServiceAccount.objects.get(pk=program.pk)
    assert "not for you" in refusal(browser.get(address(row, "do", action)))
    assert "Only an admin of the team" in refusal(do(browser, row, action))
    ticked = {"action": "disable", "_selected_action": [row.pk]}
    listed = browser.post(address(ServiceAccount, "changelist"), ticked, follow=True)
    assert "not for you" in messages(listed)[0]
    assert "not for you" in refusal(sign_in(red.admin).get(address(row, "do", "enable")))
    assert User.objects.get(pk=program.pk).is_active


def test_who_has_nothing_to_choose_is_offered_no_form(sign_in: SignIn) -> None:
    keeper, operator = make_user("keeper"), make_user("operator")
    join(keeper, make_team("plain"), role="maintainer")
    User.objects.filter(pk=operator.pk).update(instance_roles=InstanceRole.OPERATOR.bit)
    for person in (keeper, User.objects.get(pk=operator.pk)):
        browser = sign_in(person)
        for model in (Membership, Role):
            assert browser.get(address(model, "add")).status_code == 403
            assert address(model, "add") not in browser.get(address(model, "changelist")).content.decode()
