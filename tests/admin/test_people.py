"""People, teams and tokens: what the console changes, services change, with its audit row."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.models import AuditEntry, Membership, Team, Token, User
from accounts.services import tokens
from indexapp.services import indexes
from tests.admin.conftest import SignIn
from tests.admin.screens import Side, address, do, do_many, errors, members_row, refusal
from tests.evidence import collecting
from tests.factories.people import PASSWORD, SYSTEM, make_directory, make_service_account, make_user
from tests.factories.requests import seen_from


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator of the instance."""
    return sign_in(administrator)


@pytest.fixture
def browser(red: Side, sign_in: SignIn) -> Client:
    """The browser of the red team's admin."""
    return sign_in(red.admin)


def test_a_user_is_made_with_a_password(root: Client) -> None:
    evidence = collecting()
    fields = {"username": "ann", "email": "ann@tpi.example", "password": PASSWORD, "repeated": PASSWORD}
    assert root.post(address(User, "add"), fields).status_code == 302
    ann = User.objects.get(username="ann")

    assert ann.check_password(PASSWORD)
    assert not ann.is_superuser
    assert evidence.actions == ["user.create"]
    assert PASSWORD not in str([entry.detail for entry in evidence.audit])


def test_a_user_without_a_password_has_none(root: Client) -> None:
    root.post(address(User, "add"), {"username": "robot", "email": "", "password": "", "repeated": ""})
    assert not User.objects.get(username="robot").has_usable_password()


def test_a_user_is_changed(root: Client) -> None:
    ann, evidence = make_user("ann"), collecting()
    fields = {"email": "new@tpi.example", "first_name": "Ann", "last_name": "", "is_active": "on"}
    assert root.post(address(ann), fields).status_code == 302
    ann.refresh_from_db()

    assert (ann.email, ann.first_name, ann.is_active) == ("new@tpi.example", "Ann", True)
    assert evidence.audit[0].detail["before"]["email"] == "ann@tpi.example"


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("disable", "is_active", False),
        ("enable", "is_active", True),
        ("promote", "is_superuser", True),
        ("demote", "is_superuser", False),
    ],
)
def test_a_users_standing_is_changed(root: Client, action: str, field: str, value: bool) -> None:
    ann = make_user("ann", is_active=action != "enable", is_superuser=action == "demote")
    evidence = collecting()
    do(root, ann, action)
    ann.refresh_from_db()

    assert getattr(ann, field) is value
    assert evidence.actions == ["user.change"]


def test_a_password_is_set(root: Client) -> None:
    ann, evidence = make_user("ann"), collecting()
    fields = {"password1": "another good password", "password2": "another good password"}
    answer = do(root, ann, "set-password", **fields)
    ann.refresh_from_db()

    assert answer.redirect_chain, errors(answer)
    assert ann.check_password("another good password")
    assert evidence.actions == ["user.set-password"]


def test_a_user_is_deleted(root: Client) -> None:
    ann, evidence = make_user("ann"), collecting()
    do(root, ann, "delete")

    assert not User.objects.filter(pk=ann.pk).exists()
    assert evidence.actions == ["user.delete"]


def test_a_team_is_made_with_its_first_members(root: Client) -> None:
    make_user("ann")
    evidence = collecting()
    fields = {"name": "tools", "title": "", "description": "", **members_row(0, user="ann", role="admin", total=1)}
    answer = root.post(address(Team, "add"), fields)
    assert answer.status_code == 302, errors(answer)

    assert list(Membership.objects.values_list("user__username", "role")) == [("ann", "admin")]
    assert evidence.actions == ["team.create", "team.set-member"]


def test_a_teams_admin_changes_it_and_its_members(browser: Client, red: Side) -> None:
    newcomer, evidence = make_user("newcomer"), collecting()
    own = Membership.objects.get(team=red.team, user=red.admin)
    fields = {
        "title": "The reds",
        "description": "",
        **members_row(0, id=own.pk, role="admin", total=3, initial=2),
        **members_row(1, id=red.membership.pk, role="maintainer", total=3, initial=2),
        **members_row(2, user="newcomer", role="member", total=3, initial=2),
    }
    answer = browser.post(address(red.team), fields)
    assert answer.status_code == 302, errors(answer)
    red.team.refresh_from_db()

    assert red.team.title == "The reds"
    assert Membership.objects.get(pk=red.membership.pk).role == "maintainer"
    assert Membership.objects.filter(team=red.team, user=newcomer, role="member").exists()
    assert sorted(evidence.actions) == ["team.change", "team.set-member", "team.set-member"]


