"""Bringing one file and what lies beside it; runs in several threads, which touch neither the ledger nor the tree.

What comes is written into a file of a name of its own, on the tree's disk and out of web servers' sight, so that whoever goes
on after a cut or a kill begins with the next byte.  It counts when it has the size and the SHA-256 that the page told.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from indexapp.clients.upstream import Failure, UpstreamAddress, UpstreamFailed, fetch_small, open_file
from indexapp.services.static_export.forms import METADATA
from indexapp.services.volunteer.pace import Pace
from indexapp.services.volunteer.rows import KnownFile

PARTS: Final = ".partial"
"""The folder of what is not whole yet, in the tree."""
_MOST_BESIDE: Final = 4 * 2**20
_MOST_METADATA: Final = 16 * 2**20
_PIECE: Final = 256 * 1024
_UNKNOWN: Final = 64 * 2**30


@dataclass(slots=True)
class Brought:
    """What came of a file: ``part`` is the whole and proved file, None where it is in the tree already or did not come.

    ``failure`` says what did not come.  ``size`` is that of the file.
    """

    file: KnownFile
    part: Path | None = None
    size: int | None = None
    metadata: bytes | None = None
    provenance: bytes | None = None
    failure: str = ""
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Asks one upstream; ``parts`` is the folder of halves, ``most`` what a file may have."""

    address: UpstreamAddress
    pace: Pace
    parts: Path
    most: int | None = None

    def bring(self, file: KnownFile, *, is_there: bool) -> Brought:
        """Have the file (unless it is there) and what lies beside it.

        Raises OSError where this disk fails, UpstreamAway and Stopped.
        """
        found = Brought(file)
        if not is_there:
            try:
                found.part, found.size = self.pace.ask(partial(self._whole, file))
            except UpstreamFailed as failure:
                found.failure, found.is_wrong = failure.sentence, failure.kind is Failure.BAD_ANSWER
                return found
        for name, bring in (("metadata", self._metadata), ("provenance", self._provenance)):
            try:
                setattr(found, name, bring(file))
            except UpstreamFailed as failure:
                found.failure = f"Its {name}: {failure.sentence}"
        return found

    def _whole(self, file: KnownFile) -> tuple[Path, int]:
        part = self.parts / part_name(file.path)
        with part.open("a+b") as stored:
            digest = self._resumed(stored, file)
            if stored.tell() != file.size:
                digest = self._take(file, stored, digest)
            stored.flush()
            os.fsync(stored.fileno())
            size = stored.tell()
        if file.size not in (None, size) or digest.hexdigest() != file.sha256:
            part.unlink()
            raise UpstreamFailed(f"{file.filename} came with other bytes than its page tells.", Failure.BAD_ANSWER)
        return part, size

    def _resumed(self, stored: BinaryIO, file: KnownFile) -> hashlib._Hash:
        """The digest of what is here already; more than the file has is none of it."""
        digest = hashlib.sha256()
        stored.seek(0, os.SEEK_END)
        if file.size is not None and stored.tell() > file.size:
            stored.truncate(0)
        stored.seek(0)
        while piece := stored.read(_PIECE):
            digest.update(piece)
        return digest

    def _take(self, file: KnownFile, stored: BinaryIO, digest: hashlib._Hash) -> hashlib._Hash:
        start, most = stored.tell(), self.most or _UNKNOWN
        try:
            answer = open_file(self.address, file.url, start=start, most=most if file.size is None else file.size)
        except UpstreamFailed as failure:
            if start and failure.kind is Failure.BAD_ANSWER:  # it gives no such part: it is asked for all of it
                stored.truncate(0)
            raise
        with answer:
            if answer.start == 0 and start:
                stored.seek(0)
                stored.truncate(0)
                digest = hashlib.sha256()
            for piece in self.pace.spend(answer.body):
                digest.update(piece)
                stored.write(piece)
        return digest

    def _metadata(self, file: KnownFile) -> bytes | None:
        if not file.metadata or file.has_metadata:
            return None
        url = f"{file.url.partition('?')[0]}{METADATA}"
        body = self.pace.ask(lambda: fetch_small(self.address, url, _MOST_METADATA))
        if hashlib.sha256(body).hexdigest() != file.metadata:
            raise UpstreamFailed("It came with other bytes than the page tells.", Failure.BAD_ANSWER)
        return body

    def _provenance(self, file: KnownFile) -> bytes | None:
        if not file.provenance or file.has_provenance:
            return None
        url = file.provenance
        body = self.pace.ask(lambda: fetch_small(self.address, url, _MOST_BESIDE))
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or "attestation_bundles" not in said:
            raise UpstreamFailed("It is no provenance object.", Failure.BAD_ANSWER)
        return body


def part_name(path: str) -> str:
    """What a file is called until it is whole; not its digest, which another file may have as well."""
    return hashlib.sha256(path.encode()).hexdigest()
