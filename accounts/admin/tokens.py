"""API tokens: issued, shown once, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from packaging.utils import canonicalize_name

from accounts.admin.rights import RightsField, rights_marks
from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, from_mask
from accounts.models import AuditEntry, Token, User
from accounts.permissions import tokens_visible_to, users_visible_to
from accounts.services import tokens
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.fields import LinesField, NamedField
from tpi_site.kit.admin.filters import ConditionFilter, WithinFilter
from tpi_site.kit.admin.refusals import RefusableForm

SOON = timedelta(days=14)
_USUAL_LIFE = timedelta(days=90)


def conditions() -> dict[str, tuple[str, Q]]:
    """The states of a token at this moment."""
    now = timezone.now()
    live = Q(revoked_at=None)
    return {
        "active": ("Active", live & (Q(expires_at=None) | Q(expires_at__gt=now))),
        "expiring": ("Expires within 14 days", live & Q(expires_at__gt=now, expires_at__lte=now + SOON)),
        "expired": ("Expired", live & Q(expires_at__lte=now)),
        "revoked": ("Revoked", Q(revoked_at__isnull=False)),
    }


class StateFilter(ConditionFilter):
    """Whether a token still works."""

    title, parameter_name = "state", "state"

    def chosen(self) -> Mapping[str, tuple[str, Q]]:
        """The states now."""
        return conditions()


class OwnerFilter(WithinFilter):
    """One person's tokens."""

    title, parameter_name = "owner", "owner"

    def condition(self, value: str) -> Q:
        """By the user name."""
        return Q(user__username=value)


def _usual_end() -> date:
    return (timezone.now() + _USUAL_LIFE).date()


class TokenForm(RefusableForm):
    """A new token of one's own."""

    rights = RightsField(initial=frozenset({Verb.READ}), help_text="Never more than its owner may do at that moment.")
    indexes = LinesField(required=False, help_text="Names of indexes, one per line. Empty: all that the owner may use.")
    projects = LinesField(
        required=False, help_text="Names of projects, one per line. Empty: all that the owner may use."
    )
    last_day = forms.DateField(
        required=False,
        initial=_usual_end,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The token works to the end of this day, UTC. Empty: it does not expire.",
    )

    class Meta:
        model = Token
        fields = ("name", "indexes", "projects")
        help_texts = {"name": "Where it is used, for example 'CI of the billing service'."}


class AnyonesTokenForm(TokenForm):
    """A new token that an administrator makes, perhaps for somebody else."""

    owner = NamedField(
        User.objects.filter(is_active=True),
        name_field="username",
        what="account",
        required=False,
        help_text="A user name. Empty: yourself.",
    )


@admin.register(Token)
class TokenScreen(Screen):
    """Tokens: administrators see all, others their own."""

    section, place = "People and rights", 50
    empty_text = "There are no tokens here. A token lets pip, twine or a CI job in without a password; issue one."
    list_display = ("name", "user", "state", "rights", "scope", "expiry", "last_use")
    list_filter = (StateFilter, OwnerFilter)
    list_select_related = ("user",)
    search_fields = ("name", "key_id", "user__username")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "user", "key_id", "state")}),
        ("What it may do", {"fields": ("rights", "scope")}),
        ("Life", {"fields": ("since", "expiry", "last_use", "end")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="revoke",
            label="Revoke",
            done="revoked",
            question="It stops at once, everywhere, and cannot be brought back.",
            perform=lambda actor, token, _: tokens.revoke(actor=actor, token=token),
            permission="secure",
            offered=lambda _, token: token.revoked_at is None,
            is_dangerous=True,
        ),
    )

    def rows(self, request: HttpRequest) -> QuerySet[Token]:
        """All for administrators, their own for others."""
        return tokens_visible_to(actor_of(request)).select_related("user")

    def may_add(self, request: HttpRequest) -> bool:
        """Everybody, for themselves."""
        return True

    def form_for(self, request: HttpRequest, row: Any) -> type[TokenForm]:
        """Administrators may name an owner."""
        return AnyonesTokenForm if actor_of(request).may_administer_instance else TokenForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """As :meth:`form_for`."""
        if obj is not None:
            return self.fieldsets
        owner = ("owner",) if actor_of(request).may_administer_instance else ()
        return (
            (None, {"fields": ("name", *owner)}),
            ("What it may do", {"fields": ("rights", "indexes", "projects")}),
            ("Life", {"fields": ("last_day",)}),
        )

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Token:
        """Issue the token; its text stays on the row until the answer is made."""
        token, text = tokens.issue(
            actor=actor,
            owner=given.get("owner") or users_visible_to(actor).get(pk=actor.user_id or 0),
            name=given["name"],
            verbs=given["rights"],
            indexes=given["indexes"],
            projects=[canonicalize_name(name) for name in given["projects"]],
            expires_at=_end_of(given["last_day"]),
        )
        token.__dict__["text"] = text
        return token

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the text in this very answer: it must not rest in a session or an address."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token '{obj.name}'",
            "opts": self.opts,
            "token": obj,
            "text": obj.text,
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/token_issued.html", context)

    def history_url(self, row: Token) -> str:
        """What was done with the token."""
        return marks.list_url(AuditEntry, object=f"token:{row}")

    @admin.display(description="State")
    def state(self, row: Token) -> SafeString:
        """Whether it works."""
        now = timezone.now()
        if row.revoked_at is not None:
            return marks.badge("revoked", "bad")
        if row.expires_at is not None and row.expires_at <= now:
            return marks.badge("expired")
        if row.expires_at is not None and row.expires_at <= now + SOON:
            return marks.badge("expires soon", "warn")
        return marks.badge("active", "good")

    @admin.display(description="Rights")
    def rights(self, row: Token) -> SafeString:
        """The verbs."""
        return rights_marks(from_mask(row.verbs))

    @admin.display(description="Bound to")
    def scope(self, row: Token) -> str:
        """Indexes and projects that it is narrowed to."""
        parts = [
            f"{what} {_few(names)}" for what, names in (("index", row.indexes), ("project", row.projects)) if names
        ]
        return "; ".join(parts) or "nothing: all that its owner may use"

    @admin.display(description="Key id")
    def key_id(self, row: Token) -> SafeString | str:
        """The part of the token's text that is not secret."""
        return marks.mono(row.key_id)

    @admin.display(description="Issued")
    def since(self, row: Token) -> SafeString | str:
        """When it was made."""
        return marks.when(row.created_at)

    @admin.display(description="Expires")
    def expiry(self, row: Token) -> SafeString | str:
        """When it ends by itself."""
        return marks.when(row.expires_at) if row.expires_at else "never"

    @admin.display(description="Last used")
    def last_use(self, row: Token) -> SafeString | str:
        """When it was last used, to ten minutes."""
        return marks.when(row.last_used_at) if row.last_used_at else "never"

    @admin.display(description="Revoked")
    def end(self, row: Token) -> SafeString | str:
        """When it was revoked."""
        return marks.when(row.revoked_at)


def _end_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.max, tzinfo=UTC)


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown  # noqa: PLR2004  as many as fit a cell
