"""What a site had that the past which it takes on has not: told, and the bytes kept beside until somebody decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model, QuerySet

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from accounts.services import alarms, audit
from indexapp.domain.replication.batches import Batch
from indexapp.domain.replication.transport import Transport
from indexapp.models import Change, Epoch, File, Leftover, Project, Release
from indexapp.services.replication import applying, columns, places
from indexapp.services.replication.columns import Row
from indexapp.storage import default_storage
from tpi_site.kit.errors import Conflict, Unavailable

CONFLICT, KEPT = "replication-conflict", "replication-leftovers"
_DEED = "decide about what an old primary brought back"
_STATE = ("is_yanked", "yank_reason", "is_hidden", "comment")
_PORTION = 400
Names = Sequence[tuple[int, str]]


def found(batch: Batch, transport: Transport, serial: int, epoch: UUID) -> list[Leftover]:
    """What this site has, or has done after ``serial``, that the batch has not; not saved yet."""
    lost = Change.objects.filter(serial__gt=serial)
    return [*_files(batch, lost, epoch), *_states(batch, lost, epoch), *_rows(batch, transport, epoch)]


def touched(lost: QuerySet[Change]) -> list[tuple[int, str]]:
    """The projects that these changes are about, by index and name."""
    return list(lost.exclude(project="").order_by().values_list("index_id", "project").distinct())


def _ours(names: Names) -> Iterator[File]:
    for portion, wanted in _portions(names):
        rows = File.objects.select_related("index", "project", "release", "blob").filter(
            index_id__in={index for index, _ in portion}, project__normalized_name__in={name for _, name in portion}
        )
        yield from (row for row in rows if (row.index_id, row.project.normalized_name) in wanted)


def _projects(names: Names) -> Iterator[Project]:
    for portion, wanted in _portions(names):
        rows = Project.objects.select_related("index").filter(
            index_id__in={index for index, _ in portion}, normalized_name__in={name for _, name in portion}
        )
        yield from (row for row in rows if (row.index_id, row.normalized_name) in wanted)


def _portions(names: Names) -> Iterator[tuple[Names, set[tuple[int, str]]]]:
    for start in range(0, len(names), _PORTION):
        portion = names[start : start + _PORTION]
        yield portion, set(portion)


def _files(batch: Batch, lost: QuerySet[Change], epoch: UUID) -> Iterator[Leftover]:
    theirs = {(row["index_id"], row["filename"]): row for row in batch.rows.get(places.label(File), [])}
    ours = set()
    for file in _ours(touched(lost)):
        ours.add((file.index_id, file.filename))
        there = theirs.get((file.index_id, file.filename))
        if (kind := _kind(file, there)) is not None:
            yield _kept(file, kind, there, epoch)
    gone = {(row.index_id, row.filename) for row in lost.filter(kind="file-deleted")} & (theirs.keys() - ours)
    names = dict(lost.order_by().values_list("index_id", "index_name").distinct())
    for index, filename in sorted(gone):
        yield Leftover(
            kind=Leftover.Kind.ONLY_THERE,
            index_name=names[index],
            filename=filename,
            other_sha256=theirs[index, filename]["sha256"],
            epoch=epoch,
        )


def _kind(file: File, there: Mapping[str, Any] | None) -> Leftover.Kind | None:
    if there is None:
        return Leftover.Kind.ONLY_HERE
    if there["sha256"] != file.sha256:
        return Leftover.Kind.CONFLICT
    return Leftover.Kind.STATE if any(there[name] != getattr(file, name) for name in _STATE) else None


def _kept(file: File, kind: Leftover.Kind, there: Mapping[str, Any] | None, epoch: UUID) -> Leftover:
    has_other_bytes = kind in {Leftover.Kind.ONLY_HERE, Leftover.Kind.CONFLICT}
    state = {name: getattr(file, name) for name in _STATE}
    about = {"uploaded_by": file.uploaded_by, "uploaded_at": file.uploaded_at.isoformat()}
    return Leftover(
        kind=kind,
        index_name=file.index.name,
        project=file.project.normalized_name,
        version=file.release.version,
        filename=file.filename,
        sha256=file.sha256,
        other_sha256=there["sha256"] if there else "",
        size=file.size,
        blob=file.blob if has_other_bytes else None,
        told=about | {"here": state, "there": {name: there[name] for name in _STATE} if there else None},
        epoch=epoch,
    )


def _rows(batch: Batch, transport: Transport, epoch: UUID) -> Iterator[Leftover]:
    """People, tokens, roles and settings that differ; which columns, and not what stands in them."""
    for model, gone, differing in applying.received(batch, transport):
        if model is Epoch or places.BY_LABEL[places.label(model)].is_counter:
            continue
        theirs = {columns.key_of(model, row): row for row in differing}
        for row in _known(model, [*gone, *theirs]):
            ours = next(iter(columns.read(model._default_manager.filter(pk=row.pk), model)))
            there = theirs.get(row.pk)
            names = sorted(name for name, value in ours.items() if there is not None and there.get(name) != value)
            yield Leftover(
                kind=Leftover.Kind.ROW,
                project=f"{places.label(model)}: {row}"[:300],
                told={"key": row.pk, "is_there": there is not None, "columns": names},
                epoch=epoch,
            )


def _states(batch: Batch, lost: QuerySet[Change], epoch: UUID) -> Iterator[Leftover]:
    """Releases and projects that both have, and that are yanked or have a status otherwise."""
    projects = _keyed(batch, Project)
    for project in _projects(touched(lost)):
        if (state := _differing(project, projects, ("status", "status_reason"))) is not None:
            yield _state_of(project, "", state, epoch)
    releases = _keyed(batch, Release)
    for start in range(0, len(keys := sorted(releases)), _PORTION):
        for release in Release.objects.select_related("project__index").filter(pk__in=keys[start : start + _PORTION]):
            if (state := _differing(release, releases, ("is_yanked", "yank_reason"))) is not None:
                yield _state_of(release.project, release.version, state, epoch)


def _keyed(batch: Batch, model: type[Model]) -> dict[int, Row]:
    return {columns.key_of(model, row): row for row in batch.rows.get(places.label(model), [])}


def _differing(row: Model, theirs: Mapping[int, Row], names: Sequence[str]) -> dict[str, Any] | None:
    """How it is here and there; None where it is the same, or not there at all, which its files tell."""
    here = {name: getattr(row, name) for name in names}
    if row.pk not in theirs or all(theirs[row.pk][name] == value for name, value in here.items()):
        return None
    return {"here": here, "there": {name: theirs[row.pk][name] for name in names}}


def _state_of(project: Project, version: str, state: dict[str, Any], epoch: UUID) -> Leftover:
    return Leftover(
        kind=Leftover.Kind.STATE,
        index_name=project.index.name,
        project=project.normalized_name,
        version=version,
        told=state,
        epoch=epoch,
    )


def _known(model: type[Model], keys: Sequence[int]) -> Iterator[Model]:
    for start in range(0, len(keys), _PORTION):
        yield from model._default_manager.filter(pk__in=keys[start : start + _PORTION]).order_by("pk")


def told(row: Leftover) -> dict[str, Any]:
    """One of them for a list."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "index": row.index_name,
        "project": row.project,
        "version": row.version,
        "filename": row.filename,
        "sha256": row.sha256,
        "other_sha256": row.other_sha256,
        "size": row.size,
        "has_bytes": row.blob_id is not None,
        **row.told,
    }


