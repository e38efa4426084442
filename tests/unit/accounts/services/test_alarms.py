from __future__ import annotations

import pytest

from accounts.models import Alarm, AuditEntry
from accounts.services import alarms
from tests.factories.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_same_alarm_is_one_row_that_counts() -> None:
    alarms.ring("directory-away", "It is away.", subject="corp")
    alarms.ring("directory-away", "It is still away.", subject="corp")
    alarms.ring("directory-away", "It is away.", subject="other")

    rows = {row.subject: (row.count, row.sentence) for row in Alarm.objects.all()}
    assert rows == {"corp": (2, "It is still away."), "other": (1, "It is away.")}
    assert AuditEntry.objects.filter(action="alarm.ring").count() == 2


def test_an_alarm_that_is_over_may_ring_again() -> None:
    alarms.ring("directory-away", "It is away.")
    alarms.settle("directory-away")
    alarms.settle("directory-away")
    alarms.ring("directory-away", "It is away again.")

    assert Alarm.objects.filter(ended_at=None).count() == 1
    assert Alarm.objects.count() == 2


def test_who_ended_it_is_kept(cast: Cast) -> None:
    alarm = alarms.ring("test", "Something.")
    alarms.end(actor=cast.actor("administrator"), alarm=alarm)

    alarm.refresh_from_db()
    assert alarm.ended_by == "administrator"
