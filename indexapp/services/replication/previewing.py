"""What other filters would do, before anybody says them: which bytes would go, and which would have to be fetched.

Nothing is written.  Files are counted as the budget counts them: with the metadata beside them, and each by itself where
several have one content; so fewer bytes may go, or come, than are told.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from accounts.domain.actors import Actor
from accounts.permissions import require_administrator
from indexapp.domain.replication.holding import Hold, fitting
from indexapp.models import Blob, Following, Index, Project
from indexapp.services.replication import choosing, holding
from indexapp.services.replication.holding import Content

PATIENCE = 15.0
"""Seconds after which a preview for somebody who waits tells what it has seen so far."""
_PORTION = 100
_KEYS = 400


@dataclass(slots=True)
class Tally:
    """Some files, and the bytes of them and of their metadata."""

    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """One more."""
        self.files += 1
        self.bytes += size


@dataclass(slots=True)
class Moves:
    """What would happen: ``dropped`` are here and would go, ``cancelled`` are on their way, ``fetched`` would have to come.

    ``held`` and ``left_out`` are what would be, all in all.
    """

    held: Tally = field(default_factory=Tally)
    left_out: Tally = field(default_factory=Tally)
    dropped: Tally = field(default_factory=Tally)
    cancelled: Tally = field(default_factory=Tally)
    fetched: Tally = field(default_factory=Tally)

    def note(self, one: _File) -> None:
        """Count a file."""
        (self.held if one.will_be else self.left_out).add(one.size)
        if one.is_held and not one.will_be:
            (self.dropped if one.is_here else self.cancelled).add(one.size)
        elif one.will_be and not one.is_held and not one.is_here:
            self.fetched.add(one.size)


@dataclass(slots=True)
class _File:
    """``is_held`` is as the filters are now, ``will_be`` as they would be, ``is_here`` whether its bytes are."""

    index: str
    size: int
    is_held: bool
    is_here: bool
    will_be: bool


@dataclass(slots=True)
class Preview:
    """All moves, and those of each index; without ``is_whole`` only of the first ``projects`` projects."""

    of_projects: int
    projects: int = 0
    is_whole: bool = True
    moves: Moves = field(default_factory=Moves)
    indexes: defaultdict[str, Moves] = field(default_factory=lambda: defaultdict(Moves))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        named = [{"index": name, **asdict(moves)} for name, moves in sorted(self.indexes.items())]
        told = {"is_whole": self.is_whole, "projects": self.projects, "of_projects": self.of_projects}
        return told | asdict(self.moves) | {"indexes": named}


def preview(*, actor: Actor, wanted: Hold, budget: int | None = None, patience: float | None = None) -> Preview:
    """What :func:`choosing.hold` with the same values would come to, as of now; refuses what that refuses.

    ``patience`` are seconds.  An installation that follows nobody holds nothing of a primary yet, so nothing would move.
    """
    require_administrator(actor, choosing.DEED)
    choosing.require_sound(wanted, budget)
    if not Following.objects.exists():
        return Preview(of_projects=0)
    found = Preview(of_projects=Project.objects.count())
    until = None if patience is None else time.monotonic() + patience
    waiting: list[tuple[bool, int, _File]] = []
    for projects, contents in _portions():
        chosen = holding.chosen(wanted, contents)
        for content, one in _files(contents, chosen):
            if one.will_be and budget is not None:
                waiting.append((content.file.index.kind == Index.Kind.MIRROR, -content.file.pk, one))
            else:
                _note(found, one)
        found.projects += projects
        if until is not None and time.monotonic() > until:
            found.is_whole = found.projects >= found.of_projects
            break
    _fit(found, waiting, budget)
    return found


def _portions() -> Iterator[tuple[int, list[Content]]]:
    last = 0
    while keys := list(Project.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_PORTION]):
        last = keys[-1]
        yield len(keys), holding.contents(list(holding.FILES.filter(project_id__in=keys)))


def _files(contents: Sequence[Content], chosen: set[int]) -> Iterator[tuple[Content, _File]]:
    kept = _kept({content.file.sha256 for content in contents if content.note is not None})
    for content in contents:
        file = content.file
        is_here = file.blob_id is not None or file.sha256 in kept
        yield content, _File(file.index.name, content.size, content.note is None, is_here, file.pk in chosen)


def _kept(digests: Iterable[str]) -> set[str]:
    """Of which of these bytes are here, for another file or until they are swept."""
    every, found = list(digests), set[str]()
    for start in range(0, len(every), _KEYS):
        found.update(Blob.objects.filter(sha256__in=every[start : start + _KEYS]).values_list("sha256", flat=True))
    return found


def _fit(found: Preview, waiting: list[tuple[bool, int, _File]], budget: int | None) -> None:
    """As :mod:`.budget` does it: hosted before mirrored, newer before older."""
    waiting.sort(key=lambda each: each[:2])
    files = (one for _, _, one in waiting)
    sizes = ((place, one.size) for place, (_, _, one) in enumerate(waiting))
    for one, (_, fits, _) in zip(files, fitting(sizes, budget or 0), strict=True):
        one.will_be = fits
        _note(found, one)


def _note(found: Preview, one: _File) -> None:
    found.moves.note(one)
    found.indexes[one.index].note(one)
