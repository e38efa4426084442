"""What tests need done inside an installation that runs in other processes, by the product's own services.

``python -m tests.servers.inside <function> <json arguments>`` prints the result as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")


def several(works: list[tuple[str, dict[str, Any]]]) -> None:
    """Some of these functions one after the other, in one process."""
    for name, arguments in works:
        globals()[name](**arguments)


def token(user: str = "admin", verbs: list[str] | None = None, **scope: Any) -> str:
    """A new token of ``user``; ``scope`` are ``indexes`` and ``projects``."""
    from accounts.domain.actors import internal
    from accounts.domain.verbs import parse_verbs
    from accounts.models import User
    from accounts.services import tokens

    owner = User.objects.get(username=user)
    _, text = tokens.issue(
        actor=internal("test"), owner=owner, name="test", verbs=parse_verbs(verbs or ["read", "upload"]), **scope
    )
    return text


def mirror(name: str, url: str, **upstream: Any) -> None:
    """A mirror that everybody may read; ``upstream`` are settings of it."""
    from django.db import transaction

    from accounts.services import generations
    from indexapp.models import Index, Upstream

    with transaction.atomic():
        index = Index.objects.create(name=name, kind=Index.Kind.MIRROR, anonymous_read=True)
        Upstream.objects.create(index=index, url=url, **upstream)
        generations.bump_access()


def mirrored(index: str) -> list[dict[str, Any]]:
    """The files of a mirror, and which of them are here."""
    from indexapp.models import File

    rows = File.objects.filter(index__name=index).select_related("mirrored", "blob").order_by("filename")
    return [
        {
            "filename": row.filename,
            "sha256": row.sha256,
            "is_here": row.blob is not None,
            "metadata": row.metadata_sha256,
            "conflict": row.mirrored.conflict,
        }
        for row in rows
    ]


def user(name: str, password: str) -> None:
    """A user without any right."""
    from accounts.domain.actors import internal
    from accounts.services import users

    users.create(actor=internal("test"), username=name, password=password)


def set_password(name: str, password: str) -> None:
    """Another password for a user."""
    from accounts.domain.actors import internal
    from accounts.models import User
    from accounts.services import users

    users.set_password(actor=internal("test"), user=User.objects.get(username=name), password=password)


def disable(name: str) -> None:
    """Shut a user out."""
    from accounts.domain.actors import internal
    from accounts.models import User
    from accounts.services import users

    users.change(actor=internal("test"), user=User.objects.get(username=name), is_active=False)


def index(name: str, **values: Any) -> None:
    """A new index."""
    from accounts.domain.actors import internal
    from indexapp.services import indexes

    indexes.create(actor=internal("test"), name=name, **values)


def sealed_blobs(number: int) -> int:
    """Rows of blobs, without objects, whose keys are wrapped as they should be; returns how many."""
    from hashlib import sha256

    from indexapp.models import Blob
    from indexapp.storage.sealed_files import purpose
    from tpi_site.kit.key_ring import key_ring

    ring = key_ring()
    digests = [sha256(str(each).encode()).hexdigest() for each in range(number)]
    rows = [
        Blob(sha256=each, size=1, object_name=each, sealed_key=ring.wrap(bytes.fromhex(each), purpose(each)))
        for each in digests
    ]
    return len(Blob.objects.bulk_create(rows, batch_size=500))


def plain_blobs(number: int) -> None:
    """Contents that are kept and claimed as those of an upload are, on an installation that does not encrypt."""
    from hashlib import sha256

    from django.db import transaction

    from indexapp.services import blobs
    from indexapp.storage import default_storage

    for each in range(number):
        content = b"this was plain once %d" % each * 10_000
        with default_storage().spool() as spool:
            spool.file.write(content)
            stored = blobs.store(sha256(content).hexdigest(), spool)
        with transaction.atomic():
            blobs.claim(stored)


def current_key() -> str:
    """The id of the key that wraps."""
    from tpi_site.kit.key_ring import key_ring

    return key_ring().current


def wrapped_with() -> dict[str, int]:
    """How many texts each key wraps."""
    from collections import Counter

    from accounts.services.keys import sealed_columns

    found: Counter[str] = Counter()
    for column in sealed_columns.columns():
        found.update(column.by_key())
    return dict(found)


def opening_blobs() -> int:
    """How many blobs have a key that the ring opens; all must."""
    from indexapp.models import Blob
    from indexapp.storage.sealed_files import purpose
    from tpi_site.kit.key_ring import key_ring

    ring = key_ring()
    return sum(bool(ring.unwrap(blob.sealed_key, purpose(blob.object_name))) for blob in Blob.objects.iterator())


def publish(numbers: list[int]) -> dict[str, str]:
    """A wheel for each number, in the default index; returns the SHA-256 of each by its file name."""
    from random import Random

    from indexapp.models import Index
    from tests.builders.wheels import build_wheel
    from tests.factories.publishing import published

    main = Index.objects.get(is_default=True)
    wheels = [build_wheel(f"kept-{each}", files={"noise": Random(each).randbytes(40_000)}) for each in numbers]
    return {wheel.filename: published(main, wheel).sha256 for wheel in wheels}


def kept() -> dict[str, str]:
    """The SHA-256 of the bytes of each file as the storage gives them, by its name."""
    from indexapp.models import File
    from indexapp.services.integrity.objects import digest_of
    from indexapp.storage import default_storage

    return {
        file.filename: digest_of(file.blob.place, default_storage()) for file in File.objects.select_related("blob")
    }


def drills() -> list[tuple[bool, list[str]]]:
    """Whether each drill was good, the newest first, beside the codes of the open alarms."""
    from accounts.models import Alarm
    from indexapp.models import Drill

    codes = list(Alarm.objects.filter(ended_at=None).values_list("code", flat=True))
    return [(row.is_good, codes) for row in Drill.objects.order_by("-pk")]


def cast() -> dict[str, str]:
    """Tokens of those who appear in the functional tests, and the indexes they use: ``second``, and ``both`` as a group."""
    index("second")
    index("both", kind="group", members=["main", "second"])
    user("outsider", "a long enough password")
    return {
        "owner": token(),
        "reader": token(verbs=["read"]),
        "outsider": token("outsider"),
    }


def yank(project: str, version: str, reason: str = "") -> None:
    """Yank a release of the default index."""
    from accounts.domain.actors import internal
    from indexapp.models import Release
    from indexapp.services import releases

    found = Release.objects.get(project__normalized_name=project, project__index__is_default=True, version=version)
    releases.yank(actor=internal("test"), release=found, reason=reason)


def set_status(project: str, status: str, reason: str = "") -> None:
    """Archive, deprecate, quarantine or clear a project of the default index."""
    from accounts.domain.actors import internal
    from indexapp.models import Project
    from indexapp.services import projects

    found = Project.objects.get(normalized_name=project, index__is_default=True)
    projects.set_status(actor=internal("test"), project=found, status=status, reason=reason)


def grant(user: str, index: str, verbs: list[str]) -> None:
    """Give a user verbs on an index."""
    from accounts.domain.actors import internal
    from accounts.domain.verbs import parse_verbs
    from accounts.models import User
    from indexapp.models import Index
    from indexapp.services import roles

    holder = User.objects.get(username=user)
    index_row = Index.objects.get(name=index)
    roles.grant(actor=internal("test"), index=index_row, holder=holder, verbs=parse_verbs(verbs))


def revoke(user: str, index: str) -> None:
    """Take from a user what they were given on an index."""
    from accounts.domain.actors import internal
    from indexapp.models import Role
    from indexapp.services import roles

    for role in Role.objects.filter(user__username=user, index__name=index):
        roles.revoke(actor=internal("test"), role=role)


def team(name: str, members: list[str], title: str = "") -> None:
    """A new team with members and a service account."""
    from accounts.domain.actors import internal
    from accounts.models import User
    from accounts.services import service_accounts, teams

    actor = internal("test")
    row = teams.create(actor=actor, name=name, title=title)
    for username in members:
        teams.set_member(actor=actor, team=row, user=User.objects.get(username=username), role="maintainer")
    service_accounts.create(actor=actor, team=row, name=f"svc-{name}")


def map_group(directory: str, group_dn: str, team: str, verbs: list[str], index: str = "main") -> None:
    """A new team of the group's members, which holds verbs on an index."""
    from accounts.domain.actors import internal
    from accounts.domain.verbs import parse_verbs
    from accounts.models import Directory
    from accounts.services import teams
    from accounts.services.directories import settings
    from indexapp.models import Index
    from indexapp.services import roles

    actor = internal("test")
    row = teams.create(actor=actor, name=team)
    roles.grant(actor=actor, index=Index.objects.get(name=index), holder=row, verbs=parse_verbs(verbs))
    settings.map_group(actor=actor, directory=Directory.objects.get(name=directory), group_dn=group_dn, team=row)


