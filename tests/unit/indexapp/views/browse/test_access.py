"""Who gets which page: a page, the way to sign in, or a refusal that tells nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.domain.verbs import Verb
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_index, make_project, make_release
from tests.unit.indexapp.views.browse.conftest import As
from tests.wsgi_client import basic, bearer

PAGES = ["/main/", "/main/project/acme-tool/", "/main/project/acme-tool/1.0/"]
READERS = ["reader", "uploader", "member", "team_admin", "administrator"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _acme(cast: Cast) -> None:
    make_release(make_project(cast.index, "acme-tool"), "1.0")


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("page", PAGES)
def test_readers_see_the_page(browser: As, role: str, page: str) -> None:
    answer = browser(role).get(page)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "page", [*PAGES, "/search/?q=acme", "/help/clients/?index=main", "/nothing/", "/main/project/x/"]
)
def test_a_stranger_is_led_to_sign_in_and_back(browser: As, page: str) -> None:
    answer = browser("anonymous").get(page)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/sign-in/?next=%2F")
    assert browser("anonymous").get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("there", "not_there"),
    [
        ("/main/", "/mainly/"),
        ("/main/project/acme-tool/", "/main/project/acme-toil/"),
        ("/main/project/acme-tool/1.0/", "/main/project/acme-tool/2.0/"),
        ("/search/?q=a&index=main", "/search/?q=a&index=mainly"),
    ],
)
def test_an_outsider_cannot_tell_what_is_there(browser: As, there: str, not_there: str) -> None:
    found, missing = browser("outsider").get(there), browser("outsider").get(not_there)

    assert (found.status_code, missing.status_code) == (403, 403)
    assert found.content.replace(b"mainly", b"main") == missing.content.replace(b"mainly", b"main")


def test_a_reader_is_told_what_is_not_there(browser: As) -> None:
    assert browser("reader").get("/main/project/nothing/").status_code == 404
    assert browser("reader").get("/main/project/acme-tool/9/").status_code == 404
    assert browser("administrator").get("/nothing/").status_code == 404
    assert browser("reader").get("/nothing/").status_code == 403


def test_a_role_on_one_project_opens_that_page_alone(cast: Cast, browser: As) -> None:
    secret = make_index("secret")
    make_project(secret, "hidden")
    give(cast.outsider, [Verb.READ], secret, make_project(secret, "shown"))
    client = browser("outsider")

    assert client.get("/secret/project/shown/").status_code == 200
    assert client.get("/secret/project/hidden/").status_code == 403
    listing = client.get("/secret/").content
    assert b"/secret/project/shown/" in listing
    assert b"/secret/project/hidden/" not in listing


def test_an_open_index_is_open(cast: Cast, browser: As) -> None:
    make_project(make_index("public", anonymous_read=True), "free")
    client = browser("anonymous")

    for page in ("/", "/public/", "/public/project/free/", "/search/?q=free", "/help/clients/"):
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert b"/main" not in answer.content.replace(b"</main", b""), page


@pytest.mark.parametrize("page", PAGES)
def test_credentials_in_a_header_count_too(cast: Cast, page: str) -> None:
    client = Client()

    assert client.get(page, headers=basic("__token__", cast.token("reader"))).status_code == 200
    assert client.get(page, headers=bearer(cast.token("outsider"))).status_code == 403
    assert client.get(page, headers=bearer(cast.token("reader", [Verb.UPLOAD]))).status_code == 403


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
@pytest.mark.parametrize("page", ["/", *PAGES])
def test_wrong_credentials_get_the_challenge(page: str, accept: str) -> None:
    answer = Client().get(page, headers={"Authorization": "Bearer tpi_wrong", "Accept": accept})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("page", ["/", "/search/", *PAGES, "/help/clients/"])
def test_pages_are_only_read(browser: As, page: str) -> None:
    assert browser("administrator").post(page).status_code == 405
    assert browser("administrator").head(page).status_code == 200


@pytest.mark.parametrize(
    "page", ["/account/profile/", "/", "/main/project/acme-tool/", "/nothing/at/all/", "/main/project/x/"]
)
def test_every_page_has_the_strict_policy(browser: As, page: str) -> None:
    answer = browser("administrator").get(page)

    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    body = answer.content.decode()
    assert "style=" not in body
    assert " on" + "click=" not in body
    assert "<script>" not in body
