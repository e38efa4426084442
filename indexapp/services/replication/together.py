"""Many small contents fetched by one request, made durable together, and given to the files that wait for them at once.

Whatever did not come so comes by itself (:mod:`indexapp.services.replication.fetching`), where wrong bytes ring and what broke
off is gone on with.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction

from indexapp.clients.primary import Primary, PrimaryFailed
from indexapp.domain.replication import frames
from indexapp.models import Blob, File, WantedBlob
from indexapp.services import blobs
from indexapp.services.blobs import Stored
from indexapp.services.replication import applying
from indexapp.storage import BlobStorage, default_storage, groups
from tpi_site.kit import locking

log = logging.getLogger(__name__)
MOST = groups.MOST
_FEWEST = 4
"""Contents for which a group is worth while."""
_PORTION = 400


@dataclass
class Came:
    """How a group went: digests that came right, contents that are stored, and digests to fetch alone; the rest stays due.

    ``failure`` is why nothing at all was answered.
    """

    right: set[str] = field(default_factory=set)
    stored: list[Stored] = field(default_factory=list)
    alone: set[str] = field(default_factory=set)
    failure: PrimaryFailed | None = None


def grouped(wanted: Sequence[WantedBlob]) -> tuple[list[list[WantedBlob]], list[WantedBlob]]:
    """Those that come together, group by group, and those that come alone: large ones, damaged ones, and what failed before."""
    storage = default_storage()
    small = [each for each in wanted if each.size <= frames.LARGEST and not each.attempts]
    there = set(Blob.objects.filter(sha256__in=[each.sha256 for each in small]).values_list("sha256", flat=True))
    small = [each for each in small if each.sha256 not in there]  # what has a row is to be healed
    if len(small) < _FEWEST or not groups.is_grouping(storage):
        return [], list(wanted)
    found: list[list[WantedBlob]] = [[]]
    size = 0
    for each in small:
        if len(found[-1]) == MOST or (found[-1] and size + each.size > frames.MOST_BYTES):
            found.append([])
            size = 0
        found[-1].append(each)
        size += each.size
    chosen = {each.pk for each in small}
    return found, [each for each in wanted if each.pk not in chosen]


def fetch(primary: Primary, wanted: Sequence[WantedBlob], paced: Callable[[int], None]) -> Came:
    """Fetch a group, and store it durably; ``paced`` holds up who is too fast.  Nobody has it before :func:`hand_over`.

    Raises OSError, StorageUnavailable, with which nothing of it was taken.
    """
    came = Came()
    contents = _received(primary, {each.sha256: each.size for each in wanted}, came, paced)
    came.stored = _store(default_storage(), contents)
    # There already, as one that was killed left them: to be read before they count.
    came.alone |= came.right - {each.sha256 for each in came.stored}
    return came


def _received(
    primary: Primary, sizes: Mapping[str, int], came: Came, paced: Callable[[int], None]
) -> Iterator[tuple[str, bytes]]:
    """The contents that came whole and are right."""
    open_still = dict(sizes)
    answered = 0
    try:
        for sha256, content in primary.contents(list(sizes)):
            paced(len(content or b""))
            size = open_still.pop(sha256, None)
            answered += 1
            if content is not None and len(content) == size and hashlib.sha256(content).hexdigest() == sha256:
                came.right.add(sha256)
                yield sha256, content
            elif sha256 in sizes:
                came.alone.add(sha256)
    except PrimaryFailed as error:
        log.warning("A group of contents broke off: %s", error)
        if not answered and error.may_pass and (error.status or error.code != "bad-answer"):
            came.failure = error  # one by one would be a hundred requests to who has too many
        else:
            came.alone |= open_still.keys()
    else:
        if not answered:
            came.alone |= open_still.keys()  # else it would be asked for without end


def keep(storage: BlobStorage, contents: Iterator[tuple[str, bytes]]) -> list[Stored]:
    """Store right contents durably, sealed with this site's keys, and give them to who waits; those that were."""
    stored = _store(storage, contents)
    hand_over(stored)
    return stored


def _store(storage: BlobStorage, contents: Iterator[tuple[str, bytes]]) -> list[Stored]:
    return [Stored(each.sha256, each.place, is_new=True) for each in groups.put_together(storage, contents)]


def hand_over(stored: Sequence[Stored]) -> None:
    """Give stored contents to who waits, and drop what nobody does; raises BlobVanishedError, with which all are dropped."""
    if not stored:
        return
    try:
        needed = give(stored)
    except blobs.BlobVanishedError:
        for each in stored:
            blobs.discard(each)
        raise
    for each in stored:
        if each.sha256 not in needed:
            blobs.discard(each)


def give(stored: Sequence[Stored]) -> set[str]:
    """Let the files that wait for stored contents have them, and take those off the list; the digests that were needed."""
    digests = [each.sha256 for each in stored]
    with applying.turn(), transaction.atomic():
        locking.hold(applying.BLOBS)
        rows = list(WantedBlob.objects.filter(sha256__in=digests).order_by().values_list("pk", "sha256", "files"))
        own, beside = _waiting(rows)
        needed = {*own.values(), *beside.values()}
        if needed:
            keys = blobs.claim(*(each for each in stored if each.sha256 in needed))
            _point({file: keys[sha256] for file, sha256 in own.items()}, "blob_id")
            _point({file: keys[sha256] for file, sha256 in beside.items()}, "metadata_blob_id")
        done = WantedBlob.objects.filter(pk__in=[key for key, _, _ in rows])
        done._raw_delete(done.db)  # noqa: SLF001  nothing refers to them
    return needed


def _waiting(rows: Sequence[tuple[int, str, list[int]]]) -> tuple[dict[int, str], dict[int, str]]:
    """The files that lack their own bytes, and those that lack the metadata beside them, with the digest of what they lack."""
    keys, wanted = sorted({key for _, _, files in rows for key in files}), {sha256 for _, sha256, _ in rows}
    own: dict[int, str] = {}
    beside: dict[int, str] = {}
    for start in range(0, len(keys), _PORTION):
        files = File.objects.filter(pk__in=keys[start : start + _PORTION]).order_by()
        own |= dict(files.filter(blob=None, sha256__in=wanted).values_list("pk", "sha256"))
        lacking = files.filter(metadata_blob=None, metadata_sha256__in=wanted)
        beside |= dict(lacking.values_list("pk", "metadata_sha256"))
    return own, beside


def _point(blob_of: Mapping[int, int], column: str) -> None:
    """Let these files, by their keys, refer to these blobs."""
    statement = f"UPDATE {File._meta.db_table} SET {column} = %s WHERE id = %s"  # noqa: S608  names of ours
    if blob_of:
        with connection.cursor() as cursor:
            cursor.executemany(statement, [(blob, file) for file, blob in sorted(blob_of.items())])