def test_a_member_is_taken_out(browser: Client, red: Side) -> None:
    own, evidence = Membership.objects.get(team=red.team, user=red.admin), collecting()
    fields = {
        "title": "",
        "description": "",
        **members_row(0, id=own.pk, role="admin", total=2, initial=2),
        **members_row(1, id=red.membership.pk, role="member", DELETE="on", total=2, initial=2),
    }
    browser.post(address(red.team), fields)

    assert not Membership.objects.filter(pk=red.membership.pk).exists()
    assert evidence.actions == ["team.remove-member"]


def test_a_large_team_is_looked_after_in_the_list_of_members(browser: Client, red: Side) -> None:
    Membership.objects.bulk_create([Membership(team=red.team, user=make_user()) for _ in range(101)])
    assert "memberships-TOTAL_FORMS" not in browser.get(address(red.team)).content.decode()
    assert browser.post(address(red.team), {"title": "Many", "description": ""}).status_code == 302
    make_user("late")
    evidence = collecting()
    browser.post(address(Membership, "add"), {"team": "red-team", "user": "late", "role": "member"})
    membership = Membership.objects.get(user__username="late")
    browser.post(address(membership), {"role": "maintainer"})

    assert Membership.objects.get(pk=membership.pk).role == "maintainer"
    assert evidence.actions == ["team.set-member", "team.set-member"]


def test_another_teams_membership_cannot_be_slipped_into_a_teams_form(browser: Client, red: Side, blue: Side) -> None:
    fields = {"title": "", "description": "", **members_row(0, id=blue.membership.pk, role="admin", total=1, initial=1)}
    browser.post(address(red.team), fields)

    assert Membership.objects.get(pk=blue.membership.pk).role == "member"
    assert Membership.objects.get(pk=blue.membership.pk).team == blue.team


def test_a_token_is_shown_once(browser: Client, red: Side) -> None:
    evidence, day = collecting(), timezone.now() + timedelta(days=200)
    fields = {
        "name": "CI",
        "rights": ["read", "upload"],
        "indexes": "red-index",
        "projects": "Red_Project",
        "networks": "192.0.2.0/24\n127.0.0.1",
        "last_day": f"{day:%Y-%m-%d}",
    }
    answer = browser.post(address(Token, "add"), fields)
    text, token = answer.context["text"], Token.objects.get(name="CI")

    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert (token.user, token.indexes, token.projects) == (red.admin, ["red-index"], ["red-project"])
    assert token.networks == ["127.0.0.1/32", "192.0.2.0/24"]
    assert token.expires_at == day.replace(hour=23, minute=59, second=59, microsecond=999999)
    with seen_from("192.0.2.1"):
        assert tokens.recognise(text) is not None
    assert evidence.actions == ["token.issue"]
    for page in (address(Token, "changelist"), address(token), "/admin/", address(AuditEntry, "changelist")):
        assert text not in browser.get(page).content.decode()
    assert text not in str(dict(browser.session))


@pytest.mark.parametrize("who", ["root", "browser"])
def test_who_looks_after_a_service_account_issues_for_it(who: str, request: pytest.FixtureRequest, red: Side) -> None:
    make_service_account(red.team, "svc-robot")
    fields = {"name": "CI", "owner": "SVC-ROBOT", "rights": ["read"], "indexes": "", "projects": "", "last_day": ""}
    answer = request.getfixturevalue(who).post(address(Token, "add"), fields)

    token = Token.objects.get(name="CI")
    assert (token.user.username, token.kind) == ("svc-robot", "service")
    assert answer.status_code == 200
    assert "svc-robot" in request.getfixturevalue(who).get(address(token)).content.decode()


