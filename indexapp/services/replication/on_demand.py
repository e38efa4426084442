"""Bytes that are not here, fetched from the primary because somebody asks for them; however many ask, once.

It is the mirrors' machine with another source: who asks is sent what comes while it comes, and the end of it only after the
digest was found right.  What the replica is to hold is kept; what a filter leaves out goes through.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from accounts.services import alarms
from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.primary import Primary, PrimaryFailed
from indexapp.models import Blob, File, Following, NotHeld, WantedBlob
from indexapp.services.mirrors.fetching import running
from indexapp.services.mirrors.fetching.digesting import Mismatch
from indexapp.services.mirrors.fetching.download import Download
from indexapp.services.mirrors.fetching.wanted import Wanted, needs_healing
from indexapp.services.replication import fetching, holding
from indexapp.services.replication.following import primary_of
from indexapp.storage import Spool, default_storage
from tpi_site.kit.errors import Gone, NotFound, Refusal, Unavailable

SOON = 10
_TRIES, _PAUSE = 5, 0.2
_ALONE = timedelta(seconds=30)
"""For how long the follower leaves to us what somebody waits for."""
_MOST = 2**62
_UNKNOWN = frozenset({"blob-unknown", "primary-gone"})


@dataclass(frozen=True, slots=True)
class Content:
    """What is asked for: a file, or the metadata beside one; ``size`` is None where it is not known."""

    sha256: str
    size: int | None
    filename: str
    is_held: bool = True
    """Whether this site is to have the bytes; else they go through."""


def content_of(row: int, *, is_metadata: bool) -> Content | None:
    """What the file of this key is, or its metadata; None where it is gone."""
    file = File.objects.filter(pk=row).values("filename", "size", "sha256", "metadata_sha256").first()
    if file is None:
        return None
    is_held = holding.is_held(row)
    if not is_metadata:
        return Content(file["sha256"], file["size"], file["filename"], is_held)
    sha256 = file["metadata_sha256"]
    size = WantedBlob.objects.filter(sha256=sha256).values_list("size", flat=True).first()
    return Content(sha256, size, f"{file['filename']}.metadata", is_held)


def is_listed(wanted: Content) -> bool:
    """Whether it is on the list of what is still to come, so that the primary has it."""
    return WantedBlob.objects.filter(sha256=wanted.sha256).exists()


def follow(wanted: Content) -> Download:
    """The download of a content, which the caller follows now and must leave.

    Refuses (``not-here-yet``) where nobody can be asked.  Whether there is a row of what is to be fetched makes no difference
    to who asks; with one the bytes are kept.
    """
    row = Following.objects.first()
    if row is None or row.is_paused:
        raise _not_here(
            "This replica is paused" if row else "This site has just ceased to be a replica", wanted.is_held
        )
    made = FromPrimary(row, wanted)
    download = running.follow_as(made.key, lambda: made)
    if download is None:  # it ended in between
        raise _not_here("They have just come", wanted.is_held)
    return download


def pass_on(sha256: str) -> Download:
    """What a replica of this one asks for and is not here, as it comes from the primary; the caller must leave it.

    Only where filters leave something out; what that is, is not looked up by digests, so that no index over them is kept.
    Refuses what is still to come (``not-here-yet``), with which limits would be gone round, and what nobody has.
    """
    if WantedBlob.objects.filter(sha256=sha256).exists():
        raise _not_here("Its own replicas get them when they have come", is_held=True)
    if not (Following.objects.exists() and NotHeld.objects.exists()):
        raise NotFound("There is no such content here.", code="blob-unknown")
    return follow(Content(sha256, None, sha256, is_held=False))


def _not_here(why: str, is_held: bool) -> Unavailable:  # noqa: FBT001  private
    if not is_held:
        return Unavailable(
            "This site does not hold the bytes of this file, and its primary does not give them now: "
            f"{why.rstrip('.')}. Ask the primary, or again later.",
            retry_after=60,
            code="not-held-here",
        )
    return Unavailable(
        f"The bytes of this file are on their way from the primary of this replica: {why.rstrip('.')}. Ask again.",
        retry_after=SOON,
        code="not-here-yet",
    )


class FromPrimary(Download):
    """A content on its way from the primary."""

    def __init__(self, row: Following, what: Content) -> None:
        address = UpstreamAddress(row.primary_url)
        digests = {"sha256": what.sha256}
        super().__init__(Wanted(0, "", what.filename, row.primary_url, address, digests, what.size, _MOST))
        self._sha256, self._row, self._is_held = what.sha256, row, what.is_held

    @property
    def key(self) -> int | str:
        """The digest, which no mirror's file has for a key."""
        return self._sha256

    def _ask(self) -> None:
        try:
            _receive(primary_of(self._row), self._sha256, self)
        except PrimaryFailed as error:
            raise self._refusal(error) from None

    def _refusal(self, error: PrimaryFailed) -> Refusal:
        if error.code in _UNKNOWN:
            return Gone(
                f"The primary of this replica does not have the bytes of '{self.wanted.filename}' any more.",
                code="primary-gone",
            )
        return _not_here(str(error), self._is_held)

    def _ask_store(self) -> None:
        blob = Blob.objects.filter(sha256=self._sha256).first()
        if blob is None:
            raise _not_here("They were here and are not any more", self._is_held)
        self.begin(blob.size)
        for piece in default_storage().read(blob.place, self.size, blob.size - self.size):
            self.take(piece)

    def _may_ask(self) -> bool:
        self._renew()
        blob = Blob.objects.filter(sha256=self._sha256).first()
        return blob is None or needs_healing(blob)

    def _renew(self) -> None:
        until = timezone.now() + _ALONE
        WantedBlob.objects.filter(sha256=self._sha256, next_at__lt=until).update(next_at=until)

    def _give_back(self) -> None:
        """Nothing: the follower comes to it by itself."""

    def _keep(self, spool: Spool) -> None:
        wanted = WantedBlob.objects.filter(sha256=self._sha256).first()
        if wanted is not None:
            fetching.keep(wanted, spool)

    def _mismatch(self, error: Mismatch) -> Refusal:
        return Unavailable(
            f"The primary of this replica sends other bytes than those of '{self.wanted.filename}': {error}. They were thrown "
            "away; ask the operators.",
            retry_after=60,
            code="primary-mismatch",
        )

    def _note_mismatch(self, error: Mismatch) -> None:
        sentence = f"The primary {self._row.primary_url} sends other bytes than those of {self._sha256}: {error}."
        alarms.ring(fetching.ALARM, sentence[:500], subject=self._sha256)

    def too_late(self) -> Refusal:
        """See there."""
        return _not_here("the primary takes its time", self._is_held)


def _receive(primary: Primary, sha256: str, into: FromPrimary) -> None:
    """Let the whole content come; what breaks off is gone on with at the next byte.  Raises Mismatch, PrimaryFailed.

    Before the first byte there is one further try only: somebody waits for an answer.
    """
    known = into.wanted.size
    for attempt in range(1, _TRIES + 1):
        try:
            with primary.content(sha256, into.size) as (said, pieces):
                if known is not None and said not in (None, known):
                    raise Mismatch(f"there are {said} bytes where {known} were announced")
                into.begin(said if known is None else known)
                for piece in pieces:
                    if known is not None and into.size + len(piece) > known:
                        raise Mismatch(f"there are more than {known} bytes")
                    into.take(piece)
        except PrimaryFailed as error:
            if into.size and into.size == known:
                return
            is_last = attempt == _TRIES or (not into.size and attempt == 2)  # noqa: PLR2004  as said above
            if is_last or not error.may_pass:
                raise
        else:
            return
        time.sleep(_PAUSE * 2**attempt)
