from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEntry, BrowserSession, Token, User
from accounts.services import authenticators
from tests.factories.browsers import grow_stale, signed_in
from tests.factories.factors import code, with_factor
from tests.factories.people import PASSWORD, actor_of, make_user

PAGE = "/account/confirm/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


@pytest.fixture
def browser(mia: User) -> Client:
    client = signed_in(mia)
    grow_stale()
    return client


def test_the_password_leads_back_under_a_new_key(browser: Client) -> None:
    key = browser.session.session_key
    away = browser.get("/account/tokens/new/?index=main").headers["Location"]
    assert b"Is it you?" in browser.get(away).content
    back = browser.post(away, {"password": PASSWORD}).headers["Location"]
    assert back == "/account/tokens/new/?index=main"
    assert browser.get(back).status_code == 200
    assert browser.session.session_key != key
    entry = AuditEntry.objects.get(action="session.prove")
    assert (entry.object_name, entry.detail) == ("mia", {"by": "password"})


def test_a_form_that_was_interrupted_is_said_to_come_back(browser: Client) -> None:
    away = browser.post("/account/tokens/new/", {"name": "ci", "verbs": ["read"], "days": "7"}).headers["Location"]
    assert not Token.objects.exists()
    assert b"Nothing was done yet" in browser.get(away).content
    assert browser.post(away, {"password": PASSWORD}).headers["Location"] == "/account/tokens/new/"
    assert browser.post("/account/tokens/new/", {"name": "ci", "verbs": ["read"], "days": "7"}).status_code == 201


def test_a_wrong_password_is_told_and_changes_nothing(browser: Client) -> None:
    answer = browser.post(PAGE, {"password": "wrong"})
    assert answer.status_code == 422
    assert b'id="id_password_error"' in answer.content
    assert b'value="wrong"' not in answer.content
    assert browser.get("/account/tokens/new/").status_code == 302


def test_guesses_are_limited(browser: Client) -> None:
    statuses = [browser.post(PAGE, {"password": "wrong"}).status_code for _ in range(25)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


def test_with_a_second_factor_the_password_is_not_enough(browser: Client, mia: User) -> None:
    with_factor(mia)
    assert b'name="password"' not in browser.get(PAGE).content
    assert browser.post(PAGE, {"password": PASSWORD}).status_code == 422
    text = code()
    assert browser.post(PAGE, {"code": text}).headers["Location"] == "/account/security/"
    assert BrowserSession.objects.get().second_factor
    grow_stale()
    assert browser.post(PAGE, {"code": text}).status_code == 422


def test_a_recovery_code_proves_too(browser: Client, mia: User) -> None:
    with_factor(mia)
    codes = authenticators.renew_recovery_codes(actor=actor_of(mia), user=mia)
    assert b"Recovery code" in browser.get(f"{PAGE}?recovery").content
    assert browser.post(f"{PAGE}?recovery", {"code": codes[0]}).status_code == 302


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere(browser: Client, target: str) -> None:
    answer = browser.post(PAGE, {"password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/account/security/"


def test_it_is_for_who_is_signed_in_and_needs_its_secret(mia: User) -> None:
    assert Client().post(PAGE, {"password": PASSWORD}).headers["Location"].startswith("/account/sign-in/")
    assert signed_in(mia, csrf=True).post(PAGE, {"password": PASSWORD}).status_code == 403


def test_the_rest_api_changes_nothing_by_a_session_without_a_fresh_proof(browser: Client) -> None:
    body = {"name": "ci", "verbs": ["read"]}
    answer = browser.post("/api/v1/tokens/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "proof-needed")
    assert browser.get("/api/v1/tokens/").status_code == 200
    assert browser.post(PAGE, {"password": PASSWORD}).status_code == 302
    assert browser.post("/api/v1/tokens/", body, content_type="application/json").status_code == 201
