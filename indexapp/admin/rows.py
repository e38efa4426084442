"""What an actor looks after or may look at, in two forms: a net that no row slips through, and parts found by index.

Who administers an index administers what is in it; others administer single projects.  Either may be a million rows or
one, and a planner that is offered 'index is mine OR project is mine' beside a filter picks the wrong one to begin with.
So the net is written so that no index serves it, and a list adds the one condition that it wants to be driven by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp.models import Index, Project
from indexapp.models.querysets import roles_of
from tpi_site.kit.admin import actor_of

Row = TypeVar("Row", bound=Model)
_REMEMBERED = "_console_reach"
_NOWHERE = Q(pk__in=[])


@dataclass(frozen=True)
class Reach:
    """Where an actor administers: everywhere, or whole ``indexes`` (ids) and single ``projects`` outside them.

    Who reads everything for a part in the instance looks everywhere too; the screens take their writes away.
    """

    everywhere: bool
    indexes: tuple[int, ...] = ()
    projects: QuerySet[Project] | None = None

    @property
    def has_indexes(self) -> bool:
        """Whether there is an index that the actor administers as a whole."""
        return self.everywhere or bool(self.indexes)

    @property
    def has_some(self) -> bool:
        """Whether there is an index or a project that the actor administers."""
        return self.has_indexes or self.projects is not None

    def whole_indexes(self) -> QuerySet[Index]:
        """Indexes that the actor administers as a whole."""
        return Index.objects.all() if self.everywhere else Index.objects.filter(pk__in=self.indexes)

    def cast(self, rows: QuerySet[Row], index: str, project: str) -> QuerySet[Row]:
        """Those of ``rows`` that the actor administers; the two paths lead from a row to its index and project."""
        if self.everywhere:
            return rows
        caught = Q(net_index__in=self.indexes) if self.indexes else _NOWHERE
        if self.projects is not None:
            caught |= Q(net_project__in=self.projects)
        found: QuerySet[Any] = rows.alias(net_index=F(index) + 0, net_project=F(project) + 0).filter(caught)
        return found

    def parts(self, index: str, project: str, within: int | None = None) -> list[Q]:
        """Conditions that exclude each other and together say what the actor administers, in one index or in all.

        No condition means that nothing need be said.
        """
        if within is not None and (self.everywhere or within in self.indexes):
            return [Q(**{index: within})]
        if self.everywhere:
            return []
        found = [Q(**{f"{index}__in": self.indexes})] if self.indexes and within is None else []
        if self.projects is not None:
            projects = self.projects if within is None else self.projects.filter(index=within)
            found.append(Q(**{f"{project}__in": projects}))
        return found or [_NOWHERE]


def reach_of(actor: Actor) -> Reach:
    """Where ``actor`` administers; two small queries. The console is for sessions, so a token reaches nothing."""
    if actor.reads_everything:
        return Reach(everywhere=True)
    if actor.token is not None or actor.user_id is None:
        return Reach(everywhere=False)
    held = roles_of(actor, Verb.ADMINISTER)
    indexes = tuple(sorted(set(held.filter(project=None).values_list("index", flat=True))))
    single = held.filter(project__isnull=False).exclude(index__in=indexes)
    projects = Project.objects.filter(pk__in=single.values("project")).order_by() if single.exists() else None
    return Reach(everywhere=False, indexes=indexes, projects=projects)


def reach_for(request: HttpRequest) -> Reach:
    """The reach of the request's actor, asked once per request."""
    known: Reach | None = getattr(request, _REMEMBERED, None)
    if known is None:
        known = reach_of(actor_of(request))
        setattr(request, _REMEMBERED, known)
    return known


def parts_for(request: HttpRequest, index: str, project: str) -> list[Q]:
    """The parts for a list, which may be kept to one index by its filter."""
    name = request.GET.get("index", "")
    within = (
        Index.objects.filter(name=name).values_list("pk", flat=True).first() if name.isprintable() and name else None
    )
    return reach_for(request).parts(index, project, within)


def looks_after_something(actor: Actor) -> bool:
    """Whether ``actor`` administers some index or project."""
    return roles_of(actor, Verb.ADMINISTER).exists()


def administered_indexes(actor: Actor) -> QuerySet[Index]:
    """Indexes that ``actor`` administers as a whole."""
    return reach_of(actor).whole_indexes()


def administered_projects(actor: Actor) -> QuerySet[Project]:
    """Projects that ``actor`` administers, by a role on them or on their index."""
    return reach_of(actor).cast(Project.objects.all(), "index", "pk")


def places(actor: Actor) -> QuerySet[Index]:
    """Indexes in which ``actor`` administers at least something."""
    if actor.reads_everything:
        return Index.objects.all()
    return Index.objects.filter(pk__in=roles_of(actor, Verb.ADMINISTER).values("index"))
