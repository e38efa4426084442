"""Which bytes a replica holds: of which indexes and projects, which of their files, and how many bytes of them in all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from indexapp.domain.copy_filter import Copied, CopyFilter

EVERYTHING = CopyFilter(with_prereleases=True)


@dataclass(frozen=True, slots=True)
class Hold:
    """``indexes`` and ``without`` are patterns of index names; no pattern lets every index through."""

    indexes: Sequence[str] = ()
    without: Sequence[str] = ()
    files: CopyFilter = field(default=EVERYTHING)

    @property
    def is_all(self) -> bool:
        """Whether it lets every file through."""
        return not self.indexes and not self.without and self.takes_whole_projects and not _names(self.files)

    @property
    def takes_whole_projects(self) -> bool:
        """Whether of a project that it lets through it takes every file."""
        files = self.files
        narrows = files.newest is not None or files.max_file_size is not None or files.platforms or files.pythons
        return files.with_wheels and files.with_sdists and files.with_prereleases and not narrows

    def takes(self, index: str, project: str) -> bool:
        """Whether bytes of this project are held at all."""
        if self.indexes and not any(fnmatchcase(index, pattern) for pattern in self.indexes):
            return False
        return not any(fnmatchcase(index, pattern) for pattern in self.without) and self.files.takes_name(project)

    def choose(self, index: str, project: str, files: Sequence[Copied]) -> set[int]:
        """The keys of the project's files that are held."""
        if not self.takes(index, project):
            return set()
        chosen = files if self.takes_whole_projects else self.files.choose(files)
        return {file.key for file in chosen}

    def as_json(self) -> dict[str, Any]:
        """As it is kept; :func:`read` is the way back."""
        values = {"indexes": self.indexes, "without": self.without} | asdict(self.files)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _names(files: CopyFilter) -> bool:
    return bool(files.include or files.exclude)


def read(kept: dict[str, Any]) -> Hold:
    """What :meth:`Hold.as_json` has written."""
    rest: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    indexes, without = rest.pop("indexes", ()), rest.pop("without", ())
    return Hold(indexes, without, CopyFilter(**{"with_prereleases": True, **rest}))


def fitting(sizes: Iterable[tuple[int, int]], room: int) -> Iterator[tuple[int, bool, int]]:
    """Of keys and sizes, the most wanted first: each key, whether it fits into what is left, and what is left then.

    One that is too large is passed over, so that it does not keep smaller ones out.
    """
    for key, size in sizes:
        fits = size <= room
        room -= size if fits else 0
        yield key, fits, room
