from __future__ import annotations

from typing import Any

import pytest

from accounts.domain.actors import Method
from accounts.models import AuditEntry, User, VerifiedPassword
from accounts.services import passwords
from tests import evidence
from tests.factories.people import PASSWORD, make_user
from tpi_site.kit.errors import Throttled, Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db]

HERE, THERE = "192.0.2.1", "192.0.2.2"


def attempt(username: str = "nina", password: str = PASSWORD, address: str = HERE) -> Any:
    return passwords.verify(username=username, password=password, address=address)


def refused(code: str, **arguments: str) -> str:
    with pytest.raises((Unauthenticated, Throttled)) as caught:
        attempt(**arguments)
    assert caught.value.code == code
    return caught.value.detail


@pytest.fixture
def nina(db: None) -> User:
    return make_user("nina")


@pytest.mark.parametrize("username", ["nina", "NINA", "ｎｉｎａ"])
def test_the_right_password_of_the_name_in_any_case_and_form(nina: User, username: str) -> None:
    actor = attempt(username)
    assert (actor.user_id, actor.username, actor.method) == (nina.pk, "nina", Method.PASSWORD)


def test_all_that_is_wrong_is_refused_in_the_same_words(nina: User) -> None:
    make_user("off", is_active=False)
    sentences = {
        refused("password-wrong", password="wrong"),
        refused("password-wrong", username="nobody"),
        refused("password-wrong", username="off"),
        refused("password-wrong", username=""),
        refused("password-wrong", password=PASSWORD * 100),
    }
    assert len(sentences) == 1


def test_a_failure_is_written_down_without_the_password(nina: User) -> None:
    found = evidence.collecting()
    refused("password-wrong", password="a secret")
    [entry] = found.audit
    assert (entry.action, entry.outcome, entry.object_name) == ("sign-in", AuditEntry.Outcome.REFUSED, "nina")
    assert (entry.address, entry.actor_id) == (HERE, None)
    assert "a secret" not in str(vars(entry))


def test_too_many_failures_are_refused_unseen_from_that_address(nina: User, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    for _ in range(5):
        refused("password-wrong", password="wrong")
    found = evidence.collecting()
    refused("sign-in-throttled")
    refused("sign-in-throttled", username="NINA", password="wrong")
    assert found.actions == []
    assert attempt(address=THERE).user_id == nina.pk


def test_guessing_many_accounts_from_one_address_is_refused_too(nina: User, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    for number in range(50):
        refused("password-wrong", username=f"guess-{number}")
    refused("sign-in-throttled")
    assert attempt(address=THERE).user_id == nina.pk


def test_a_refusal_says_when_to_come_back(nina: User, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES, settings.TPI_SIGN_IN_WINDOW = 5, 120
    for _ in range(5):
        refused("password-wrong", password="wrong")
    with pytest.raises(Throttled) as caught:
        attempt()
    assert caught.value.retry_after == 120


def test_a_good_password_is_remembered_until_it_changes(nina: User, django_assert_num_queries: Any) -> None:
    attempt()
    User.objects.filter(pk=nina.pk).update(last_name="not the password")
    with django_assert_num_queries(1):
        attempt()
    nina.set_password("another passphrase")
    nina.save()
    refused("password-wrong")


def test_a_remembered_password_of_a_disabled_account_is_worth_nothing(nina: User) -> None:
    attempt()
    User.objects.filter(pk=nina.pk).update(is_active=False)
    refused("password-wrong")


def test_nothing_is_remembered_where_the_operator_says_so(nina: User, settings: Any) -> None:
    settings.TPI_VERIFIED_PASSWORD_SECONDS = 0
    attempt()
    assert not VerifiedPassword.objects.exists()


def test_addresses_of_one_ipv6_network_are_counted_as_one(nina: User, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    for last in range(5):
        refused("password-wrong", password="wrong", address=f"2001:db8:0:1::{last}")
    refused("sign-in-throttled", address="2001:db8:0:1:ffff::1")
    assert attempt(address="2001:db8:0:2::1").username == "nina"


@pytest.mark.parametrize("name", ["Ömer", "weiß", "Emil", "Straße"])
def test_a_name_with_letters_of_ones_own_language_signs_in(db: None, name: str) -> None:
    user = make_user(name)
    assert attempt(name).user_id == user.pk
