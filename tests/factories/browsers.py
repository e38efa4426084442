"""Browsers in which somebody has signed in, and the passing of time for them."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client

from accounts.models import BrowserSession, User

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(user: User, *, csrf: bool = False) -> Client:
    """A browser with a fresh session of the person."""
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    return client


def pass_time(**fields: timedelta) -> None:
    """``seen_at``, ``started_at`` and ``proved_at`` of every session were so much earlier."""
    for row in BrowserSession.objects.all():
        moved = {name: getattr(row, name) - passed for name, passed in fields.items()}
        BrowserSession.objects.filter(pk=row.pk).update(**moved)


def grow_stale() -> None:
    """It was a while ago that anybody showed that it was them."""
    pass_time(proved_at=timedelta(minutes=16))
