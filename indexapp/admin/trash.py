"""The trash: what was deleted, had back, or purged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import lazy
from django.utils.safestring import SafeString

from indexapp.admin.filters import IndexFilter
from indexapp.models import Change, Trashed
from indexapp.services.trash import purging, restoring, rights
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, TypedName, actor_of, marks
from tpi_site.kit.admin.filters import choice_filter


def _fate(what: str, rest: str) -> str:
    days = settings.TPI_TRASH_DAYS
    where = f"into the trash, from which it can be restored for {days} days" if days else "for good"
    return f"{what} {where}, and builds that install it break. {rest}"


fate: Any = lazy(_fate, str)
"""What a deletion says before it is done, as the installation's settings have it."""


@admin.register(Trashed)
class TrashScreen(ReadOnlyScreen):
    """What was deleted where the actor may delete, the latest first."""

    section, place, area = "Publishing", 45, "indexapp"
    empty_text = "The trash is empty. What is deleted lies here for some days before it goes for good."
    list_display = ("name", "kind", "project_name", "index", "bytes", "time", "deleted_by", "end")
    list_filter = (IndexFilter, choice_filter("kind", "kind", "kind", Trashed.Kind.choices))
    list_select_related = ("index",)
    list_defer = ("project_row",)
    search_fields = ("=normalized_name", "=filename")
    search_help_text = "A whole name of a project, as it is normalised, or of a file."
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "kind", "index", "project_name", "version", "filename")}),
        ("Content", {"fields": ("files_count", "bytes")}),
        ("Roles", {"fields": ("holders",)}),
        ("Deletion", {"fields": ("time", "deleted_by", "end")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="restore",
            label="Restore",
            done="restored",
            question="It comes back as it was, with its files, and a project with its roles; installers get it again at once.",
            perform=lambda actor, row, _: restoring.restore(actor=actor, entry=row),
            removes=True,
            needs_fresh_sign_in=False,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Purge now",
        done="purged",
        question=(
            "It goes for good and can only be had back from a backup. The names of its files stay refused; a project's name is "
            "free for others."
        ),
        perform=lambda actor, row, given: purging.purge(actor=actor, entry=row, typed=given["typed"]),
        form=TypedName,
        is_dangerous=True,
        is_bulk=False,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Trashed]:
        """What the actor may have back."""
        return rights.entries_for(actor_of(request))

    def history_url(self, row: Trashed) -> str:
        """What happened to its project."""
        return marks.list_url(Change, project=f"{row.index.name}/{row.normalized_name}")

    @admin.display(description="What")
    def name(self, row: Trashed) -> str:
        """The name of what was deleted."""
        return str(row)

    @admin.display(description="Come back with it")
    def holders(self, row: Trashed) -> str:
        """Whose roles a project brings back."""
        return ", ".join(rights.holders(row)) or "none"

    @admin.display(description="Size")
    def bytes(self, row: Trashed) -> SafeString | str:
        """What it still counts for."""
        return marks.size(row.size)

    @admin.display(description="Deleted")
    def time(self, row: Trashed) -> SafeString | str:
        """When it was deleted."""
        return marks.when(row.deleted_at)

    @admin.display(description="Kept until")
    def end(self, row: Trashed) -> SafeString | str:
        """When it goes for good."""
        return marks.when(row.deleted_at + timedelta(days=settings.TPI_TRASH_DAYS))
