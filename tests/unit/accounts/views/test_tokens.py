from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.domain.actors import ANONYMOUS
from accounts.domain.verbs import Verb, from_mask
from accounts.models import AuditEntry, Token, User
from accounts.services import token_leaks, token_rotation, token_use, tokens
from indexapp.models import Index
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_token, make_user
from tests.factories.publishing import make_index
from tests.factories.requests import seen_from

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


def test_a_token_may_last_for_ever_where_policy_sets_no_limit(browser: Client, settings: Any) -> None:
    answer, _ = _make(browser, days="")
    assert b'id="id_days_error"' in answer.content  # type: ignore[attr-defined]
    settings.TPI_TOKEN_MAX_DAYS = 0
    _make(browser, days="")

    assert Token.objects.get().expires_at is None


def test_only_lives_that_policy_allows_are_offered(browser: Client, settings: Any) -> None:
    settings.TPI_TOKEN_MAX_DAYS = 45
    page = browser.get(NEW).content.decode()

    assert re.findall(r'<option value="(\d*)"', page) == ["1", "7", "30", "45"]
    assert '<option value="45" selected>' in page


def test_a_token_is_bound_to_networks(browser: Client) -> None:
    answer, text = _make(browser, networks="192.0.2.1/24")
    assert 'id="id_networks_error"' in answer.content.decode()  # type: ignore[attr-defined]
    assert "write 192.0.2.0/24" in answer.content.decode()  # type: ignore[attr-defined]
    assert text == ""
    _make(browser, networks="192.0.2.0/24, 2001:db8::/32 192.0.2.0/24")
    assert Token.objects.get().networks == ["192.0.2.0/24", "2001:db8::/32"]


def test_rotating_shows_the_new_one_and_lets_the_old_one_go_on(browser: Client, cast: Cast) -> None:
    token, text = make_token(cast.reader, [Verb.READ], indexes=["main"], name="laptop")
    page = f"/account/tokens/{token.key_id}/rotate/"
    assert b"The old token ends" in browser.get(page).content
    assert browser.post(page, {"overlap": "7"}).status_code == 422

    answer = browser.post(page, {"overlap": "3600"})
    shown = re.search(r"tpi_[0-9A-Za-z]{58}", answer.content.decode())
    assert (answer.status_code, "no-store" in answer.headers["Cache-Control"]) == (201, True)
    assert shown is not None
    assert tokens.recognise(shown[0]) is not None
    assert tokens.recognise(text) is not None
    token.refresh_from_db()
    assert token.expires_at is not None
    assert token.expires_at - timezone.now() <= timedelta(hours=1)
    again = browser.post(page, {"overlap": "0"})
    assert (again.status_code, b"rotated already" in again.content) == (422, True)


def test_nobody_elses_token_is_rotated(browser: Client, cast: Cast) -> None:
    token, _ = make_token(cast.uploader)
    page = f"/account/tokens/{token.key_id}/rotate/"
    assert browser.get(page).status_code == 404
    assert browser.post(page, {"overlap": "0"}).status_code == 404


def test_the_account_tells_of_tokens_that_end_soon_or_were_found_in_the_open(browser: Client, cast: Cast) -> None:
    make_token(cast.reader, name="soon to end", expires_at=timezone.now() + timedelta(days=3))
    _, leaked = make_token(cast.reader, name="on a wall")
    make_token(cast.reader, name="in good order")
    token_leaks.report(actor=ANONYMOUS, texts=[leaked], url="https://tpi.example/wall")
    for page in ("/account/profile/", LIST):
        text = browser.get(page).content.decode()
        assert "‘soon to end’ ends in 2" in text
        assert "‘on a wall’ was found in the open" in text
        assert "https://tpi.example/wall" in text
        assert "‘in good order’" not in text


def test_a_token_that_was_rotated_is_no_longer_warned_of(browser: Client, cast: Cast) -> None:
    token, _ = make_token(cast.reader, name="old one", expires_at=timezone.now() + timedelta(days=3))
    token_rotation.rotate(actor=cast.actor("reader"), token=token)
    page = browser.get("/account/profile/").content.decode()
    assert f"/tokens/{token.key_id}/rotate/" not in page
    assert page.count("‘old one’ ends in") == 1


def test_short_lived_tokens_that_have_ended_are_not_listed(browser: Client, cast: Cast) -> None:
    for name in ("of a job now", "of a job before"):
        tokens.issue(actor=SYSTEM, owner=cast.reader, name=name, verbs=[Verb.READ], lifetime=timedelta(minutes=5))
    Token.objects.filter(name="of a job before").update(expires_at=timezone.now())
    text = browser.get(LIST).content.decode()
    assert "of a job now" in text
    assert "of a job before" not in text


def test_the_list_tells_where_a_token_was_used_last(browser: Client, cast: Cast) -> None:
    _, text = make_token(cast.reader, networks=["192.0.2.0/24"])
    with seen_from("192.0.2.7", 'pip/25.0 {"ci": true}'):
        tokens.recognise(text)
    token_use.write()
    page = browser.get(LIST).content.decode()
    assert "from 192.0.2.7 by pip/25.0</dd>" in page
    assert "<dd>192.0.2.0/24</dd>" in page


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
