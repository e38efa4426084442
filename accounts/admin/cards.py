"""The app's part of the console's landing page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.admin.directories import latest_syncs, state_of
from accounts.models import Alarm, Authenticator, Directory, DirectorySync, Token, TokenKind, User
from accounts.models.tokens import ended_by, usable
from accounts.permissions import tokens_visible_to
from accounts.services.token_policy import SOON
from tpi_site.kit.admin import Card, Line, actor_of, marks

_SHOWN = 5


def expiring_tokens(request: HttpRequest) -> Card:
    """Tokens that end within 14 days: everybody's for administrators, their own for others."""
    actor = actor_of(request)
    now = timezone.now()
    rows = tokens_visible_to(actor).filter(usable(now), ended_by(now + SOON)).exclude(kind=TokenKind.SHORT)
    lines = [
        Line(token.name, marks.page_url(token), f"of {token.user.username}", at=token.ends_at)
        for token in rows.select_related("user").order_by("expires_at")[:_SHOWN]
    ]
    return Card(
        "Tokens that expire within 14 days",
        lines=lines,
        empty="No token ends soon. A CI job needs one of its own: issue it with no more rights than the job needs.",
        link_label="All of them" if lines else "Issue a token",
        link_url=marks.list_url(Token, state="expiring") if lines else marks.add_url(Token),
    )


def second_factors(request: HttpRequest) -> Card | None:
    """A hint for administrators as long as a password alone makes one."""
    actor = actor_of(request)
    if not actor.may_administer_instance or settings.TPI_SECOND_FACTOR != "off":
        return None
    with_one = Authenticator.objects.filter(confirmed_at__isnull=False).values("user")
    without = User.objects.filter(is_superuser=True, is_active=True).exclude(pk__in=with_one).order_by("username")
    return Card(
        "Second factors",
        lines=[
            Line(user.username, marks.page_url(user), "administrator with a password alone", "none", "warn")
            for user in without[:_SHOWN]
        ],
        empty="Every administrator has a second factor. TPI_SECOND_FACTOR=administrators keeps it so.",
        link_label="Set up mine",
        link_url=reverse("account:security"),
    )


def open_alarms(request: HttpRequest) -> Card | None:
    """What nobody has seen to yet, for those who run the installation and security officers."""
    if not actor_of(request).sees_operation:
        return None
    rows = list(Alarm.objects.filter(ended_at=None).order_by("-last_at")[: _SHOWN + 1])
    return Card(
        "Alarms",
        lines=[
            Line(row.sentence, marks.page_url(row), mark="open", tone="bad", at=row.last_at) for row in rows[:_SHOWN]
        ],
        empty="No alarm is open.",
        link_label="All open ones" if len(rows) > _SHOWN else "All of them",
        link_url=marks.list_url(Alarm, state="open") if len(rows) > _SHOWN else marks.list_url(Alarm),
    )


def directories(request: HttpRequest) -> Card | None:
    """Whether the directories answer, and when each was last synced, for those who run the installation."""
    actor = actor_of(request)
    if not actor.sees_operation:
        return None
    rows = list(Directory.objects.select_related("removal").order_by("place", "name").defer("ca_certificates")[:_SHOWN])
    latest = latest_syncs(rows)
    may_add = not rows and actor.may_administer_instance
    return Card(
        "Directories",
        lines=[_directory(row, latest.get(row.pk)) for row in rows],
        empty="People sign in with accounts of this site alone. Add your LDAP server or Active Directory.",
        link_label="Add a directory" if may_add else "All of them",
        link_url=marks.add_url(Directory) if may_add else marks.list_url(Directory),
    )


def _directory(row: Directory, latest: DirectorySync | None) -> Line:
    word, tone = state_of(row)
    note = f"last sync {latest.state}" if latest else "never synced"
    at = latest.started_at if latest else None
    return Line(row.title or row.name, marks.page_url(row), note, mark=word, tone=tone, at=at)
