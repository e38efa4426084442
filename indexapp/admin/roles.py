"""Who may do what where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.rights import RightsField, rights_marks
from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, from_mask
from accounts.models import AuditEntry, Team, User
from indexapp.admin.filters import IndexFilter, ProjectFilter
from indexapp.admin.rows import administered_indexes, administered_projects, parts_for, places, reach_for
from indexapp.domain import names
from indexapp.models import Index, Project, Role
from indexapp.services import role_holders, roles
from tpi_site.kit.admin import ConfirmedAction, Screen, marks
from tpi_site.kit.admin.refusals import RefusableForm
from tpi_site.kit.errors import Refusal

_NAME = forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"})
_HELP = "To see is part of every right, and to administer includes all."


class RoleForm(RefusableForm):
    """The verbs of an existing role."""

    rights = RightsField(help_text=_HELP)

    class Meta:
        model = Role
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["rights"] = from_mask(self.instance.verbs)


class NewRoleForm(RefusableForm):
    """Verbs for somebody on an index or on one project of it."""

    index = forms.ModelChoiceField(Index.objects.none(), empty_label="Choose an index")
    project = forms.CharField(
        required=False,
        max_length=128,
        help_text="A project's name, for a role on that project alone. Empty: the whole index, with what will come.",
    )
    user = forms.CharField(required=False, max_length=150, widget=_NAME)
    team = forms.CharField(required=False, max_length=64, widget=_NAME, help_text="Name either a user or a team.")
    rights = RightsField(initial=frozenset({Verb.READ}), help_text=_HELP)

    class Meta:
        model = Role
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        own = places(self.actor).order_by("name")
        self.fields["index"].queryset = own  # type: ignore[attr-defined]  # a choice of rows
        self._preset(own)

    def _preset(self, own: QuerySet[Index]) -> None:
        """Where there is one index to choose it is chosen; who administers no whole index names a project."""
        choices = list(own[:2])
        if len(choices) == 1:
            self.initial.setdefault("index", choices[0].pk)
        if not administered_indexes(self.actor).exists():
            self.fields["project"].required = True
            self.fields["project"].help_text = "The name of the project that you administer; the role is on it alone."

    def clean(self) -> dict[str, Any] | None:
        """One holder, who is looked for when all else is right; a project that the actor administers."""
        values = super().clean() or {}
        if not self.errors and bool(values.get("user")) == bool(values.get("team")):
            self.add_error(None, "Name either a user or a team, and only one of them.")
        name, index = values.get("project", ""), values.get("index")
        values["project"] = self._project(index, name) if name and index else None
        if index and not name and not administered_indexes(self.actor).filter(pk=index.pk).exists():
            self._ask_for_project(index)
        holder = None if self.errors or index is None else self._holder(index, values)
        values["user"] = holder if isinstance(holder, User) else None
        values["team"] = holder if isinstance(holder, Team) else None
        return values

    def _ask_for_project(self, index: Index) -> None:
        if "project" not in self.errors:
            self.add_error("project", f"Name a project: you do not administer the whole index '{index.name}'.")

    def _holder(self, index: Index, values: Mapping[str, Any]) -> User | Team | None:
        """An error of the form and no refusal, so that what is written of the attempt stays."""
        field = "user" if values.get("user") else "team"
        try:
            return role_holders.named(
                actor=self.actor, index=index, project=values["project"], **{field: values[field]}
            )
        except Refusal as refusal:
            self.add_error(field, refusal.detail)
            return None

    def _project(self, index: Index, name: str) -> Project | None:
        normalized = names.normalize_name(name)
        found: Project | None = (
            administered_projects(self.actor).filter(index=index, normalized_name=normalized).first()
        )
        if found is None:
            self.add_error("project", f"There is no project '{name}' of yours in the index '{index.name}'.")
        return found


@admin.register(Role)
class RoleScreen(Screen):
    """Roles on what the actor administers."""

    section, place, area = "People and rights", 40, "indexapp"
    empty_text = "Nobody has a role yet, so only administrators see anything that is not open to everybody. Grant one."
    list_display = ("holder", "where", "rights_held", "since")
    list_filter = (IndexFilter, ProjectFilter)
    list_select_related = ("index", "project", "user", "team")
    search_fields = ("user__username", "team__name")
    search_help_text = "Part of a user's or team's name."
    ordering = ("-pk",)
    form, add_form = RoleForm, NewRoleForm
    fieldsets = ((None, {"fields": ("holder", "where", "since")}), ("Rights", {"fields": ("rights",)}))
    add_fieldsets = (
        ("Where", {"fields": ("index", "project")}),
        ("Who", {"fields": ("user", "team")}),
        ("Rights", {"fields": ("rights",)}),
    )
    readonly_fields = ("holder", "where", "since")
    deletion = ConfirmedAction(
        name="delete",
        label="Take away",
        done="taken away",
        question="It ends at once, for tokens too. Rights from other roles and teams stay.",
        perform=lambda actor, role, _: roles.revoke(actor=actor, role=role),
        is_dangerous=True,
        removes=True,
        needs_fresh_sign_in=False,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Role]:
        """Roles on indexes and projects administered."""
        found = Role.objects.select_related("index", "project", "user", "team")
        return reach_for(request).cast(found, "index", "project")

    def parts(self, request: HttpRequest) -> list[Q]:
        """Those of whole indexes, and those of single projects."""
        return parts_for(request, "index", "project")

    def may_add(self, request: HttpRequest) -> bool:
        """Who administers an index or a project."""
        return reach_for(request).has_some

    def may_change(self, request: HttpRequest) -> bool:
        """Everybody, on what they administer."""
        return True

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Role:
        """Grant the verbs."""
        return roles.grant(
            actor=actor,
            index=given["index"],
            project=given["project"],
            holder=given["user"] or given["team"],
            verbs=given["rights"],
        )

    def change_row(self, actor: Actor, row: Role, given: Mapping[str, Any]) -> None:
        """Grant other verbs in the place of the old ones."""
        holder = row.user or row.team
        if holder is not None:
            roles.grant(actor=actor, index=row.index, project=row.project, holder=holder, verbs=given["rights"])

    def history_url(self, row: Role) -> str:
        """What was done to the role."""
        return marks.list_url(AuditEntry, object_type="role", object_name=row)

    def related(self, request: HttpRequest, row: Role) -> list[tuple[str, str]]:
        """What the role is on."""
        return [("Project", marks.page_url(row.project))] if row.project else [("Index", marks.page_url(row.index))]

    @admin.display(description="Who")
    def holder(self, row: Role) -> SafeString:
        """A user or a team."""
        kind = marks.badge("user") if row.user else marks.badge("team", "second")
        return marks.joined(str(row.user or row.team), kind)

    @admin.display(description="On")
    def where(self, row: Role) -> str:
        """The index, or the project in it."""
        return f"{row.index.name} / {row.project.name}" if row.project else row.index.name

    @admin.display(description="Rights")
    def rights_held(self, row: Role) -> SafeString:
        """The verbs."""
        return rights_marks(from_mask(row.verbs))

    @admin.display(description="Since")
    def since(self, row: Role) -> SafeString | str:
        """When it was first granted."""
        return marks.when(row.created_at)
