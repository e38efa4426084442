from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Authenticator, BrowserSession, User
from accounts.services import authenticators, one_time_codes
from tests.factories.browsers import grow_stale, signed_in
from tests.factories.factors import SECRET, code, with_factor
from tests.factories.people import actor_of, make_user

SECURITY = "/account/security/"
APP = "/account/security/authenticator/"
CODES = "/account/security/recovery-codes/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


@pytest.fixture
def browser(mia: User) -> Client:
    return signed_in(mia)


def secret_on(page: bytes) -> str:
    found = re.search(r'setup-key"><code>([A-Z2-7 ]+)<', page.decode())
    assert found
    return found[1].replace(" ", "")


def test_an_app_is_connected_and_the_codes_are_shown_once(browser: Client, mia: User) -> None:
    assert b"Your password alone signs you in." in browser.get(SECURITY).content
    assert browser.post(f"{APP}new/").headers["Location"] == APP
    page = browser.get(APP)
    assert "no-store" in page.headers["Cache-Control"]
    answer = browser.post(APP, {"code": code(secret_on(page.content))})

    assert answer.status_code == 201
    assert "no-store" in answer.headers["Cache-Control"]
    codes = re.findall(r"(?:[a-z2-9]{4}-){2}[a-z2-9]{4}", answer.content.decode())
    assert len(codes) == 10
    overview = browser.get(SECURITY).content
    assert b"10 left" in overview
    assert not any(text.encode() in overview + browser.get(CODES).content for text in codes)
    assert one_time_codes.verify(user=mia, text=codes[0]) == one_time_codes.RECOVERY


def test_the_picture_needs_nothing_that_the_policy_forbids(browser: Client) -> None:
    browser.post(f"{APP}new/")
    text = browser.get(APP).content.decode()
    drawing = text[text.index("<svg") : text.index("</svg>")]
    assert "style" not in drawing
    assert "script" not in drawing
    assert "viewBox" in drawing
    assert "data:" not in drawing


def test_connecting_gives_the_session_a_new_key_and_ends_the_others(browser: Client, mia: User) -> None:
    elsewhere = signed_in(mia)
    browser.post(f"{APP}new/")
    page, key = browser.get(APP), browser.session.session_key
    browser.post(APP, {"code": code(secret_on(page.content))})

    assert browser.session.session_key != key
    assert BrowserSession.objects.get().second_factor
    assert elsewhere.get(SECURITY).status_code == 302


def test_a_wrong_code_shows_the_same_secret_again(browser: Client) -> None:
    browser.post(f"{APP}new/")
    before = secret_on(browser.get(APP).content)
    answer = browser.post(APP, {"code": "000000"})
    assert answer.status_code == 422
    assert secret_on(answer.content) == before
    assert b'id="id_code_error"' in answer.content


def test_replacing_keeps_the_old_app_until_the_new_one_is_there(browser: Client, mia: User) -> None:
    with_factor(mia)
    authenticators.renew_recovery_codes(actor=actor_of(mia), user=mia)
    assert b"Replace your authenticator" in browser.get(f"{APP}new/").content
    browser.post(f"{APP}new/")
    assert one_time_codes.verify(user=mia, text=code(SECRET)) == one_time_codes.APP
    secret = secret_on(browser.get(APP).content)
    answer = browser.post(APP, {"code": code(secret)}, follow=True)
    assert b"The new authenticator is in use" in answer.content
    assert Authenticator.objects.filter(user=mia).count() == 1


def test_removing_asks_first(browser: Client, mia: User) -> None:
    with_factor(mia)
    assert b"Remove the second factor?" in browser.get(f"{APP}remove/").content
    assert Authenticator.objects.exists()
    assert b"is removed" in browser.post(f"{APP}remove/", follow=True).content
    assert not Authenticator.objects.exists()


def test_who_must_have_one_is_offered_no_removal(mia: User, settings: Any) -> None:
    settings.TPI_SECOND_FACTOR = "everybody"
    with_factor(mia)
    browser = signed_in(mia)
    BrowserSession.objects.update(second_factor=True)
    assert f"{APP}remove/".encode() not in browser.get(SECURITY).content
    answer = browser.post(f"{APP}remove/", headers={"accept": "text/html"})
    assert answer.status_code == 409
    assert Authenticator.objects.exists()


def test_new_recovery_codes_ask_first(browser: Client, mia: User) -> None:
    assert browser.get(CODES).headers["Location"] == SECURITY
    with_factor(mia)
    assert b"You have used all that you had." in browser.get(CODES).content
    answer = browser.post(CODES)
    assert answer.status_code == 201
    assert authenticators.recovery_codes_left(mia) == 10


@pytest.mark.parametrize("page", [APP, f"{APP}new/", f"{APP}remove/", CODES, "/account/tokens/new/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_dangerous_asks_for_a_proof_first(mia: User, browser: Client, page: str, method: str) -> None:
    with_factor(mia)
    browser.post(f"{APP}new/")
    grow_stale()
    before = list(Authenticator.objects.values())
    answer = getattr(browser, method)(page, {"code": code()})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/confirm/?next=%2Faccount%2F")
    assert list(Authenticator.objects.values()) == before


@pytest.mark.parametrize("page", [APP, f"{APP}new/", f"{APP}remove/", CODES])
def test_forms_need_their_secret(mia: User, page: str) -> None:
    with_factor(mia)
    assert signed_in(mia, csrf=True).post(page, {"code": code()}).status_code == 403


def test_the_password_of_an_account_with_a_factor_asks_for_a_proof(mia: User, browser: Client) -> None:
    grow_stale()
    assert browser.get("/account/password/").status_code == 200
    with_factor(mia)
    assert browser.get("/account/password/").headers["Location"].startswith("/account/confirm/")
