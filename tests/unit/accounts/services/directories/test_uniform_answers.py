"""What a sign-in that fails tells about the name: nothing, neither by its words nor by what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Directory, User
from accounts.services import passwords
from accounts.services.directories import sign_in
from tests.factories.directories import openldap
from tests.factories.people import PASSWORD, make_service_account, make_team, make_user
from tests.unit.accounts.services.directories.signing_in import HERE, enter, forget_pairs
from tpi_site.kit.errors import Refusal

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]

NAMES = ("local", "off", "svc-robot", "alice", "bob", "nobody", "n*b*dy", "")
"""A local account, a disabled one, a program's, a known person's, a person's who was never here, and nobody's."""


class Counting(MD5PasswordHasher):
    """Counts how often it is asked to hash."""

    algorithm = "counting"
    hashed: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        """One more."""
        self.hashed.append(password)
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def _counted(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Counting"]


@pytest.fixture
def people(slapd: Slapd, corp: Directory, _counted: None) -> User:
    """All who are in NAMES; the local one is given back."""
    enter("alice", slapd.password_of("alice"), "203.0.113.1")
    make_user("off", is_active=False)
    make_service_account(make_team("red"), "svc-robot")
    forget_pairs()
    return make_user("local")


def told(name: str, password: str, address: str = HERE) -> tuple[str, str, str]:
    with pytest.raises(Refusal) as caught:
        passwords.verify(username=name, password=password, address=address)
    return type(caught.value).__name__, caught.value.code, caught.value.detail


def by_name(attempts: Callable[[str], list[tuple[str, str, str]]]) -> list[tuple[str, str, str]]:
    """What all of them were told, which has to be the same."""
    stories = {name: attempts(name) for name in NAMES}
    assert stories == dict.fromkeys(NAMES, stories["nobody"])
    return stories["nobody"]


def address(number: int) -> str:
    return f"198.51.100.{number}"


def test_wrong_passwords_from_one_address(people: User) -> None:
    story = by_name(lambda name: [told(name, f"wrong {number % 9}") for number in range(12)])
    assert [code for _, code, _ in story][4:6] == ["password-wrong", "sign-in-throttled"]


def test_wrong_passwords_from_many_addresses(people: User) -> None:
    story = by_name(lambda name: [told(name, f"wrong {number}", address(number)) for number in range(18)])
    assert [code for _, code, _ in story][14:16] == ["password-wrong", "sign-in-throttled"]


@pytest.mark.parametrize("password", ["wrong", "", "x" * 2000])
def test_while_the_directory_is_away(people: User, slapd: Slapd, password: str) -> None:
    slapd.stop()
    told("nobody", "to note it")  # an empty or an endless password is given to no directory, so it finds out nothing
    story = by_name(lambda name: [told(name, password), told(name, password), told(name, "another")])
    assert {(kind, code) for kind, code, _ in story} == {("Unavailable", "directory-away")}
    assert "corp" not in str(story)


def test_while_another_directory_is_away(people: User, slapd: Slapd) -> None:
    openldap(slapd, name="second", hosts="127.0.0.1:1")
    by_name(lambda name: [told(name, "wrong")])
    story = by_name(lambda name: [told(name, "wrong"), told(name, "another")])
    assert {code for _, code, _ in story} == {"directory-away"}
    assert enter("alice", slapd.password_of("alice")).username == "alice"


def test_a_local_account_comes_in_while_the_directory_is_away(people: User, slapd: Slapd) -> None:
    slapd.stop()
    told("nobody", "wrong")
    for number in range(7):
        told("local", f"wrong {number}")
    assert enter("local", PASSWORD).user_id == people.pk


def test_a_local_account_is_not_guessed_at_without_limit_while_the_directory_is_away(
    people: User, slapd: Slapd, settings: Any
) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    slapd.stop()
    story = by_name(lambda name: [told(name, f"wrong {number}") for number in range(7)])
    assert [code for _, code, _ in story] == ["directory-away"] * 5 + ["sign-in-throttled"] * 2
    assert AuditEntry.objects.filter(action="sign-in", outcome="refused", reason="directory-away").exists()


@pytest.mark.parametrize("state", ["there", "away", "asked already", "nothing left"])
def test_every_wrong_password_costs_the_same(people: User, slapd: Slapd, state: str) -> None:
    if state == "away":
        slapd.stop()
        told("nobody", "to note it")
    costs = {}
    for name in ("local", "alice", "bob", "nobody"):
        for number in range(5 if state == "nothing left" else 1):
            told(name, f"before {number}", address(1))
        told(name, "before 0", address(2))
        password = "before 0" if state == "asked already" else "wrong"
        place = address(1) if state == "nothing left" else address(2)
        Counting.hashed.clear()
        with CaptureQueriesContext(connection) as queries:
            told(name, password, place)
        costs[name] = (len(Counting.hashed), len(queries))
    assert costs == dict.fromkeys(costs, costs["nobody"])
    assert costs["nobody"][0] == 1


def test_the_password_of_a_local_account_is_shown_to_no_directory(people: User, slapd: Slapd) -> None:
    slapd.add_person("local", userPassword="the directory's")
    told("local", "the directory's")
    assert slapd.binds(slapd.person_dn("local")) == 0


def test_nor_where_people_bind_directly(people: User, slapd: Slapd) -> None:
    Directory.objects.update(bind="direct", user_template=f"uid=%(user)s,{slapd.people_dn}")
    slapd.add_person("local", userPassword="the directory's")
    told("local", "the directory's")
    assert slapd.binds(slapd.person_dn("local")) == 0
    slapd.stop()
    assert told("local", "wrong") == told("nobody", "wrong")


def test_a_page_says_it_to_who_signs_in_by_browser(people: User, slapd: Slapd, client: Client) -> None:
    slapd.stop()
    sign_in.forget_faults()
    pages = set()
    for name in ("local", "alice", "nobody"):
        answer = client.post("/account/sign-in/", {"username": name, "password": "wrong"})
        assert answer.status_code == 503
        text = answer.content.decode()
        assert "does not answer" in text
        assert 'name="password"' in text
        assert "corp" not in text
        token = answer.context["csrf_token"]
        pages.add(text.replace(f'"{name}"', '"NAME"').replace(str(token), "TOKEN"))
    assert len(pages) == 1
    answer = client.post("/account/sign-in/", {"username": "local", "password": PASSWORD})
    assert answer.status_code == 302


def test_who_is_asked_again_sees_it_in_the_form(people: User, slapd: Slapd, client: Client) -> None:
    client.force_login(people)
    slapd.stop()
    told("nobody", "wrong")
    answer = client.post("/account/confirm/", {"password": "wrong"})
    assert (answer.status_code, b"does not answer" in answer.content) == (503, True)
    changed = {"present": "wrong", "new": "another good passphrase", "again": "another good passphrase"}
    assert b"does not answer" in client.post("/account/password/", changed).content
