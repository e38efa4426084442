"""What an actor looks after, as conditions that databases answer from their indexes.

Who administers an index administers what is in it; others administer single projects.  The two kinds are kept apart:
``index is mine OR project is mine`` makes SQLite collect and sort every matching row, while two ordered lists are merged
without reading more than a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp.models import Index, Project
from indexapp.models.querysets import roles_of


@dataclass(frozen=True)
class Reach:
    """Where an actor administers: everywhere, or whole ``indexes`` (ids) and single ``projects`` outside them."""

    everywhere: bool
    indexes: tuple[int, ...] = ()
    projects: Any = None

    def parts(self, index: str, project: str) -> list[Q]:
        """Conditions that exclude each other, on rows that reach their index and project by these paths."""
        found = [Q(**{f"{index}__in": self.indexes})] if self.indexes else []
        if self.projects is not None:
            found.append(Q(**{f"{project}__in": self.projects}))
        return found

    def condition(self, index: str, project: str) -> Q:
        """Both together; nothing where the actor administers nothing."""
        if self.everywhere:
            return Q()
        parts = self.parts(index, project)
        return reduce(or_, parts) if parts else Q(pk__in=[])


def reach_of(actor: Actor) -> Reach:
    """Where ``actor`` administers; two small queries. The console is for sessions, so a token reaches nothing."""
    if actor.may_administer_instance:
        return Reach(everywhere=True)
    if actor.token is not None or actor.user_id is None:
        return Reach(everywhere=False)
    held = roles_of(actor, Verb.ADMINISTER)
    indexes = tuple(sorted(set(held.filter(project=None).values_list("index", flat=True))))
    single = held.filter(project__isnull=False).exclude(index__in=indexes)
    return Reach(everywhere=False, indexes=indexes, projects=single.values("project") if single.exists() else None)


def looks_after_something(actor: Actor) -> bool:
    """Whether ``actor`` administers some index or project."""
    return roles_of(actor, Verb.ADMINISTER).exists()


def administered_indexes(actor: Actor) -> QuerySet[Index]:
    """Indexes that ``actor`` administers as a whole."""
    reach = reach_of(actor)
    return Index.objects.all() if reach.everywhere else Index.objects.filter(pk__in=reach.indexes)


def administered_projects(actor: Actor) -> QuerySet[Project]:
    """Projects that ``actor`` administers, by a role on them or on their index."""
    return Project.objects.filter(reach_of(actor).condition("index", "pk"))


def places(actor: Actor) -> QuerySet[Index]:
    """Indexes in which ``actor`` administers at least something."""
    if actor.may_administer_instance:
        return Index.objects.all()
    return Index.objects.filter(pk__in=roles_of(actor, Verb.ADMINISTER).values("index"))
