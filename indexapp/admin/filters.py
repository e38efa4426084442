"""Filters by index and by project, over what the actor may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from indexapp.admin.rows import places
from indexapp.models import Project
from tpi_site.kit.admin import actor_of
from tpi_site.kit.admin.filters import WithinFilter

_MOST_CHOICES = 100


class IndexFilter(SimpleListFilter):
    """One index."""

    title, parameter_name = "index", "index"
    path = "index"

    def chosen(self) -> dict[str, int]:
        """The indexes in which the actor administers something, asked once per list."""
        if not hasattr(self, "_chosen"):
            found = places(actor_of(self.request)).order_by("name").values_list("name", "pk")[:_MOST_CHOICES]
            self._chosen = dict(found)
        return self._chosen

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the index; the condition is hidden from planners, because the list's parts say it for them."""
        found = self.chosen().get(self.value() or "")
        if found is None:
            return queryset
        kept: QuerySet[Any] = queryset.alias(chosen_index=F(self.path) + 0).filter(chosen_index=found)
        return kept

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The names of the indexes."""
        return [(name, name) for name in self.chosen()]

    def has_output(self) -> bool:
        """Even one index is worth naming only when there is a choice."""
        return len(self.lookup_choices) > 1 or self.value() is not None


class ReleaseIndexFilter(IndexFilter):
    """One index, for rows that know it through their project."""

    path = "project__index"


class ProjectFilter(WithinFilter):
    """One project, given as ``index/normalised-name``."""

    title, parameter_name = "project", "project"

    def condition(self, value: str) -> Q:
        """By the project's id: one small query, then an indexed column."""
        index, _, name = value.rpartition("/")
        found: Any = Project.objects.filter(index__name=index, normalized_name=name).values_list("pk", flat=True)
        return Q(project__in=list(found))


def project_value(project: Project) -> str:
    """What :class:`ProjectFilter` takes for ``project``."""
    return f"{project.index.name}/{project.normalized_name}"
