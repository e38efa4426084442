"""The bytes from the upstream, over as many connections as it takes, as far as patience goes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Protocol

from indexapp.clients.upstream import Failure, FileAnswer, UpstreamFailed, open_file
from indexapp.models import File
from indexapp.services.mirrors.fetching.digesting import Mismatch
from indexapp.services.mirrors.fetching.wanted import Wanted
from indexapp.storage import default_storage
from tpi_site.kit.errors import Gone

_TRIES = 5
_PAUSE = 0.5
"""Seconds before the second try; twice as long before each further one."""
_PASSES = frozenset({Failure.UNREACHABLE, Failure.BUSY, Failure.TOO_SLOW})
"""Failures after which the same question may be answered."""


class Receiver(Protocol):
    """Where the bytes go to."""

    @property
    def size(self) -> int:
        """Bytes that are there already."""

    @property
    def sha256(self) -> str:
        """The digest of those."""

    def begin(self, total: int | None) -> None:
        """The upstream answers; the whole file has so many bytes, where it says."""

    def take(self, piece: bytes) -> None:
        """The next bytes."""


def receive(wanted: Wanted, into: Receiver) -> None:
    """Let the whole file come into the receiver, which may have its beginning.

    What breaks off is gone on with where what it is of can be told, else begun again and held against what
    came before.  Before the first byte there is one further try only: somebody waits for an answer.  Raises UpstreamFailed,
    Mismatch.
    """
    validator = ""
    for attempt in range(1, _TRIES + 1):
        start = into.size if validator or wanted.digests else 0  # a digest tells in the end what belongs together
        try:
            with open_file(wanted.address, wanted.url, start=start, validator=validator, most=wanted.most) as answer:
                validator = answer.validator or validator
                _take_answer(wanted, answer, into)
        except UpstreamFailed as error:
            if into.size and into.size == wanted.size:
                return
            is_last = attempt == _TRIES or (not into.size and attempt == 2)  # noqa: PLR2004  as said above
            if is_last or error.kind not in _PASSES:
                raise
        else:
            return
        time.sleep(_PAUSE * 2 ** (attempt - 1))


def receive_kept(wanted: Wanted, into: Receiver) -> None:
    """Let it come out of the store, where another process has put it a moment ago.  Raises Gone, and what a store raises."""
    file = File.objects.select_related("blob").filter(pk=wanted.row).first()
    if file is None or file.blob is None:
        raise Gone(f"The index '{wanted.index}' does not list '{wanted.filename}' any more.", code="upstream-gone")
    into.begin(file.blob.size)
    for piece in default_storage().read(file.blob.place, into.size, file.blob.size - into.size):
        into.take(piece)


def _take_answer(wanted: Wanted, answer: FileAnswer, into: Receiver) -> None:
    if wanted.size is not None and answer.size not in (None, wanted.size):
        raise Mismatch(f"it has {answer.size} bytes where {wanted.size} were announced")
    pieces = iter(answer.body)
    if answer.start != into.size:
        pieces = _behind(pieces, into.size, into.sha256)
    into.begin(answer.size if answer.size is not None else wanted.size)
    for piece in pieces:
        if wanted.size is not None and into.size + len(piece) > wanted.size:
            raise Mismatch(f"it has more than the {wanted.size} bytes that were announced")
        into.take(piece)
        if into.size > wanted.most:
            raise UpstreamFailed(f"The file is larger than the {wanted.most} bytes allowed.", Failure.TOO_LARGE)
    if answer.size is not None and into.size < answer.size:
        raise UpstreamFailed("The upstream broke off.", Failure.UNREACHABLE)


def _behind(pieces: Iterator[bytes], size: int, sha256: str) -> Iterator[bytes]:
    """What follows the first ``size`` bytes, which must be those that came before: they may have been sent on."""
    digest, left = hashlib.sha256(), size
    rest = b""
    while left and (piece := next(pieces, b"")):
        digest.update(piece[:left])
        piece, rest = piece[:left], piece[left:]
        left -= len(piece)
    if left or digest.hexdigest() != sha256:
        raise Mismatch("it begins otherwise than at the last try")
    if rest:
        yield rest
    yield from pieces
