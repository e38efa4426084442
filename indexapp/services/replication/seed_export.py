"""Writing contents of this site to a disk, from which a replica takes them instead of from the network.

What has its name in the folder was on the disk before, whole; a line of the list comes after it.  So an export may be killed,
or find the disk full, at any moment, and the next one goes on there.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from accounts.services import audit
from indexapp.domain.segments import SegmentBroken
from indexapp.models import Blob, Change, File, Index
from indexapp.services.replication import epochs, seed_folder
from indexapp.services.replication.seed_folder import BLOBS, HEADER, SUMS, SeedFolder
from indexapp.services.replication.seed_ledger import PART, Ledger, sync
from indexapp.storage import BlobDamaged, KeyMissing, default_storage, sealed_streams
from tpi_site.kit.errors import Conflict, Invalid, NoSpace, NotFound, Unavailable

_INCOMING: Final = "incoming"
_AT_ONCE: Final = 64
"""Objects, each with a descriptor, that become durable one after the other and get their names then."""
_MOST_BYTES: Final = 64 * 2**20
_PORTION: Final = 500
_TOLD: Final = 20
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is exported, and where to.

    ``indexes`` are names, none for all.  With ``since``, a serial, it is what projects have that changed after it.  An empty
    ``secret`` asks for plain bytes.
    """

    folder: Path
    secret: str
    indexes: tuple[str, ...] = ()
    since: int = 0
    progress: Progress = field(default=lambda _done: None)


@dataclass(slots=True)
class Exported:
    """What was done: numbers of contents and bytes of the objects; ``contents`` and ``size`` are of all that lies there now.

    ``lacking`` contents could not be read here, of which ``examples`` are some digests.
    """

    serial: int
    sealed: bool
    written: int = 0
    written_bytes: int = 0
    there: int = 0
    lacking: int = 0
    contents: int = 0
    size: int = 0
    examples: list[str] = field(default_factory=list)


def export(*, actor: Actor, wish: Wish) -> Exported:
    """Write the seed, and write down who did it.

    Raises Refusal (``seed-disk-full`` and ``seed-disk-failed`` where the disk ends it; what was written stays),
    StorageUnavailable, and KeyMissing where this node lacks a key.
    """
    require_administrator(actor, "export the bytes of all files")
    rows = _chosen(wish)
    _require_place(wish.folder)
    serial = epochs.newest_serial()
    with _on_disk(wish.folder), _locked(wish.folder):
        folder = _begun(wish)
        with closing(Ledger(wish.folder)) as ledger:
            run = _Run(folder, ledger, wish, Exported(serial, folder.header.sealed))
            run.all(rows)
            _end(folder, ledger, run.done)
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="replication.export-seed",
            object_type="site",
            object_name=str(wish.folder),
            sealed=run.done.sealed,
            indexes=list(wish.indexes),
            since=wish.since,
            serial=serial,
            written=run.done.written,
            contents=run.done.contents,
            lacking=run.done.lacking,
        )
    return run.done


def _chosen(wish: Wish) -> QuerySet[Blob]:
    """The contents that files have, as themselves or beside them."""
    files = File.objects.filter(Q(blob=OuterRef("pk")))
    beside = File.objects.filter(Q(metadata_blob=OuterRef("pk")))
    if wish.indexes:
        known = dict(Index.objects.filter(name__in=wish.indexes).values_list("name", "pk"))
        for name in wish.indexes:
            if name not in known:
                raise NotFound(f"There is no index named '{name[:80]}'.", code="index-unknown")
        files, beside = files.filter(index__in=known.values()), beside.filter(index__in=known.values())
    if wish.since:
        changed = Change.objects.filter(
            serial__gt=wish.since, index_id=OuterRef("index"), project=OuterRef("project__normalized_name")
        )
        files, beside = files.filter(Exists(changed)), beside.filter(Exists(changed))
    return Blob.objects.filter(Exists(files) | Exists(beside), damaged_at=None).order_by("pk")


