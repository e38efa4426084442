from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import AuditEntry, User
from accounts.services import passwords
from tests.factories.people import PASSWORD, make_user

PAGE = "/account/sign-in/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


def _sign_in(client: Client, username: str = "mia", password: str = PASSWORD, **more: str) -> object:
    return client.post(PAGE, {"username": username, "password": password, **more})


def _is_signed_in(client: Client) -> bool:
    return client.get("/account/profile/").status_code == 200


def test_the_right_password_opens_a_session(client: Client, mia: User) -> None:
    answer = client.post(PAGE, {"username": "MIA", "password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/profile/")
    assert _is_signed_in(client)
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize(("username", "password"), [("mia", "guessed"), ("nobody", PASSWORD), ("gone", PASSWORD)])
def test_a_wrong_pair_gets_the_same_answer_whatever_is_wrong(
    client: Client, mia: User, username: str, password: str
) -> None:
    make_user("gone", is_active=False)
    answer = client.post(PAGE, {"username": username, "password": password})
    text = answer.content.decode().replace(username, "NAME")

    assert answer.status_code == 422
    assert passwords.WRONG in text
    assert password not in text
    assert not _is_signed_in(client)
    assert AuditEntry.objects.get().outcome == AuditEntry.Outcome.REFUSED


def test_too_many_failures_are_told_when_to_come_back(client: Client, mia: User, settings: object) -> None:
    for _ in range(django_settings.TPI_SIGN_IN_FAILURES):
        assert _sign_in(client, password="wrong").status_code == 422  # type: ignore[attr-defined]
    answer = client.post(PAGE, {"username": "mia", "password": PASSWORD})

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == str(django_settings.TPI_SIGN_IN_WINDOW)
    assert not _is_signed_in(client)


def test_the_session_gets_a_new_key_and_the_form_a_new_secret(client: Client, mia: User) -> None:
    client.session["planted"] = True
    session = client.session
    session.save()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = session.session_key
    client.get(PAGE)
    planted, csrf = session.session_key, client.cookies[django_settings.CSRF_COOKIE_NAME].value
    _sign_in(client)

    assert client.cookies[django_settings.SESSION_COOKIE_NAME].value != planted
    assert client.cookies[django_settings.CSRF_COOKIE_NAME].value != csrf


def test_signing_in_and_out_is_written_down(client: Client, mia: User) -> None:
    _sign_in(client)
    client.post("/account/sign-out/")

    entries = AuditEntry.objects.order_by("id").values_list("action", "actor_name", "object_name", "method", "outcome")
    assert list(entries) == [
        ("sign-in", "mia", "mia", "password", "done"),
        ("sign-out", "mia", "mia", "session", "done"),
    ]
    assert not _is_signed_in(client)


@pytest.mark.parametrize("target", ["/main/", "/search/?q=a&index=b"])
def test_one_comes_back_to_where_one_was(client: Client, mia: User, target: str) -> None:
    assert f'value="{target}"' in client.get(PAGE, {"next": target}).content.decode().replace("&amp;", "&")
    assert _sign_in(client, next=target).headers["Location"] == target  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "///evil.example",
        "/\t/evil.example",
        "main",
        "",
    ],
)
def test_nobody_is_led_elsewhere(client: Client, mia: User, target: str) -> None:
    assert b"Then you go on" not in client.get(PAGE, {"next": target}).content
    answer = client.post(PAGE, {"username": "mia", "password": PASSWORD, "next": target})

    assert answer.headers["Location"] == "/account/profile/"


@pytest.mark.parametrize("page", [PAGE, "/account/sign-out/", "/account/theme/"])
def test_forms_need_their_secret(mia: User, page: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(mia)
    answer = client.post(page, {"username": "mia", "password": PASSWORD, "theme": "dark"})

    assert answer.status_code == 403
    assert b"This form is out of date" in answer.content
    assert _is_signed_in(client)


def test_a_link_does_not_sign_out(client: Client, mia: User) -> None:
    client.force_login(mia)

    assert b"Sign out?" in client.get("/account/sign-out/").content
    assert _is_signed_in(client)


def test_errors_stand_next_to_their_fields_and_above_the_form(client: Client, db: None) -> None:
    text = client.post(PAGE, {"username": "", "password": ""}).content.decode()

    assert "There are 2 problems" in text
    assert '<a href="#id_username">' in text
    assert 'id="id_username_error"' in text
    assert 'aria-describedby="id_username_error"' in text
    assert 'aria-invalid="true"' in text
    assert "<title>Error: Sign in" in text


def test_the_password_is_never_sent_back(client: Client, mia: User) -> None:
    answer = client.post(PAGE, {"username": "x" * 500, "password": "a secret of mine"})

    assert answer.status_code == 422
    assert b"a secret of mine" not in answer.content
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("page", ["profile/", "password/", "tokens/", "tokens/new/", "tokens/abc/revoke/"])
def test_the_account_is_for_those_who_signed_in_by_browser(client: Client, mia: User, page: str) -> None:
    answer = client.get(f"/account/{page}")

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/account/sign-in/?next=%2Faccount%2F{page.replace('/', '%2F')}"


def test_credentials_in_a_header_do_not_open_the_account(client: Client, mia: User) -> None:
    from tests.factories.people import make_token
    from tests.wsgi_client import basic

    _, text = make_token(mia)
    for headers in (basic("__token__", text), basic("mia", PASSWORD)):
        assert client.get("/account/tokens/", headers=headers).status_code == 302
