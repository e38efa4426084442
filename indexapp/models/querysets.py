"""Row permissions as queryset methods: code that shows or changes rows for somebody gets them through these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from accounts.domain.actors import Actor, Method
from accounts.domain.verbs import Verb
from accounts.models.placing import teams_of

if TYPE_CHECKING:
    from indexapp.models.indexes import Index
    from indexapp.models.projects import File, Project, Release
    from indexapp.models.roles import Role

_Row = TypeVar("_Row", bound=Model)


def roles_of(actor: Actor, verb: Verb) -> RoleQuerySet:
    """The roles, the actor's own and those of their teams, that hold ``verb``."""
    from indexapp.models.roles import Role

    return Role.objects.held_by(actor).annotate_verb(verb)


class GuardedQuerySet(QuerySet[_Row]):
    """Rows that belong to an index and perhaps to a project of it; the two paths say where."""

    index_path = "index"
    project_path = "project"

    def visible_to(self, actor: Actor) -> Self:
        """The rows that ``actor`` may read; with a password nothing that lies in an index which takes tokens only."""
        rows = self.permitting(actor, Verb.READ)
        if actor.method is Method.PASSWORD and self.project_path:
            return rows.filter(**{self._path("allow_passwords"): True})
        return rows

    def permitting(self, actor: Actor, verb: Verb) -> Self:
        """The rows on which ``actor`` holds ``verb``, as far as the credential in use lets it through."""
        rows = self._within_token(actor, verb)
        if verb in actor.verbs_everywhere:
            return rows
        if actor.changes_nothing and verb is not Verb.READ:
            return rows.none()
        held = roles_of(actor, verb)
        allowed = Q(**{f"{self.index_path}__in": held.filter(project=None).values("index")})
        if self.project_path:
            allowed |= Q(**{f"{self.project_path}__in": held.exclude(project=None).values("project")})
        else:
            allowed |= Q(pk__in=held.values("index")) if verb is Verb.READ else Q()
        if verb is Verb.READ:
            allowed |= Q(**{f"{self._path('anonymous_read')}": True})
        return rows.filter(allowed)

    def _path(self, field: str) -> str:
        return field if self.index_path == "pk" else f"{self.index_path}__{field}"

    def _within_token(self, actor: Actor, verb: Verb) -> Self:
        scope = actor.token
        if scope is None:
            return self.all()
        if verb not in scope.verbs:
            return self.none()
        rows = self.filter(**{f"{self._path('name')}__in": scope.indexes}) if scope.indexes else self.all()
        if scope.projects and self.project_path:
            name = "normalized_name" if self.project_path == "pk" else f"{self.project_path}__normalized_name"
            rows = rows.filter(**{f"{name}__in": scope.projects})
        elif scope.projects and verb is not Verb.READ:
            rows = rows.none()
        return rows


class IndexQuerySet(GuardedQuerySet["Index"]):
    """Indexes; one is visible when anything in it is."""

    index_path = "pk"
    project_path = ""


class ProjectQuerySet(GuardedQuerySet["Project"]):
    """Projects."""

    project_path = "pk"


class ReleaseQuerySet(GuardedQuerySet["Release"]):
    """Releases."""

    index_path = "project__index"

    def visible_to(self, actor: Actor) -> Self:
        """As everywhere, without those that an upstream has taken back."""
        return super().visible_to(actor).shown()

    def shown(self) -> Self:
        """Without those of which all files are hidden; one that has no files at all stays."""
        from indexapp.models.projects import File

        files = File.objects.filter(release=OuterRef("pk")).order_by()
        return self.filter(~Exists(files.filter(is_hidden=True)) | Exists(files.filter(is_hidden=False)))


class FileQuerySet(GuardedQuerySet["File"]):
    """Files."""

    def visible_to(self, actor: Actor) -> Self:
        """As everywhere, without those that an upstream has taken back."""
        return super().visible_to(actor).shown()

    def shown(self) -> Self:
        """Without those that an upstream has taken back."""
        return self.filter(is_hidden=False)


class RoleQuerySet(QuerySet["Role"]):
    """Roles by who holds what."""

    def held_by(self, actor: Actor, **where: Any) -> Self:
        """The roles that the actor, and the teams they are in or below, hold; ``where`` says on what.

        The actor's own and the teams' are found by one index each, which no planner does for 'user or team', and in each
        of the two ``where`` narrows from the start: what others hold costs nothing.
        """
        if actor.user_id is None:
            return self.none()
        still_in = Q(through=None) | Q(through_id__in=teams_of(actor.user_id))
        own = self.model._default_manager.filter(still_in, user_id=actor.user_id, **where)
        teams = self.model._default_manager.filter(team_id__in=teams_of(actor.user_id), **where)
        return self.filter(pk__in=own.order_by().values("pk").union(teams.order_by().values("pk"), all=True))

    def annotate_verb(self, verb: Verb) -> Self:
        """The roles whose mask includes ``verb``."""
        return self.annotate(held=F("verbs").bitand(verb.bit)).filter(held__gt=0)
