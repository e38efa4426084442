"""What of an upstream a mirror copies: names by patterns, releases by their number, files by kind, machine and size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from indexapp.domain.locks.targets import PLATFORMS, Target, machines, takes_python, targets_of

_EVERY_PYTHON = tuple(f"3.{minor}" for minor in range(9, 16))


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that may be copied; ``size`` is 0 where the upstream does not tell it."""

    key: int
    filename: str
    version: str
    size: int = 0
    requires_python: str = ""


@dataclass(frozen=True, slots=True)
class CopyFilter:
    """Empty sequences and None let everything through."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    newest: int | None = None
    with_wheels: bool = True
    with_sdists: bool = True
    with_prereleases: bool = False
    platforms: Sequence[str] = ()
    pythons: Sequence[str] = ()
    max_file_size: int | None = None

    def takes_name(self, normalized_name: str) -> bool:
        """Whether the project is copied at all."""
        if self.include and not any(fnmatchcase(normalized_name, pattern) for pattern in self.include):
            return False
        return not any(fnmatchcase(normalized_name, pattern) for pattern in self.exclude)

    def choose(self, files: Iterable[Copied]) -> list[Copied]:
        """The files of a project that are copied.

        Pre-releases count where a project has nothing else.  Of a release without any file that passes the next older one
        counts in its place.
        """
        releases: dict[Version, list[Copied]] = {}
        for file in files:
            if self._takes(file):
                releases.setdefault(Version(file.version), []).append(file)
        finals = {version: found for version, found in releases.items() if not version.is_prerelease}
        chosen = releases if self.with_prereleases or not finals else finals
        newest = sorted(chosen, reverse=True)[: self.newest]
        return [file for version in newest for file in chosen[version]]

    def _takes(self, file: Copied) -> bool:
        if self.max_file_size is not None and file.size > self.max_file_size:
            return False
        if not file.filename.endswith(".whl"):
            return self.with_sdists
        return self.with_wheels and self._fits(file)

    def _fits(self, file: Copied) -> bool:
        if not self.platforms and not self.pythons:
            return True
        tags = _tags(file.filename)
        return any(
            any(tags & ranks.keys() for ranks in machines(target)) and takes_python(file.requires_python, target)
            for target in _targets(tuple(self.pythons), tuple(self.platforms))
        )


@cache
def _targets(pythons: tuple[str, ...], platforms: tuple[str, ...]) -> list[Target]:
    return targets_of(list(pythons or _EVERY_PYTHON), list(platforms or PLATFORMS))


def _tags(filename: str) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(filename)[3]
    except (InvalidWheelFilename, ValueError):
        return frozenset()
