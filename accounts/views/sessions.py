"""A person's own sessions."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.browser_sessions import session_of
from accounts.models import BrowserSession
from accounts.services import sessions
from accounts.views.people import account, reader, signed_in

_SHOWN = 100


@signed_in
@require_safe
def session_list(request: HttpRequest) -> HttpResponse:
    """Where one is signed in, this browser first."""
    present = session_of(request)
    rows = list(sessions.live().filter(user=account(request)).order_by("-seen_at", "-pk")[:_SHOWN])
    context = {
        "present": present,
        "others": [row for row in rows if row != present],
        "idle_minutes": settings.TPI_SESSION_IDLE_MINUTES,
        "hours": settings.TPI_SESSION_HOURS,
        "ends_at": present.started_at + timedelta(hours=settings.TPI_SESSION_HOURS) if present else None,
    }
    return render(request, "account/sessions.html", context)


@signed_in
@require_POST
def session_end(request: HttpRequest, number: int) -> HttpResponse:
    """End one of one's own."""
    session = BrowserSession.objects.select_related("user").filter(user=account(request), pk=number).first()
    if session is None:
        raise Http404
    sessions.end(actor=reader(request), session=session)
    messages.success(request, f"The session in {session.browser or 'the other browser'} has ended.")
    return HttpResponseRedirect(reverse("account:sessions"))


@signed_in
@require_POST
def sessions_end_others(request: HttpRequest) -> HttpResponse:
    """End all but this one."""
    sessions.end_others(actor=reader(request), user=account(request), keep=session_of(request))
    messages.success(request, "All other sessions have ended.")
    return HttpResponseRedirect(reverse("account:sessions"))
