"""Holding what the filters let through: what is newly wanted is put on the list, and what is not any more is let go.

A file that is let go keeps its row and its place on the pages.  Its bytes go with the garbage, after the grace and unless
another file has them.  All of it happens under :data:`applying.BLOBS`, as everything that says whose bytes are here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Sum
from django.utils import timezone

from indexapp.domain.copy_filter import Copied
from indexapp.domain.replication.batches import Batch
from indexapp.domain.replication.holding import Hold, read
from indexapp.models import Blob, File, Following, Holding, Index, NotHeld, Project, WantedBlob
from indexapp.services import blobs
from indexapp.services.replication import applying
from tpi_site.kit import locking

_PORTION = 100
"""Projects that are looked at in one transaction."""
_KEYS = 400


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes that the primary has of a file; ``note`` is there where this site is not to have them."""

    file: File
    note: NotHeld | None
    metadata_size: int
    is_here: bool
    """Or on the way."""

    @property
    def size(self) -> int:
        """Bytes of the file and of the metadata beside it."""
        return self.file.size + self.metadata_size


def is_held(file: int) -> bool:
    """Whether this replica is to have the bytes of the file with this key, as soon as they have come."""
    return not NotHeld.objects.filter(pk=file).exists()


def not_held() -> tuple[int, int]:
    """How many files' bytes this replica is not to have, and how many bytes that are."""
    found = NotHeld.objects.aggregate(number=Count("pk"), size=Sum(F("size") + F("metadata_size")))
    return found["number"], found["size"] or 0


def told() -> dict[str, Any]:
    """What is held, for people and programs; counts the contents that are here one by one."""
    row = Holding.objects.first()
    here = Blob.objects.filter(unreferenced_since=None).aggregate(number=Count("pk"), size=Sum("size"))
    number, size = not_held()
    return {
        "filters": row.filters if row else {},
        "budget": row.budget if row else None,
        "is_settled": row is None or (row.cursor is None and not row.is_fit_due),
        "held_blobs": here["number"],
        "held_bytes": here["size"] or 0,
        "not_held_files": number,
        "not_held_bytes": size,
    }


def end() -> None:
    """Nothing is left out any more: for an installation that follows nobody."""
    Holding.objects.all().delete()
    NotHeld.objects.all().delete()


def after(batch: Batch) -> None:
    """What a batch brought is held as the filters say; call it in the transaction that took it."""
    if not Holding.objects.exists():
        return
    settle([each.key for each in batch.projects if each.key is not None])
    if any(each.key is None for each in batch.projects) or batch.tables:
        NotHeld.objects.filter(~Exists(File.objects.filter(pk=OuterRef("file")))).delete()


def go_on(goes_on: Callable[[], bool] = lambda: True) -> None:
    """Apply filters that were changed to all projects, from where it was broken off."""
    while goes_on() and _next_portion():
        pass


def _next_portion() -> bool:
    with transaction.atomic():
        locking.hold(applying.BLOBS)
        row = Holding.objects.first()
        if row is None or row.cursor is None or not Following.objects.exists():
            return False
        later = Project.objects.filter(pk__gt=row.cursor).order_by("pk")
        keys = list(later.values_list("pk", flat=True)[:_PORTION])
        settle(keys)
        Holding.objects.filter(number=row.number).update(cursor=keys[-1] if keys else None, is_fit_due=True)
    return bool(keys)


def settle(projects: Sequence[int]) -> None:
    """Let the files of these projects be held as the filters say; call it in a transaction."""
    row = Holding.objects.first()
    if row is None:
        return
    locking.hold(applying.BLOBS)
    hold = read(row.filters)
    for start in range(0, len(projects), _PORTION):
        _settle(hold, projects[start : start + _PORTION])
    if row.budget is not None and projects:
        Holding.objects.update(is_fit_due=True)


def _settle(hold: Hold, projects: Sequence[int]) -> None:
    files = list(FILES.filter(project_id__in=projects))
    found = contents(files)
    wanted = chosen(hold, found)
    going, coming = [], []
    for content in found:
        reason, note = _reason(content, wanted), content.note
        if reason is None and note is not None:
            coming.append(content)
        elif reason is not None and (note is None or note.reason != reason or content.is_here):
            going.append((content, reason))
    let_go(going)
    bring(coming)
    NotHeld.objects.filter(project__in=projects).exclude(
        Exists(File.objects.filter(pk=OuterRef("file"), project_id=OuterRef("project")))
    ).delete()


def chosen(hold: Hold, found: Iterable[Content]) -> set[int]:
    """The keys of the files that filters let through, of whole projects."""
    projects: dict[tuple[str, str], list[Copied]] = defaultdict(list)
    for content in found:
        file = content.file
        copied = Copied(file.pk, file.filename, file.release.version, file.size, file.requires_python)
        projects[file.index.name, file.project.normalized_name].append(copied)
    return {key for (index, name), files in projects.items() for key in hold.choose(index, name, files)}


