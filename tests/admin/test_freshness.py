"""Before dangerous acts the console asks the person to show again that it is them, and loses nothing."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Authenticator, BrowserSession, Membership, Token, User
from indexapp.models import Index, MirroredFile, PolicyRule, PrefetchJob, Project
from tests.admin.conftest import SignIn
from tests.admin.screens import Side, address, do, messages
from tests.factories.browsers import grow_stale
from tests.factories.factors import with_factor
from tests.factories.people import PASSWORD, make_user
from tests.factories.policies import make_rule
from tests.factories.publishing import make_mirror
from tpi_site.kit.admin import ReadOnlyScreen, Screen

WITHOUT_PROOF = {"project"}
"""Screens whose forms give nobody anything; each is named here, and no other may do without."""
TAKEN_AWAY_WITHOUT_PROOF = {"role", "membership"}
"""What holds people back when it goes; who does it may be in a hurry."""
DONE_WITHOUT_PROOF = {
    "alarm": {"end"},
    "auditsink": {"test"},
    "browsersession": {"end"},
    "directory": {"disable", "plan", "sync"},
    "file": {"unyank", "yank"},
    "mirroredfile": {"keep-ours"},
    "mirroredproject": {"refresh"},
    "mirrorsite": {"take-out"},
    "policyexception": {"revoke"},
    "policyhold": {"reject"},
    "prefetchjob": {"cancel"},
    "project": {"archive", "deprecate", "quarantine"},
    "readonlyperiod": {"end"},
    "release": {"unyank", "yank"},
    "serviceaccount": {"disable"},
    "token": {"revoke"},
    "trashed": {"restore"},
    "user": {"disable", "end-sessions"},
}
"""What else does, by screen: it takes away, holds back, or is undone by one more click.  What lets somebody in again is not here."""
CONFIRM = "/account/confirm/?next="


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator who signed in some time ago."""
    browser = sign_in(administrator)
    grow_stale()
    return browser


