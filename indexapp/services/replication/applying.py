"""Taking a batch: afterwards this site's rows are the primary's, key by key, and nobody sees a part of it.

What is the same stays untouched.  What is another is taken out and put in again under its key, so that two rows that change
places never meet; foreign keys are looked at when the transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.services import generations
from indexapp.domain.replication.batches import Batch, Touched
from indexapp.domain.replication.rows import CHUNK
from indexapp.domain.replication.transport import Transport
from indexapp.models import Change, File, Index, MirroredProject, Project, Role, WantedBlob
from indexapp.services import blobs
from indexapp.services.replication import columns, places
from indexapp.services.replication.columns import Row
from indexapp.services.replication.places import Table
from tpi_site.kit import locking
from tpi_site.kit.inserting import insert_all

BLOBS = "replication-blobs"
"""Held while a file learns whether its bytes are here, and while bytes that came learn whose they are."""
_PORTION = 400
_TURN = "replication-turn"


@contextmanager
def turn() -> Iterator[None]:
    """Around a transaction that writes: the threads and processes that follow write in turn where the database is a file.

    SQLite would have them ask again and again, later each time, while the lock is free.  Inside a transaction it is had.
    """
    if connection.in_atomic_block or connection.vendor == "postgresql":
        yield
    else:
        with locking.alone(_TURN):
            yield


def apply(batch: Batch, transport: Transport, *, rewound_to: int | None = None) -> None:
    """Take the batch; call it in the transaction that moves the cursor.

    With ``rewound_to`` what this site had after that serial was not the primary's past, and gives way.
    """
    locking.hold("changes")
    if rewound_to is not None:
        Change.objects.filter(serial__gt=rewound_to).delete()
    taken = {
        label: [columns.received(places.PARTS[label].model, row, transport) for row in rows]
        for label, rows in batch.rows.items()
    }
    keys = _blobs(taken.get(places.label(File), []))
    tables = received(batch, transport)
    _take_out(batch.projects)
    _drop_gone(tables)
    for model, _, rows in tables:
        _put(model, rows)
    _replace([each.key for each in batch.projects if each.key is not None], taken, keys)
    _drop_dangling()
    _write_changes(batch.changes)
    if any((gone or rows) and not places.BY_LABEL[places.label(model)].is_counter for model, gone, rows in tables):
        generations.bump_access()
        generations.bump_policy()


def _write_changes(changes: list[Row]) -> None:
    if changes:
        known = set(
            Change.objects.filter(serial__gte=changes[0]["serial"], serial__lte=changes[-1]["serial"]).values_list(
                "serial", flat=True
            )
        )
        columns.write(Change, [row for row in changes if row["serial"] not in known], {}, {})


def _take_out(projects: Sequence[Touched]) -> None:
    """Remove projects that the primary has not, or has under another key: it was deleted, and made anew."""
    theirs = {(each.index, each.name): each.key for each in projects}
    for start in range(0, len(projects), _PORTION):
        portion = projects[start : start + _PORTION]
        of = {"index_id__in": {each.index for each in portion}, "normalized_name__in": [each.name for each in portion]}
        listed = Project.objects.filter(**of).order_by().values_list("index_id", "normalized_name", "pk")
        others = [key for index, name, key in listed if theirs.get((index, name), key) != key]
        if others:
            Project.objects.filter(pk__in=others).delete()
        loose = MirroredProject.objects.filter(project=None, **of).order_by()
        names = loose.values_list("index_id", "normalized_name", "pk")
        if keys := [key for index, name, key in names if (index, name) in theirs]:
            MirroredProject.objects.filter(pk__in=keys).delete()


def _replace(keys: Sequence[int], taken: Mapping[str, list[Row]], blobs: Mapping[str, int]) -> None:
    """Let the rows of these projects be those that came; ours are all found before the first is taken out, by their release."""
    every = []
    for part in places.OF_PROJECT:
        ours: dict[int, Row] = {}
        for start in range(0, len(keys), _PORTION):
            found = part.model._default_manager.filter(**{f"{part.path}__in": keys[start : start + _PORTION]})
            ours |= {columns.key_of(part.model, row): row for row in columns.read(found, part.model)}
        theirs = {columns.key_of(part.model, row): row for row in taken.get(places.label(part.model), [])}
        every.append((part.model, ours, theirs))
    for model, ours, theirs in every:
        _remove(model, [key for key, row in ours.items() if theirs.get(key) != row])
    for model, ours, theirs in every:
        columns.write(model, [row for key, row in theirs.items() if ours.get(key) != row], blobs, {})


def _remove(model: type[Model], keys: Sequence[int]) -> None:
    """Take rows out without what refers to them, which is the same batch's business."""
    for start in range(0, len(keys), _PORTION):
        rows: QuerySet[Any] = model._default_manager.filter(pk__in=keys[start : start + _PORTION])
        rows._raw_delete(rows.db)  # noqa: SLF001  delete() would follow the references


