"""Rules in force: those that concern a project are found once for a page, and held against its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from indexapp.domain.policy.batch import Batch
from indexapp.domain.policy.conditions import Condition
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.facts import Source
from indexapp.domain.policy.name_patterns import NamePattern
from indexapp.domain.policy.version_ranges import VersionRange


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, ready to be used; ``index_pk`` None holds everywhere.

    ``fails_closed``: a file matches where the data that a condition needs are missing.
    """

    pk: int
    name: str
    index_pk: int | None
    effect: Effect
    projects: tuple[NamePattern, ...]
    sources: frozenset[str]
    conditions: tuple[Condition, ...]
    fails_closed: bool
    reason: str
    contact: str
    since: datetime

    @property
    def is_whole(self) -> bool:
        """Whether it is about projects as a whole, so that no file need be looked at."""
        return not self.conditions

    @property
    def allows(self) -> bool:
        """Whether it ends the search with nothing said against the file."""
        return self.effect is Effect.ALLOW

    @property
    def refuses(self) -> bool:
        """Whether it keeps the file back."""
        return self.effect.refuses

    @property
    def is_narrow(self) -> bool:
        """Whether it is one of a single index that keeps files back, which who administers the index decides about."""
        return self.index_pk is not None and self.refuses

    def comes_from(self, source: Source) -> bool:
        """Whether the rule is for what this index holds."""
        return not self.sources or source.name in self.sources or f"kind:{source.kind}" in self.sources

    def matches(self, batch: Batch, among: int) -> int:
        """Those of the files ``among`` that it matches."""
        found = among
        for condition in self.conditions:
            sure, missing = batch.masks(condition)
            found &= sure | missing if self.fails_closed else sure
            if not found:
                break
        return found


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exception: until ``expires_at`` the rule (None: every one) does not hold for these versions of a project."""

    pk: int
    index_pk: int | None
    project: str
    versions: VersionRange
    rule_pk: int | None
    expires_at: datetime

    def is_from(self, rule: Rule) -> bool:
        """Whether it is an exception from the rule; one of an index is from no other index's rules."""
        if self.rule_pk is not None:
            return self.rule_pk == rule.pk
        return self.index_pk is None or rule.index_pk in (None, self.index_pk)


