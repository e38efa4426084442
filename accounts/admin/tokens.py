"""API tokens: issued, shown once, rotated, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from packaging.utils import canonicalize_name

from accounts.admin.rights import rights_marks
from accounts.admin.token_forms import Rotation, TokenForm, form_with_owners
from accounts.domain.actors import Actor
from accounts.domain.verbs import from_mask
from accounts.models import AuditEntry, Token, TokenKind
from accounts.models.tokens import ended_by, outliving_policy, usable
from accounts.permissions import service_accounts_of, tokens_visible_to, users_visible_to
from accounts.services import token_rotation, tokens
from accounts.services.service_accounts import may_manage_service_account
from accounts.services.token_policy import SOON
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.filters import ConditionFilter, WithinFilter, choice_filter


def conditions() -> dict[str, tuple[str, Q]]:
    """The states of a token at this moment."""
    now = timezone.now()
    return {
        "active": ("Active", usable(now)),
        "expiring": ("Expires within 14 days", usable(now) & ended_by(now + SOON)),
        "policy": ("Made to outlive policy", usable(now) & outliving_policy()),
        "expired": ("Expired", Q(revoked_at=None) & ended_by(now)),
        "revoked": ("Revoked", Q(revoked_at__isnull=False)),
        "leaked": ("Found in the open", Q(leaked_at__isnull=False)),
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


def _rotate(actor: Actor, token: Token, given: Mapping[str, Any]) -> tuple[Token, str]:
    overlap = timedelta(seconds=int(given["overlap"]))
    return token_rotation.rotate(actor=actor, token=token, overlap=overlap)


def _names_owners(actor: Actor) -> bool:
    return actor.may_administer_instance or service_accounts_of(actor).exists()


def _may_hold(actor: Actor, token: Token) -> bool:
    """Whether the service would give ``actor`` the text of a token of this owner."""
    return actor.user_id == token.user_id or may_manage_service_account(actor, token.user)


@admin.register(Token)
class TokenScreen(Screen):
    """Tokens: administrators see all, others their own."""

    section, place = "People and rights", 50
    empty_text = "There are no tokens here. A token lets pip, twine or a CI job in without a password; issue one."
    list_display = ("name", "user", "kind", "state", "rights", "scope", "expiry", "last_use")
    list_filter = (StateFilter, choice_filter("kind", "kind", "kind", TokenKind.choices), OwnerFilter)
    list_select_related = ("user",)
    search_fields = ("name", "key_id", "user__username")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "user", "kind", "key_id", "state")}),
        ("What it may do", {"fields": ("rights", "scope", "places")}),
        ("Life", {"fields": ("since", "lineage", "expiry", "last_use", "last_place", "end", "leak")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="revoke",
            label="Revoke",
            done="revoked",
            question=(
                "It stops at once, everywhere, and cannot be brought back; so do the tokens that were made with it and those "
                "that it has rotated itself to."
            ),
            perform=lambda actor, token, _: tokens.revoke(actor=actor, token=token),
            permission="secure",
            offered=lambda _, token: token.revoked_at is None,
            is_dangerous=True,
        ),
        ConfirmedAction(
            name="rotate",
            label="Rotate",
            done="rotated",
            question="A new token with the same rights is shown on the next page, once; the old one ends a little later.",
            perform=_rotate,
            offered=lambda actor, token: token.is_usable and token.kind != TokenKind.SHORT and _may_hold(actor, token),
            form=Rotation,
            is_bulk=False,
            needs_fresh_sign_in=True,
        ),
    )

    def rows(self, request: HttpRequest) -> QuerySet[Token]:
        """All for administrators; for others their own and those of the service accounts that they look after."""
        return tokens_visible_to(actor_of(request)).select_related("user", "parent", "replaces")

    def may_add(self, request: HttpRequest) -> bool:
        """Everybody, for themselves."""
        return True

    def add_query(self, request: HttpRequest) -> str:
        """In the list of a service account's tokens a new one is the account's."""
        owner = request.GET.get("owner", "")
        return f"?{urlencode({'owner': owner})}" if owner and owner != actor_of(request).username else ""

    def form_for(self, request: HttpRequest, row: Any) -> type[TokenForm]:
        """Who looks after service accounts may name one as the owner."""
        if not _names_owners(actor_of(request)):
            return TokenForm
        return form_with_owners(service_accounts_of(actor_of(request)))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """As :meth:`form_for`."""
        if obj is not None:
            return self.fieldsets
        owner = ("owner",) if _names_owners(actor_of(request)) else ()
        return (
            (None, {"fields": ("name", *owner)}),
            ("What it may do", {"fields": ("rights", "indexes", "projects", "networks")}),
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
            networks=given["networks"],
            expires_at=_end_of(given["last_day"]),
        )
        token.__dict__["text"] = text
        return token

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the text in this very answer: it must not rest in a session or an address."""
        return self._shown_once(request, obj, obj.text)

    def carry_out(
        self, request: HttpRequest, action: ConfirmedAction, row: Any, given: Mapping[str, Any]
    ) -> HttpResponse:
        """As for every action, but what a rotation makes is shown in the answer."""
        if action.name != "rotate":
            return super().carry_out(request, action, row, given)
        made, text = _rotate(actor_of(request), row, given)
        return self._shown_once(request, made, text)

    def _shown_once(self, request: HttpRequest, obj: Token, text: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token '{obj.name}'",
            "opts": self.opts,
            "token": obj,
            "text": text,
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/token_issued.html", context)

    def related(self, request: HttpRequest, row: Token) -> list[tuple[str, str]]:
        """Why it may do what it does."""
        query = {"user": row.user.username, "token": row.key_id}
        return [("Rights", f"{reverse('browse:rights')}?{urlencode(query)}")]

    def history_url(self, row: Token) -> str:
        """What was done with the token."""
        return marks.list_url(AuditEntry, object_type="token", object_name=row)

    @admin.display(description="State")
    def state(self, row: Token) -> SafeString:
        """Whether it works."""
        now = timezone.now()
        if row.leaked_at is not None:
            return marks.badge("leaked", "bad")
        if row.revoked_at is not None:
            return marks.badge("revoked", "bad")
        if row.ends_at is not None and row.ends_at <= now:
            return marks.badge("expired")
        if row.ends_at is not None and row.ends_at <= now + SOON:
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
        return marks.when(row.ends_at) if row.ends_at else "never"

    @admin.display(description="Last used")
    def last_use(self, row: Token) -> SafeString | str:
        """When it was last used, to ten minutes."""
        return marks.when(row.last_used_at) if row.last_used_at else "never"

    @admin.display(description="Used from")
    def places(self, row: Token) -> str:
        """The networks that it is bound to."""
        return ", ".join(row.networks) or "anywhere"

    @admin.display(description="Last used by")
    def last_place(self, row: Token) -> str:
        """Address and client of the last use."""
        return ", ".join(filter(None, (row.last_address, row.last_client))) or marks.NOTHING

    @admin.display(description="Comes from")
    def lineage(self, row: Token) -> str:
        """The token it was made with, and the one it was rotated from."""
        parts = [
            f"{words} {other}" for words, other in (("made with", row.parent), ("rotated from", row.replaces)) if other
        ]
        return "; ".join(parts) or "its owner"

    @admin.display(description="Found in the open")
    def leak(self, row: Token) -> SafeString | str:
        """Where, when somebody has reported it."""
        if row.leaked_at is None:
            return marks.NOTHING
        return f"{row.leaked_at:%Y-%m-%d %H:%M} UTC {row.leak_source}".strip()

    @admin.display(description="Revoked")
    def end(self, row: Token) -> SafeString | str:
        """When it was revoked."""
        return marks.when(row.revoked_at)


def _end_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.max, tzinfo=UTC)


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown  # noqa: PLR2004  as many as fit a cell
