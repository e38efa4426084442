"""What a rule may ask of a file, each condition for all files of a project at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from indexapp.domain.policy.batch import Batch, Masks
from indexapp.domain.policy.facts import VulnerabilityFact
from indexapp.domain.policy.licenses import is_satisfied
from indexapp.domain.policy.name_patterns import NamePattern
from indexapp.domain.policy.version_ranges import VersionRange


class Condition(ABC):
    """One question; ``words`` complete 'files ...' in a sentence."""

    @abstractmethod
    def masks(self, batch: Batch) -> Masks:
        """The files that it matches, and those of which it cannot tell."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it asks, for people."""


@dataclass(frozen=True, slots=True)
class Versions(Condition):
    """The version lies in a range."""

    versions: VersionRange

    def masks(self, batch: Batch) -> Masks:
        """Versions are always known."""
        return batch.within(self.versions), 0

    @property
    def words(self) -> str:
        """The specifiers."""
        return f"of a version {self.versions.text or 'whatever'}"


@dataclass(frozen=True, slots=True)
class Younger(Condition):
    """Uploaded less than so many days ago: a cool-down."""

    days: float

    def masks(self, batch: Batch) -> Masks:
        """By the time of upload."""
        return batch.younger_than(self.days), batch.undated()

    @property
    def words(self) -> str:
        """The days."""
        return f"uploaded less than {self.days:g} day{'' if self.days == 1 else 's'} ago"


@dataclass(frozen=True, slots=True)
class Vulnerable(Condition):
    """An advisory affects the release that is severe enough, one of ``ids`` (if any are named), and perhaps fixed elsewhere.

    An advisory without a score is as severe as is asked for: nobody said that it is harmless.
    """

    min_severity: float = 0
    ids: frozenset[str] = frozenset()
    only_with_fix: bool = False

    def masks(self, batch: Batch) -> Masks:
        """By the advisories that were imported."""
        found = batch.advisories()
        if found is None:
            return 0, batch.all
        return _sum(mask for mask, facts in found if any(map(self.concerns, facts))), 0

    def concerns(self, fact: VulnerabilityFact) -> bool:
        """Whether the advisory is one of those."""
        if self.only_with_fix and not fact.fixed_in:
            return False
        if self.ids and not self.ids.intersection((fact.id, *fact.aliases)):
            return False
        return fact.severity is None or fact.severity >= self.min_severity

    @property
    def words(self) -> str:
        """Which advisories."""
        which = f" {', '.join(sorted(self.ids))}" if self.ids else ""
        severe = f" of severity {self.min_severity:g} or more" if self.min_severity else ""
        return f"with a known vulnerability{which}{severe}{' that has a fix' if self.only_with_fix else ''}"


@dataclass(frozen=True, slots=True)
class Licensed(Condition):
    """The licence cannot be satisfied with the allowed ones, or without the denied ones."""

    ids: frozenset[str]
    are_allowed: bool

    def masks(self, batch: Batch) -> Masks:
        """By the licence expression of the release."""
        groups, unknown = batch.groups("licenses", batch.details.licenses)
        return _sum(mask for text, mask in groups if self._is_bad(text)), unknown

    def _is_bad(self, expression: str) -> bool:
        return not is_satisfied(expression, self.ids, are_allowed=self.are_allowed)

    @property
    def words(self) -> str:
        """The licences."""
        names = ", ".join(sorted(self.ids))
        return f"whose licence is none of {names}" if self.are_allowed else f"whose licence is one of {names}"


@dataclass(frozen=True, slots=True)
class LicenseUnknown(Condition):
    """No licence expression is known."""

    def masks(self, batch: Batch) -> Masks:
        """By the licence expression of the release."""
        return batch.groups("licenses", batch.details.licenses)[1], 0

    @property
    def words(self) -> str:
        """That none is known."""
        return "of which no licence expression is known"


@dataclass(frozen=True, slots=True)
class Imports(Condition):
    """The release brings an import name, or a namespace, that a pattern matches."""

    patterns: tuple[NamePattern, ...]

    def masks(self, batch: Batch) -> Masks:
        """By the names that the metadata tell."""
        groups, unknown = batch.groups("imports", batch.details.imports)
        return _sum(mask for names, mask in groups if self._matches(names)), unknown

    def _matches(self, names: tuple[str, ...]) -> bool:
        return any(pattern.matches(name) for pattern in self.patterns for name in names)

    @property
    def words(self) -> str:
        """The patterns."""
        return f"that bring the import name {_listed(self.patterns)}"


@dataclass(frozen=True, slots=True)
class Yanked(Condition):
    """The file, or its release, is yanked, or is not."""

    is_yanked: bool

    def masks(self, batch: Batch) -> Masks:
        """By the mark."""
        marked = batch.yanked()
        return (marked if self.is_yanked else batch.all & ~marked), 0

    @property
    def words(self) -> str:
        """The mark."""
        return "that are yanked" if self.is_yanked else "that are not yanked"


@dataclass(frozen=True, slots=True)
class OfKind(Condition):
    """A wheel, or a source distribution."""

    is_wheel: bool

    def masks(self, batch: Batch) -> Masks:
        """By the file's name."""
        return batch.of_kind(is_wheel=self.is_wheel), 0

    @property
    def words(self) -> str:
        """The kind."""
        return "that are wheels" if self.is_wheel else "that are source distributions"


@dataclass(frozen=True, slots=True)
class Larger(Condition):
    """More bytes than that."""

    size: int

    def masks(self, batch: Batch) -> Masks:
        """By the size."""
        return batch.larger_than(self.size), batch.unsized()

    @property
    def words(self) -> str:
        """The size."""
        return f"of more than {self.size:,} bytes"


@dataclass(frozen=True, slots=True)
class Unattested(Condition):
    """There is no attestation."""

    def masks(self, batch: Batch) -> Masks:
        """By the attestations that came with the files."""
        attested = batch.attested()
        return (0, batch.all) if attested is None else (batch.all & ~attested, 0)

    @property
    def words(self) -> str:
        """That there is none."""
        return "without an attestation"


def _listed(patterns: tuple[NamePattern, ...]) -> str:
    return " or ".join(f"'{pattern.text}'" for pattern in patterns)


def _sum(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)
