"""Many passwords at once: one hash for those that are the same, and a bound for all others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Event

import pytest

from accounts.models import AuditEntry, User
from accounts.services import password_turns, passwords, verified_passwords
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD
from tests.wsgi_client import WsgiClient, basic
from tpi_site.kit.errors import Throttled, Unauthenticated

pytestmark = pytest.mark.django_db


def test_who_comes_when_all_places_are_taken_is_sent_away_unseen(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_turns, "_places", BoundedSemaphore(1))
    assert cast.reader
    with password_turns.turn():
        for name in ("reader", "nobody"):
            with pytest.raises(Throttled) as caught:
                passwords.verify(username=name, password=PASSWORD, address="192.0.2.1")
            assert caught.value.code == "sign-in-busy"
    assert passwords.verify(username="reader", password=PASSWORD, address="192.0.2.1").username == "reader"
    assert not AuditEntry.objects.filter(action="sign-in").exists()


@pytest.mark.parametrize("is_right", [True, False])
def test_the_same_password_at_once_is_hashed_once(*, cast: Cast, is_right: bool) -> None:
    key = verified_passwords.digest("reader", PASSWORD)
    begun, go_on, hashed = Event(), Event(), []

    def slowly() -> User | None:
        hashed.append(1)
        begun.set()
        assert go_on.wait(10)
        return cast.reader if is_right else None

    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(password_turns.shared, key, slowly)
        assert begun.wait(10)
        check = password_turns._checks[key]
        others = [threads.submit(password_turns.shared, key, slowly) for _ in range(5)]
        wait_until(lambda: len(check._condition._waiters) >= 5)  # type: ignore[attr-defined]
        go_on.set()
        assert {each.result() for each in [first, *others]} == {cast.reader if is_right else None}
    assert len(hashed) == 1
    assert password_turns._checks == {}


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for another thread to get there."""
    for _ in range(1000):
        if is_so():
            return
        Event().wait(0.01)
    raise AssertionError


def test_a_name_that_nobody_has_is_not_written_down(cast: Cast) -> None:
    with pytest.raises(Unauthenticated):
        passwords.verify(username="hunter2, typed into the wrong field", password="x", address="192.0.2.1")
    assert "hunter2" not in str(AuditEntry.objects.values().get())


def test_a_token_as_the_user_name_signs_in_and_is_written_nowhere(cast: Cast, machine: WsgiClient) -> None:
    text = cast.token("reader")
    assert machine.signed(basic(text, "x-oauth-basic")).get("/simple/").status == 200
    assert machine.signed(basic(f"{text}x", "x-oauth-basic")).get("/simple/").status == 401
    assert text not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("name", ["reader", "nobody"])
def test_a_burst_of_one_wrong_password_does_not_tell_whether_the_account_exists(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Who asks the same while it is being hashed waits for that, and is not sent away for want of a place."""
    assert cast.reader
    monkeypatch.setattr(password_turns, "_places", BoundedSemaphore(1))
    seen: list[str] = []

    def share(key: str, hashing: Callable[[], User | None]) -> User | None:
        seen.append(key)
        return passwords_check(key, hashing)

    passwords_check = password_turns.shared
    monkeypatch.setattr(password_turns, "shared", share)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            passwords.verify(username=name, password="wrong", address="192.0.2.1")
    assert len(seen) == 2
    assert len(set(seen)) == 1
