"""What an exception leaves refused: on a group it lifts no rule of a member, and from one rule it lifts no other."""

from __future__ import annotations

from indexapp.domain.policy.version_ranges import parse_range
from indexapp.models import PolicyException, Project
from indexapp.services.policies import books, gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import index_map, page_rows, watermarks

_MOST = 20


def still_refused(row: PolicyException) -> list[str]:
    """Rules that keep back files of the exception's versions all the same, as far as the project is listed here."""
    watermark = watermarks.read()
    indexes = index_map.load(watermark.access)
    through = indexes.by_pk.get(row.index_id) if row.index_id else None
    projects = Project.objects.filter(normalized_name=row.project).order_by("pk")
    if row.index_id is not None:
        projects = projects.filter(index__in=[member.pk for member in through.members] if through else [])
    found: dict[str, None] = {}
    for project in projects:
        member = indexes.by_pk.get(project.index_id)
        screening = books.screening(through or member, member, row.project, watermark) if member else None
        if screening is None:
            continue
        releases = page_rows.read_all(project.pk, watermark.serial)
        batch = gate.batch_of(releases, HostedDetails(project.pk, row.project))
        within = batch.within(parse_range(row.versions))
        for rule, mask in (one for decided in screening.judge(batch).chains for one in decided):
            if rule.effect.refuses and mask & within:
                place = indexes.by_pk.get(rule.index_pk) if rule.index_pk else None
                where = f"the index '{place.name}'" if place else "all indexes"
                found[f"'{rule.name}' of {where}"] = None
    return list(found)[:_MOST]