def test_nobody_issues_for_another_person_or_another_teams_account(root: Client, browser: Client, blue: Side) -> None:
    make_service_account(blue.team, "svc-robot")
    fields = {"name": "CI", "rights": ["read"], "indexes": "", "projects": "", "last_day": ""}
    assert "no service account of yours" in errors(root.post(address(Token, "add"), {**fields, "owner": "blue-admin"}))
    browser.post(address(Token, "add"), {**fields, "owner": "svc-robot"})
    assert set(Token.objects.filter(name="CI").values_list("user__username", flat=True)) == {"red-admin"}


def test_a_rotated_token_is_shown_once_and_the_old_one_goes_on(browser: Client, red: Side) -> None:
    page = address(red.token, "do", "rotate")
    assert "The old token ends" in browser.get(page).content.decode()
    evidence = collecting()
    assert "valid choice" in errors(browser.post(page, {"confirmed": "yes", "overlap": "8"}))
    answer = browser.post(page, {"confirmed": "yes", "overlap": "3600"})
    text = answer.context["text"]

    assert "no-store" in answer.headers["Cache-Control"]
    assert tokens.recognise(text) is not None
    red.token.refresh_from_db()
    assert red.token.expires_at is not None
    assert red.token.expires_at <= timezone.now() + timedelta(hours=1)
    assert evidence.actions == ["token.rotate"]
    again = browser.post(page, {"confirmed": "yes", "overlap": "0"})
    assert "rotated already" in errors(again)
    new = Token.objects.get(replaces=red.token)
    assert f"rotated from {red.token}" in browser.get(address(new)).content.decode()


def test_an_administrator_does_not_rotate_anothers_token(root: Client, red: Side) -> None:
    assert "/do/rotate/" not in root.get(address(red.token)).content.decode()
    answer = root.post(address(red.token, "do", "rotate"), {"confirmed": "yes", "overlap": "0"})
    assert "issued by its owner" in refusal(answer)
    assert Token.objects.filter(replaces=red.token).count() == 0


def test_a_revoked_token_ends_at_once(browser: Client, red: Side) -> None:
    do_many(browser, "revoke", red.token)
    red.token.refresh_from_db()

    assert red.token.revoked_at is not None
    assert red.token.revoked_at <= timezone.now() + timedelta(seconds=1)


def _auditors(sign_in: SignIn) -> Client:
    auditor = make_user("auditor")
    User.objects.filter(pk=auditor.pk).update(instance_roles=roles_to_mask([InstanceRole.AUDITOR]))
    return sign_in(auditor)


def _facts(browser: Client, row: Model) -> dict[str, str]:
    page = browser.get(address(row)).content.decode()
    assert "icon-no" not in page
    assert "icon-yes" not in page
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL))


def test_who_only_looks_reads_words_for_yes_no_and_none(red: Side, sign_in: SignIn) -> None:
    browser = _auditors(sign_in)
    facts = _facts(browser, red.member)
    assert (facts["Enabled"], facts["Administrator"], facts["Break-glass account"]) == ("yes", "no", "no")
    assert facts["Parts for the instance"] == "none"
    roles = [InstanceRole.OPERATOR, InstanceRole.BILLING]
    User.objects.filter(pk=red.member.pk).update(instance_roles=roles_to_mask(roles), first_name="<b>")
    facts = _facts(browser, red.member)
    assert facts["Parts for the instance"] == "operator, billing"
    assert facts["First name"] == "&lt;b&gt;"
    assert set(_facts(browser, red.index).values()) & {"yes", "no"}


def test_who_only_looks_reads_the_members_of_a_group(red: Side, blue: Side, sign_in: SignIn) -> None:
    group = indexes.create(actor=SYSTEM, name="both", kind="group", members=["red-index", "blue-index"])
    assert _facts(_auditors(sign_in), group)["Members"] == "red-index, blue-index"


def test_what_a_directory_says_is_in_words_too(root: Client) -> None:
    ann = make_user("ann")
    User.objects.filter(pk=ann.pk).update(directory=make_directory(), directory_key="a")
    assert _facts(root, ann)["Enabled"] == "yes"