@pytest.mark.parametrize("action", ["set-password", "promote", "demote", "delete", "remove-factor"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_acts_on_accounts_need_a_proof(root: Client, red: Side, action: str, method: str) -> None:
    with_factor(red.member)
    User.objects.filter(pk=red.member.pk).update(is_superuser=action == "demote")
    page = address(red.member, "do", action)
    fields = {"confirmed": "yes", "password1": "an entirely new phrase", "password2": "an entirely new phrase"}
    before = list(User.objects.values())
    answer = getattr(root, method)(page, fields)
    assert answer.headers["Location"].startswith(CONFIRM)
    assert list(User.objects.values()) == before
    assert Authenticator.objects.exists()


def test_so_do_ticked_rows(root: Client, red: Side) -> None:
    ticked = {"action": "promote", "_selected_action": [red.member.pk], "confirmed": "yes"}
    answer = root.post(address(User, "changelist"), ticked)
    assert answer.headers["Location"].startswith(f"{CONFIRM}%2Fadmin%2Faccounts%2Fuser%2F")
    red.member.refresh_from_db()
    assert not red.member.is_superuser


@pytest.mark.parametrize("row", ["index", "project"])
def test_so_does_what_takes_packages_away(root: Client, red: Side, row: str) -> None:
    found = getattr(red, row)
    answer = root.post(address(found, "do", "delete"), {"confirmed": "yes", "typed": str(found)})
    assert answer.headers["Location"].startswith(CONFIRM)
    assert Index.objects.filter(pk=red.index.pk).exists()
    assert Project.objects.filter(pk=red.project.pk).exists()


@pytest.mark.parametrize("model", [User, Token])
def test_so_do_new_accounts_and_tokens(root: Client, model: type[User | Token]) -> None:
    before = model.objects.count()
    for answer in (root.get(address(model, "add")), root.post(address(model, "add"), {"name": "x"})):
        assert answer.headers["Location"].startswith(CONFIRM)
    assert model.objects.count() == before


def test_looking_needs_none_and_changing_does(root: Client, red: Side) -> None:
    assert root.get(address(red.member)).status_code == 200
    answer = root.post(address(red.member), {"email": "x@tpi.example", "is_superuser": "on"})
    assert answer.headers["Location"].startswith(CONFIRM)
    assert "interrupted=1" in answer.headers["Location"]


def test_one_comes_back_to_the_page_that_asks(root: Client, red: Side) -> None:
    page = address(red.member, "do", "delete")
    away = root.get(page).headers["Location"]
    back = root.post(away, {"password": PASSWORD}).headers["Location"]
    assert back == page
    assert root.get(back).status_code == 200
    assert messages(do(root, red.member, "delete")) == ["User 'red-member' was deleted."]


def test_what_holds_back_is_not_held_up(root: Client, red: Side) -> None:
    assert messages(do(root, red.project, "quarantine", reason="bad")) != []
    assert messages(do(root, red.member, "disable")) == ["User 'red-member' was disabled."]
    red.project.refresh_from_db()
    assert red.project.status == "quarantined"


def test_administrators_see_and_end_sessions(root: Client, red: Side, sign_in: SignIn) -> None:
    victim = sign_in(red.admin)
    row = BrowserSession.objects.get(user=red.admin)
    assert b"red-admin" in root.get(address(BrowserSession, "changelist")).content
    assert root.get(address(row)).status_code == 200
    assert "was ended." in messages(do(root, row, "end"))[0]
    assert victim.get("/account/profile/").status_code == 302
    assert victim.get("/admin/").status_code == 302


def test_an_administrator_ends_all_sessions_of_a_person(root: Client, red: Side, sign_in: SignIn) -> None:
    browsers = [sign_in(red.admin) for _ in range(2)]
    assert messages(do(root, red.admin, "end-sessions")) == ["User 'red-admin' was signed out everywhere."]
    assert [browser.get("/account/profile/").status_code for browser in browsers] == [302, 302]


def test_team_admins_see_no_sessions_and_security_officers_do(red: Side, sign_in: SignIn) -> None:
    from accounts.domain.instance_roles import InstanceRole, roles_to_mask

    page = address(BrowserSession, "changelist")
    assert sign_in(red.admin).get(page).status_code == 403
    officer = make_user("officer")
    User.objects.filter(pk=officer.pk).update(instance_roles=roles_to_mask([InstanceRole.SECURITY_OFFICER]))
    answer = sign_in(officer).get(page)
    assert answer.status_code == 200
    assert b"red-admin" in answer.content


def test_the_overview_hints_at_administrators_with_a_password_alone(root: Client, administrator: User) -> None:
    def hint() -> list[str]:
        [card] = [card for card in root.get("/admin/").context["cards"] if card.title == "Second factors"]
        return [line.text for line in card.lines]

    assert hint() == ["root"]
    with_factor(administrator)
    assert hint() == []


SCREENS = {model._meta.model_name or "": screen for model, screen in admin.site._registry.items()}
WRITTEN = {name: screen for name, screen in SCREENS.items() if not isinstance(screen, ReadOnlyScreen)}


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_no_form_is_sent_without_a_proof(root: Client, name: str) -> None:
    model = WRITTEN[name].model
    if name in WITHOUT_PROOF:
        assert root.get(address(model, "add")).status_code == 200
        return
    for page in (address(model, "add"), address(model(pk=1))):
        assert root.post(page, {}).headers.get("Location", "").startswith(CONFIRM), page


def test_what_needs_no_proof_is_named() -> None:
    screens = {name: screen for name, screen in SCREENS.items() if isinstance(screen, Screen)}
    assert {name for name, screen in WRITTEN.items() if not screen.needs_fresh_sign_in} == WITHOUT_PROOF
    deletions = {name: screen.deletion for name, screen in screens.items() if screen.deletion is not None}
    assert {name for name, action in deletions.items() if not action.asks_for_proof} == TAKEN_AWAY_WITHOUT_PROOF
    done = {
        name: {one.name for one in screen.confirmed_actions if not one.asks_for_proof}
        for name, screen in screens.items()
    }
    assert {name: actions for name, actions in done.items() if actions} == DONE_WITHOUT_PROOF


def test_a_session_left_open_makes_nobody_admin_of_a_team(root: Client, red: Side, sign_in: SignIn) -> None:
    before = list(Membership.objects.order_by("pk").values())
    members = {"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0", "memberships-0-role": "admin"}
    answer = root.post(address(red.team), {"title": "x", **members, "memberships-0-user": red.member.pk})
    assert answer.headers["Location"].startswith(CONFIRM)
    assert list(Membership.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("row", ["team", "prefix", "release", "file"])
def test_nor_does_it_delete(root: Client, red: Side, row: str) -> None:
    found = getattr(red, row)
    assert root.post(address(found, "do", "delete"), {"confirmed": "yes"}).headers["Location"].startswith(CONFIRM)
    assert root.post(address(found, "delete"), {"confirmed": "yes"}).headers["Location"].startswith(CONFIRM)
    assert type(found).objects.filter(pk=found.pk).exists()


def test_nor_does_it_put_rules_in_another_order(root: Client) -> None:
    first, second = make_rule(None, name="first"), make_rule(None, name="second")
    answer = root.post(address(second, "do", "move"), {"confirmed": "yes", "position": "1"})
    assert answer.headers["Location"].startswith(CONFIRM)
    assert list(PolicyRule.objects.order_by("position")) == [first, second]


def test_nor_does_it_drop_our_bytes_for_an_upstreams(root: Client, red: Side) -> None:
    conflict = MirroredFile.objects.create(file=red.file, conflict="0" * 64)
    answer = root.post(address(conflict, "do", "take-theirs"), {"confirmed": "yes"})
    assert answer.headers["Location"].startswith(CONFIRM)
    assert MirroredFile.objects.filter(pk=conflict.pk).exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_nor_does_it_begin_a_prefetch(root: Client, method: str) -> None:
    page, mirror = (
        reverse("admin:indexapp_prefetchjob_begin"),
        make_mirror("outside", "https://upstream.example/simple/"),
    )
    given = {"file": SimpleUploadedFile("requirements.txt", b"acme\n"), "pythons": "3.12", "platforms": "linux-x86_64"}
    answer = getattr(root, method)(page, {"index": mirror.pk, **given} if method == "post" else None)
    assert answer.headers["Location"].startswith(CONFIRM)
    assert not PrefetchJob.objects.exists()
