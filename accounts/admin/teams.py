"""Teams with their members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from accounts.admin.members import MAPPINGS, groups_of, is_fixed, member_field, put_person
from accounts.admin.rows import managed_teams, shown_teams
from accounts.domain.actors import Actor
from accounts.models import AuditEntry, GroupMapping, Membership, ServiceAccount, Team
from accounts.services import teams
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.fields import NamedField
from tpi_site.kit.admin.refusals import ModelForm, RefusableForm

if TYPE_CHECKING:
    TabularInline = admin.TabularInline[Membership, Team]
    BaseInlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    TabularInline = admin.TabularInline
    BaseInlineFormSet = forms.BaseInlineFormSet

MOST_INLINE = 100
"""Members shown on the team's own page; larger teams are looked after in the list of members."""


class ParentedForm(RefusableForm):
    """A form of a team that may stand below another one that the actor manages too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        present = self.instance.parent if self.instance.pk else None
        self.initial["parent"] = present
        if "parent" in self.fields:
            own = Q(pk__in=managed_teams(self.actor)) | Q(pk=present.pk if present else None)
            self.fields["parent"].queryset = Team.objects.filter(own)  # type: ignore[attr-defined]  # our NamedField


def parent_field() -> NamedField:
    """A field that takes the name of the next team above."""
    return NamedField(
        Team.objects.all(),
        name_field="name",
        what="team of yours",
        label="Below",
        required=False,
        help_text="The team that this one is part of: who is in this one holds what roles give to that one too.",
    )


class NewTeamForm(ParentedForm):
    """A new team; who is no administrator of the instance makes it below a team of theirs."""

    parent = parent_field()

    class Meta:
        model = Team
        fields = ("name", "title", "description", "parent")
        help_texts = {
            "name": "Lower-case letters, digits and hyphens; it cannot be changed later.",
            "title": "What people call the team.",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.actor.may_administer_instance:
            self.fields["parent"].required = True
            choices = list(managed_teams(self.actor).order_by("name")[:2])
            self.initial["parent"] = choices[0] if len(choices) == 1 else None


class TeamForm(ParentedForm):
    """What can be changed about a team."""

    parent = parent_field()

    class Meta:
        model = Team
        fields = ("title", "description", "parent")
        help_texts = {"title": "What people call the team."}
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}


class MembershipForm(ModelForm):
    """One member; to put another person in the place, delete the row and add one."""

    actor: ClassVar[Any] = None
    user = member_field()

    class Meta:
        model = Membership
        fields = ("user", "role")
        labels = {"role": "Place"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, label in (("user", "User"), ("role", "Place")):
            if name in self.fields:  # who only looks has none
                self.fields[name].widget.attrs["aria-label"] = label
        if self.instance.pk:
            self.fields.pop("user", None)
        if self.instance.pk and is_fixed(self.instance):
            self.fields.pop("role", None)

    def clean(self) -> dict[str, Any] | None:
        """A new member is looked for when all else in the row is right."""
        values = super().clean() or {}
        if "user" in self.fields:
            put_person(self, values, self.actor, self.instance.team if self.instance.team_id else Team())
        return values


class MembersFormSet(BaseInlineFormSet):
    """The rows of the table; those of a directory are only shown, since its next sync would undo what is done to them."""

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        """No box to take out who is there by a directory's group, nor for the team's own service accounts."""
        super().add_fields(form, index)
        membership = getattr(form, "instance", None)
        if isinstance(membership, Membership) and membership.pk and is_fixed(membership):
            form.fields.pop("DELETE", None)
            membership.groups = groups_of(membership)  # type: ignore[attr-defined]  # for the template

    def validate_unique(self) -> None:
        """Nothing: to name somebody who is in the team already is to change their place."""


class MembersInline(TabularInline):
    """The members of a team that is not too large for one page."""

    model = Membership
    form = MembershipForm
    formset = MembersFormSet
    template = "admin/parts/members.html"
    extra = 3
    verbose_name_plural = "members"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """The members with their accounts."""
        rows = Membership.objects.select_related("user", "team", "directory").prefetch_related(MAPPINGS)
        return rows.order_by("user__username", "pk")

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        """Forms that know who fills them in."""
        formset: Any = super().get_formset(request, obj, **options)
        formset.form.actor = actor_of(request)
        return formset

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who sees the team sees its members."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change the team may take members in; the service asks again."""
        return obj is None or teams.may_manage(actor_of(request), obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As :meth:`has_add_permission`."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As :meth:`has_add_permission`."""
        return self.has_add_permission(request, obj)


@admin.register(Team)
class TeamScreen(Screen):
    """Teams: administrators see all, others those that they are admins or maintainers of, and those below."""

    section, place, area = "People and rights", 20, "accounts"
    empty_text = "There is no team that you look after. A team holds roles for several people together."
    list_display = ("name", "title", "parent", "size", "since")
    list_select_related = ("parent",)
    search_fields = ("name", "title")
    ordering = ("name",)
    form, add_form = TeamForm, NewTeamForm
    fieldsets = ((None, {"fields": ("name", "title", "description", "parent", "since")}),)
    add_fieldsets = ((None, {"fields": ("name", "title", "description", "parent")}),)
    readonly_fields = ("name", "since")
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question=(
            "Memberships, roles, reserved prefixes and mapped groups of the team go with it; its members keep their "
            "accounts. A team that has service accounts, or teams below it, is not deleted: delete or move those first."
        ),
        perform=lambda actor, team, _: teams.delete(actor=actor, team=team),
        permission="instance",
        is_dangerous=True,
        is_bulk=False,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Team]:
        """The teams that the actor looks after."""
        return shown_teams(actor_of(request))

    def may_add(self, request: HttpRequest) -> bool:
        """Administrators, and below a team its admins."""
        return managed_teams(actor_of(request)).exists() or bool(actor_of(request).may_administer_instance)

    def may_change(self, request: HttpRequest) -> bool:
        """A team's admins; its maintainers look."""
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As :meth:`may_change`."""
        return super().has_change_permission(request, obj) and (obj is None or teams.may_manage(actor_of(request), obj))

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Team:
        """Create the team."""
        return teams.create(actor=actor, **given)

    def change_row(self, actor: Actor, row: Team, given: Mapping[str, Any]) -> None:
        """Change title or description."""
        teams.change(actor=actor, team=row, **given)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Members, where they fit on a page."""
        if obj is not None and len(obj.memberships.order_by().values_list("pk")[: MOST_INLINE + 1]) > MOST_INLINE:
            return []
        return [MembersInline]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Hand each changed row to the service."""
        actor, team = actor_of(request), form.instance
        formset.save(commit=False)
        for gone in formset.deleted_objects:
            teams.remove_member(actor=actor, team=team, user=gone.user)
        for membership in [*formset.new_objects, *(row for row, _ in formset.changed_objects)]:
            teams.set_member(actor=actor, team=team, user=membership.user, role=membership.role)

    def enrich(self, rows: list[Any]) -> list[Any]:
        """Count the members of the page's teams in one query."""
        counts = dict(
            Membership.objects.filter(team__in=[row.pk for row in rows])
            .order_by()
            .values_list("team")
            .annotate(Count("pk"))
        )
        for row in rows:
            row.member_count = counts.get(row.pk, 0)
        return rows

    def history_url(self, row: Team) -> str:
        """What was done to the team."""
        return marks.list_url(AuditEntry, object_type="team", object_name=row.name)

    def related(self, request: HttpRequest, row: Team) -> list[tuple[str, str]]:
        """The list of members, for large teams, service accounts, and the groups of directories that give places."""
        programs = marks.list_url(ServiceAccount, team=row.name)
        links = [("Members", marks.list_url(Membership, team=row.name)), ("Service accounts", programs)]
        if actor_of(request).sees_operation:
            links.append(("Mapped groups", marks.list_url(GroupMapping, team=row.name)))
        return links

    @admin.display(description="Members")
    def size(self, row: Any) -> int:
        """How many are in it."""
        return int(row.member_count)

    @admin.display(description="Since")
    def since(self, row: Team) -> Any:
        """When the team was made."""
        return marks.when(row.created_at)
