from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, join, make_directory, make_service_account, make_team, make_user

PROFILE = "/account/profile/"
CHANGE = "/account/password/"
NEW = "an entirely different phrase"
pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


@pytest.fixture
def browser(client: Client, mia: User) -> Client:
    client.force_login(mia)
    return client


def test_a_profile_shows_teams_and_places(browser: Client, mia: User) -> None:
    make_team("tools", mia)
    make_team("data", admins=[mia])
    make_team("others", make_user())
    text = browser.get(PROFILE).content.decode()

    assert "tools" in text
    assert "Admin" in text
    assert "others" not in text


def test_one_changes_ones_own_profile(browser: Client, mia: User) -> None:
    answer = browser.post(PROFILE, {"first_name": "Mia", "last_name": "Muster", "email": "mia@other.example"})

    mia.refresh_from_db()
    assert answer.headers["Location"] == PROFILE
    assert (mia.first_name, mia.last_name, mia.email) == ("Mia", "Muster", "mia@other.example")
    assert AuditEntry.objects.get().action == "user.change"
    assert b"Your profile is saved." in browser.get(PROFILE).content


def test_who_comes_from_a_directory_is_shown_their_profile_and_changes_it_there(browser: Client, mia: User) -> None:
    User.objects.filter(pk=mia.pk).update(directory=make_directory("corp"), directory_key="1", first_name="Mia")
    text = browser.get(PROFILE).content.decode()
    assert 'name="email"' not in text
    assert "come from the directory" in text
    answer = browser.post(PROFILE, {"first_name": "Eve", "last_name": "", "email": "eve@other.example"})
    assert answer.status_code == 409
    mia.refresh_from_db()
    assert (mia.first_name, mia.email) == ("Mia", "mia@tpi.example")


def test_nothing_but_the_forms_fields_is_changed(browser: Client, mia: User) -> None:
    browser.post(PROFILE, {"email": "", "is_superuser": "on", "username": "root", "is_staff": "on"})

    mia.refresh_from_db()
    assert (mia.username, mia.is_superuser, mia.is_staff, mia.email) == ("mia", False, False, "")


def test_a_wrong_address_is_told_at_its_field(browser: Client, mia: User) -> None:
    answer = browser.post(PROFILE, {"email": "nonsense"})

    assert answer.status_code == 422
    assert b'id="id_email_error"' in answer.content
    mia.refresh_from_db()
    assert mia.email == "mia@tpi.example"


def _change(client: Client, present: str = PASSWORD, new: str = NEW, again: str = NEW) -> object:
    return client.post(CHANGE, {"present": present, "new": new, "again": again})


def test_a_password_is_changed_and_other_sessions_end(browser: Client, mia: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(mia)
    key = browser.session.session_key
    _change(browser)

    mia.refresh_from_db()
    assert mia.check_password(NEW)
    assert b"Your password is changed." in browser.get(PROFILE).content
    assert browser.session.session_key != key
    assert elsewhere.get(PROFILE).status_code == 302


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"present": "wrong"}, "present"),
        ({"new": "short", "again": "short"}, "new"),
        ({"new": "mia@tpi.example", "again": "mia@tpi.example"}, "new"),
        ({"again": "something else here"}, "again"),
        ({"new": "", "again": ""}, "new"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(browser: Client, mia: User, values: dict[str, str], field: str) -> None:
    answer = _change(browser, **values)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert f'id="id_{field}_error"' in answer.content.decode()  # type: ignore[attr-defined]
    mia.refresh_from_db()
    assert mia.check_password(PASSWORD)


def test_guessing_the_present_password_is_limited(browser: Client, settings: object) -> None:
    for _ in range(30):
        answer = _change(browser, present="wrong")

    assert b"Too many failed" in answer.content  # type: ignore[attr-defined]
    assert _change(browser).status_code == 422  # type: ignore[attr-defined]


def test_a_password_of_the_directory_is_changed_there(browser: Client, mia: User) -> None:
    mia.set_unusable_password()
    mia.save()
    browser.force_login(mia)

    answer = browser.get(CHANGE, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert b"directory" in answer.content
    assert CHANGE.encode() not in browser.get(PROFILE).content


def test_the_account_itself_leads_to_the_profile(browser: Client) -> None:
    assert browser.get("/account/").headers["Location"] == PROFILE


def test_teams_are_shown_once_with_what_is_above_them_and_where_the_place_comes_from(cast: Cast) -> None:
    team = make_team("backend", cast.outsider, parent=cast.team)
    join(cast.outsider, team, role="maintainer", directory=make_directory("corp"))
    make_service_account(team, "svc-build")
    make_service_account(cast.team, "svc-above")
    browser = Client()
    browser.force_login(cast.outsider)
    text = browser.get("/account/profile/").content.decode()
    assert text.count("backend") == 2  # the team's own row, and that of its service account
    assert "below tools" in text
    assert "Maintainer" in text
    assert "by the directory corp" in text
    assert "svc-build" in text
    assert "svc-above" not in text
    browser.force_login(cast.auditor)
    assert "Auditor" in browser.get("/account/profile/").content.decode()
