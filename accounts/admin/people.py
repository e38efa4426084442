"""User accounts; administrators of the instance see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.auth.forms import SetPasswordMixin
from django.contrib.auth.password_validation import password_validators_help_texts
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin.left_behind import LeftBehindPage, summary
from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole, parse_roles, role_words, roles_from_mask
from accounts.models import AuditEntry, BrowserSession, Membership, Token, User
from accounts.permissions import users_visible_to
from accounts.services import authenticators, second_factors, sessions, users
from tpi_site.kit.admin import Confirmation, ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.filters import flag_filter
from tpi_site.kit.admin.refusals import RefusableForm

_PASSWORD = {"autocomplete": "new-password"}
_NO_PASSWORD = "Empty: the account is used through a directory or with tokens only."  # noqa: S105  a sentence
_WIDGET = forms.PasswordInput(attrs=_PASSWORD)
_MIRRORED = (
    "Names, e-mail address and whether the account is enabled come from the directory: each sync writes them anew, so they "
    "are changed there. To shut somebody out here whatever the directory says, press Disable."
)


def _password_help() -> str:
    return " ".join([*password_validators_help_texts(), _NO_PASSWORD])


class NewUserForm(RefusableForm):
    """A new account."""

    password = forms.CharField(
        required=False,
        strip=False,
        widget=_WIDGET,
        help_text=lazy(_password_help, str)(),
    )
    repeated = forms.CharField(label="The password again", required=False, strip=False, widget=_WIDGET)

    class Meta:
        model = User
        fields = ("username", "email", "is_superuser")
        labels = {"is_superuser": "Administrator"}
        help_texts = {
            "username": "At most 150 letters, digits and @ . + - _ characters.",
            "is_superuser": "May do everything, in every index and to every account.",
        }

    def clean_repeated(self) -> str:
        """The same password twice."""
        if self.cleaned_data.get("password", "") != self.cleaned_data["repeated"]:
            raise forms.ValidationError("The two passwords differ; type the same twice.", code="password-differs")
        return str(self.cleaned_data["repeated"])


class PartsField(forms.MultipleChoiceField):
    """Parts for the instance, ticked."""

    def __init__(self) -> None:
        super().__init__(
            label="Parts for the instance",
            required=False,
            choices=[(role.value, role.value.replace("-", " ").capitalize()) for role in InstanceRole],
            widget=forms.CheckboxSelectMultiple,
            help_text=(
                "An operator runs the installation without seeing packages; a security officer reads everything and ends "
                "tokens and accounts; an auditor reads everything and changes nothing at all."
            ),
        )

    def clean(self, value: Any) -> frozenset[InstanceRole]:
        """The parts."""
        return parse_roles(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other parts are ticked."""
        return set(initial or ()) != set(data or ())


class UserForm(RefusableForm):
    """What can be changed about an account."""

    parts = PartsField()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["parts"] = role_words(roles_from_mask(self.instance.instance_roles))

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "is_active", "is_superuser", "is_break_glass")
        labels = {"is_active": "Enabled", "is_superuser": "Administrator", "is_break_glass": "Break-glass account"}
        help_texts = {
            "is_break_glass": "An administrator with a password kept here, for the day the directory is down.",
            "is_active": "A disabled account cannot sign in, and its tokens are revoked. What it published stays.",
            "is_superuser": "May do everything, in every index and to every account.",
        }


class NewPassword(SetPasswordMixin, Confirmation):  # type: ignore[type-arg]  # generic in the stubs alone
    """Asks for a password, twice."""

    password1, password2 = SetPasswordMixin.create_password_fields(label2="The password again")

    def clean(self) -> dict[str, Any]:
        """The same password twice; whether it is strong enough is the service's question."""
        self.validate_passwords("password1", "password2")
        return super().clean() or self.cleaned_data


def _set(**values: bool) -> Any:
    def perform(actor: Actor, user: User, given: Mapping[str, Any]) -> None:
        users.change(actor=actor, user=user, **values)

    return perform


def _may_disable(actor: Actor, user: User) -> bool:
    return actor.may_administer_instance or not user.is_superuser


