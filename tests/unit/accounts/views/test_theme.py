from __future__ import annotations

import pytest
from django.test import Client

from tests.factories.people import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("theme", "attribute"), [("dark", True), ("light", True), ("system", False)])
def test_the_choice_is_kept_in_a_cookie_and_shown_on_every_page(client: Client, theme: str, attribute: bool) -> None:
    answer = client.post("/account/theme/", {"theme": theme, "next": "/account/sign-in/"})

    assert answer.headers["Location"] == "/account/sign-in/"
    cookie = client.cookies["tpi_theme"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == (theme, True, "Lax")
    for page in ("/", "/nowhere/at/all/"):
        assert (
            f'data-theme="{theme}"' in client.get(page, headers={"Accept": "text/html"}).content.decode()
        ) == attribute
    assert f'value="{theme}" aria-pressed="true"' in client.get("/").content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", ""])
def test_one_stays_on_the_site(client: Client, target: str) -> None:
    assert client.post("/account/theme/", {"theme": "dark", "next": target}).headers["Location"] == "/"


def test_an_unknown_theme_is_refused_and_a_forged_cookie_ignored(client: Client) -> None:
    assert client.post("/account/theme/", {"theme": '"><script>'}).status_code == 400
    client.cookies["tpi_theme"] = "x onload=y"
    client.force_login(make_user())

    assert b"onload" not in client.get("/").content


def test_a_link_changes_nothing(client: Client) -> None:
    assert client.get("/account/theme/", {"theme": "dark"}).status_code == 405
