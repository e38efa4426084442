"""Who may have a deleted thing back, or purge it: whoever may delete there, also by a role that lies in the trash with it.

What somebody deleted who may delete in the whole index is for such people only, and so is what is quarantined: the people of a
project do not undo what was done to it, nor destroy what it is judged by.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, from_mask
from indexapp import permissions
from indexapp.models import Index, Project, Trashed, TrashedRole
from indexapp.models.querysets import roles_of
from tpi_site.kit.errors import Forbidden

_MARK = "deleted_by_right_on"
"""Beside the columns of the project, which has none of this name."""


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


def mark_of(actor: Actor, project: Project) -> dict[str, str]:
    """What an entry keeps of the right by which somebody deletes: nothing where a role on the project gave it, or a job did."""
    by_whole = actor.user_id is not None and _deletes_in_whole(actor, project.index)
    return {_MARK: "index"} if by_whole else {}


def _deletes_in_whole(actor: Actor, index: Index) -> bool:
    """As a person, whatever the token in use is bound to: that narrows what is done, not who has done it."""
    return Verb.DELETE in permissions.verbs_on(actor.within(None), index)


def require_as_wide(actor: Actor, entry: Trashed) -> None:
    """Refuse who holds less than whoever deleted it."""
    if entry.project_row.get(_MARK) == "index" and not _deletes_in_whole(actor, entry.index):
        raise Forbidden(
            f"'{entry}' was deleted by somebody who may delete in the whole index '{entry.index.name}'; only such a person may "
            "restore or purge it.",
            code="deleted-by-wider-right",
        )


def require_as_wide_for_all(actor: Actor, found: QuerySet[Trashed]) -> None:
    """The same for several of one index: with a project goes what was deleted of it before."""
    marked = found.filter(**{f"project_row__{_MARK}": "index"}).select_related("index").first()
    if marked is not None:
        require_as_wide(actor, marked)


def not_frozen() -> QuerySet[Trashed]:
    """What may go by the clock."""
    live = Project.objects.filter(status=Project.Status.QUARANTINED)
    gone = Trashed.objects.filter(kind=Trashed.Kind.PROJECT, project_row__status=Project.Status.QUARANTINED)
    rows = Trashed.objects.exclude(project_key__in=live.order_by().values("pk"))
    return rows.exclude(project_key__in=gone.order_by().values("project_key"))


def holders(entry: Trashed) -> list[str]:
    """Whose roles come back with a project: names of people and teams."""
    return [str(role.user or role.team) for role in entry.roles.all()]


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