def _has_password_here(user: User) -> bool:
    return user.kind == User.Kind.PERSON and user.directory_id is None


def _what_the_directory_says(user: User) -> str:
    if user.directory is None or user.ended_by != User.Ended.DIRECTORY:
        return ""
    return f"The directory '{user.directory.name}' has shut it out and does so again at its next sync, unless it lets it in."


def _others(actor: Actor, user: User) -> bool:
    return actor.user_id != user.pk


def _as_shown(fields: Sequence[str]) -> list[str]:
    """The fields of a page that is no form: what only the form has is told in words."""
    return ["parts_held" if name == "parts" else name for name in fields]


@admin.register(User)
class UserScreen(LeftBehindPage, Screen):
    """Accounts of people and programs."""

    section, place, area = "People and rights", 10, "accounts"
    administrators_only = True
    empty_text = "There are no accounts that fit."
    list_display = ("username", "name", "email", "state", "since", "last_seen")
    list_filter = (
        flag_filter("state", "enabled", "is_active", "Enabled", "Disabled"),
        flag_filter("administrator", "administrator", "is_superuser", "Administrators", "Others"),
    )
    search_fields = ("username", "email", "first_name", "last_name")
    ordering = ("username",)
    form, add_form = UserForm, NewUserForm
    fieldsets = (
        (None, {"fields": ("username", "email", "first_name", "last_name")}),
        ("Standing", {"fields": ("is_active", "is_superuser", "parts", "is_break_glass")}),
        ("Dates", {"fields": ("since", "last_seen")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email")}),
        ("Password", {"fields": ("password", "repeated")}),
        ("Standing", {"fields": ("is_superuser",)}),
    )
    readonly_fields = ("username", "since", "last_seen", "origin")
    confirmed_actions = (
        ConfirmedAction(
            name="set-password",
            label="Set password",
            done="given a new password",
            question="The old password ends at once; tokens go on.",
            perform=lambda actor, user, given: users.set_password(actor=actor, user=user, password=given["password1"]),
            form=NewPassword,
            offered=lambda _, user: _has_password_here(user),
            is_bulk=False,
            needs_fresh_sign_in=True,
        ),
        ConfirmedAction(
            name="disable",
            label="Disable",
            done="disabled",
            question="The account cannot sign in any more and its tokens are revoked; what it published stays.",
            perform=_set(is_active=False),
            permission="secure",
            offered=lambda actor, user: user.is_active and _others(actor, user) and _may_disable(actor, user),
            is_dangerous=True,
        ),
        ConfirmedAction(
            name="enable",
            label="Enable",
            done="enabled",
            question="The account can sign in again; its tokens of before stay revoked.",
            perform=_set(is_active=True),
            offered=lambda _, user: not user.is_active,
            extent=_what_the_directory_says,
            needs_fresh_sign_in=True,
        ),
        ConfirmedAction(
            name="promote",
            label="Make administrator",
            done="made administrator",
            question="An administrator may do everything, in every index and to every account.",
            perform=_set(is_superuser=True),
            offered=lambda _, user: not user.is_superuser,
            needs_fresh_sign_in=True,
        ),
        ConfirmedAction(
            name="demote",
            label="Withdraw administration",
            done="made an ordinary account",
            question="What the account may do then comes from roles and teams alone.",
            perform=_set(is_superuser=False),
            offered=lambda actor, user: user.is_superuser and _others(actor, user),
            needs_fresh_sign_in=True,
        ),
        ConfirmedAction(
            name="end-sessions",
            label="End sessions",
            done="signed out everywhere",
            question="Whoever is signed in with the account is not any more, in every browser. Tokens go on.",
            perform=lambda actor, user, _: sessions.end_all(actor=actor, user=user),
            permission="secure",
            offered=lambda _, user: user.browser_sessions.exists(),
        ),
        ConfirmedAction(
            name="remove-factor",
            label="Remove second factor",
            done="left without a second factor",
            question=(
                "For somebody who has lost their phone and their recovery codes: make sure that it is really them who asks. "
                "Their password alone then signs in, or lets them set up a new authenticator where they must have one."
            ),
            perform=lambda actor, user, _: authenticators.remove(actor=actor, user=user),
            permission="secure",
            offered=lambda actor, user: _others(actor, user) and second_factors.has_one(user),
            is_dangerous=True,
            is_bulk=False,
            needs_fresh_sign_in=True,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question=(
            "Tokens, memberships and roles of the account go with it; what it published and the audit log stay. "
            "To end its use for a while, disable it instead."
        ),
        perform=lambda actor, user, _: users.delete(actor=actor, user=user),
        offered=_others,
        extent=summary,
        is_dangerous=True,
        is_bulk=False,
        removes=True,
        needs_fresh_sign_in=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[User]:
        """All, for who may open the screen."""
        return users_visible_to(actor_of(request)).select_related("directory")

    def may_add(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def may_change(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where a directory has the person, it stands first, and says why some of the rest is only shown."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            fieldsets = [(title, {**part, "fields": _as_shown(part["fields"])}) for title, part in fieldsets]
        if obj is None or obj.directory is None:
            return fieldsets
        return (("Directory", {"fields": ("origin",), "description": _MIRRORED}), *fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What a directory says is changed there."""
        fixed = super().get_readonly_fields(request, obj)
        if obj is None or obj.directory is None:
            return fixed
        return (*fixed, *sorted(users.MIRRORED), "is_active")

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> User:
        """Create the account."""
        return users.create(
            actor=actor,
            username=given["username"],
            email=given["email"],
            password=given["password"] or None,
            is_superuser=given["is_superuser"],
        )

    def change_row(self, actor: Actor, row: User, given: Mapping[str, Any]) -> None:
        """Change the account."""
        values = {"instance_roles" if name == "parts" else name: value for name, value in given.items()}
        users.change(actor=actor, user=row, **values)

    def history_url(self, row: User) -> str:
        """What the person did."""
        return marks.list_url(AuditEntry, actor=row.username)

    def related(self, request: HttpRequest, row: User) -> list[tuple[str, str]]:
        """The person's teams, tokens and sessions."""
        return [
            self.left_behind_link(row),
            ("Teams", marks.list_url(Membership, user=row.username)),
            ("Tokens", marks.list_url(Token, owner=row.username)),
            ("Sessions", marks.list_url(BrowserSession, person=row.username)),
            ("Rights", f"{reverse('browse:rights')}?{urlencode({'user': row.username})}"),
        ]

    @admin.display(description="From")
    def origin(self, row: User) -> SafeString | str:
        """The directory that has the person, its name for them, and when it last told of them."""
        if row.directory is None:
            return marks.NOTHING
        told = format_html(" (as of {})", marks.when(row.directory_seen_at)) if row.directory_seen_at else ""
        link = marks.link(marks.page_url(row.directory), f"directory {row.directory.name}")
        return format_html("{}{}<br>{}", link, told, marks.mono(row.directory_dn))

    @admin.display(description="Name")
    def name(self, row: User) -> str:
        """First and last name."""
        return row.get_full_name() or marks.NOTHING

    @admin.display(description="Standing")
    def state(self, row: User) -> SafeString:
        """One word on what the account is."""
        if not row.is_active:
            return marks.badge("disabled", "bad")
        words = role_words(roles_from_mask(row.instance_roles))
        if row.is_superuser:
            words.insert(0, "administrator")
        if row.kind == User.Kind.SERVICE:
            words.append("service account")
        return format_html_join(" ", "{}", ((marks.badge(word, "accent"),) for word in words)) or marks.badge("user")

    @admin.display(description="Parts for the instance")
    def parts_held(self, row: User) -> str:
        """The parts in words, for who may only look."""
        return ", ".join(role_words(roles_from_mask(row.instance_roles))) or "none"

    @admin.display(description="Since")
    def since(self, row: User) -> SafeString | str:
        """When the account was made."""
        return marks.when(row.date_joined)

    @admin.display(description="Last sign-in")
    def last_seen(self, row: User) -> SafeString | str:
        """When the person last signed in with a browser."""
        return marks.when(row.last_login)