def _require_place(folder: Path) -> None:
    found, own = folder.resolve(), Path(settings.TPI_DATA_DIR).resolve()
    if found == own or own in found.parents or found in own.parents:
        raise Invalid("A seed must not lie in the data folder, nor around it; give another one.", code="seed-place")


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    """Say what a disk that fails means, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace(
                f"The disk of {folder} is full. What was written is whole and stays: make room there, or export a part "
                "(--index, --since-serial) to each of several disks, and run the command again.",
                code="seed-disk-full",
            ) from error
        raise Unavailable(
            f"The folder {folder} cannot be written: {error.strerror or error}. Run the same command again to go on.",
            code="seed-disk-failed",
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder, which is made, for this process alone; the lock ends with it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict(f"Another export writes into {folder} at this moment.", code="seed-runs") from None
    finally:
        os.close(descriptor)


def _begun(wish: Wish) -> SeedFolder:
    """The folder as it was left, or a new one; until the end it says that it is not complete."""
    header = seed_folder.header_of(wish.folder)
    if header is None:
        if any(wish.folder.iterdir()):
            raise Invalid(
                f"There is something in {wish.folder} that is no seed; give an empty folder.", code="seed-place"
            )
        folder = seed_folder.made(wish.folder, wish.secret, site=str(epochs.site()))
    else:
        if header.sealed != bool(wish.secret):
            said = "sealed" if header.sealed else "plain"
            raise Invalid(f"The seed in {wish.folder} is {said}; go on so, or give an empty folder.", code="seed-place")
        folder = seed_folder.opened(wish.folder, header, wish.secret)
    _require_own(wish.folder)
    shutil.rmtree(wish.folder / _INCOMING, ignore_errors=True)
    for name in (_INCOMING, BLOBS):
        (wish.folder / name).mkdir(mode=0o700, exist_ok=True)
    _write_header(folder, complete=False)
    return folder


def _require_own(folder: Path) -> None:
    """Refuse a disk that came back with links, pipes or devices where an export writes: they lead out of it."""
    blobs = folder / BLOBS
    folders = [folder / _INCOMING, blobs, *(blobs.iterdir() if blobs.is_dir() and not blobs.is_symlink() else ())]
    for path, is_right in (
        *((each, stat.S_ISDIR) for each in folders),
        *((folder / each, stat.S_ISREG) for each in (SUMS, PART)),
    ):
        if os.path.lexists(path) and not is_right(path.lstat().st_mode):
            raise Invalid(
                f"{path} is not what an export makes there: something was put into the seed. Give an empty folder.",
                code="seed-place",
            )


def _end(folder: SeedFolder, ledger: Ledger, done: Exported) -> None:
    done.contents, done.size = ledger.totals()
    _write_header(
        folder, complete=True, contents=done.contents, size=done.size, sums=ledger.digest(), serial=done.serial
    )
    (folder.root / _INCOMING).rmdir()


def _write_header(folder: SeedFolder, **values: object) -> None:
    header = replace(folder.header, **values)  # type: ignore[arg-type]  # by the names of the fields
    folder.header = header if folder.keys is None else folder.keys.proved(header)
    part = folder.root / _INCOMING / HEADER
    with part.open("wb") as file:
        file.write(folder.header.as_json())
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder.root / HEADER)
    sync(folder.root)


@dataclass
class _Written:
    """An object that has no name yet."""

    part: Path
    name: str
    size: int
    sha256: str
    descriptor: int


class _Run:
    def __init__(self, folder: SeedFolder, ledger: Ledger, wish: Wish, done: Exported) -> None:
        self.folder, self.ledger, self.wish, self.done = folder, ledger, wish, done
        self._branches = {each.name for each in (folder.root / BLOBS).iterdir()}

    def all(self, rows: QuerySet[Blob]) -> None:
        """Write what is not there yet; raises OSError of the folder, and what the storage raises."""
        waiting = self._lacking(rows)
        while True:
            with ExitStack() as stack:
                batch = self._batch(waiting, stack)
                if not batch:
                    return
                self._settle(batch)
            self.wish.progress(self.done.written + self.done.there)

    def _lacking(self, rows: QuerySet[Blob]) -> Iterator[Blob]:
        last = 0
        while portion := list(rows.filter(pk__gt=last)[:_PORTION]):
            last = portion[-1].pk
            for blob in portion:
                if self.ledger.has(self.folder.name_of(blob.sha256), self.folder.stored_size(blob.size)):
                    self.done.there += 1
                else:
                    yield blob

    def _batch(self, waiting: Iterator[Blob], stack: ExitStack) -> list[_Written]:
        batch: list[_Written] = []
        for blob in waiting:
            one = self._written(blob, len(batch), stack)
            if one is not None:
                batch.append(one)
            if len(batch) == _AT_ONCE or sum(each.size for each in batch) >= _MOST_BYTES:
                break
        return batch

    def _written(self, blob: Blob, number: int, stack: ExitStack) -> _Written | None:
        """The object in a file that has no name yet; None where its bytes cannot be had."""
        name, part = self.folder.name_of(blob.sha256), self.folder.root / _INCOMING / str(number)
        file = stack.enter_context(part.open("wb", buffering=0))
        try:
            with _ours():
                pieces = default_storage().read(blob.place)
            digest, size = _copied(self._object(_proved(pieces, blob), blob.size, name), file)
        except KeyMissing:
            raise
        except (_Gone, BlobDamaged, SegmentBroken):
            if Blob.objects.filter(pk=blob.pk).exists():  # else it was deleted meanwhile
                self.done.lacking += 1
                self.done.examples = [*self.done.examples, blob.sha256][:_TOLD]
            return None
        return _Written(part, name, size, digest, file.fileno())

    def _object(self, pieces: Iterable[bytes], size: int, name: str) -> Iterable[bytes]:
        keys = self.folder.keys
        return pieces if keys is None else sealed_streams.sealed(pieces, size, name, keys.ring)

    def _settle(self, batch: Sequence[_Written]) -> None:
        """Let them be durable, then have their names, then stand in the list."""
        blobs = self.folder.root / BLOBS
        missing = {each.name[:2] for each in batch} - self._branches
        for branch in missing:
            (blobs / branch).mkdir(mode=0o700, exist_ok=True)
        if missing:
            sync(blobs)
            self._branches |= missing
        for each in batch:
            os.fsync(each.descriptor)
        for each in batch:
            each.part.replace(blobs / each.name)
        for branch in {each.name[:2] for each in batch}:
            sync(blobs / branch)
        self.ledger.add((each.name, each.size, each.sha256) for each in batch)
        self.done.written += len(batch)
        self.done.written_bytes += sum(each.size for each in batch)


class _Gone(Exception):
    """The storage has no such object, or cannot read it."""


@contextmanager
def _ours() -> Iterator[None]:
    """Tell this site's storage from the disk that is written to."""
    try:
        yield
    except OSError as error:
        raise _Gone from error


def _proved(pieces: Iterator[bytes], blob: Blob) -> Iterator[bytes]:
    """The pieces; raises BlobDamaged where they are not the content's, after the last of them."""
    digest = hashlib.sha256()
    while True:
        with _ours():
            piece = next(pieces, None)
        if piece is None:
            break
        digest.update(piece)
        yield piece
    if digest.hexdigest() != blob.sha256:
        raise BlobDamaged(blob.object_name)


def _copied(pieces: Iterable[bytes], file: BinaryIO) -> tuple[str, int]:
    """The digest and the size of what was written."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        view = memoryview(piece)
        digest.update(view)
        while view:
            view = view[file.write(view) :]
        size += len(piece)
    return digest.hexdigest(), size
