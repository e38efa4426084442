"""Indexes, mirrors and what is in them."""

from __future__ import annotations

from itertools import cycle
from typing import Any


def index(name: str, **values: Any) -> None:
    """A new index."""
    from accounts.domain.actors import internal
    from indexapp.services import indexes

    indexes.create(actor=internal("test"), name=name, **values)


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


def many_files(index: str, projects: int, files: int) -> None:
    """So many projects with so many files each, whose bytes are those of the files that the default index has."""
    from django.utils import timezone

    from indexapp.models import Blob, File, Index, Project, Release

    place = Index.objects.create(name=index)
    blobs = list(Blob.objects.filter(files__index__is_default=True).order_by("sha256").distinct())
    names = [f"many-{number:05}" for number in range(projects)]
    made = Project.objects.bulk_create(
        Project(index=place, name=name, normalized_name=name, confusable_key=name, last_serial=1) for name in names
    )
    releases = Release.objects.bulk_create(
        Release(project=project, version="1.0", canonical_version="1", sort_key="1") for project in made
    )
    File.objects.bulk_create(
        (
            File(
                index=place,
                project=release.project,
                release=release,
                filename=f"{release.project.name.replace('-', '_')}-1.0-{number}-py3-none-any.whl",
                kind="bdist_wheel",
                size=blob.size,
                sha256=blob.sha256,
                blob=blob,
                uploaded_at=timezone.now(),
            )
            for release in releases
            for number, blob in zip(range(files), cycle(blobs), strict=False)
        ),
        batch_size=1000,
    )


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


def counts() -> dict[str, int]:
    """How many rows of each kind there are that an upload writes."""
    from accounts.models import AuditEntry
    from indexapp.models import Blob, Change, File, Project, Release

    return {model.__name__: model.objects.count() for model in (Project, Release, File, Blob, Change, AuditEntry)}
