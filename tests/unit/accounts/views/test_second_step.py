from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import Alarm, AuditEntry, Authenticator, BrowserSession, RecoveryCode, User
from accounts.services import authenticators, one_time_codes
from tests.factories.browsers import FIREFOX
from tests.factories.factors import begun, code, with_factor
from tests.factories.people import PASSWORD, actor_of, make_team, make_user

PAGE, CODE, ENROL = "/account/sign-in/", "/account/sign-in/code/", "/account/sign-in/enrol/"
COOKIE = "tpi_session"
pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> User:
    user = make_user("mia")
    with_factor(user)
    return user


@pytest.fixture
def must(settings: Any) -> None:
    settings.TPI_SECOND_FACTOR = "everybody"


def password(client: Client, username: str = "mia", **more: str) -> Any:
    return client.post(PAGE, {"username": username, "password": PASSWORD, **more})


def is_in(client: Client) -> bool:
    return client.get("/account/profile/").status_code == 200


def half(client: Client, **changes: Any) -> None:
    """Change what the half session remembers."""
    session = client.session
    session["half_session"] = {**session["half_session"], **changes}
    session.save()


def test_password_and_code_sign_in_and_lead_back(client: Client, mia: User) -> None:
    assert password(client, next="/main/").headers["Location"] == CODE
    assert not is_in(client)
    assert b"Second step" in client.get(CODE).content
    assert client.post(CODE, {"code": code()}).headers["Location"] == "/main/"

    assert is_in(client)
    assert BrowserSession.objects.get().second_factor
    entry = AuditEntry.objects.get(action="sign-in")
    assert (entry.actor_name, entry.outcome, entry.detail) == ("mia", "done", {"second_factor": "authenticator"})


def test_a_half_session_reaches_nothing(client: Client, mia: User) -> None:
    User.objects.filter(pk=mia.pk).update(is_superuser=True)
    password(client)

    for page in ("profile/", "password/", "tokens/", "tokens/new/", "security/", "sessions/", "confirm/"):
        assert client.get(f"/account/{page}").headers["Location"].startswith(PAGE), page
    for page in ("security/authenticator/", "security/authenticator/remove/", "security/recovery-codes/"):
        assert client.post(f"/account/{page}", {"code": code()}).headers["Location"].startswith(PAGE), page
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert client.get("/api/v1/tokens/").status_code == 401
    assert client.get(ENROL).headers["Location"] == PAGE
    assert client.post(ENROL, {"code": code()}).headers["Location"] == PAGE
    assert not BrowserSession.objects.exists()
    assert Authenticator.objects.count() == 1


def test_each_step_gives_the_session_a_new_key(client: Client, mia: User) -> None:
    session = client.session
    session["planted"] = "by a thief"
    session.save()
    client.cookies[COOKIE] = session.session_key or ""
    keys = [client.cookies[COOKIE].value]
    password(client)
    keys.append(client.cookies[COOKIE].value)
    client.post(CODE, {"code": code()})
    keys.append(client.cookies[COOKIE].value)

    assert len(set(keys)) == 3
    assert "planted" not in client.session
    assert "half_session" not in client.session
    for old in keys[:2]:
        thief = Client()
        thief.cookies[COOKIE] = old
        assert not is_in(thief)
        assert thief.get(CODE).headers["Location"] == PAGE


def test_a_half_session_lasts_five_minutes(client: Client, mia: User) -> None:
    password(client)
    half(client, since=int(time.time()) - 301)

    assert client.get(CODE).headers["Location"] == PAGE
    answer = client.post(CODE, {"code": code()}, follow=True)
    assert b"Too much time has passed" in answer.content
    assert not is_in(client)


@pytest.mark.parametrize("change", [{"password": "changed"}, {"is_active": False}])
def test_a_half_session_ends_with_what_it_stands_on(client: Client, mia: User, change: dict[str, Any]) -> None:
    password(client)
    User.objects.filter(pk=mia.pk).update(**change)
    assert client.post(CODE, {"code": code()}).headers["Location"] == PAGE
    assert not is_in(client)


def test_without_a_password_the_second_page_is_not_there(client: Client, mia: User) -> None:
    assert client.get(CODE).headers["Location"] == PAGE
    assert client.post(CODE, {"code": code()}).headers["Location"] == PAGE
    assert not is_in(client)


def test_a_code_opens_one_session(mia: User) -> None:
    first, second = Client(), Client()
    password(first)
    password(second)
    text = code()
    assert first.post(CODE, {"code": text}).status_code == 302
    for again in (text, f"{text[:3]} {text[3:]}", f"{text[:3]}-{text[3:]}"):
        assert second.post(CODE, {"code": again}).status_code == 422
    assert not is_in(second)


def test_all_wrong_codes_get_the_same_page(client: Client, mia: User) -> None:
    used = code()
    one_time_codes.verify(user=mia, text=used)
    pages = set()
    for text in ("000000", used, "abcd-efgh-jkmn", "nonsense"):
        password(client)
        answer = client.post(CODE, {"code": text})
        assert answer.status_code == 422
        body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
        pages.add(body.replace(f'value="{text}"', ""))
    assert len(pages) == 1


