"""What the groups of directories are here; reached from a directory and from a team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.directory_syncs import DirectoryFilter
from accounts.admin.operations import OperationsScreen
from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole
from accounts.models import AuditEntry, Directory, GroupMapping, Membership, Team
from accounts.services.directories import settings
from tpi_site.kit.admin import ConfirmedAction, marks
from tpi_site.kit.admin.fields import NamedField
from tpi_site.kit.admin.filters import WithinFilter
from tpi_site.kit.admin.refusals import RefusableForm

PARTS = [
    (settings.ADMINISTRATOR, "Administrator"),
    *((role.value, role.value.replace("-", " ").capitalize()) for role in InstanceRole),
]


class NewMappingForm(RefusableForm):
    """A group, and either a team with a place in it or a part for the whole instance."""

    directory = NamedField(Directory.objects.all(), name_field="name", what="directory")
    team = NamedField(
        Team.objects.all(),
        name_field="name",
        what="team",
        required=False,
        help_text="The team that the group's members are in. Empty: the group gives an instance role.",
    )
    role = forms.ChoiceField(
        label="Place", required=False, choices=[("", "Member"), *Membership.Place.choices[1:]], help_text="In the team."
    )
    instance_role = forms.ChoiceField(
        label="Instance role",
        required=False,
        choices=[("", "None"), *PARTS],
        help_text="For the whole instance, instead of a team.",
    )

    class Meta:
        model = GroupMapping
        fields = ("directory", "group_dn", "team", "role", "instance_role")
        labels = {"group_dn": "Group"}
        help_texts = {
            "group_dn": "The group's distinguished name, for example cn=devs,ou=groups,dc=corp. Members of groups in it count."
        }


class TeamFilter(WithinFilter):
    """One team."""

    title, parameter_name = "team", "team"

    def condition(self, value: str) -> Q:
        """By its name."""
        return Q(team__name=value)


@admin.register(GroupMapping)
class GroupMappingScreen(OperationsScreen):
    """Mappings; they are added and deleted, never changed."""

    section, place = "People and rights", 65
    empty_text = "No group is mapped yet: people of the directory sign in and are in no team. Map a group to a team."
    list_display = ("group", "directory", "aim", "part", "since")
    list_filter = (DirectoryFilter, TeamFilter)
    list_select_related = ("directory", "team")
    search_fields = ("group_dn", "team__name")
    ordering = ("directory__name", "group_dn", "pk")
    add_form = NewMappingForm
    fieldsets = ((None, {"fields": ("directory", "group", "aim", "part", "since")}),)
    add_fieldsets = (
        (None, {"fields": ("directory", "group_dn")}),
        ("In a team", {"fields": ("team", "role")}),
        ("Or for the whole instance", {"fields": ("instance_role",)}),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question="What the group gave ends with its people's next sign-in or with the next sync.",
        perform=lambda actor, row, _: settings.unmap_group(actor=actor, mapping=row),
        permission="instance",
        is_dangerous=True,
        removes=True,
    )

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> GroupMapping:
        """Map the group."""
        return settings.map_group(actor=actor, **given)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Reached from a directory's or a team's page; the menu is long enough."""
        return False

    def history_url(self, row: GroupMapping) -> str:
        """What was done to it."""
        return marks.list_url(AuditEntry, object_type="groupmapping", object_name=row)

    @admin.display(description="Group")
    def group(self, row: GroupMapping) -> SafeString | str:
        """The distinguished name."""
        return marks.mono(row.group_dn)

    @admin.display(description="Team or instance")
    def aim(self, row: GroupMapping) -> str:
        """What it is a place in."""
        return row.team.name if row.team else "the instance"

    @admin.display(description="As")
    def part(self, row: GroupMapping) -> SafeString:
        """The place or the part."""
        return marks.badge(row.role or row.instance_role, "" if row.role else "accent")

    @admin.display(description="Since")
    def since(self, row: GroupMapping) -> SafeString | str:
        """When it was mapped."""
        return marks.when(row.created_at)
