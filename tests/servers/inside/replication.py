"""Sites that follow one another."""

from __future__ import annotations

from typing import Any


def replicated() -> dict[str, list[Any]]:
    """All that a replica has of its primary: the number and a digest of the rows of each model; secrets as marks."""
    from indexapp.domain.replication.rows import digest
    from indexapp.domain.replication.transport import Transport
    from indexapp.services.replication import columns, places

    transport, found = Transport("the same on both sides"), {}
    for model in places.replicated():
        rows = [columns.marked(model, row, transport) for row in columns.read(model._default_manager.all(), model)]
        found[places.label(model)] = [len(rows), digest(rows)]
    return found


def invite(name: str) -> str:
    """The secret of a new replica."""
    from accounts.domain.actors import internal
    from indexapp.services.replication import credentials

    return credentials.invite(actor=internal("test"), name=name)[1]


def join(url: str, secret: str) -> None:
    """Become a replica."""
    from accounts.domain.actors import internal
    from indexapp.services.replication import joining

    joining.join(actor=internal("test"), url=url, secret=secret)


def pause_following(*, is_paused: bool) -> None:
    """Take nothing from the primary for now, or go on."""
    from accounts.domain.actors import internal
    from indexapp.services.replication import joining

    (joining.pause if is_paused else joining.resume)(actor=internal("test"))


def let_go(project: str, *, is_wanted: bool) -> None:
    """Have none of the bytes of a project's files, as where a filter leaves them out or they are still to come."""
    from datetime import timedelta

    from django.utils import timezone

    from indexapp.models import Blob, File, WantedBlob
    from indexapp.storage import default_storage

    later = timezone.now() + timedelta(days=1)
    for file in File.objects.select_related("blob", "metadata_blob").filter(project__normalized_name=project):
        File.objects.filter(pk=file.pk).update(blob=None, metadata_blob=None)
        for blob in filter(None, (file.blob, file.metadata_blob)):
            if is_wanted:
                WantedBlob.objects.create(sha256=blob.sha256, size=blob.size, files=[file.pk], next_at=later)
            Blob.objects.filter(pk=blob.pk).delete()
            default_storage().delete(blob.object_name)


def here(project: str) -> list[bool]:
    """Of each of a project's files whether its bytes and those of its metadata are here."""
    from indexapp.models import File

    files = File.objects.filter(project__normalized_name=project)
    return [bool(file.blob_id and file.metadata_blob_id) for file in files.order_by("filename")]


def replication_status() -> dict[str, Any]:
    """How a replica stands; nothing where it is none."""
    from indexapp.services.replication import standing

    found = standing.standing()
    return found.as_json() if found else {}


def delete_release(project: str, version: str) -> None:
    """Into the trash with it."""
    from accounts.domain.actors import internal
    from indexapp.models import Release
    from indexapp.services import releases

    releases.delete(actor=internal("test"), release=Release.objects.get(project__name=project, version=version))


def as_restored() -> None:
    """What a restore writes into the database, without one."""
    from types import SimpleNamespace

    from django.utils import timezone

    from accounts.domain.actors import internal
    from indexapp.services.backups import restored

    restored.record(
        actor=internal("test"),
        place=SimpleNamespace(address="backups"),
        manifest=SimpleNamespace(name="b", made_at=timezone.now()),
    )


def hold(newest: int | None = None, projects: list[str] | None = None) -> None:
    """Let a replica hold these bytes alone, or all of them."""
    from accounts.domain.actors import internal
    from indexapp.domain.copy_filter import CopyFilter
    from indexapp.domain.replication.holding import Hold
    from indexapp.services.replication import choosing, holding

    files = CopyFilter(include=projects or (), newest=newest, with_prereleases=True)
    choosing.hold(actor=internal("test"), wanted=Hold(files=files))
    holding.go_on()


def held_versions(project: str) -> list[str]:
    """The versions of the project's releases of which the bytes of a file are here, in the order of the alphabet."""
    from indexapp.models import File

    rows = File.objects.filter(project__name=project, blob__isnull=False)
    return sorted(set(rows.values_list("release__version", flat=True)))


def published_here() -> list[str]:
    """The digests of all files that the site knows."""
    from indexapp.models import File

    return sorted(File.objects.values_list("sha256", flat=True))


def want(sha256: str) -> None:
    """A content that the primary has not."""
    from django.utils import timezone

    from indexapp.models import WantedBlob

    WantedBlob.objects.create(sha256=sha256, size=1, next_at=timezone.now())


def want_much() -> None:
    """Files whose bytes are not here any more, of several sizes, of which some were tried often."""
    from django.utils import timezone

    from indexapp.models import File, WantedBlob

    files = list(File.objects.order_by("pk")[:9])
    File.objects.filter(pk__in=[file.pk for file in files]).update(blob=None)
    for number, file in enumerate(files):
        failure = "The primary breaks off again and again." if number < 3 else ""
        WantedBlob.objects.create(
            sha256=f"{number:064x}",
            size=7_654_321 * (number + 1),
            files=[file.pk],
            rank=number % 2,
            attempts=9 - number if failure else 0,
            next_at=timezone.now(),
            failure=failure,
        )


def want_nothing() -> None:
    """Give up what is missing."""
    from indexapp.models import WantedBlob

    WantedBlob.objects.all().delete()


def watch_replication(hours: float = 0.0, since: str = "contact_at") -> list[list[str]]:
    """Look as the job does, as if so many hours had gone by since then; the alarms about replication that are open."""
    from datetime import timedelta

    from django.db.models import F

    from accounts.models import Alarm
    from indexapp import tasks
    from indexapp.models import Following, Replica

    tasks.watch_replication()
    if hours:
        ago = timedelta(hours=hours)
        Following.objects.update(**{since: F(since) - ago})
        if since == "contact_at":
            Replica.objects.update(seen_at=F("seen_at") - ago)
        tasks.watch_replication()
    rows = Alarm.objects.filter(ended_at=None, code__startswith="replica-")
    return sorted(map(list, rows.values_list("code", "subject")))


def scrub() -> str:
    """The scheduled job that reads what is stored."""
    from indexapp import tasks

    return tasks.scrub_blobs()


def spoil() -> None:
    """Somebody yanks every file past the product."""
    from indexapp.models import File

    File.objects.update(is_yanked=True)


def may_take_over() -> bool:
    """Whether the primary has said so."""
    from indexapp.models import Following

    return Following.objects.filter(may_take_over=True).exists()
