"""Rows against rows: what is written twice must say the same twice."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Max, Sum

from indexapp.models import Change, File, Following, Index, Project
from indexapp.services import quotas as counting
from indexapp.services.integrity.faults import Code, Fault

_BATCH = 500


def files() -> Iterator[Fault]:
    """Files whose size or digests are not those of their blobs."""
    rows = File.objects.select_related("index", "blob", "metadata_blob").only(
        "index__name",
        "index__kind",
        "filename",
        "size",
        "sha256",
        "metadata_sha256",
        "blob",
        "metadata_blob__sha256",
    )
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        for file in batch:
            yield from _of_file(file)


def _of_file(file: File) -> Iterator[Fault]:
    name = f"{file.index.name}/{file.filename}"
    if file.blob is None:
        pass  # a mirror's that nobody has asked for, or that made room for others; a replica's that is not here
    elif file.sha256 != file.blob.sha256:
        yield Fault(Code.FILE_DIGEST, name, "its SHA-256 is not that of its blob", row=file.pk)
    elif file.size != file.blob.size:
        yield Fault(Code.FILE_SIZE, name, f"it says {file.size} bytes, and its blob {file.blob.size}", row=file.pk)
    if file.metadata_blob is None and (file.index.kind == Index.Kind.MIRROR or file.blob is None):
        return  # the upstream tells of it, and nobody has asked for it; or the primary does, and it is not here
    beside = file.metadata_blob.sha256 if file.metadata_blob else ""
    if file.metadata_sha256 != beside:
        yield Fault(
            Code.METADATA_DIGEST, name, "its metadata's SHA-256 is not that of the metadata's blob", row=file.pk
        )


def projects() -> Iterator[Fault]:
    """Projects whose counters are wrong."""
    highest = Change.objects.aggregate(highest=Max("serial"))["highest"] or 0
    rows, last = Project.objects.select_related("index"), 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        sums = File.objects.filter(project__in=batch).order_by().values_list("project").annotate(Sum("size"))
        sizes = dict(sums.values_list("project", "size__sum"))
        for project in batch:
            yield from _of_project(project, sizes.get(project.pk, 0), highest)


def _of_project(project: Project, size: int, highest: int) -> Iterator[Fault]:
    name = f"{project.index.name}/{project.normalized_name}"
    if project.total_size != size and project.index.kind != Index.Kind.MIRROR:  # which counts nothing
        sentence = f"it counts {project.total_size} bytes, and its files have {size}"
        yield Fault(Code.PROJECT_SIZE, name, sentence, row=project.pk)
    newest = newest_serial(project)
    if newest > project.last_serial:
        sentence = f"its last serial is {project.last_serial}, and the change log has {newest} of it"
        yield Fault(Code.PROJECT_SERIAL, name, sentence, row=project.pk)
    elif project.last_serial > highest:
        sentence = f"its last serial is {project.last_serial}, and the change log ends at {highest}"
        yield Fault(Code.PROJECT_SERIAL, name, sentence, row=project.pk)


def quotas() -> Iterator[Fault]:
    """Indexes and teams whose account is wrong; a replica has its primary's, which counts a trash that stays there."""
    if Following.objects.exists():
        return
    for quota in counting.with_real_use().exclude(real=F("used")).iterator():
        sentence = f"its account says {quota.used} bytes, and it holds {quota.real}"
        yield Fault(Code.QUOTA_USED, str(quota), sentence, row=quota.pk)


def newest_serial(project: Project) -> int:
    """The serial of the last change of the project, 0 where the log has none."""
    mine = Change.objects.filter(index_name=project.index.name, project=project.normalized_name)
    return mine.filter(index_id=project.index_id).aggregate(newest=Max("serial"))["newest"] or 0