def map_groups(directory: str, groups: dict[str, str]) -> None:
    """New teams by the groups whose members they are of."""
    from accounts.domain.actors import internal
    from accounts.models import Directory
    from accounts.services import teams
    from accounts.services.directories import settings

    actor, row = internal("test"), Directory.objects.get(name=directory)
    for group_dn, team in groups.items():
        settings.map_group(actor=actor, directory=row, group_dn=group_dn, team=teams.create(actor=actor, name=team))


def issue_to(users: list[str]) -> None:
    """A token for each."""
    for name in users:
        token(name, ["read"])


def sync_directories() -> list[str]:
    """What the scheduled job does; returns what each sync says."""
    from accounts import tasks
    from accounts.models import DirectorySync

    tasks.sync_directories()
    return [str(row.sentence) for row in DirectorySync.objects.all()]


def audit_sink(**values: Any) -> None:
    """A receiver of the audit log from its beginning; one of this name is at the address from now on."""
    from accounts.domain.actors import internal
    from accounts.models import AuditSink
    from accounts.services import audit_sinks

    if sink := AuditSink.objects.filter(name=values["name"]).first():
        audit_sinks.change(actor=internal("test"), sink=sink, address=values["address"])
    else:
        audit_sinks.create(actor=internal("test"), from_the_beginning=True, **values)