def test_guesses_are_limited_however_often_the_password_is_given(mia: User) -> None:
    for _ in range(5):
        client = Client()
        password(client)
        assert client.post(CODE, {"code": "000000"}).status_code == 422
    client = Client()
    password(client)
    answer = client.post(CODE, {"code": code()})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")
    assert not is_in(client)


def test_a_session_that_was_begun_with_a_recovery_code_says_so(client: Client, mia: User) -> None:
    codes = authenticators.renew_recovery_codes(actor=actor_of(mia), user=mia)
    password(client)
    client.post(f"{CODE}?recovery", {"code": codes[0]})
    assert client.get("/account/sessions/").content.decode().count("recovery code</span>") == 1
    assert BrowserSession.objects.get().method == "recovery-code"
    other = Client()
    other.force_login(make_user("root", is_superuser=True))
    console = other.get("/admin/accounts/browsersession/").content.decode()
    assert (console.count(">recovery code<"), console.count(">password<")) == (1, 1)


def test_a_recovery_code_signs_in_and_says_how_many_are_left(client: Client, mia: User) -> None:
    codes = authenticators.renew_recovery_codes(actor=actor_of(mia), user=mia)
    password(client)
    assert b"Recovery code" in client.get(f"{CODE}?recovery").content
    answer = client.post(f"{CODE}?recovery", {"code": codes[3].upper().replace("-", " ")}, follow=True)
    assert b"9 recovery codes are left" in answer.content
    assert BrowserSession.objects.get().second_factor
    assert RecoveryCode.objects.filter(used_at=None).count() == 9


def test_both_pages_need_their_secret_and_are_never_kept(mia: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(CODE, {"code": code()}).status_code == 403
    assert "no-store" in client.get(CODE).headers["Cache-Control"]


def test_a_service_account_is_answered_as_if_the_password_were_wrong(client: Client) -> None:
    robot = make_user("robot")
    User.objects.filter(pk=robot.pk).update(kind=User.Kind.SERVICE, service_team=make_team())
    answer = password(client, "robot")
    assert answer.status_code == 422
    assert b"The user name or the password is wrong." in answer.content
    assert AuditEntry.objects.get().outcome == AuditEntry.Outcome.REFUSED
    assert not BrowserSession.objects.exists()


def test_who_must_have_a_factor_sets_it_up_before_anything_else(client: Client, must: None) -> None:
    anna = make_user("anna")
    assert password(client, "anna", next="/main/").headers["Location"] == ENROL
    assert not is_in(client)
    text = client.get(ENROL).content.decode()
    secret = re.search(r'setup-key"><code>([A-Z2-7 ]+)<', text)
    assert secret
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in text or "<svg" in text
    assert client.post(ENROL, {"code": "000000"}).status_code == 422
    assert not is_in(client)

    answer = client.post(ENROL, {"code": code(secret[1].replace(" ", ""))})
    assert answer.status_code == 201
    assert len(re.findall(r"(?:[a-z2-9]{4}-){2}[a-z2-9]{4}", answer.content.decode())) == 10
    assert b'href="/main/"' in answer.content
    assert is_in(client)
    assert BrowserSession.objects.get().second_factor
    assert [entry.action for entry in AuditEntry.objects.filter(actor_id=anna.pk).order_by("pk")] == [
        "sign-in.password",
        "factor.begin",
        "factor.confirm",
        "sign-in",
    ]
    assert Authenticator.objects.get().confirmed_at is not None


def test_a_secret_is_shown_in_the_browser_that_asked_for_it_alone(must: None) -> None:
    anna = make_user("anna")
    thief, owner = Client(), Client()
    password(thief, "anna")
    password(owner, "anna")
    assert b'setup-key"><code></code>' in thief.get(ENROL).content
    number = Authenticator.objects.get().pk
    authenticators.confirm(
        actor=actor_of(anna),
        user=anna,
        number=number,
        code=code(authenticators.being_set_up(anna, number)),
    )
    assert thief.get(ENROL).headers["Location"] == PAGE


def test_who_has_one_is_not_led_to_another(client: Client, mia: User, must: None) -> None:
    begun(mia)
    assert password(client).headers["Location"] == CODE


def test_every_sign_in_of_a_break_glass_account_rings(client: Client, mia: User) -> None:
    User.objects.filter(pk=mia.pk).update(is_break_glass=True)
    password(client)
    assert not Alarm.objects.exists()
    client.post(CODE, {"code": code()}, headers={"user-agent": FIREFOX})
    assert Alarm.objects.get().subject == "mia"


def test_signing_in_over_an_old_session_ends_it(client: Client, mia: User) -> None:
    other = make_user("other")
    client.force_login(other)
    password(client)
    assert not is_in(client)
    client.post(CODE, {"code": code()})
    assert [row.user for row in BrowserSession.objects.all()] == [mia]


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example/"]
)
def test_nobody_is_led_elsewhere_after_the_second_step(client: Client, mia: User, target: str) -> None:
    password(client, next=target)
    assert client.post(CODE, {"code": code(), "next": target}).headers["Location"] == "/account/profile/"
