"""What an actor looks after, for screens whose rows belong to indexes and projects by other ways than a path."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp.models import Index, Project
from indexapp.models.querysets import roles_of


def administered_indexes(actor: Actor) -> QuerySet[Index]:
    """Indexes that ``actor`` administers as a whole."""
    return Index.objects.permitting(actor, Verb.ADMINISTER)


def administered_projects(actor: Actor) -> QuerySet[Project]:
    """Projects that ``actor`` administers, by a role on them or on their index."""
    return Project.objects.permitting(actor, Verb.ADMINISTER)


def places(actor: Actor) -> QuerySet[Index]:
    """Indexes in which ``actor`` administers at least something."""
    if actor.may_administer_instance:
        return Index.objects.all()
    return Index.objects.filter(pk__in=roles_of(actor, Verb.ADMINISTER).values("index"))


def belongs_to_administered(actor: Actor) -> Q:
    """The condition on a row with ``index`` and, where it is about one project alone, ``project``."""
    if actor.may_administer_instance:
        return Q()
    held = roles_of(actor, Verb.ADMINISTER)
    by_index = Q(index__in=held.filter(project=None).values("index"))
    return by_index | Q(project__in=held.exclude(project=None).values("project"))


def looks_after_something(actor: Actor) -> bool:
    """Whether ``actor`` administers some index or project."""
    return roles_of(actor, Verb.ADMINISTER).exists()
