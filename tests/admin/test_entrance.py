from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django_q.models import Success

from accounts.domain.verbs import Verb
from accounts.models import User
from indexapp.models import Index
from tests.admin.conftest import SignIn
from tests.admin.screens import Side
from tests.factories.people import make_team, make_token, make_user
from tests.factories.publishing import give, make_project
from tests.wsgi_client import basic, bearer
from tpi_site.kit.admin import Screen

HOME = "/admin/"
ACCEPT = {"Accept": "text/html"}


def test_nobody_is_sent_to_the_sites_own_sign_in_page(db: None, client: Client) -> None:
    response = client.get("/admin/indexapp/project/", follow=True)

    assert [url for url, _ in response.redirect_chain] == [
        "/admin/login/?next=/admin/indexapp/project/",
        "/account/sign-in/?next=/admin/indexapp/project/",
    ]


def test_there_is_no_form_for_passwords_in_the_console(administrator: User, client: Client) -> None:
    fields = {"username": "root", "password": "correct horse battery staple"}
    assert client.post("/admin/login/", fields).headers["Location"].startswith("/account/sign-in/")
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(administrator: User, sign_in: SignIn, target: str) -> None:
    assert Client().get("/admin/login/", {"next": target}).headers["Location"] == "/account/sign-in/?next=/admin/"
    assert sign_in(administrator).get("/admin/login/", {"next": target}).headers["Location"] == HOME


def test_who_looks_after_nothing_is_told_so_without_a_loop(main: Index, sign_in: SignIn) -> None:
    person = make_user()
    give(person, [Verb.READ, Verb.UPLOAD, Verb.YANK, Verb.DELETE, Verb.PROMOTE], main)
    make_team("readers", person)
    response = sign_in(person).get(HOME, follow=True, headers=ACCEPT)

    assert response.status_code == 403
    assert "looks after no index, project or team" in response.content.decode()


@pytest.mark.parametrize("through", ["index", "project", "team role", "team admin", "administrator"])
def test_who_looks_after_something_may_enter(main: Index, sign_in: SignIn, through: str) -> None:
    person = make_user(is_superuser=through == "administrator")
    if through == "index":
        give(person, [Verb.ADMINISTER], main)
    if through == "project":
        give(person, [Verb.ADMINISTER], main, make_project(main))
    if through == "team role":
        give(make_team("owners", person), [Verb.ADMINISTER], main)
    if through == "team admin":
        make_team("mine", admins=[person])

    assert sign_in(person).get(HOME).status_code == 200


def test_a_disabled_account_is_out_at_once(administrator: User, sign_in: SignIn) -> None:
    browser = sign_in(administrator)
    User.objects.update(is_active=False)

    assert browser.get(HOME).status_code == 302


def test_djangos_own_staff_mark_and_permissions_open_nothing(main: Index, sign_in: SignIn) -> None:
    person = make_user()
    User.objects.filter(pk=person.pk).update(is_staff=True)

    assert sign_in(person).get(HOME).status_code == 302


def test_credentials_in_a_header_open_nothing(administrator: User, client: Client) -> None:
    _, token = make_token(administrator)
    for header in (basic("root", "correct horse battery staple"), bearer(token)):
        assert client.get(HOME, headers=header).status_code == 302


def test_a_header_cannot_lend_a_session_other_rights(administrator: User, red: Side, sign_in: SignIn) -> None:
    _, token = make_token(administrator)
    browser = sign_in(red.admin)

    assert browser.get(HOME, headers=bearer(token)).status_code == 302
    assert browser.get(HOME, headers=basic("root", "correct horse battery staple")).status_code == 302
    assert browser.get(HOME).status_code == 200


def test_only_our_screens_are_shown() -> None:
    shown = admin.site._registry

    assert all(isinstance(screen, Screen) for screen in shown.values())
    assert Group not in shown
    assert Success in shown


def test_the_menu_of_a_team_admin_has_nothing_for_administrators(red: Side, sign_in: SignIn) -> None:
    page = sign_in(red.admin).get(HOME).content.decode()

    assert 'href="/admin/indexapp/project/"' in page
    assert "/admin/accounts/user/" not in page
    assert "/admin/django_q/" not in page


def test_the_menu_of_a_teams_admin_without_indexes_is_about_people(db: None, sign_in: SignIn) -> None:
    person = make_user()
    make_team("mine", admins=[person])
    page = sign_in(person).get(HOME).content.decode()

    assert 'href="/admin/accounts/team/"' in page
    assert 'href="/admin/indexapp/project/"' not in page


@pytest.mark.parametrize("path", ["accounts/user/", "accounts/user/add/", "django_q/ormq/", "django_q/failure/"])
def test_administrators_screens_are_closed_to_team_admins(red: Side, sign_in: SignIn, path: str) -> None:
    assert sign_in(red.admin).get(HOME + path).status_code == 403


@pytest.mark.parametrize("path", ["password_change/", "password_change/done/"])
def test_passwords_are_changed_on_the_accounts_own_page(administrator: User, sign_in: SignIn, path: str) -> None:
    assert sign_in(administrator).get(HOME + path).headers["Location"] == "/account/profile/"


def test_the_admins_listing_of_an_app_is_the_landing_page(administrator: User, sign_in: SignIn) -> None:
    assert sign_in(administrator).get("/admin/indexapp/").headers["Location"] == HOME