def audit_entries(count: int) -> None:
    """So many entries more."""
    from django.db import transaction

    from accounts.domain.actors import internal
    from accounts.services import audit

    with transaction.atomic(), audit.together():
        for number in range(count):
            audit.record(actor=internal("test"), action="test.act", object_type="thing", object_name=f"thing {number}")


def deliver_audit(hours: int = 0) -> int:
    """What the scheduled job does so many hours from now."""
    from datetime import timedelta

    from django.utils import timezone

    from accounts.services import audit_delivery

    return audit_delivery.deliver_all(timezone.now() + timedelta(hours=hours))


def counts() -> dict[str, int]:
    """How many rows of each kind there are that an upload writes."""
    from accounts.models import AuditEntry
    from indexapp.models import Blob, Change, File, Project, Release

    return {model.__name__: model.objects.count() for model in (Project, Release, File, Blob, Change, AuditEntry)}


def read_only(is_on: bool) -> None:
    """Switch read-only mode."""
    from accounts.domain.actors import internal
    from accounts.services import read_only as switch

    actor = internal("test")
    if is_on:
        switch.turn_on(actor=actor, reason="a test")
    else:
        switch.turn_off(actor=actor)


def enqueue_a_job() -> str:
    """A job that does next to nothing; returns its id."""
    from django_q.tasks import async_task

    job: str = async_task("math.sqrt", 4.0)
    return job


def enqueue_jobs(count: int) -> list[str]:
    """So many of those."""
    return [enqueue_a_job() for _ in range(count)]


def enqueue_a_slow_job(seconds: float) -> str:
    """A job that takes so long."""
    from django_q.tasks import async_task

    job: str = async_task("time.sleep", seconds)
    return job


def schedule_at_once(rounds: int) -> None:
    """Two schedulers at the same moment, so often, with a schedule (``race``) that is always due."""
    from concurrent.futures import ThreadPoolExecutor
    from datetime import timedelta
    from threading import Barrier

    from django.db import connections
    from django.utils import timezone
    from django_q.models import Schedule
    from django_q.scheduler import scheduler

    barrier = Barrier(2)

    def one() -> None:
        connections["default"].ensure_connection()
        barrier.wait()
        scheduler()
        connections.close_all()

    row = Schedule.objects.create(
        name="race", func="math.sqrt", args="4.0", schedule_type=Schedule.HOURLY, next_run=timezone.now()
    )
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            Schedule.objects.filter(pk=row.pk).update(next_run=timezone.now() - timedelta(minutes=1))
            for done in [pool.submit(one), pool.submit(one)]:
                done.result()
    row.delete()


def job_has_run(job: str) -> bool:
    """Whether it has ended."""
    from django_q.models import Task

    return bool(Task.objects.filter(id=job, success=True).exists())


def main() -> None:
    """Run the function that the command line names."""
    import django

    django.setup()
    sys.stdout.write(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
