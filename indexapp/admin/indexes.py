"""Indexes: settings, the composition of groups, the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from indexapp.admin.index_forms import GroupForm, IndexForm, NewIndexForm
from indexapp.admin.rows import reach_for
from indexapp.models import Change, File, Index, Project, Quota, Role, Trashed
from indexapp.services import indexes
from tpi_site.kit.admin import ConfirmedAction, Screen, TypedName, actor_of, marks
from tpi_site.kit.admin.filters import choice_filter

_KIND_TONES = {Index.Kind.GROUP: "second", Index.Kind.MIRROR: "accent"}
_ACCESS: Any = (
    "Who may read and publish",
    {
        "fields": ("anonymous_read", "allow_passwords", "project_creation"),
        "description": "Single people and teams get their rights by roles.",
    },
)
_RULES: Any = (
    "What may be published",
    {"fields": ("profile", "max_file_size", "max_project_size", "closing_window_days", "allowed_platforms")},
)


@admin.register(Index)
class IndexScreen(Screen):
    """Indexes that the actor administers."""

    section, place, area = "Publishing", 10, "indexapp"
    empty_text = "You administer no index as a whole. Your projects are under Projects."
    list_display = ("name", "title", "type", "standing", "access", "profile", "since")
    list_filter = (choice_filter("kind", "kind", "kind", Index.Kind.choices),)
    search_fields = ("name", "title")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "type", "standing", "since", "title")}),
        _ACCESS,
        _RULES,
    )
    group_fieldsets = (
        (None, {"fields": ("name", "type", "standing", "since", "title")}),
        ("Members", {"fields": ("members",)}),
        _ACCESS,
    )
    add_fieldsets = (
        (None, {"fields": ("name", "kind", "title")}),
        ("Upstream of a mirror", {"fields": ("upstream_url",), "description": "Only for an index of the kind mirror."}),
        ("Members of a group", {"fields": ("members",), "description": "Only for an index of the kind group."}),
        _ACCESS,
        _RULES,
    )
    readonly_fields = ("name", "type", "standing", "since")
    confirmed_actions = (
        ConfirmedAction(
            name="make-default",
            label="Make default",
            done="made the default index",
            question="The addresses /simple/ and /legacy/ then serve this index, to every client that is set up for them.",
            perform=lambda actor, index, _: indexes.make_default(actor=actor, index=index),
            permission="instance",
            offered=lambda _, index: not index.is_default,
            is_bulk=False,
            needs_fresh_sign_in=True,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question=(
            "Only an index that is in no group can be deleted, and only an empty one, or a mirror with what it has from its "
            "upstream. Its roles and reserved prefixes go with it."
        ),
        perform=lambda actor, index, given: indexes.delete(actor=actor, index=index, typed=given["typed"]),
        permission="instance",
        form=TypedName,
        is_dangerous=True,
        is_bulk=False,
        removes=True,
        needs_fresh_sign_in=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Index]:
        """Indexes administered as a whole; operators see all, for their settings."""
        return Index.objects.all() if actor_of(request).may_operate else reach_for(request).whole_indexes()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """In the menu of operators too."""
        return super().has_module_permission(request) or bool(actor_of(request).may_operate)

    def may_add(self, request: HttpRequest) -> bool:
        """Administrators of the instance."""
        return bool(actor_of(request).may_administer_instance)

    def may_change(self, request: HttpRequest) -> bool:
        """Everybody, of the indexes they see."""
        return True

    def form_for(self, request: HttpRequest, row: Any) -> type[IndexForm]:
        """A group has members."""
        if row is None:
            return NewIndexForm
        return GroupForm if row.kind == Index.Kind.GROUP else IndexForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """As :meth:`form_for`."""
        if obj is not None and obj.kind == Index.Kind.GROUP:
            return self.group_fieldsets
        return super().get_fieldsets(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new index starts as the installation's settings say."""
        return {"anonymous_read": settings.TPI_ANONYMOUS_READ, **super().get_changeform_initial_data(request)}

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Index:
        """Create the index."""
        values = dict(given)
        if url := values.pop("upstream_url", ""):
            values["upstream"] = {"url": url}
        return indexes.create(actor=actor, **values)

    def change_row(self, actor: Actor, row: Index, given: Mapping[str, Any]) -> None:
        """Change settings, or a group's members."""
        indexes.change(actor=actor, index=row, **given)

    def history_url(self, row: Index) -> str:
        """What happened in the index."""
        return marks.list_url(Change, index=row.name)

    def related(self, request: HttpRequest, row: Index) -> list[tuple[str, str]]:
        """What is in the index, and who may use it."""
        return [
            ("Public page", reverse("browse:index", args=[row.name])),
            ("Projects", marks.list_url(Project, index=row.name)),
            ("Files", marks.list_url(File, index=row.name)),
            ("Roles", marks.list_url(Role, index=row.name)),
            ("Trash", marks.list_url(Trashed, index=row.name)),
            *([("Upstream", marks.page_url(row.upstream))] if hasattr(row, "upstream") else []),
            *[("Quota", marks.page_url(quota)) for quota in Quota.objects.filter(index=row)],
        ]

    @admin.display(description="Kind")
    def type(self, row: Index) -> SafeString:
        """The kind as a word."""
        return marks.badge(row.kind, _KIND_TONES.get(Index.Kind(row.kind), ""))

    @admin.display(description="Serves /simple/")
    def standing(self, row: Index) -> SafeString | str:
        """Whether it is the default index."""
        return marks.badge("default", "accent") if row.is_default else marks.NOTHING

    @admin.display(description="Read by")
    def access(self, row: Index) -> SafeString:
        """Who may read without a role."""
        return marks.badge("everybody", "warn") if row.anonymous_read else marks.badge("roles", "good")

    @admin.display(description="Since")
    def since(self, row: Index) -> SafeString | str:
        """When it was made."""
        return marks.when(row.created_at)