Difference = tuple[type[Model], list[int], list[Row]]
"""Of a table: keys that the primary has not, and rows that differ from ours."""


def received(batch: Batch, transport: Transport) -> list[Difference]:
    """What differs between the tables as they are here and as the batch has them."""
    chunks: dict[str, list[tuple[int, list[Row]]]] = {}
    for label, number, rows in batch.tables:
        model = places.BY_LABEL[label].model
        chunks.setdefault(label, []).append((number, [columns.received(model, row, transport) for row in rows]))
    return [
        _difference(table, chunks[places.label(table.model)])
        for table in places.TABLES
        if places.label(table.model) in chunks
    ]


def _difference(table: Table, chunks: list[tuple[int, list[Row]]]) -> Difference:
    model = table.model
    gone, differing = [], []
    for number, rows in chunks:
        there = model._default_manager.filter(pk__gte=number * CHUNK, pk__lt=(number + 1) * CHUNK)
        ours = {columns.key_of(model, row): row for row in columns.read(there, model)}
        theirs = {columns.key_of(model, row): row for row in rows}
        gone += [key for key in ours if key not in theirs]
        differing += [row for key, row in theirs.items() if ours.get(key) != row]
    return model, gone, differing


def _drop_gone(tables: list[Difference]) -> None:
    """Delete what the primary has no more, with what hangs on it here; what refers to others goes before them."""
    for model, gone, _ in reversed(tables):
        for start in range(0, len(gone), _PORTION):
            keys = gone[start : start + _PORTION]
            if model is Index:
                Project.objects.filter(index_id__in=keys).delete()
            model._default_manager.filter(pk__in=keys).delete()


def _put(model: type[Model], rows: list[Row]) -> None:
    table = places.BY_LABEL[places.label(model)]
    keys = [columns.key_of(model, row) for row in rows]
    kept: dict[int, Row] = {}
    if table.here:
        for start in range(0, len(keys), _PORTION):
            found = model._default_manager.filter(pk__in=keys[start : start + _PORTION])
            kept |= {row["pk"]: row for row in found.values("pk", *table.here)}
    _remove(model, keys)
    columns.write(model, rows, {}, kept)


def _drop_dangling() -> None:
    """Roles on projects that a later batch brings: they differ until then, and come with it."""
    there = Project.objects.filter(pk__isnull=False)
    Role.objects.filter(project__isnull=False).exclude(project_id__in=there.values("pk")).delete()


def _blobs(files: list[Row]) -> dict[str, int]:
    """The keys of the blobs that are here; what is not is put on the list of what is to be fetched."""
    locking.hold(BLOBS)
    wanted: dict[str, WantedBlob] = {}
    mirrors = set(Index.objects.filter(kind=Index.Kind.MIRROR).values_list("pk", flat=True))
    now = timezone.now()
    for row in files:
        rank = WantedBlob.Rank.MIRROR if row["index_id"] in mirrors else WantedBlob.Rank.HOSTED
        for name in ("blob_id", "metadata_blob_id"):
            if row[name]:
                sha256, size = row[name]
                one = wanted.setdefault(sha256, WantedBlob(sha256=sha256, size=int(size), rank=rank, next_at=now))
                one.rank = min(one.rank, rank)
                one.files.append(int(row["id"]))
    known = blobs.kept(wanted)
    want([one for sha256, one in wanted.items() if sha256 not in known])
    return known


def want(missing: list[WantedBlob]) -> None:
    """Put them on the list; what is on it already waits for these files too."""
    there: dict[str, WantedBlob] = {}
    digests = [one.sha256 for one in missing]
    for start in range(0, len(digests), _PORTION):
        rows = WantedBlob.objects.filter(sha256__in=digests[start : start + _PORTION])
        there |= {row.sha256: row for row in rows}
    if new := [one for one in missing if one.sha256 not in there]:
        insert_all(new)
    for one in missing:
        row = there.get(one.sha256)
        if row is not None and not (set(one.files) <= set(row.files) and row.rank <= one.rank):
            row.files, row.rank = sorted({*row.files, *one.files}), min(row.rank, one.rank)
            row.save(update_fields=["files", "rank"])


def empty() -> None:
    """Take out all that a primary gives; for an installation that joins, which holds what its first start made."""
    Project.objects.all().delete()
    for model in reversed([table.model for table in places.TABLES]):
        model._default_manager.all().delete()
    Change.objects.all().delete()
    WantedBlob.objects.all().delete()
