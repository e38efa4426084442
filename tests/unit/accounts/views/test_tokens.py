from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.domain.verbs import Verb, from_mask
from accounts.models import AuditEntry, Token, User
from accounts.services import tokens
from indexapp.models import Index
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_token, make_user
from tests.factories.publishing import make_index

LIST = "/account/tokens/"
NEW = "/account/tokens/new/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, cast: Cast) -> Client:
    client.force_login(cast.reader)
    return client


def _make(browser: Client, **values: object) -> tuple[object, str]:
    """The answer and the token that it shows."""
    answer = browser.post(NEW, {"name": "laptop", "verbs": ["read"], "days": "90", **values})
    shown = re.search(r"tpi_[0-9A-Za-z]{58}", answer.content.decode())
    return answer, shown[0] if shown else ""


def test_a_token_is_made_as_asked(browser: Client, cast: Cast) -> None:
    answer, text = _make(browser, verbs=["read", "upload"], indexes=["main"], projects="Acme.Tool, other other")

    assert answer.status_code == 201  # type: ignore[attr-defined]
    token = Token.objects.get()
    assert (token.user, token.name, token.indexes, token.projects) == (
        cast.reader,
        "laptop",
        ["main"],
        ["acme-tool", "other"],
    )
    assert from_mask(token.verbs) == {Verb.READ, Verb.UPLOAD}
    assert token.expires_at is not None
    assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=90)
    actor = tokens.recognise(text)
    assert actor is not None
    assert actor.username == "reader"


def test_a_token_may_last_for_ever(browser: Client) -> None:
    _make(browser, days="")

    assert Token.objects.get().expires_at is None


def test_ninety_days_and_reading_are_what_is_offered_first(browser: Client) -> None:
    text = browser.get(NEW, {"index": "main"}).content.decode()

    assert '<option value="90" selected>' in text
    assert re.search(r'value="read"[^>]*checked', text)
    assert not re.search(r'value="upload"[^>]*checked', text)
    assert re.search(r'value="main"[^>]*checked', text)


def test_the_token_is_shown_once_and_kept_nowhere(
    browser: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    answer, text = _make(browser)
    secret = text[16:56]

    assert "no-store" in answer.headers["Cache-Control"]  # type: ignore[attr-defined]
    assert answer.content.decode().count(secret) == 1  # type: ignore[attr-defined]
    for page in (LIST, NEW, "/account/profile/", "/"):
        assert secret not in browser.get(page).content.decode()
    assert all(secret not in str(row.get_decoded()) for row in Session.objects.all())
    assert all(secret not in str(cookie) for cookie in browser.cookies.values())
    assert all(secret not in str(entry.__dict__) for entry in AuditEntry.objects.all())
    assert secret not in caplog.text
    assert secret not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "   "}, "name"),
        ({"verbs": []}, "verbs"),
        ({"verbs": ["fly"]}, "verbs"),
        ({"indexes": ["secret"]}, "indexes"),
        ({"projects": "good, -bad-"}, "projects"),
        ({"projects": ",".join(f"p{number}" for number in range(501))}, "projects"),
        ({"days": "12"}, "days"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(browser: Client, values: dict[str, object], field: str) -> None:
    make_index("secret")
    answer, text = _make(browser, **values)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert f'id="id_{field}_error"' in answer.content.decode()  # type: ignore[attr-defined]
    assert text == ""
    assert not Token.objects.exists()


def test_only_indexes_that_one_may_see_are_offered(browser: Client) -> None:
    make_index("secret")
    Index.objects.filter(name="main").update(title="The main one")
    text = browser.get(NEW).content.decode()

    assert "main: The main one" in text
    assert "secret" not in text


def test_the_list_shows_ones_own_tokens_and_how_they_stand(browser: Client, cast: Cast) -> None:
    make_token(cast.reader, [Verb.READ], indexes=["main"], name="laptop")
    ended, _ = make_token(cast.reader, name="lost")
    tokens.revoke(actor=SYSTEM, token=ended)
    expired, _ = make_token(cast.reader, name="old")
    Token.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    make_token(cast.uploader, name="of somebody else")
    text = browser.get(LIST).content.decode()

    assert "of somebody else" not in text
    live, _, after = text.partition("2 ended tokens")
    assert "laptop" in live
    assert "lost" not in live
    assert "lost" in after
    assert "old" in after


def test_revoking_asks_first(browser: Client, cast: Cast) -> None:
    token, text = make_token(cast.reader, name="laptop")
    page = f"/account/tokens/{token.key_id}/revoke/"

    assert b"This cannot be undone" in browser.get(page).content
    assert tokens.recognise(text) is not None
    answer = browser.post(page)

    assert answer.headers["Location"] == LIST
    assert tokens.recognise(text) is None
    assert AuditEntry.objects.filter(action="token.revoke", actor_name="reader").exists()
    assert browser.get(page).status_code == 404


def test_nobody_elses_token_can_be_seen_or_revoked(browser: Client, cast: Cast) -> None:
    token, text = make_token(cast.uploader)
    page = f"/account/tokens/{token.key_id}/revoke/"

    assert browser.get(page).status_code == 404
    assert browser.post(page).status_code == 404
    assert tokens.recognise(text) is not None


def test_an_index_may_be_called_anything_that_an_index_may(client: Client, db: None) -> None:
    admin: User = make_user("root", is_superuser=True)
    make_index("a-b-c")
    client.force_login(admin)

    _make(client, indexes=["a-b-c"])
    assert Token.objects.get().indexes == ["a-b-c"]
