"""The rules in force, compiled, and remembered per generation of the policy."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field

from django.utils import timezone

from indexapp.domain.policy import written
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.facts import Source
from indexapp.domain.policy.rules import Chain, Exemption, Rule, Screening
from indexapp.domain.policy.version_ranges import parse_range
from indexapp.models import PolicyException, PolicyHold, PolicyRule
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import Invalid

log = logging.getLogger(__name__)
_MOST = 50_000  # projects of which it is remembered which rules concern them
_Rejected = tuple[int, str, str]
_Approved = tuple[int, str, int | None]


@dataclass
class Book:
    """All rules in force at one generation."""

    generation: int
    own: dict[int, Chain] = field(default_factory=dict)
    """The rules of single indexes, for groups, which hold nothing themselves."""
    whole: dict[int | None, Chain] = field(default_factory=dict)
    """For what an index holds: its own rules, and then those of all."""
    exemptions: dict[str, list[Exemption]] = field(default_factory=lambda: defaultdict(list))
    approved: dict[tuple[int, str], list[_Approved]] = field(default_factory=lambda: defaultdict(list))
    rejected: dict[tuple[int, str], list[_Rejected]] = field(default_factory=lambda: defaultdict(list))
    may_hide: bool = False
    memory: dict[tuple[int, int, str], Screening | None] = field(default_factory=dict)

    def screening(self, index: ServedIndex, member: ServedIndex, project: str) -> Screening | None:
        """What concerns a project that ``index`` serves out of ``member``; None where no rule does."""
        key = (index.pk, member.pk, project)
        if key in self.memory:
            return self.memory[key]
        if len(self.memory) >= _MOST:
            self.memory = {}
        found = self.memory[key] = self._find(index, member, project)
        return found

    def of(self, *index_pks: int) -> list[Rule]:
        """The rules of all indexes, and those of these."""
        own = [rule for pk in index_pks if pk in self.own for rule in self.own[pk].rules]
        return [*self.whole[None].rules, *own]

    def _find(self, index: ServedIndex, member: ServedIndex, project: str) -> Screening | None:
        source = Source(member.pk, member.name, member.kind)
        chains = [self.whole.get(member.pk, self.whole[None]).concerning(project, source)]
        if index.pk != member.pk and index.pk in self.own:
            chains.append(self.own[index.pk].concerning(project, source))
        if not any(chains):
            return None
        places = (None, index.pk, member.pk)
        place = (member.pk, project)
        return Screening(
            tuple(chain for chain in chains if chain),
            tuple(one for one in self.exemptions.get(project, ()) if one.index_pk in places),
            tuple(self.approved.get(place, ())),
            tuple(self.rejected.get(place, ())),
        )


_remembered = Book(-1)


def read(watermark: Watermark) -> Book:
    """The book at this watermark; three queries after a change of the policy, none otherwise."""
    global _remembered  # noqa: PLW0603  one value per process, replaced as a whole
    book = _remembered
    if book.generation != watermark.policy:
        book = _remembered = load(watermark.policy)
    return book


def screening(index: ServedIndex, member: ServedIndex, project: str, watermark: Watermark) -> Screening | None:
    """The rules that concern the project; None, and no query, in an installation that never had any."""
    return read(watermark).screening(index, member, project) if watermark.policy else None


def load(generation: int) -> Book:
    """Read and compile what is in force."""
    book, rows = Book(generation), list(PolicyRule.objects.filter(is_enabled=True).order_by("position", "pk"))
    rules = [compiled for compiled in map(compile_rule, rows) if compiled is not None]
    of_all = [rule for rule in rules if rule.index_pk is None]
    book.whole[None] = Chain(of_all)
    for pk in {rule.index_pk for rule in rules if rule.index_pk is not None}:
        own = [rule for rule in rules if rule.index_pk == pk]
        book.own[pk], book.whole[pk] = Chain(own), Chain([*own, *of_all])
    book.may_hide = any(rule.effect is Effect.HIDE for rule in rules)
    if rules:
        _load_exemptions(book)
        _load_holds(book)
    return book


def _load_exemptions(book: Book) -> None:
    rows = PolicyException.objects.filter(revoked_at=None, expires_at__gt=timezone.now()).order_by("pk")
    for row in rows:
        versions = parse_range(row.versions)
        found = Exemption(row.pk, row.index_id, row.project, versions, row.rule_id, row.expires_at)
        book.exemptions[row.project].append(found)


def _load_holds(book: Book) -> None:
    rows = PolicyHold.objects.exclude(state=PolicyHold.State.PENDING, approved_upto=None, filename="").order_by("pk")
    for row in rows:
        place = row.index_id, row.project
        if row.state == PolicyHold.State.REJECTED:
            book.rejected[place].append((row.rule_id, row.version, row.reason))
        else:
            book.approved[place].append((row.rule_id, row.version, row.looked_at_upto))


def compile_rule(row: PolicyRule) -> Rule | None:
    """The rule ready to be used.  One that cannot be read, as that of a later release, holds for all files if it refuses."""
    effect = Effect(row.effect)
    try:
        conditions = written.read(row.conditions)
    except Invalid as error:
        log.error("The policy rule %s cannot be read: %s", row.pk, error.detail)  # noqa: TRY400  a sentence is enough
        if not effect.refuses:
            return None
        conditions = written.read({})
    return Rule(
        row.pk or 0,
        row.name,
        row.index_id,
        effect,
        conditions.projects,
        conditions.sources,
        conditions.of_files,
        row.on_missing == PolicyRule.OnMissing.MATCH,
        row.reason,
        row.contact,
        row.since,
    )


def forget_all() -> None:
    """Empty this process's memory of rules."""
    global _remembered  # noqa: PLW0603  as above
    _remembered = Book(-1)