def _reason(content: Content, chosen: set[int]) -> str | None:
    """Why it is not held; what the budget has left out stays so until the budget is looked at anew."""
    if content.file.pk not in chosen:
        return NotHeld.Reason.FILTER.value
    if content.note is not None and content.note.reason == NotHeld.Reason.BUDGET:
        return NotHeld.Reason.BUDGET.value
    return None


FILES = File.objects.select_related("release", "project", "index", "metadata_blob").only(
    *("filename", "size", "sha256", "metadata_sha256", "requires_python", "blob", "metadata_blob", "project", "index"),
    *("release__version", "project__normalized_name", "index__name", "index__kind", "metadata_blob__size"),
)
"""With what is needed to decide."""


def contents(files: Sequence[File]) -> list[Content]:
    """Of which of these files the primary has bytes, as far as this site knows."""
    notes = _notes([file.pk for file in files])
    wanted = _wanted({digest for file in files for digest in (file.sha256, file.metadata_sha256) if digest})
    found = []
    for file in files:
        note = notes.get(file.pk)
        is_here = file.blob_id is not None or file.pk in wanted.get(file.sha256, _NONE).files
        if note is None and not is_here:
            continue  # of a mirror, and the primary has no bytes either
        beside = wanted.get(file.metadata_sha256, _NONE).size or (note.metadata_size if note else 0)
        if file.metadata_blob is not None:
            beside = file.metadata_blob.size
        found.append(Content(file, note, beside, is_here))
    return found


_NONE = WantedBlob(size=0, files=[])


def _notes(keys: Sequence[int]) -> dict[int, NotHeld]:
    found: dict[int, NotHeld] = {}
    for start in range(0, len(keys), _KEYS):
        found |= NotHeld.objects.in_bulk(keys[start : start + _KEYS])
    return found


def _wanted(digests: Iterable[str]) -> dict[str, WantedBlob]:
    every = sorted(digests)
    found: dict[str, WantedBlob] = {}
    for start in range(0, len(every), _KEYS):
        found |= WantedBlob.objects.in_bulk(every[start : start + _KEYS], field_name="sha256")
    return found


def let_go(going: Sequence[tuple[Content, str]]) -> None:
    """Have no bytes of these files, each for a reason."""
    for start in range(0, len(going), _KEYS):
        portion = going[start : start + _KEYS]
        keys = [content.file.pk for content, _ in portion]
        NotHeld.objects.filter(pk__in=keys).delete()
        NotHeld.objects.bulk_create(
            NotHeld(
                file=content.file.pk,
                project=content.file.project_id,
                size=content.file.size,
                metadata_size=content.metadata_size,
                reason=reason,
            )
            for content, reason in portion
        )
        File.objects.filter(pk__in=keys).update(blob=None, metadata_blob=None)
        _wait_no_more({content.file.pk: content.file for content, _ in portion})


def _wait_no_more(files: dict[int, File]) -> None:
    gone = set(files)
    for row in _wanted({digest for file in files.values() for digest in (file.sha256, file.metadata_sha256)}).values():
        left = [key for key in row.files if key not in gone]
        if not left:
            row.delete()
        elif len(left) < len(row.files):
            WantedBlob.objects.filter(pk=row.pk).update(files=left)


def bring(coming: Sequence[Content]) -> None:
    """Have the bytes of these files: those that are here for another file at once, the others as they come."""
    for start in range(0, len(coming), _KEYS):
        _bring(coming[start : start + _KEYS])


def _bring(coming: Sequence[Content]) -> None:
    now = timezone.now()
    wanted: dict[str, WantedBlob] = {}
    for content in coming:
        file, is_mirror = content.file, content.file.index.kind == Index.Kind.MIRROR
        rank = WantedBlob.Rank.MIRROR if is_mirror else WantedBlob.Rank.HOSTED
        beside = (
            [(file.metadata_sha256, content.metadata_size)] if file.metadata_sha256 and content.metadata_size else []
        )
        for digest, size in [(file.sha256, file.size), *beside]:
            one = wanted.setdefault(digest, WantedBlob(sha256=digest, size=size, rank=rank, next_at=now))
            one.rank = min(one.rank, rank)
            one.files.append(file.pk)
    known = blobs.kept(wanted)
    for digest, key in known.items():
        keys = wanted[digest].files
        File.objects.filter(pk__in=keys, blob=None, sha256=digest).update(blob=key)
        File.objects.filter(pk__in=keys, metadata_blob=None, metadata_sha256=digest).update(metadata_blob=key)
    applying.want([one for digest, one in wanted.items() if digest not in known])
    NotHeld.objects.filter(pk__in=[content.file.pk for content in coming]).delete()
