"""Who may have a deleted thing back, or purge it: whoever may delete there, also by a role that lies in the trash with it."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, from_mask
from indexapp import permissions
from indexapp.models import Project, Trashed, TrashedRole
from indexapp.models.querysets import roles_of


def require(actor: Actor, entry: Trashed) -> None:
    """Refuse unless ``actor`` may delete what the entry is of."""
    project = Project.objects.filter(pk=entry.project_key).first()
    if project is None:
        masks = TrashedRole.objects.held_by(actor, entry__project_key=entry.project_key).values_list("verbs", flat=True)
        held = from_mask(reduce(or_, masks, 0))
        if Verb.DELETE in actor.narrow(held, entry.index.name, entry.normalized_name):
            return
        permissions.require(actor, Verb.DELETE, entry.index, name=entry.normalized_name)
        return
    permissions.require(actor, Verb.DELETE, entry.index, project)


def entries_for(actor: Actor, verb: Verb = Verb.DELETE) -> QuerySet[Trashed]:
    """What ``actor`` may have back; all of it for who reads everything."""
    rows = Trashed.objects.select_related("index")
    if actor.reads_everything:
        return rows
    scope = actor.token
    if actor.changes_nothing or (scope is not None and verb not in scope.verbs):
        return rows.none()
    if scope is not None and scope.indexes:
        rows = rows.filter(index__name__in=scope.indexes)
    if scope is not None and scope.projects:
        rows = rows.filter(normalized_name__in=scope.projects)
    if verb in actor.verbs_everywhere:
        return rows
    live = roles_of(actor, verb)
    gone: QuerySet[Any] = TrashedRole.objects.held_by(actor).annotate_verb(verb)
    return rows.filter(
        Q(index__in=live.filter(project=None).values("index"))
        | Q(project_key__in=live.exclude(project=None).values("project"))
        | Q(project_key__in=gone.values("entry__project_key"))
    )
