"""A replica that nothing looks after says so: nobody follows, nothing was heard for long, or the pepper is another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Alarm
from indexapp.domain.replication.transport import fingerprint
from indexapp.models import Following, Index
from indexapp.services.replication import contact, drill, following, joining, lateness
from indexapp.services.replication.drill import State
from tests.factories.replication import make_following, make_replica
from tpi_site.kit import locking

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOBODY = "http://127.0.0.1:9/"
SECRET = "tpi_something"


@pytest.fixture
def row(main: Index) -> Following:
    made = make_following(NOBODY, secret=SECRET, may_take_over=True, own_url=NOBODY, contact_at=timezone.now())
    Following.objects.update(joined_at=timezone.now() - timedelta(days=1))
    made.refresh_from_db()
    return made


@pytest.fixture
def follower() -> Iterator[None]:
    with locking.alone(contact.LOCK):
        yield


def _status(*words: str) -> tuple[int, str]:
    said = StringIO()
    try:
        call_command("replication", "status", *words, stdout=said)
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def _drilled() -> dict[str, tuple[State, str]]:
    return {check.name: (check.state, check.sentence) for check in drill.look()}


def test_that_no_process_follows_is_said_and_no_drill_succeeds(row: Following) -> None:
    code, said = _status()
    assert code == 1
    assert "No process follows the primary, last contact 0 s ago" in said
    assert "No process follows" in json.loads(_status("--json")[1])["replica_of"]["trouble"]
    state, sentence = _drilled()["following"]
    assert (state, sentence[:18]) == (State.FAILING, "No process follows")


def test_a_site_that_just_became_a_replica_is_given_some_seconds(row: Following) -> None:
    Following.objects.update(joined_at=timezone.now())
    assert _status()[0] == 0


def test_who_follows_and_hears_nothing_is_told_of(row: Following, follower: None, settings: Any) -> None:
    if contact.is_followed():  # PostgreSQL gives a session its own lock again
        assert _status()[0] == 0
    settings.TPI_REPLICA_CONTACT_MINUTES = 5
    Following.objects.update(contact_at=timezone.now() - timedelta(minutes=7))
    code, said = _status()
    assert (code, "last contact 420 s ago" in said) == (1, True)
    assert _drilled()["following"][0] is State.FAILING


def test_another_pepper_is_a_failure_and_an_alarm_until_it_is_the_same(
    row: Following, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"newest": row.cursor, "generations": row.generations} | joining.pepper_mark(SECRET)
    monkeypatch.setattr(following.Primary, "news", lambda *_: said)
    ours = settings.TPI_TOKEN_PEPPER
    settings.TPI_TOKEN_PEPPER = "another one, of more than thirty letters"
    Following.objects.update(compared_at=timezone.now())
    assert following.follow_once() is following.Round.NOTHING, "rows come all the same"
    row.refresh_from_db()
    assert (row.failure_code, row.failing_since is not None) == (contact.PEPPER, True)
    assert _status()[0] == 1
    assert _drilled()["likeness"][0] is State.FAILING
    lateness.look()
    assert Alarm.objects.filter(code="replica-pepper-differs", ended_at=None).count() == 1
    settings.TPI_TOKEN_PEPPER = ours
    following.follow_once()
    row.refresh_from_db()
    assert (row.failure_code, row.failing_since) == ("", None)
    lateness.look()
    assert not Alarm.objects.filter(code="replica-pepper-differs", ended_at=None).exists()


def test_a_primary_that_tells_no_mark_is_no_failure(row: Following) -> None:
    assert contact.heard(row, {}, SECRET)["failure_code"] == ""
    assert contact.heard(row, {"pepper": fingerprint("x", SECRET)}, SECRET)["failure_code"] == contact.PEPPER


@pytest.mark.parametrize(("code", "is_asked_at_once"), [("unreachable", True), (contact.PEPPER, False), ("", False)])
def test_the_end_of_a_failure_is_not_waited_for(
    row: Following, monkeypatch: pytest.MonkeyPatch, code: str, *, is_asked_at_once: bool
) -> None:
    waited = []
    said = {"newest": row.cursor, "generations": row.generations}
    monkeypatch.setattr(following.Primary, "news", lambda _self, _asked, wait: waited.append(wait) or said)
    Following.objects.update(
        compared_at=timezone.now(), failure_code=code, failing_since=timezone.now() if code else None, failure=code
    )
    following.follow_once(20.0)
    assert waited == [0.0 if is_asked_at_once else 20.0]
    assert Following.objects.get().failing_since is None


@pytest.mark.parametrize(("code", "is_over"), [("unreachable", True), (contact.PEPPER, False)])
def test_what_was_taken_ends_a_failure(row: Following, code: str, *, is_over: bool) -> None:
    Following.objects.update(failure_code=code, failing_since=timezone.now(), failure=code)
    contact.note_success()
    assert (Following.objects.get().failing_since is None) == is_over


def test_pieces_of_a_long_answer_are_contacts(row: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "_FRESH", 0.0)
    old = timezone.now() - timedelta(hours=1)
    Following.objects.update(contact_at=old)
    pieces = following.primary_of(row)._listening([b"a", b"b"])
    assert next(pieces) == b"a"
    assert Following.objects.get().contact_at > old  # type: ignore[operator]


def test_a_primary_lists_its_replicas(main: Index) -> None:
    assert "No site follows this one" in _status()[1]
    make_replica(
        "far", seen_at=timezone.now(), serial=0, missing_blobs=3, missing_bytes=2048, may_take_over=True, url=NOBODY
    )
    make_replica("new")
    code, said = _status()
    assert code == 0
    assert "far: catching up; at serial 0, " in said
    assert f"3 contents of 2.0 KiB missing; last contact 0 s ago. It may take over, at {NOBODY}." in said
    assert "new: invited; has not come yet." in said
