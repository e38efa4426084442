"""What a person decides between ours and an upstream's: names that are merged, and files with other bytes there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from indexapp.admin.rows import reach_for
from indexapp.admin.upstream_forms import NewMergeForm
from indexapp.models import Merge, MirroredFile
from indexapp.services.mirrors import conflicts, merges
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, Screen, actor_of, marks


@admin.register(Merge)
class MergeScreen(Screen):
    """Names of ours that groups take from their mirrors too; security officers say so."""

    section, place, area = "Publishing", 63, "indexapp"
    menu_name, add_label = "merged names", "Merge a name"
    empty_text = "No name is merged: what is ours is never taken from an upstream."
    list_display = ("normalized_name", "group", "state", "created_by", "since")
    list_select_related = ("group",)
    search_fields = ("normalized_name", "group__name")
    ordering = ("-pk",)
    form = add_form = NewMergeForm
    fieldsets = (
        (None, {"fields": ("normalized_name", "group", "state", "why")}),
        ("Who", {"fields": ("created_by", "since", "revoked_by", "until")}),
    )
    add_fieldsets = ((None, {"fields": ("group", "name", "reason")}),)
    deletion = ConfirmedAction(
        name="delete",
        label="Revoke",
        done="revoked",
        question="The name is ours alone again: the group offers no file of the upstream under it any more.",
        perform=lambda actor, row, _: merges.revoke(actor=actor, merge=row),
        permission="secure",
        offered=lambda actor, row: row.revoked_at is None and actor.may_secure,
        is_dangerous=True,
        is_bulk=False,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Merge]:
        """Of groups that the actor administers; officers see all."""
        return merges.visible_to(actor_of(request)).select_related("group")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Security officers, who else only look."""
        return self.has_view_permission(request) and bool(actor_of(request).may_secure)

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Merge:
        """Merge the name."""
        return merges.create(actor=actor, group=given["group"], name=given["name"], reason=given["reason"])

    def history_url(self, row: Merge) -> str:
        """What was done to it."""
        return marks.list_url(AuditEntry, object_type="merge", object_name=row.normalized_name)

    @admin.display(description="State")
    def state(self, row: Merge) -> SafeString:
        """Whether it holds."""
        return marks.badge("merged", "warn") if row.revoked_at is None else marks.badge("revoked")

    @admin.display(description="Reason")
    def why(self, row: Merge) -> str:
        """Why it was merged."""
        return row.reason

    @admin.display(description="Since")
    def since(self, row: Merge) -> SafeString | str:
        """When it was merged."""
        return marks.when(row.created_at)

    @admin.display(description="Until")
    def until(self, row: Merge) -> SafeString | str:
        """When it was revoked."""
        return marks.when(row.revoked_at)


@admin.register(MirroredFile)
class ConflictScreen(ReadOnlyScreen):
    """Files under whose name the upstream has other bytes than we have."""

    section, place, area = "Publishing", 64, "indexapp"
    menu_name = "conflicts with upstreams"
    empty_text = "No upstream has other bytes under a name that we know."
    list_display = ("filename", "index", "state", "since")
    list_select_related = ("file__index",)
    search_fields = ("file__filename",)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("filename", "index", "state", "since", "said")}),
        ("Ours", {"fields": ("sha256", "url")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="keep-ours",
            label="Keep ours",
            done="kept as ours",
            question="Our bytes stay what the name stands for. It is told again when the upstream changes them once more.",
            perform=lambda actor, row, _: conflicts.keep_ours(actor=actor, file=row.file),
            permission="secure",
            offered=lambda _, row: row.conflict_at is not None,
        ),
        ConfirmedAction(
            name="take-theirs",
            label="Take the upstream's",
            done="dropped; the upstream's bytes take its place",
            question=(
                "Our bytes are dropped. Who has their digest in a lock file cannot install them from here any more. A changed "
                "file under an old name is how a stolen account is often noticed: make sure that this was meant."
            ),
            perform=lambda actor, row, _: conflicts.take_theirs(actor=actor, file=row.file),
            permission="secure",
            offered=lambda actor, _: actor.may_secure,
            is_dangerous=True,
            is_bulk=False,
            removes=True,
        ),
    )

    def rows(self, request: HttpRequest) -> QuerySet[MirroredFile]:
        """Those of indexes that the actor administers as a whole."""
        found = MirroredFile.objects.exclude(conflict="").select_related(
            "file__index", "file__project", "file__release"
        )
        reach = reach_for(request)
        return found if reach.everywhere else found.filter(file__index__in=reach.indexes)

    def history_url(self, row: MirroredFile) -> str:
        """What was decided."""
        return marks.list_url(AuditEntry, object_type="file", object_name=row.file.filename)

    def related(self, request: HttpRequest, row: MirroredFile) -> list[tuple[str, str]]:
        """The file and its project."""
        return [("File", marks.page_url(row.file)), ("Project", marks.page_url(row.file.project))]

    @admin.display(description="File")
    def filename(self, row: MirroredFile) -> str:
        """Its name."""
        return row.file.filename

    @admin.display(description="Mirror")
    def index(self, row: MirroredFile) -> str:
        """The index's name."""
        return row.file.index.name

    @admin.display(description="State")
    def state(self, row: MirroredFile) -> SafeString:
        """Whether somebody has decided."""
        return marks.badge("undecided", "bad") if row.conflict_at else marks.badge("ours is kept", "good")

    @admin.display(description="Since")
    def since(self, row: MirroredFile) -> SafeString | str:
        """When it was noticed."""
        return marks.when(row.conflict_at)

    @admin.display(description="What the upstream says")
    def said(self, row: MirroredFile) -> str:
        """Its digests."""
        return row.conflict

    @admin.display(description="SHA-256")
    def sha256(self, row: MirroredFile) -> SafeString | str:
        """Of our bytes."""
        return marks.mono(row.file.sha256)
