"""Which roles, reserved prefixes and changes an actor may see; projects, releases and files say so in their querysets."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.permissions import teams_visible_to
from indexapp.models import Change, Index, Project, ReservedPrefix, Role
from indexapp.models.querysets import roles_of


def roles_visible_to(actor: Actor) -> QuerySet[Role]:
    """All roles where the actor administers, and elsewhere the actor's own and those of their teams."""
    rows = Role.objects.all()
    if actor.may_administer_instance:
        return rows
    administered = Q(index__in=Index.objects.permitting(actor, Verb.ADMINISTER)) | Q(
        project__in=Project.objects.permitting(actor, Verb.ADMINISTER)
    )
    seen = Q(project=None, index__in=Index.objects.visible_to(actor)) | Q(project__in=Project.objects.visible_to(actor))
    own = Q(user=actor.user_id) | Q(team__memberships__user=actor.user_id)
    if actor.user_id is None:
        return rows.none()
    return rows.filter(pk__in=rows.filter(administered | (seen & own)).values("pk"))


def prefixes_visible_to(actor: Actor) -> QuerySet[ReservedPrefix]:
    """All reserved prefixes for administrators; for others those of their teams and of indexes that they administer."""
    rows = ReservedPrefix.objects.all()
    if actor.may_administer_instance:
        return rows
    administered = Index.objects.permitting(actor, Verb.ADMINISTER)
    return rows.filter(Q(team__in=teams_visible_to(actor)) | Q(index__in=administered))


def changes_visible_to(actor: Actor) -> QuerySet[Change]:
    """The changes of indexes that the actor reads as a whole, and of projects that they may read.

    Who reads a single project sees its changes since it was made, not those of an earlier one of the same name; what was
    deleted is for readers of the whole index.
    """
    rows = Change.objects.all()
    project = Project.objects.visible_to(actor).filter(
        index_id=OuterRef("index_id"), normalized_name=OuterRef("project"), created_at__lte=OuterRef("at")
    )
    whole = Q(index_id__in=_read_as_a_whole(actor).values("pk"))
    scope = actor.token
    if scope is not None and scope.projects:
        whole &= Q(project__in=scope.projects)
    return rows.filter(whole | Exists(project))


def _read_as_a_whole(actor: Actor) -> QuerySet[Index]:
    rows = Index.objects.visible_to(actor)
    if actor.is_superuser:
        return rows
    everywhere = roles_of(actor, Verb.READ).filter(project=None)
    return rows.filter(Q(anonymous_read=True) | Q(pk__in=everywhere.values("index")))
