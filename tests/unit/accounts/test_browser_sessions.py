from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.models import BrowserSession, User
from tests.factories.browsers import FIREFOX, pass_time, signed_in
from tests.factories.people import make_team, make_user
from tpi_site.kit.session_store import SessionStore

PAGE = "/account/profile/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


def is_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def test_a_session_is_listed_with_what_helps_to_recognise_it(mia: User) -> None:
    client = Client(headers={"user-agent": FIREFOX})
    client.post("/account/sign-in/", {"username": "mia", "password": "correct horse battery staple"})
    row = BrowserSession.objects.get()
    assert (row.user, row.browser, row.address, row.second_factor) == (mia, "Firefox on Linux", "127.0.0.1", False)


def test_idle_and_old_sessions_are_over_whatever_the_cookie_says(mia: User) -> None:
    for fields in ({"seen_at": timedelta(minutes=61)}, {"started_at": timedelta(hours=13)}):
        client = signed_in(mia)
        assert is_in(client)
        pass_time(**fields)
        assert not is_in(client)
        assert Session.objects.count() == 0
        BrowserSession.objects.all().delete()


def test_use_keeps_a_session_within_the_hour(mia: User) -> None:
    client = signed_in(mia)
    for _ in range(5):
        pass_time(seen_at=timedelta(minutes=50))
        assert is_in(client)
    assert timezone.now() - BrowserSession.objects.get().seen_at < timedelta(minutes=1)


def test_a_session_whose_row_is_gone_is_nobodys(mia: User) -> None:
    client, other = signed_in(mia), signed_in(mia)
    BrowserSession.objects.order_by("pk")[0].delete()
    assert not is_in(client)
    assert is_in(other)
    assert b"Sign in" in client.get("/").content


def test_a_session_that_django_alone_knows_is_nobodys(mia: User) -> None:
    store = SessionStore()
    store[SESSION_KEY] = str(mia.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = mia.get_session_auth_hash()
    store.create()
    client = Client()
    client.cookies["tpi_session"] = store.session_key or ""
    assert not is_in(client)


def test_what_nobody_asks_for_costs_no_query(mia: User, django_assert_num_queries: Any) -> None:
    client = signed_in(mia)
    with django_assert_num_queries(0):
        assert client.get("/livez").status_code == 200


def test_a_service_account_has_no_browser_session(db: None) -> None:
    robot = User.objects.create(username="robot", kind=User.Kind.SERVICE, service_team=make_team())
    assert not is_in(signed_in(robot))


@pytest.mark.parametrize("change", ["policy", "promotion", "part"])
def test_who_must_have_a_second_factor_from_now_on_signs_in_anew(mia: User, settings: Any, change: str) -> None:
    client = signed_in(mia)
    settings.TPI_SECOND_FACTOR = "privileged"
    assert is_in(client)
    if change == "policy":
        settings.TPI_SECOND_FACTOR = "everybody"
    elif change == "promotion":
        User.objects.filter(pk=mia.pk).update(is_superuser=True)
    else:
        User.objects.filter(pk=mia.pk).update(instance_roles=roles_to_mask([InstanceRole.AUDITOR]))
    assert not is_in(client)


def test_a_session_with_a_second_factor_goes_on(mia: User, settings: Any) -> None:
    client = signed_in(mia)
    settings.TPI_SECOND_FACTOR = "everybody"
    BrowserSession.objects.update(second_factor=True)
    assert is_in(client)


def test_the_rest_api_takes_no_session_that_is_over(mia: User) -> None:
    client = signed_in(mia)
    assert client.get("/api/v1/tokens/").status_code == 200
    pass_time(seen_at=timedelta(minutes=61))
    assert client.get("/api/v1/tokens/").status_code == 401


@pytest.mark.parametrize("policy", ["off", "administrators", "privileged"])
def test_the_policy_adds_no_query_to_a_page(
    mia: User, settings: Any, policy: str, django_assert_num_queries: Any
) -> None:
    client = signed_in(mia)
    client.get(PAGE)
    settings.TPI_SECOND_FACTOR = policy
    with django_assert_num_queries(8):
        assert client.get(PAGE).status_code == 200


def test_an_admin_of_a_team_is_privileged(mia: User, settings: Any) -> None:
    settings.TPI_SECOND_FACTOR = "privileged"
    client = signed_in(mia)
    make_team("", mia)
    assert is_in(client)
    make_team("", admins=[mia])
    assert not is_in(client)
