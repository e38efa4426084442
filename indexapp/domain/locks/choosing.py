"""Which of an index's files are fetched for what a list asks for, on the machines that it is for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from indexapp.domain.locks.targets import Target, applies, machines, takes_python
from indexapp.domain.locks.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of an index; ``digests`` are those that are known of it, as ``algorithm:hex``."""

    key: int
    filename: str
    version: str
    digests: frozenset[str] = frozenset()
    requires_python: str = ""
    is_yanked: bool = False

    @property
    def is_wheel(self) -> bool:
        """Whether it is installed as it is."""
        return self.filename.endswith(".whl")


@dataclass(frozen=True, slots=True)
class Choice:
    """The files, and where there are none the sentence that says why; ``is_needed`` is false where no target wants it."""

    files: tuple[Candidate, ...] = ()
    reason: str = ""
    is_needed: bool = True


@dataclass(slots=True)
class _Release:
    version: Version
    files: list[Candidate] = field(default_factory=list)


def choose(
    wanted: Wanted, candidates: Iterable[Candidate], targets: Sequence[Target], *, with_sdists: bool = False
) -> Choice:
    """For each target the best wheels of the version that its resolver would take, or the sdist where no wheel fits."""
    needing = [target for target in targets if applies(wanted.markers, target)]
    if not needing:
        return Choice(reason="No target needs it.", is_needed=False)
    releases = _releases(wanted, candidates)
    if not releases:
        return Choice(reason=none_there(wanted))
    chosen: dict[int, Candidate] = {}
    lacking: list[str] = []
    for target in needing:
        found = next((files for each in releases if (files := _of(each, target, with_sdists=with_sdists))), None)
        if found is None:
            lacking.append(str(target))
        chosen.update({file.key: file for file in found or ()})
    if not chosen:
        return Choice(reason=f"No file fits the targets: {', '.join(lacking)}.")
    return Choice(tuple(sorted(chosen.values(), key=lambda file: file.filename)))


def none_there(wanted: Wanted) -> str:
    """The sentence for a requirement that no version meets."""
    if wanted.digests or wanted.filenames:
        return f"The index has no file of '{wanted.name}{wanted.specifier}' that the list names with its digests."
    return f"The index has no version of '{wanted.name}{wanted.specifier}'."


def _releases(wanted: Wanted, candidates: Iterable[Candidate]) -> list[_Release]:
    """The releases that will do, those that a resolver prefers first."""
    releases: dict[Version, _Release] = {}
    for file in candidates:
        if _will_do(wanted, file):
            version = Version(file.version)
            releases.setdefault(version, _Release(version)).files.append(file)
    specifier = SpecifierSet(wanted.specifier)
    prereleases = True if wanted.takes_prereleases or wanted.is_pinned else None
    allowed = set(specifier.filter(releases, prereleases=prereleases))
    return [releases[version] for version in sorted(allowed, reverse=True)]


def _will_do(wanted: Wanted, file: Candidate) -> bool:
    if file.is_yanked and not wanted.is_pinned:
        return False
    if wanted.filenames and file.filename not in wanted.filenames:
        return False
    known = {digest.partition(":")[0] for digest in file.digests}
    comparable = {digest for digest in wanted.digests if digest.partition(":")[0] in known}
    return not comparable or bool(comparable & file.digests)


def _of(release: _Release, target: Target, *, with_sdists: bool) -> list[Candidate]:
    """What the target takes of the release; nothing where it cannot be installed there."""
    usable = [file for file in release.files if takes_python(file.requires_python, target)]
    sdists = [file for file in usable if not file.is_wheel][:1]
    wheels: list[Candidate] = []
    for ranks in machines(target):
        best = _best([file for file in usable if file.is_wheel], ranks)
        wheels += [best] if best else []
    return [*wheels, *(sdists if with_sdists or not wheels else [])]


def _best(wheels: Iterable[Candidate], ranks: dict[Tag, int]) -> Candidate | None:
    by_rank: dict[int, list[Candidate]] = defaultdict(list)
    for wheel in wheels:
        tags, _ = _parts(wheel.filename)
        found = [ranks[tag] for tag in tags if tag in ranks]
        if found:
            by_rank[min(found)].append(wheel)
    if not by_rank:
        return None
    return max(by_rank[min(by_rank)], key=lambda wheel: (_parts(wheel.filename)[1], wheel.filename))


@lru_cache(maxsize=4096)
def _parts(filename: str) -> tuple[frozenset[Tag], tuple[int, str]]:
    """A wheel's tags and its build number."""
    try:
        _, _, build, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, ValueError):
        return frozenset(), (0, "")
    return tags, (build[0], build[1]) if build else (-1, "")
