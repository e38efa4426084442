"""What a rule would do, before it does it: to which files, of whom, and how often those were had lately."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp import permissions
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.facts import Source
from indexapp.domain.policy.rules import Chain, Exemption, Rule, Screening
from indexapp.models import Index, PolicyRule, Project
from indexapp.services import downloads
from indexapp.services.policies import books, gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import index_map, page_rows, watermarks
from indexapp.services.serving.index_map import ServedIndex

MOST_PROJECTS = 5_000
"""Projects of which files are looked at; the report says when there were more."""
RECENT_DAYS = 30
_MOST_FILES = 20  # that are named of a project


@dataclass
class Touched:
    """A project of which the rule would keep something back that is let through now."""

    index: str
    project: str
    team: str
    files: int = 0
    versions: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    downloads: int = 0


@dataclass
class Report:
    """Of projects that who asks may read: of others no figure tells anything.

    ``is_cut`` when not all projects were looked at; ``downloads`` are of the last 30 days, as far as they are logged.
    ``may_be_more`` says that there may be projects which who asks may not read, by their rights and whether or not there are.
    """

    looked_at: int = 0
    is_cut: bool = False
    may_be_more: bool = False
    projects: list[Touched] = field(default_factory=list)

    @property
    def files(self) -> int:
        """Files that would be kept back, or noted, or let through, as the rule's effect is."""
        return sum(one.files for one in self.projects)

    @property
    def touched(self) -> int:
        """Projects of which it is about files."""
        return len(self.projects)

    @property
    def downloads(self) -> int:
        """How often they were had lately."""
        return sum(one.downloads for one in self.projects)

    @property
    def by_team(self) -> dict[str, int]:
        """Files of the projects by the team that each counts for; empty for none."""
        found: Counter[str] = Counter()
        for one in self.projects:
            found[one.team] += one.files
        return dict(found.most_common())


def dry_run(row: PolicyRule, actor: Actor | None) -> Report:
    """What the rule, saved or not, would change of what is let through, asked where it stands or else as the last one.

    Projects count that the actor may read; who runs a command (None) may read all.
    """
    rule, watermark = books.compile_rule(row), watermarks.read()
    report = Report()
    if rule is None:
        return report
    rule = replace(rule, pk=row.pk or -1)
    indexes = index_map.load(watermark.access)  # afresh: it is asked rarely, and must miss no index
    targets = _targets(indexes.by_pk.get(row.index_id) if row.index_id else None)
    report.may_be_more = actor is not None and not _reads_all(actor, row.index, targets)
    readable = Project.objects.all() if actor is None else Project.objects.visible_to(actor)
    rows = readable.filter(index__in=targets).select_related("team").order_by("pk")
    recent = _recent_downloads() if downloads.folder().exists() else Counter()
    finder = Chain([rule])
    for project in rows.iterator(chunk_size=500):
        member = indexes.by_pk.get(project.index_id)
        if member is None or not finder.concerning(project.normalized_name, _source(member)):
            continue
        if report.looked_at >= MOST_PROJECTS:
            report.is_cut = True
            break
        report.looked_at += 1
        before = books.screening(member, member, project.normalized_name, watermark)
        touched = _touched(project, member, before, rule, row)
        if touched is not None:
            touched.downloads = sum(recent[touched.project, name] for name in touched.names)
            del touched.names[_MOST_FILES:]
            report.projects.append(touched)
    report.projects.sort(key=lambda one: (-one.downloads, -one.files, one.project))
    return report


def _reads_all(actor: Actor, index: Index | None, targets: list[int]) -> bool:
    """Of a group only who reads every index does, for all that the answer tells: it says nothing of members."""
    if actor.token is not None and actor.token.projects:
        return False
    if (index is None or index.kind == Index.Kind.GROUP) and Verb.READ not in actor.verbs_everywhere:
        return False
    return permissions.read_as_a_whole(actor).filter(pk__in=targets).count() == len(targets)


def _targets(index: ServedIndex | None) -> list[int]:
    if index is not None:
        return [member.pk for member in index.members]
    return list(Index.objects.exclude(kind=Index.Kind.GROUP).values_list("pk", flat=True))


def _source(member: ServedIndex) -> Source:
    return Source(member.pk, member.name, member.kind)


def _touched(
    project: Project, member: ServedIndex, before: Screening | None, rule: Rule, row: PolicyRule
) -> Touched | None:
    releases = page_rows.read_all(project.pk, 0)
    if not releases:
        return None
    details = HostedDetails(project.pk, project.normalized_name)
    old = gate.judge(before, releases, details) if before else None
    new = gate.judge(_with(before, rule, row), releases, details)
    if rule.effect is Effect.WARN:
        changed = new.mask_of(rule.pk)
    else:
        changed = (old.refused if old else 0) ^ new.refused
        changed |= ((old.hidden if old else 0) ^ new.hidden) & new.refused
    if not changed:
        return None
    touched = Touched(member.name, project.normalized_name, project.team.name if project.team else "")
    place = 0
    for release in releases:
        found = [file[0] for at, file in enumerate(release.files, place) if changed >> at & 1]
        place += len(release.files)
        if found:
            touched.versions.append(release.version)
            touched.names += found
    touched.files = len(touched.names)
    return touched


def _with(before: Screening | None, rule: Rule, row: PolicyRule) -> Screening:
    """The rules as they would be: the new one in the place of its old self, or at the end of those of its place."""
    present = before.chains[0] if before else ()
    exemptions: tuple[Exemption, ...] = before.exemptions if before else ()
    if any(one.pk == rule.pk for one in present):
        chain = tuple(rule if one.pk == rule.pk else one for one in present)
    elif row.index_id is None:
        chain = (*present, rule)
    else:
        own = [one for one in present if one.index_pk is not None]
        chain = (*own, rule, *(one for one in present if one.index_pk is None))
    return Screening((chain,), exemptions, before.approved if before else ())


def _recent_downloads() -> Counter[tuple[str, str]]:
    """How often each file of each project was had in the last days, of whichever index, by the log of downloads."""
    found: Counter[tuple[str, str]] = Counter()
    since: datetime = timezone.now() - timedelta(days=RECENT_DAYS)
    for line in downloads.recent(since):
        found[line.get("project", ""), line["filename"]] += 1
    return found
