"""Taking bytes that a replica waits for out of a folder instead of from its primary.

They count exactly as those that came over the network do: proved by their digest, sealed with this site's keys, given to the
files that wait for them and taken off the list, one group after the other.  Who is killed has lost nothing but the group that
it was at, and what is not wanted, by a filter or because it is here, is not taken.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from accounts.services import audit
from indexapp.models import Following, WantedBlob
from indexapp.services import blobs
from indexapp.services.replication import fetching, room, seed_folder, standing, together
from indexapp.services.replication.following import primary_of
from indexapp.services.replication.seed_folder import Unreadable
from indexapp.services.replication.seed_sources import Found, Seed, Seen, Source, Tree
from indexapp.storage import BlobDamaged, default_storage
from tpi_site.kit.errors import Conflict, Invalid, NoSpace

_AT_ONCE: Final = together.MOST
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
Progress = Callable[[int], None]


@dataclass(slots=True)
class Seeded:
    """What came of it: numbers of contents, and bytes.

    ``missing`` is what this replica still waits for; of ``serials_behind`` changes it does not know yet what they want.
    ``complete`` is whether the export was ended, ``left`` what could not be kept at this moment.
    """

    kind: str
    complete: bool
    taken: int = 0
    taken_bytes: int = 0
    left: int = 0
    missing: int = 0
    missing_bytes: int = 0
    serials_behind: int = 0
    seen: Seen = field(default_factory=Seen)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        told = asdict(self)
        seen: dict[str, Any] = told.pop("seen")
        return told | seen


def seed(*, actor: Actor, folder: Path, secret: str = "", progress: Progress = lambda _taken: None) -> Seeded:
    """Take what is wanted out of ``folder``, and write down who did it.

    Without a ``secret`` a sealed seed is opened with this replica's own.  Raises Refusal, of which ``disk-full`` ends it where
    this site has no room, StorageUnavailable, and OSError where the storage cannot be written; what was taken stays.
    """
    require_administrator(actor, "seed this replica")
    row = _ready()
    source, is_complete = _source(folder, secret, row)
    done = Seeded(source.kind, is_complete)
    try:
        _take_all(source, done, progress)
    finally:
        _tell(done)
        with transaction.atomic():
            audit.record(
                actor=actor,
                action="replication.seed",
                object_type="following",
                object_name=row.primary_url,
                folder=str(folder),
                **{name: value for name, value in done.as_json().items() if name != "examples"},
            )
    return done


def _ready() -> Following:
    """Whom this site follows; refuses while it cannot know what it waits for."""
    row = Following.objects.first()
    if row is None:
        raise Conflict(
            "This installation is no replica. Let it join its primary first, and the rows come; then seed it.",
            code="replica-not",
        )
    if not WantedBlob.objects.exists() and (row.compared_at is None or row.cursor < row.primary_serial):
        raise Conflict(
            "The rows of the primary have not come yet, and they tell which contents are wanted: let this replica follow "
            "(its server, or 'replication follow --once'), then seed it.",
            code="rows-not-here",
        )
    return row


def _source(folder: Path, secret: str, row: Following) -> tuple[Source, bool]:
    """The folder to take from, and whether it is whole as far as it says."""
    if not folder.is_dir():
        raise Invalid(f"There is no folder {folder}.", code="seed-place")
    header = seed_folder.header_of(folder)
    if header is None:
        return Tree(folder), True
    own = primary_of(row).secret if header.sealed and not secret else ""
    return Seed(seed_folder.opened(folder, header, secret or own)), header.complete


def _tell(done: Seeded) -> None:
    done.missing, done.missing_bytes = standing.missing()
    found = standing.standing()
    done.serials_behind = found.serials_behind if found else 0


def _take_all(source: Source, done: Seeded, progress: Progress) -> None:
    found = source.found(done.seen)
    while portion := list(islice(found, _AT_ONCE)):
        if sentence := room.waits():
            raise NoSpace(_again(sentence), code="disk-full")
        try:
            _take(portion, done)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise NoSpace(_again("The disk of this site is full."), code="disk-full") from error
        progress(done.taken)


def _again(sentence: str) -> str:
    return f"{sentence.rstrip('.')}. What was taken stays; make room and run the same command again."


def _take(portion: Sequence[Found], done: Seeded) -> None:
    """Those that are still wanted: small ones together, the rest one by one."""
    by_digest = {each.sha256: each for each in portion}
    rows = list(WantedBlob.objects.filter(sha256__in=by_digest))
    done.seen.not_needed += len(portion) - len(rows)  # they came from the primary meanwhile
    groups, alone = together.grouped(rows)
    for group in groups:
        alone += _take_group(group, by_digest, done)
    for row in alone:
        _take_one(row, by_digest[row.sha256], done)


def _take_group(group: Sequence[WantedBlob], by_digest: dict[str, Found], done: Seeded) -> list[WantedBlob]:
    """Take contents together; those that have to be taken alone, because something is in their place already."""
    proved: set[str] = set()

    def contents() -> Iterator[tuple[str, bytes]]:
        for row in group:
            content = _whole(by_digest[row.sha256], done.seen)
            if content is not None:
                proved.add(row.sha256)
                yield row.sha256, content

    try:
        kept = {each.sha256 for each in together.keep(default_storage(), contents())}
    except blobs.BlobVanishedError:
        kept = set()
    done.taken += len(kept)
    done.taken_bytes += sum(row.size for row in group if row.sha256 in kept)
    return [row for row in group if row.sha256 in proved - kept]


def _whole(found: Found, seen: Seen) -> bytes | None:
    """A small content, proved; None where it is not, which is counted."""
    content = bytearray()
    try:
        for piece in found.read():
            content += piece
            if len(content) > found.size:
                break
    except (BlobDamaged, Unreadable) as error:
        _count(error, seen)
        return None
    if len(content) == found.size and hashlib.sha256(content).hexdigest() == found.sha256:
        return bytes(content)
    seen.is_damaged(f"{found.sha256}: it was changed while it was read")
    return None


def _take_one(row: WantedBlob, found: Found, done: Seeded) -> None:
    if not room.takes(row):
        raise NoSpace(_again(f"There is no room for {row.size} bytes."), code="disk-full")
    with default_storage().spool() as spool:
        digest, size = hashlib.sha256(), 0
        try:
            for piece in found.read():
                size += len(piece)
                if size > found.size:
                    break
                digest.update(piece)
                spool.file.write(piece)
        except (BlobDamaged, Unreadable) as error:
            _count(error, done.seen)
            return
        if size != row.size or digest.hexdigest() != row.sha256:
            done.seen.is_damaged(f"{found.sha256}: it was changed while it was read")
            return
        try:
            fetching.keep(row, spool)
        except blobs.BlobVanishedError:  # a collection, or a rotation of keys, went by at this moment
            done.left += 1
            return
    done.taken += 1
    done.taken_bytes += row.size


def _count(error: BlobDamaged | Unreadable, seen: Seen) -> None:
    if isinstance(error, Unreadable):
        seen.is_unreadable(error)
    else:
        seen.is_damaged(error)
