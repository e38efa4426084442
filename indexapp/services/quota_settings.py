"""Looking at quotas and setting them; how they are counted is :mod:`indexapp.services.quotas`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Sum

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Team
from accounts.permissions import require_operator, teams_visible_to
from accounts.services import audit
from indexapp import permissions
from indexapp.models import Index, Project, Quota, Trashed
from indexapp.services import projects, quotas
from tpi_site.kit.errors import Invalid


def of_index(actor: Actor, index: Index) -> Quota:
    """The account of the index, for who administers it and who watches the installation."""
    if not actor.sees_operation:
        permissions.require(actor, Verb.ADMINISTER, index)
    return Quota.objects.select_related("index", "team").filter(index=index).first() or Quota(index=index)


def of_team(actor: Actor, team: Team) -> Quota:
    """The account of the team, for who may see the team and who watches the installation."""
    if not actor.sees_operation and not teams_visible_to(actor).filter(pk=team.pk).exists():
        require_operator(actor, "see the quota of this team")
    return Quota.objects.select_related("index", "team").filter(team=team).first() or Quota(team=team)


def holder_of(quota: Quota) -> Index | Team:
    """Whose account it is; a constraint sees to it that there is one."""
    holder = quota.index or quota.team
    assert holder is not None  # noqa: S101  as above
    return holder


def set_limits(*, actor: Actor, holder: Index | Team, **limits: int | None) -> Quota:
    """Set ``soft_limit`` and ``hard_limit`` (bytes, or None for none) of an index or a team, for who runs the installation.

    A limit may be below what is in use: nothing goes for that, and no more is taken.
    """
    require_operator(actor, "set quotas")
    column: dict[str, Any] = {"index" if isinstance(holder, Index) else "team": holder}
    with transaction.atomic():
        quota, _ = Quota.objects.get_or_create(**column)
        quota = Quota.objects.select_for_update().get(pk=quota.pk)
        before = {name: getattr(quota, name) for name in limits}
        for name, value in limits.items():
            setattr(quota, name, value)
        _check(quota)
        quota.save(update_fields=list(limits))
        audit.record(actor=actor, action="quota.set", subject=quota, before=before, after=limits)
        is_over = quota.soft_limit is not None and quota.used > quota.soft_limit
        if is_over and not quota.is_soft_told:
            quotas.tell(quota.pk)
        elif quota.is_soft_told and not is_over:
            quotas.settle(quota)
    return Quota.objects.select_related("index", "team").get(pk=quota.pk)


def _check(quota: Quota) -> None:
    limits = [limit for limit in (quota.soft_limit, quota.hard_limit) if limit is not None]
    if any(not 0 < limit < 2**63 for limit in limits):
        raise Invalid("Give a number of bytes above zero, or nothing for no limit.", code="quota-invalid")
    if limits != sorted(limits):
        raise Invalid(
            "The soft limit is above the hard one; it has to ring before uploads are refused.", code="quota-invalid"
        )


def assign(*, actor: Actor, project: Project, team: Team | None) -> Project:
    """Let the project's files count for another team, or for none, as who runs the installation decides."""
    require_operator(actor, "decide for which team a project counts")
    with transaction.atomic():
        project = projects.lock(project)
        before, trash = project.team, Trashed.objects.filter(project_key=project.pk)
        size = project.total_size + (trash.aggregate(sum=Sum("size"))["sum"] or 0)
        if team is not None and before is not None and team.pk < before.pk:  # one order for all
            quotas.move("team_id", team.pk, size)
            quotas.move("team_id", before.pk, -size)
        else:
            if before is not None:
                quotas.move("team_id", before.pk, -size)
            if team is not None:
                quotas.move("team_id", team.pk, size)
        project.team = team
        project.save(update_fields=["team"])
        trash.update(team=team)
        names = {"before": before.name if before else "", "after": team.name if team else ""}
        audit.record(actor=actor, action="project.assign", subject=project, **names)
    return project
