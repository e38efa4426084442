"""Who is in which team, as one list; teams too large for their page are looked after here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.rows import managed_teams
from accounts.domain.actors import Actor
from accounts.models import GroupMapping, Membership, Team, User
from accounts.services import teams
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.fields import NamedField
from tpi_site.kit.admin.filters import WithinFilter, choice_filter
from tpi_site.kit.admin.refusals import RefusableForm
from tpi_site.kit.errors import Conflict, Refusal

_TONES = {Membership.Place.ADMIN: "accent", Membership.Place.MAINTAINER: "second"}


MAPPINGS = Prefetch("team__mappings", GroupMapping.objects.order_by("group_dn"))
"""What :func:`groups_of` needs of many rows, in one query."""


def groups_of(membership: Membership) -> list[str]:
    """The DNs of the directory's groups that give this place in this team; of several it is not known which of them did."""
    found = membership.team.mappings.all()
    same = [row for row in found if row.directory_id == membership.directory_id and row.role == membership.role]
    return [row.group_dn for row in same]


def is_fixed(membership: Membership) -> bool:
    """Whether the place is not changed here: a directory's, or that of a service account in its own team."""
    return membership.directory_id is not None or membership.user.kind == User.Kind.SERVICE


def member_field() -> forms.CharField:
    """A field that takes a user name as text: a list to choose from, or an early look, would tell who there is."""
    widget = forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(max_length=150, label="User", widget=widget)


def put_person(form: forms.BaseForm, values: dict[str, Any], actor: Actor, team: Team | None) -> None:
    """The account in the place of its name in ``values``, where all else is right.

    Who cannot be taken in is an error of the form and no refusal, so that what is written of the attempt stays.
    """
    username = values.pop("user", None)
    if form.errors or team is None or not username:
        return
    try:
        values["user"] = teams.person_named(actor=actor, team=team, username=username)
    except Refusal as refusal:
        form.add_error("user", refusal.detail)


class NewMembershipForm(RefusableForm):
    """A person's place in a team."""

    team = NamedField(Team.objects.all(), name_field="name", what="team of yours")
    user = member_field()

    class Meta:
        model = Membership
        fields = ("team", "user", "role")
        labels = {"role": "Place"}
        help_texts = {
            "role": (
                "Maintainers look after the team's prefixes and the tokens of its service accounts; admins also take people "
                "in and out. What members may do with packages comes from the team's roles, whatever their place."
            )
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["team"].queryset = managed_teams(self.actor)  # type: ignore[attr-defined]  # it is our NamedField

    def clean(self) -> dict[str, Any] | None:
        """The person is looked for when all else is right."""
        values = super().clean() or {}
        put_person(self, values, self.actor, values.get("team"))
        return values


class MembershipForm(RefusableForm):
    """The place alone."""

    class Meta:
        model = Membership
        fields = ("role",)
        labels = {"role": "Place"}


class TeamFilter(WithinFilter):
    """One team."""

    title, parameter_name = "team", "team"

    def condition(self, value: str) -> Q:
        """By its name."""
        return Q(team__name=value)


class UserFilter(WithinFilter):
    """One person."""

    title, parameter_name = "user", "user"

    def condition(self, value: str) -> Q:
        """By the user name."""
        return Q(user__username=value)


def _take_out(actor: Actor, row: Membership) -> None:
    """Refused where the ticked place is a directory's, also when there is one beside it that was given here."""
    if row.directory is not None:
        raise Conflict(
            f"'{row.user.username}' is in the team '{row.team.name}' by a group of the directory '{row.directory.name}'; its "
            "next sync would bring them back. Take them out of the group there.",
            code="membership-of-directory",
        )
    teams.remove_member(actor=actor, team=row.team, user=row.user)


@admin.register(Membership)
class MembershipScreen(Screen):
    """Places in teams."""

    section, place, area = "People and rights", 30, "accounts"
    empty_text = "Nobody is in a team of which you are an admin."
    list_display = ("user", "team", "position", "source", "since")
    list_filter = (choice_filter("place", "place", "role", Membership.Place.choices), TeamFilter, UserFilter)
    list_select_related = ("user", "team", "directory")
    search_fields = ("user__username", "team__name")
    ordering = ("team__name", "user__username", "pk")
    form, add_form = MembershipForm, NewMembershipForm
    fieldsets = ((None, {"fields": ("team", "user", "role", "source", "since")}),)
    add_fieldsets = ((None, {"fields": ("team", "user", "role")}),)
    readonly_fields = ("team", "user", "source", "since")
    deletion = ConfirmedAction(
        name="delete",
        label="Take out of the team",
        done="taken out",
        question=(
            "What they hold by this place ends at once. What a directory's group, another team or a role of their own gives "
            "them stays."
        ),
        perform=lambda actor, row, _: _take_out(actor, row),
        offered=lambda _, row: not is_fixed(row),
        is_dangerous=True,
        removes=True,
        needs_fresh_sign_in=False,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Membership]:
        """Places in the teams that the actor manages."""
        actor = actor_of(request)
        found = Membership.objects.select_related("user", "team", "directory")
        return found if actor.reads_everything else found.filter(team__in=managed_teams(actor))

    def may_add(self, request: HttpRequest) -> bool:
        """Admins of a team."""
        return managed_teams(actor_of(request)).exists()

    def may_change(self, request: HttpRequest) -> bool:
        """Everybody, in the teams they manage."""
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not where a directory's group gave the place, whose next sync would undo the change."""
        return super().has_change_permission(request, obj) and (obj is None or not is_fixed(obj))

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Membership:
        """Take somebody in."""
        return teams.set_member(actor=actor, team=given["team"], user=given["user"], role=given["role"])

    def change_row(self, actor: Actor, row: Membership, given: Mapping[str, Any]) -> None:
        """Change somebody's place."""
        teams.set_member(actor=actor, team=row.team, user=row.user, role=given["role"])

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Reached from a team's page; the menu is long enough."""
        return False

    @admin.display(description="Place")
    def position(self, row: Membership) -> SafeString:
        """The place as a word."""
        return marks.badge(row.get_role_display().lower(), _TONES.get(Membership.Place(row.role), ""))

    @admin.display(description="From")
    def source(self, row: Membership) -> SafeString | str:
        """Who gave the place, and where it is changed."""
        if row.directory is None:
            return "here; the team's own" if row.user.kind == User.Kind.SERVICE else "here"
        groups = " or ".join(groups_of(row)) or "a group that is mapped no more"
        return format_html('{} <span class="wrap-anywhere">by {}; changed there</span>', row.directory.name, groups)

    @admin.display(description="Since")
    def since(self, row: Membership) -> SafeString | str:
        """When the person was taken in."""
        return marks.when(row.created_at)
