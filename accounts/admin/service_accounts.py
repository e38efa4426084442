"""Accounts of programs, looked after by their team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.admin.rows import shown_teams
from accounts.domain.actors import Actor
from accounts.models import AuditEntry, ServiceAccount, Team, Token
from accounts.permissions import managed_teams
from accounts.services import service_accounts, teams
from accounts.services.service_accounts import may_manage_service_account
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.fields import NamedField
from tpi_site.kit.admin.filters import WithinFilter, flag_filter
from tpi_site.kit.admin.refusals import RefusableForm


class NewServiceAccountForm(RefusableForm):
    """A new service account."""

    team = NamedField(Team.objects.all(), name_field="name", what="team of yours")
    name = forms.CharField(
        max_length=64, help_text="Lower-case letters, digits and hyphens, for example svc-build; it cannot be changed."
    )
    description = forms.CharField(max_length=150, required=False, help_text="What the program does.")

    class Meta:
        model = ServiceAccount
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["team"].queryset = managed_teams(self.actor)  # type: ignore[attr-defined]  # it is our NamedField


class ServiceAccountForm(RefusableForm):
    """What can be changed."""

    class Meta:
        model = ServiceAccount
        fields = ("first_name", "is_active")
        labels = {"first_name": "Description", "is_active": "Enabled"}
        help_texts = {"is_active": "The tokens of a disabled account stop at once."}


class TeamFilter(WithinFilter):
    """One team's."""

    title, parameter_name = "team", "team"

    def condition(self, value: str) -> Q:
        """By its name."""
        return Q(service_team__name=value)


def _set(*, is_active: bool) -> Any:
    return lambda actor, user, _: service_accounts.change(actor=actor, user=user, is_active=is_active)


def _admins(actor: Actor, row: ServiceAccount) -> bool:
    return row.service_team is not None and teams.may_manage(actor, row.service_team)


@admin.register(ServiceAccount)
class ServiceAccountScreen(Screen):
    """The service accounts of the teams that the actor looks after."""

    section, place, area = "People and rights", 25, "accounts"
    empty_text = (
        "No team of yours has one. A build job needs an account that leaves with no person; a team's admin makes it."
    )
    list_display = ("username", "service_team", "state", "about", "since")
    list_filter = (flag_filter("state", "enabled", "is_active", "Enabled", "Disabled"), TeamFilter)
    list_select_related = ("service_team",)
    search_fields = ("username", "service_team__name")
    ordering = ("username",)
    form, add_form = ServiceAccountForm, NewServiceAccountForm
    fieldsets = ((None, {"fields": ("username", "service_team", "first_name", "is_active", "since")}),)
    add_fieldsets = ((None, {"fields": ("team", "name", "description")}),)
    readonly_fields = ("username", "service_team", "since")
    confirmed_actions = (
        ConfirmedAction(
            name="disable",
            label="Disable",
            done="disabled",
            question="Its tokens stop at once; what it published stays.",
            perform=_set(is_active=False),
            offered=lambda actor, row: row.is_active and _admins(actor, row),
            is_dangerous=True,
        ),
        ConfirmedAction(
            name="enable",
            label="Enable",
            done="enabled",
            question="Tokens of it that are not revoked work again.",
            perform=_set(is_active=True),
            offered=lambda actor, row: not row.is_active and _admins(actor, row),
            needs_fresh_sign_in=True,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question="Its tokens and roles go with it; what it published and the audit log stay.",
        perform=lambda actor, row, _: service_accounts.delete(actor=actor, user=row),
        offered=_admins,
        is_dangerous=True,
        is_bulk=False,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[ServiceAccount]:
        """Those of the teams that the actor looks after."""
        shown = shown_teams(actor_of(request))
        found = ServiceAccount.objects.filter(kind=ServiceAccount.Kind.SERVICE, service_team__in=shown)
        return found.select_related("service_team")

    def may_add(self, request: HttpRequest) -> bool:
        """Admins of a team."""
        return managed_teams(actor_of(request)).exists()

    def may_change(self, request: HttpRequest) -> bool:
        """The team's admins; its maintainers look."""
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As :meth:`may_change`."""
        return super().has_change_permission(request, obj) and (obj is None or _admins(actor_of(request), obj))

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> ServiceAccount:
        """Create the account."""
        made = service_accounts.create(
            actor=actor, team=given["team"], name=given["name"], description=given["description"]
        )
        return ServiceAccount.objects.get(pk=made.pk)

    def change_row(self, actor: Actor, row: ServiceAccount, given: Mapping[str, Any]) -> None:
        """Describe, disable or enable it."""
        values = {"description" if name == "first_name" else name: value for name, value in given.items()}
        service_accounts.change(actor=actor, user=row, **values)

    def history_url(self, row: ServiceAccount) -> str:
        """What the program did."""
        return marks.list_url(AuditEntry, actor=row.username)

    def related(self, request: HttpRequest, row: ServiceAccount) -> list[tuple[str, str]]:
        """Its tokens, the way to one more, and why it may do what it does."""
        links = [("Tokens", marks.list_url(Token, owner=row.username))]
        if row.is_active and may_manage_service_account(actor_of(request), row):
            links.append(("New token", f"{marks.add_url(Token)}?{urlencode({'owner': row.username})}"))
        return [*links, ("Rights", f"{reverse('browse:rights')}?{urlencode({'user': row.username})}")]

    @admin.display(description="Standing")
    def state(self, row: ServiceAccount) -> SafeString:
        """Whether it may be used."""
        return marks.badge("enabled", "good") if row.is_active else marks.badge("disabled", "bad")

    @admin.display(description="Description")
    def about(self, row: ServiceAccount) -> str:
        """What it does."""
        return row.first_name or marks.NOTHING

    @admin.display(description="Since")
    def since(self, row: ServiceAccount) -> SafeString | str:
        """When it was made."""
        return marks.when(row.date_joined)
