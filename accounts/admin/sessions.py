"""Where people are signed in; administrators and security officers see it and end it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.models import AuditEntry, BrowserSession
from accounts.permissions import may_end_sessions
from accounts.services import one_time_codes, sessions
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, actor_of, marks
from tpi_site.kit.admin.filters import WithinFilter, flag_filter


class PersonFilter(WithinFilter):
    """One person's sessions."""

    title, parameter_name = "person", "person"

    def condition(self, value: str) -> Q:
        """By the user name."""
        return Q(user__username=value)


@admin.register(BrowserSession)
class SessionScreen(ReadOnlyScreen):
    """Browsers in which somebody is signed in, the newest first."""

    section, place, area = "People and rights", 50, "sessions"
    empty_text = "Nobody is signed in."
    list_display = ("user", "browser", "address", "factor", "since", "last_seen")
    list_filter = (
        flag_filter("factor", "factor", "second_factor", "With a second factor", "Password alone"),
        PersonFilter,
    )
    list_select_related = ("user",)
    search_fields = ("user__username", "address")
    ordering = ("-started_at", "-pk")
    fieldsets = ((None, {"fields": ("user", "address", "browser", "factor", "since", "last_seen", "last_proof")}),)
    confirmed_actions = (
        ConfirmedAction(
            name="end",
            label="End",
            done="ended",
            question="Whoever uses this browser has to sign in again; nothing that they saved is lost.",
            perform=lambda actor, session, _: sessions.end(actor=actor, session=session),
            permission="secure",
            is_dangerous=True,
            removes=True,
            needs_fresh_sign_in=False,
        ),
    )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators and security officers; others have their own list in their account."""
        return may_end_sessions(actor_of(request))

    def rows(self, request: HttpRequest) -> QuerySet[BrowserSession]:
        """The sessions that are not over."""
        found = sessions.live().select_related("user")
        return found if may_end_sessions(actor_of(request)) else found.none()

    def history_url(self, row: BrowserSession) -> str:
        """What the person did."""
        return marks.list_url(AuditEntry, actor=row.user.username)

    @admin.display(description="Signed in by")
    def factor(self, row: BrowserSession) -> SafeString:
        """Whether a second factor was shown, and whether it was one of the codes that are kept for an emergency."""
        if row.method == one_time_codes.RECOVERY:
            return marks.badge("recovery code", "warn")
        return marks.badge("second factor", "good") if row.second_factor else marks.badge("password")

    @admin.display(description="Since")
    def since(self, row: BrowserSession) -> SafeString | str:
        """When the person signed in."""
        return marks.when(row.started_at)

    @admin.display(description="Last used")
    def last_seen(self, row: BrowserSession) -> SafeString | str:
        """When a page was last asked for, to a minute."""
        return marks.when(row.seen_at)

    @admin.display(description="Last proof")
    def last_proof(self, row: BrowserSession) -> SafeString | str:
        """When the person last showed that it is them."""
        return marks.when(row.proved_at)