Decided = list[tuple[Rule, int]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the files of a batch; until ``until`` (seconds of the epoch), as long as nothing else changes."""

    chains: tuple[Decided, ...]
    hidden: int
    refused: int
    until: float

    def mask_of(self, rule_pk: int) -> int:
        """The files that a rule decided about."""
        return next((mask for decided in self.chains for rule, mask in decided if rule.pk == rule_pk), 0)

    def rule_for(self, place: int) -> Rule | None:
        """The strictest rule that decided about the file, or None."""
        bit = 1 << place
        found = [rule for decided in self.chains for rule, mask in decided if mask & bit]
        return max(found, key=lambda rule: rule.effect.strictness, default=None)


@dataclass(frozen=True, slots=True)
class Screening:
    """The rules that concern one project as one index serves it.

    Each of ``chains`` is asked in order, and the strictest answer holds: a group's own rules narrow what its members allow.
    ``approved`` names, by rule and version, what was held and looked at, with the number of the last file that there was then
    (None: whatever comes); ``rejected`` has the reason beside them.
    """

    chains: tuple[tuple[Rule, ...], ...]
    exemptions: tuple[Exemption, ...] = ()
    approved: tuple[tuple[int, str, int | None], ...] = ()
    rejected: tuple[tuple[int, str, str], ...] = field(default=())

    def judge(self, batch: Batch) -> Judgement:
        """Hold the rules against the files."""
        exempt = self._exempt(batch)
        chains = tuple(_decide(chain, batch, exempt) for chain in self.chains)
        hidden = refused = 0
        for decided in chains:
            for rule, mask in decided:
                hidden |= mask if rule.effect is Effect.HIDE else 0
                refused |= mask if rule.effect.refuses else 0
        return Judgement(chains, hidden, refused, batch.until)

    def rejection(self, rule: Rule, version: str) -> str | None:
        """Why the version was rejected that the rule holds back; None where it was not."""
        return next((why for pk, rejected, why in self.rejected if (pk, rejected) == (rule.pk, version)), None)

    @property
    def may_hide(self) -> bool:
        """Whether a rule among them hides anything."""
        return any(rule.effect is Effect.HIDE for chain in self.chains for rule in chain)

    def hides_all(self) -> bool | None:
        """Whether no file need be looked at to see that the project is hidden; None where files decide."""
        answers = [_hides_whole(chain) for chain in self.chains]
        if True in answers and not self.exemptions and not self.approved:
            return True
        return None if self.may_hide else False

    def _exempt(self, batch: Batch) -> list[tuple[Exemption | int, int]]:
        """What is let through in spite of a rule, with whose doing it is: an exception, or a rule's number."""
        found: list[tuple[Exemption | int, int]] = []
        for one in self.exemptions:
            if one.expires_at > batch.now:
                batch.until = min(batch.until, one.expires_at.timestamp())
                found.append((one, batch.within(one.versions)))
        for rule_pk, version, upto in self.approved:
            mask = batch.of_version(version)
            found.append((rule_pk, mask & batch.come_by(upto) if mask and upto is not None else mask))
        return found


def _hides_whole(chain: Sequence[Rule]) -> bool:
    """Whether the first rule that decides about the project as a whole hides it."""
    for rule in chain:
        if rule.effect is not Effect.WARN:
            return rule.is_whole and rule.effect is Effect.HIDE
    return False


def _decide(chain: Sequence[Rule], batch: Batch, exempt: list[tuple[Exemption | int, int]]) -> Decided:
    """Rules of a chain with the files that each decides about: the first that matches a file does, warnings aside.

    A file that is let through in spite of one rule of an index meets the rules of all indexes in any case: who guards the
    index's rules grants that, and a later rule of the index which allows was set for what those before it leave.
    """
    open_, found = batch.all, []
    lifted = owed = 0  # let through in spite of the index's rules, and of those what the index allows after that
    for rule in chain:
        if rule.index_pk is None:
            open_, owed = open_ | owed, 0
        matched = rule.matches(batch, open_)
        for whose, mask in exempt if matched else ():
            if whose == rule.pk if isinstance(whose, int) else whose.is_from(rule):
                lifted |= matched & mask if rule.is_narrow else 0
                matched &= ~mask
        if not matched:
            continue
        found.append((rule, matched))
        if rule.effect is not Effect.WARN:
            open_ &= ~matched
            owed |= matched & lifted if rule.index_pk is not None and rule.allows else 0
            if not open_ | owed:
                break
    return found


class Chain:
    """Rules in order, found by the name of a project: most rules name one, and none of those costs the others a look."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._beginning: dict[str, list[int]] = defaultdict(list)
        self._tried: list[tuple[NamePattern, int]] = []
        self._always: list[int] = []
        for place, rule in enumerate(self.rules):
            if not rule.projects:
                self._always.append(place)
            for pattern in rule.projects:
                self._put(pattern, place)
        self._lengths = sorted({len(text) for text in self._beginning})

    def _put(self, pattern: NamePattern, place: int) -> None:
        if pattern.is_exact:
            self._exact[pattern.text].append(place)
        elif (beginning := pattern.beginning) is not None:
            self._beginning[beginning].append(place)
        else:
            self._tried.append((pattern, place))

    def concerning(self, project: str, source: Source) -> tuple[Rule, ...]:
        """Those that concern the project, in order."""
        found = {*self._always, *self._exact.get(project, ())}
        for length in self._lengths:
            if length > len(project):
                break
            found.update(self._beginning.get(project[:length], ()))
        found.update(place for pattern, place in self._tried if pattern.matches(project))
        return tuple(rule for rule in map(self.rules.__getitem__, sorted(found)) if rule.comes_from(source))
