"""Every job that runs by the clock may run twice, and two of it at once."""

from __future__ import annotations

import os
import pydoc
import re
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.utils import timezone
from django_q.models import OrmQ

from accounts import tasks
from accounts.domain.actors import internal
from accounts.models import AuditSink, Token, TokenKind, User
from accounts.services import audit, audit_keys, audit_verification, sessions
from accounts.services.directories import removal
from indexapp.models import Blob, File, MirroredFile, MirroredProject, Trashed
from indexapp.services import projects
from indexapp.services.mirrors import plans
from indexapp.services.prefetch import asking as prefetching
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.directories import silent_directory
from tests.factories.people import SYSTEM, make_token, make_user
from tests.factories.publishing import make_index, make_mirror, make_project, make_release, published
from tests.threads import together
from tpi_site.kit import schedules

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

_JOBS = sorted(schedules.declared())
_UNHEARD = "http://127.0.0.1:9/simple/"
"""Nothing listens there, and a loopback address is not asked anyway."""
_MOMENTS = {
    "accounts.AuditSink",
    "accounts.Directory",
    "accounts.Alarm",
    "accounts.DirectorySync",
    "django_q.Schedule",
    "indexapp.ScrubCount",
}
"""Tables whose rows say when something was looked at last, and how often."""


def _something_for_each_job() -> None:
    """Sessions and tokens that are over, a directory that goes, entries that wait, and bytes that nothing needs."""
    cast = Cast(make_index("main", is_default=True))
    published(cast.index)
    projects.delete(actor=SYSTEM, project=published(cast.index, build_wheel("gone")).project)
    Trashed.objects.update(deleted_at=timezone.now() - timedelta(days=30))
    person = make_user("nina")
    sessions.begin(user=person, address="", browser="")
    past = timezone.now() - timedelta(days=30)
    token, _ = make_token(person)
    Token.objects.filter(pk=token.pk).update(expires_at=past, created_at=past, kind=TokenKind.SHORT)
    AuditSink.objects.create(name="kept", kind="file", address="kept.jsonl")
    audit.record(actor=internal("test"), action="test.act", object_type="thing", object_name="thing")
    removal.delete(actor=cast.actor("administrator"), directory=silent_directory())
    offline, unheard = make_mirror("offline", upstream={"is_offline": True}), make_mirror("unheard", _UNHEARD)
    prefetching.begin(
        actor=SYSTEM, index=offline, request=prefetching.Request("requirements.txt", "acme-tool\nacme-fast\n")
    )
    plans.change(actor=SYSTEM, index=unheard, is_on=True)
    OrmQ.objects.all().delete()
    File.objects.all().delete()
    Blob.objects.update(created_at=past)
    mirror = make_mirror("outside", upstream={"room": 0})
    fetched, release = published(cast.index, build_wheel("elsewhere")), make_release(make_project(mirror))
    File.objects.filter(pk=fetched.pk).update(index=mirror, project=release.project, release=release)
    for name in ("acme-missing", "acme-mistyped", "acme-misread", "acme-mislaid"):
        MirroredProject.objects.create(index=mirror, normalized_name=name, checked_at=past, fresh_until=past)
    MirroredFile.objects.create(file=fetched, fetched_at=past, last_used_at=past)


def _outcome() -> dict[str, Any]:
    """The rows, without moments that each run sets anew."""
    found: dict[str, Any] = {
        table: sorted(row[0] for row in rows) if table in _MOMENTS else rows for table, rows in evidence.rows().items()
    }
    streamed = django_settings.TPI_DATA_DIR / "audit-streams/kept.jsonl"
    return found | {
        "cursors": list(AuditSink.objects.values_list("cursor", "failures")),
        "streamed": streamed.read_text() if streamed.exists() else "",
    }


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


@pytest.mark.parametrize("name", _JOBS)
def test_a_job_that_runs_twice_or_beside_itself_does_what_it_does_once(name: str) -> None:
    _something_for_each_job()
    job: Any = pydoc.locate(schedules.declared()[name].function)
    assert job is not None
    job()
    once = _outcome()
    job()
    assert _outcome() == once
    together([job, job])
    assert _outcome() == once
    assert User.objects.filter(username="nina").exists()


@pytest.mark.parametrize("name", _JOBS)
def test_two_at_once_do_together_what_one_does(name: str) -> None:
    _something_for_each_job()
    job: Any = pydoc.locate(schedules.declared()[name].function)
    together([job, job])
    after = _outcome()
    job()
    assert _outcome() == after


_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)")
_IDLE = {
    "ask directories",
    "sync directories",
    "seal what lies plain",
    "watch disks",
    "watch the key source",
    "finish an upgrade",
    "check mirror sites",
    "watch replication",
}
"""Jobs that find nothing to write here: no directory answers, all is sealed, no disk is full, no source is away, all migrations
are applied, nobody follows anybody, and there is no mirror site."""


def _kill_after(job: Any, writes: int) -> bool:
    """Do the job in a process of its own, which ``kill -9`` ends after so many statements that write; whether it came to it."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        left = writes

        def count(execute: Any, sql: str, *more: Any) -> Any:
            nonlocal left
            result = execute(sql, *more)
            left -= bool(_WRITES.match(sql))
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        with connection.execute_wrapper(count):
            job()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("name", _JOBS)
def test_a_job_that_is_killed_in_the_middle_is_completed_by_the_next(name: str) -> None:
    _something_for_each_job()
    job: Any = pydoc.locate(schedules.declared()[name].function)
    killed = [_kill_after(job, writes) for writes in (1, 2, 4)]
    assert any(killed) is (name not in _IDLE)
    job()
    once = _outcome()
    job()
    assert _outcome() == once
    tasks.chain_audit()
    faults = audit_verification.verify([audit_keys.public_key()]).faults
    # Other tests have taken numbers of the log, and emptied it.
    assert [fault.sentence for fault in faults if "entries were written" not in fault.sentence] == []