def keep(rows: list[Leftover]) -> None:
    """Write them; call it in the transaction that takes the other past on."""
    Leftover.objects.bulk_create(rows, batch_size=_PORTION)


def ring() -> None:
    """Have somebody look at what is kept."""
    for row in Leftover.objects.filter(kind=Leftover.Kind.CONFLICT):
        alarms.ring(
            CONFLICT,
            f"{row.filename} of {row.index_name} has other bytes at the primary ({row.other_sha256}) than it had here "
            f"({row.sha256}); both are kept, see 'manage.py replication quarantine list'.",
            subject=f"{row.index_name}/{row.filename}"[:200],
        )
    number = Leftover.objects.exclude(kind=Leftover.Kind.CONFLICT).count()
    if number:
        alarms.ring(
            KEPT,
            f"{number} things that this site had are not at its primary; see 'manage.py replication quarantine list'.",
        )


def export(folder: Path) -> int:
    """Write the bytes that are kept to ``folder``/index/project/file name, never over a file; returns how many."""
    number = 0
    for row in Leftover.objects.exclude(blob=None).select_related("blob"):
        assert row.blob is not None  # noqa: S101  by the filter
        place = folder / row.index_name / row.project / row.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with place.open("xb") as file:
            for piece in default_storage().read(row.blob.place, 0, row.blob.size):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != row.sha256:
            place.unlink()
            raise Unavailable(
                f"The bytes of {row.filename} are not what they were; nothing was written.", code="blob-damaged"
            )
        number += 1
    return number


def discard(*, actor: Actor, keys: Sequence[int] | None = None) -> int:
    """Give up what is kept, all of it without ``keys``; the bytes go with the next collection."""
    require_administrator(actor, _DEED)
    with transaction.atomic():
        rows = Leftover.objects.all() if keys is None else Leftover.objects.filter(pk__in=keys)
        named = [f"{row.kind} {row.index_name}/{row.filename or row.project}" for row in rows[:200]]
        number = rows.count()
        if not number:
            raise Conflict("Nothing of this is kept here.", code="leftover-unknown")
        conflicts = [f"{row.index_name}/{row.filename}"[:200] for row in rows.filter(kind=Leftover.Kind.CONFLICT)]
        rows.delete()
        audit.record(
            actor=actor, action="replication.discard", object_type="leftover", object_name=str(number), discarded=named
        )
        for subject in conflicts:
            alarms.settle(CONFLICT, subject=subject)
        if not Leftover.objects.exists():
            alarms.settle(KEPT)
    return number
