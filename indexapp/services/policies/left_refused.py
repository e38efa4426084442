"""What an exception or an approval leaves refused: on a group it lifts no rule of a member, and from one rule no other.

It is told of projects that the actor may read, by rules that they may see: a group's members may hold others.
"""

from __future__ import annotations

from dataclasses import replace

from accounts.domain.actors import Actor
from indexapp.domain.policy.rules import Screening
from indexapp.domain.policy.version_ranges import VersionRange, parse_range
from indexapp.models import PolicyException, PolicyHold, Project
from indexapp.permissions import policy_rules_visible_to
from indexapp.services.policies import books, gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import index_map, page_rows, watermarks
from indexapp.services.serving.index_map import IndexMap

_MOST = 20


def still_refused(row: PolicyException, actor: Actor) -> list[str]:
    """Rules that keep back files of the exception's versions all the same, as far as the project is listed here."""
    watermark = watermarks.read()
    indexes = index_map.load(watermark.access)
    through = indexes.by_pk.get(row.index_id) if row.index_id else None
    projects = Project.objects.visible_to(actor).filter(normalized_name=row.project).order_by("pk")
    if row.index_id is not None:
        projects = projects.filter(index__in=[member.pk for member in through.members] if through else [])
    found: dict[str, None] = {}
    for project in projects:
        member = indexes.by_pk.get(project.index_id)
        screening = books.screening(through or member, member, row.project, watermark) if member else None
        if screening is not None:
            found |= dict.fromkeys(_refusing(screening, project, parse_range(row.versions), indexes, actor))
    return list(found)[:_MOST]


def after_approval(row: PolicyHold, actor: Actor) -> list[str]:
    """Rules that keep back files of the release also when what holds it is approved."""
    watermark = watermarks.read()
    indexes = index_map.load(watermark.access)
    member = indexes.by_pk.get(row.index_id)
    project = Project.objects.visible_to(actor).filter(index=row.index_id, normalized_name=row.project).first()
    if member is None or project is None:
        return []
    through = indexes.by_pk.get(row.rule.index_id) if row.rule.index_id else None
    screening = books.screening(through or member, member, row.project, watermark)
    if screening is None:
        return []
    approved = replace(screening, approved=(*screening.approved, (row.rule_id, row.version, None)))
    return _refusing(approved, project, parse_range(f"==={row.version}"), indexes, actor)[:_MOST]


def _refusing(
    screening: Screening, project: Project, versions: VersionRange, indexes: IndexMap, actor: Actor
) -> list[str]:
    """The rules that keep back files of these versions, as in "'cool-down' of the index 'outside'"."""
    releases = page_rows.read_all(project.pk, watermarks.read().serial)
    batch = gate.batch_of(releases, HostedDetails(project.pk, project.normalized_name))
    within, found = batch.within(versions), []
    decided = [one for chain in screening.judge(batch).chains for one in chain]
    refusing = [rule for rule, mask in decided if rule.effect.refuses and mask & within]
    seen = policy_rules_visible_to(actor).filter(pk__in=[rule.pk for rule in refusing]).values_list("pk", flat=True)
    told = set(seen) if refusing else set()
    for rule in refusing:
        if rule.pk in told:
            place = indexes.by_pk.get(rule.index_pk) if rule.index_pk else None
            where = f"the index '{place.name}'" if place else "all indexes"
            found.append(f"'{rule.name}' of {where}")
    return found
