"""Holding this replica's digests against its primary's, as both are at one serial.

All chunks are asked for once, from both sides at the same time.  What changed meanwhile is asked for again, until both sites
stand at one serial and nothing that was compared is older than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.db import connections

from indexapp.clients.primary import PrimaryFailed
from indexapp.domain.replication.trees import Chunk

Show = Callable[[Mapping[str, str]], dict[str, Any]]
"""One of the two sites: a question as :mod:`.showing` takes it, and the answer."""
_PAUSE = 0.1
_AT_ONCE = 32
"""Chunks that are asked for again in one question."""


@dataclass(slots=True)
class Side:
    """A site and its chunks by number."""

    show: Show
    chunks: dict[int, Chunk] = field(default_factory=dict)

    def ask(self, **asked: str | int) -> dict[str, Any]:
        """The answer to one question."""
        return self.show({name.rstrip("_"): str(value) for name, value in asked.items()})

    def read_all(self) -> None:
        """Take all chunks."""
        number: int | None = 0
        while number is not None:
            answer = self.ask(from_=number)
            self._take(answer)
            number = _after(number, answer["next"])

    def read(self, numbers: list[int]) -> None:
        """Take these chunks anew."""
        for start in range(0, len(numbers), _AT_ONCE):
            portion = numbers[start : start + _AT_ONCE]
            for number in portion:
                self.chunks.pop(number, None)
            self._take(self.ask(chunks=",".join(map(str, portion))))

    def _take(self, answer: dict[str, Any]) -> None:
        for told in answer["chunks"]:
            chunk = Chunk.of(told)
            if chunk.number < 0 or len(bytes.fromhex(chunk.digest)) != sha256().digest_size:
                raise ValueError(told)
            self.chunks[chunk.number] = chunk

    def moment(self) -> Moment | None:
        """Where the site stands now, and which chunks have changed since they were taken; None where it moved meanwhile."""
        number: int | None = 0
        versions: dict[str, str] = {}
        heads = set()
        while number is not None:
            answer = self.ask(versions=number)
            heads.add((str(answer["epoch"]), int(answer["serial"]), str(answer["schema"])))
            versions |= answer["versions"]
            number = _after(number, answer["next"])
        if len(heads) != 1:
            return None
        taken = {number: chunk.version for number, chunk in self.chunks.items()}
        now = {int(number): version for number, version in versions.items()}
        return Moment(*heads.pop(), sorted(key for key in taken.keys() | now.keys() if taken.get(key) != now.get(key)))

    @property
    def sums(self) -> dict[str, int]:
        """Numbers of projects, of files, and of contents that they have here."""
        every = self.chunks.values()
        return {
            "projects": sum(chunk.projects for chunk in every),
            "files": sum(chunk.files for chunk in every),
            "contents_held": sum(chunk.contents_held for chunk in every),
        }


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a site stands; ``stale`` are the chunks that are not any more as they were taken."""

    epoch: str
    serial: int
    schema: str
    stale: list[int]


def settle(primary: Side, here: Side, patience: float) -> Moment | None:
    """Compare until both stand at one serial; None where they did not within so many seconds.  Raises PrimaryFailed."""
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="verify") as pool:
            theirs = pool.submit(_in_thread, primary)
            here.read_all()
            theirs.result()
        until = time.monotonic() + patience
        while True:
            theirs_now, ours_now = primary.moment(), here.moment()
            if theirs_now and ours_now and _is_one(theirs_now, ours_now):
                return theirs_now
            for side, now in ((primary, theirs_now), (here, ours_now)):
                side.read(now.stale if now else [])
            if time.monotonic() > until:
                return None
            time.sleep(_PAUSE)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise PrimaryFailed("The primary's digests cannot be read.", "bad-answer") from error


def _after(number: int, said: Any) -> int | None:
    """With which number to go on; raises ValueError where that would never end."""
    if said is None:
        return None
    if int(said) <= number:
        raise ValueError(said)
    return int(said)


def _in_thread(side: Side) -> None:
    try:
        side.read_all()
    finally:
        connections.close_all()


def _is_one(theirs: Moment, ours: Moment) -> bool:
    if theirs.schema != ours.schema:
        raise PrimaryFailed(
            "The primary is of another release than this replica; bring both to the same one.", "releases-differ"
        )
    return not theirs.stale and not ours.stale and (theirs.epoch, theirs.serial) == (ours.epoch, ours.serial)


def differing(primary: Side, here: Side, what: str) -> list[int]:
    """Numbers of the chunks of which ``what`` (``digest`` or ``held``) is not the same."""
    return [
        number
        for number in sorted(primary.chunks.keys() | here.chunks.keys())
        if getattr(primary.chunks.get(number), what, None) != getattr(here.chunks.get(number), what, None)
    ]
