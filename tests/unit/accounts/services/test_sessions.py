from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts import tasks
from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.domain.verbs import Verb
from accounts.models import Alarm, BrowserSession, User
from accounts.services import sessions, tokens, users
from tests import evidence
from tests.factories.people import PASSWORD, SYSTEM, actor_of, make_token, make_user

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia")


def begin(user: User) -> BrowserSession:
    return sessions.begin(user=user, address="192.0.2.1", browser="Firefox on Linux")[0]


def earlier(session: BrowserSession, **fields: timedelta) -> None:
    """So much more time has passed since then."""
    present = BrowserSession.objects.get(pk=session.pk)
    BrowserSession.objects.filter(pk=session.pk).update(
        **{name: getattr(present, name) - passed for name, passed in fields.items()}
    )


def test_a_session_is_found_by_its_secret_and_its_person_alone(mia: User, django_assert_num_queries: Any) -> None:
    session, secret = sessions.begin(user=mia, address="192.0.2.1", browser="")
    with django_assert_num_queries(1):
        assert sessions.find(user=mia, secret=secret) == session
    assert sessions.find(user=make_user(), secret=secret) is None
    assert sessions.find(user=mia, secret="") is None
    assert sessions.find(user=mia, secret=session.key) is None
    assert secret not in str(evidence.rows())


@pytest.mark.parametrize(("idle", "is_found"), [(59, True), (61, False)])
def test_a_session_that_is_not_used_ends(mia: User, idle: int, is_found: bool) -> None:
    session, secret = sessions.begin(user=mia, address="", browser="")
    earlier(session, seen_at=timedelta(minutes=idle))
    assert (sessions.find(user=mia, secret=secret) is not None) is is_found


def test_a_session_that_is_used_ends_too(mia: User, settings: Any) -> None:
    settings.TPI_SESSION_HOURS = 2
    session, secret = sessions.begin(user=mia, address="", browser="")
    earlier(session, started_at=timedelta(minutes=119))
    assert sessions.find(user=mia, secret=secret) is not None
    earlier(session, started_at=timedelta(minutes=2))
    assert sessions.find(user=mia, secret=secret) is None


def test_rows_of_what_is_over_are_removed(mia: User) -> None:
    idle, old, good = begin(mia), begin(mia), begin(mia)
    earlier(idle, seen_at=timedelta(minutes=61))
    earlier(old, started_at=timedelta(hours=13))
    tasks.clear_sessions()
    assert list(BrowserSession.objects.all()) == [good]


def test_use_is_written_each_minute_at_most(mia: User, django_assert_num_queries: Any) -> None:
    session = begin(mia)
    with django_assert_num_queries(0):
        sessions.note_use(session, "192.0.2.9")
    session.seen_at = timezone.now() - timedelta(seconds=61)
    sessions.note_use(session, "192.0.2.9")
    session.refresh_from_db()
    assert session.address == "192.0.2.9"
    assert timezone.now() - session.seen_at < timedelta(seconds=30)


def test_with_a_database_that_only_reads_the_session_goes_on(mia: User) -> None:
    session = begin(mia)
    session.seen_at = timezone.now() - timedelta(minutes=5)

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("read-only")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        sessions.note_use(session, "192.0.2.9")
    session.refresh_from_db()
    assert session.address == "192.0.2.1"


def test_a_proof_is_fresh_for_a_quarter_of_an_hour(mia: User) -> None:
    session = begin(mia)
    assert sessions.is_fresh(session)
    earlier(session, proved_at=timedelta(minutes=16))
    session.refresh_from_db()
    assert not sessions.is_fresh(session)
    sessions.note_proof(actor=actor_of(mia), session=session)
    session.refresh_from_db()
    assert sessions.is_fresh(session)
    assert not session.second_factor


def test_who_ends_sessions(mia: User) -> None:
    officer = make_user()
    User.objects.filter(pk=officer.pk).update(instance_roles=roles_to_mask([InstanceRole.SECURITY_OFFICER]))
    officer.refresh_from_db()
    for actor in (actor_of(mia), actor_of(make_user(is_superuser=True)), actor_of(officer)):
        begin(mia)
        assert sessions.end_all(actor=actor, user=mia) == 1
    begin(mia)
    for actor in (actor_of(make_user()), tokens.recognise(make_token(mia, [Verb.READ])[1])):
        assert actor is not None
        with evidence.refused("right-missing"):
            sessions.end_all(actor=actor, user=mia)


def test_ending_says_what_and_why(mia: User) -> None:
    session = begin(mia)
    found = evidence.collecting()
    sessions.end(actor=actor_of(mia), session=session)
    begin(mia)
    sessions.end_all(actor=SYSTEM, user=mia, reason="disabled in the directory")
    assert [entry.object_name for entry in found.audit] == ["mia", "mia"]
    assert found.audit[0].detail["browser"] == "Firefox on Linux"
    assert found.audit[1].detail == {"ended": 1, "reason": "disabled in the directory"}


def test_what_ends_an_accounts_use_ends_its_sessions(mia: User) -> None:
    root = actor_of(make_user(is_superuser=True))
    begin(mia)
    users.set_password(actor=root, user=mia, password="an entirely new phrase")
    assert not BrowserSession.objects.exists()

    begin(mia)
    users.change(actor=root, user=mia, is_active=False)
    users.change(actor=root, user=mia, is_active=True)
    assert not BrowserSession.objects.exists()

    begin(mia)
    users.delete(actor=root, user=mia)
    assert not BrowserSession.objects.exists()


def test_the_session_in_which_the_password_is_changed_goes_on(mia: User) -> None:
    here = begin(mia)
    begin(mia)
    users.set_password(actor=actor_of(mia), user=mia, password="an entirely new phrase", present=PASSWORD, keep=here)
    assert list(BrowserSession.objects.all()) == [here]


def test_every_session_of_a_break_glass_account_rings(db: None) -> None:
    glass = make_user("glass", is_superuser=True)
    glass.is_break_glass = True
    begin(glass)
    begin(glass)
    alarm = Alarm.objects.get()
    assert (alarm.code, alarm.subject, alarm.count) == ("break-glass-used", "glass", 2)
    assert "192.0.2.1" in alarm.sentence
