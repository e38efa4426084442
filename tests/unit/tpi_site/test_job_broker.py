from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ

from tpi_site.kit import clock
from tpi_site.kit.job_broker import LeasingBroker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture(autouse=True)
def _short(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease of a minute, which no thread renews behind the test's back."""
    settings.TPI_JOB_LEASE_SECONDS, settings.TPI_DRAIN_SECONDS = 60, 10
    monkeypatch.setattr(LeasingBroker, "_renew_beside", lambda self: None)


@pytest.fixture
def broker() -> LeasingBroker:
    return LeasingBroker("tpi")


def _pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let so much more time pass for all nodes."""
    moment: datetime = clock.now() + timedelta(seconds=seconds)
    monkeypatch.setattr(clock, "now", lambda: moment)


def _take(broker: LeasingBroker) -> list[str]:
    return [payload for _, payload in broker.dequeue()]


def test_it_is_the_one_that_jobs_go_through() -> None:
    assert isinstance(get_broker(), LeasingBroker)


def test_a_taken_job_is_not_taken_again_while_its_lease_runs(broker: LeasingBroker) -> None:
    broker.enqueue("job")
    assert _take(broker) == ["job"]
    assert broker.lock_size() == 1
    assert broker.queue_size() == 0


def test_who_renews_keeps_the_job_and_who_is_lost_does_not(
    broker: LeasingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.enqueue("job")
    assert _take(broker) == ["job"]
    _pass(monkeypatch, 50)
    assert broker.renew() == 1
    _pass(monkeypatch, 50)
    other = LeasingBroker("tpi")
    monkeypatch.setattr(Conf, "POLL", 0)
    assert _take(other) == []
    _pass(monkeypatch, 20)  # 120 in all, of the 110 that it was renewed to
    assert _take(other) == ["job"]
    assert broker.renew() == 0, "it is another's now"
    assert other.renew() == 1


def test_an_ended_job_is_renewed_no_more(broker: LeasingBroker) -> None:
    broker.enqueue("job")
    ((number, _),) = broker.dequeue()
    broker.acknowledge(number)
    assert broker.renew() == 0
    assert not OrmQ.objects.exists()


def test_a_job_that_never_ends_is_given_up_when_django_q_would(
    broker: LeasingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.enqueue("job")
    begun = timezone.now()
    broker.dequeue()
    _pass(monkeypatch, Conf.RETRY - 10)
    assert broker.renew() == 0
    last = OrmQ.objects.get().lock
    assert last is not None
    assert abs((last - begun).total_seconds() - Conf.RETRY) < 5


def test_a_lease_outlasts_the_end_of_a_node(broker: LeasingBroker, settings: Any) -> None:
    settings.TPI_DRAIN_SECONDS = 300
    broker.enqueue("job")
    broker.dequeue()
    lock = OrmQ.objects.get().lock
    assert lock is not None
    assert lock - timezone.now() > timedelta(seconds=590)


@pytest.mark.parametrize("apart", [-600, 600])
def test_a_node_whose_clock_is_wrong_takes_nobody_s_jobs_and_loses_none(
    broker: LeasingBroker, monkeypatch: pytest.MonkeyPatch, apart: int
) -> None:
    monkeypatch.setattr(Conf, "POLL", 0)
    really, wrong = timezone.now, LeasingBroker("tpi")
    broker.enqueue("job")
    assert _take(broker) == ["job"]
    monkeypatch.setattr(timezone, "now", lambda: really() + timedelta(seconds=apart))
    assert _take(wrong) == []
    assert (wrong.queue_size(), wrong.lock_size()) == (0, 1)
    wrong.enqueue("its own")
    monkeypatch.setattr(timezone, "now", really)
    assert _take(broker) == ["its own"], "at once"
    assert broker.renew() == 2
