from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEntry, BrowserSession, User
from tests.factories.browsers import FIREFOX, grow_stale, signed_in
from tests.factories.people import PASSWORD, make_user

PAGE = "/account/sessions/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


def test_this_browser_is_marked_and_the_others_can_be_ended(mia: User) -> None:
    here, there = signed_in(mia), Client(headers={"user-agent": FIREFOX})
    there.post("/account/sign-in/", {"username": "mia", "password": PASSWORD})
    stranger = signed_in(make_user())
    text = here.get(PAGE).content.decode()
    assert text.count("this browser") == 1
    assert "Firefox on Linux" in text
    assert text.count('class="card token"') == 2

    other = BrowserSession.objects.get(browser="Firefox on Linux")
    answer = here.post(f"{PAGE}{other.pk}/end/", follow=True)
    assert b"has ended" in answer.content
    assert there.get(PAGE).status_code == 302
    assert here.get(PAGE).status_code == 200
    assert stranger.get(PAGE).status_code == 200
    assert AuditEntry.objects.get(action="session.end").object_name == "mia"


def test_all_others_end_at_once(mia: User) -> None:
    here, others = signed_in(mia), [signed_in(mia) for _ in range(3)]
    stranger = signed_in(make_user())
    grow_stale()  # ending sessions asks for no proof: who does it may be in a hurry
    assert here.post(f"{PAGE}others/end/").status_code == 302
    assert [browser.get(PAGE).status_code for browser in (here, *others, stranger)] == [200, 302, 302, 302, 200]


def test_nobody_ends_somebody_elses(mia: User) -> None:
    theirs = signed_in(make_user("other"))
    row = BrowserSession.objects.get()
    assert signed_in(mia).post(f"{PAGE}{row.pk}/end/").status_code == 404
    assert theirs.get(PAGE).status_code == 200


@pytest.mark.parametrize("page", ["others/end/", "{}/end/"])
def test_a_link_ends_nothing_and_a_form_needs_its_secret(mia: User, page: str) -> None:
    signed_in(mia)
    address = PAGE + page.format(BrowserSession.objects.get().pk)
    assert signed_in(mia).get(address).status_code == 405
    assert signed_in(mia, csrf=True).post(address).status_code == 403
    assert BrowserSession.objects.count() == 3


def test_signing_out_ends_the_row(mia: User) -> None:
    browser = signed_in(mia)
    browser.post("/account/sign-out/")
    assert not BrowserSession.objects.exists()


def test_a_list_costs_the_same_for_many(mia: User, django_assert_num_queries: object) -> None:
    browser = signed_in(mia)
    browser.get(PAGE)
    with django_assert_num_queries(6):  # type: ignore[operator]
        browser.get(PAGE)
    for _ in range(20):
        signed_in(mia)
    with django_assert_num_queries(6):  # type: ignore[operator]
        browser.get(PAGE)
