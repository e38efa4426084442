"""Version specifiers held against all releases of a project at once.

Asking ``packaging`` for each of 1,000 releases takes milliseconds; releases are in the order of their sort keys, so a
specifier is a stretch of them.  What PEP 440 says of pre-releases, post-releases and local versions concerns only versions
of the very release that the specifier names: those few are asked one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from indexapp.domain.versions import parse_version, release_sort_prefix, version_sort_key
from tpi_site.kit.errors import Invalid

MAX_LENGTH = 500
"""Characters of a set of specifiers."""
_MOST = 50  # specifiers of a set
_BELOW, _ABOVE = frozenset({"<", "<=", "!="}), frozenset({">", ">=", "!="})  # what they cover of other releases
_BEYOND = "~"  # sorts after everything that a key consists of
Stretch = tuple[int, int]
"""Places of releases, the second one not included."""


@dataclass(frozen=True, slots=True)
class _Clause:
    """One specifier; ``low`` and ``high`` bound the keys of versions of the release that it names."""

    specifier: Specifier
    low: str
    high: str

    def stretches(self, keys: Sequence[str], versions: Sequence[str]) -> list[Stretch]:
        """The releases that it covers, as stretches."""
        operator, end = self.specifier.operator, len(keys)
        if operator == "===":
            return self._exact(versions, 0, end)
        low, high = bisect_left(keys, self.low), bisect_left(keys, self.high)
        if self.specifier.version.endswith(".*"):
            return [(low, high)] if operator == "==" else [(0, low), (high, end)]
        inside = self._exact(versions, low, high) if low < high else []
        if operator in _BELOW:
            inside.append((0, low))
        if operator in _ABOVE:
            inside.append((high, end))
        return inside

    def _exact(self, versions: Sequence[str], low: int, high: int) -> list[Stretch]:
        return [
            (place, place + 1)
            for place in range(low, high)
            if self.specifier.contains(versions[place], prereleases=True)
        ]


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A set of specifiers, of which all must hold; an empty one covers every version, pre-releases too."""

    text: str
    _clauses: tuple[_Clause, ...] = field(repr=False, compare=False)

    def stretches(self, keys: Sequence[str], versions: Sequence[str]) -> list[list[Stretch]]:
        """For each specifier the stretches that it covers of releases in the order of ``keys``."""
        return [clause.stretches(keys, versions) for clause in self._clauses]

    def covers(self, version: str) -> bool:
        """Whether one version is covered."""
        return all(clause.specifier.contains(version, prereleases=True) for clause in self._clauses)


@lru_cache(maxsize=4096)
def parse_range(text: str) -> VersionRange:
    """The range that ``text`` spells: specifiers (``>=1.2,<2``), or one version or pattern (``1.4.2``, ``1.4.*``).

    Raises :class:`Invalid` (``versions-invalid``) for anything else.
    """
    cleaned = "".join(text.split())
    if not cleaned or cleaned == "*":
        return VersionRange("", ())
    if len(cleaned) <= MAX_LENGTH:
        try:
            found = SpecifierSet(cleaned if cleaned[0] in "<>=!~" else f"=={cleaned}")
            clauses = [clause for one in sorted(found, key=str) for clause in _clauses(one)]
        except (InvalidSpecifier, InvalidVersion, Invalid):
            clauses = []
        if clauses and len(clauses) <= _MOST:
            return VersionRange(",".join(sorted(map(str, found))), tuple(clauses))
    raise Invalid(
        f"{text[:80]!a} is no version specifier; write for example >=1.2,<2 or 1.4.* (PEP 440).",
        code="versions-invalid",
    )


def _clauses(specifier: Specifier) -> list[_Clause]:
    if specifier.operator == "===":
        return [_Clause(specifier, "", "")]
    if specifier.operator == "~=":
        named = parse_version(specifier.version)
        prefix = f"{named.epoch}!{'.'.join(map(str, named.release[:-1]))}.*"
        return [*_clauses(Specifier(f">={specifier.version}")), *_clauses(Specifier(f"=={prefix}"))]
    if specifier.version.endswith(".*"):
        named = parse_version(specifier.version.removesuffix(".*"))
        *head, last = named.release
        return [_Clause(specifier, _first_of(named.epoch, [*head, last]), _first_of(named.epoch, [*head, last + 1]))]
    prefix = release_sort_prefix(parse_version(specifier.version))
    return [_Clause(specifier, prefix, prefix + _BEYOND)]


def _first_of(epoch: int, release: Sequence[int]) -> str:
    """The key of the first version of a release."""
    return version_sort_key(Version(f"{epoch}!{'.'.join(map(str, release))}.dev0"))
