"""Showing again that it is oneself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.authentication import note_throttled
from accounts.browser_sessions import session_of
from accounts.forms.accessible import AccessibleForm
from accounts.forms.codes import CodeForm, PresentPasswordForm
from accounts.models import User
from accounts.services import one_time_codes, passwords, second_factors, sessions
from accounts.views.people import account, reader, safe_next, signed_in
from tpi_site.kit.errors import Kind, Refusal, Throttled, Unauthenticated, Unavailable
from tpi_site.kit.request_context import current

_STATUS = {Kind.THROTTLED: 429, Kind.UNAVAILABLE: 503}


@signed_in
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """The password, or a code where the account has a second factor; then back to where one was."""
    by_code = second_factors.has_one(account(request))
    form = _form(request, by_code=by_code)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            refusal = _refusal(request, form, by_code=by_code)
            if refusal is None:
                return HttpResponseRedirect(safe_next(request, reverse("account:security")))
            form.add_error("code" if by_code else "password", refusal.detail)
            status = _STATUS.get(refusal.kind, 422)
    context = {
        "form": form,
        "next": safe_next(request, ""),
        "by_code": by_code,
        "is_recovery": "recovery" in request.GET,
        "was_interrupted": "interrupted" in request.GET or "interrupted" in request.POST,
    }
    return render(request, "account/confirm.html", context, status=status)


def _form(request: HttpRequest, *, by_code: bool) -> AccessibleForm:
    given = request.POST if request.method == "POST" else None
    return CodeForm(given, is_recovery="recovery" in request.GET) if by_code else PresentPasswordForm(given)


def _refusal(request: HttpRequest, form: AccessibleForm, *, by_code: bool) -> Refusal | None:
    """Check, and note the proof under a new session key; or why not."""
    user, session, kind = account(request), session_of(request), ""
    try:
        if by_code:
            kind = one_time_codes.verify(user=user, text=form.cleaned_data["code"])
        else:
            _verify_password(user, form.cleaned_data["password"])
    except (Unauthenticated, Throttled, Unavailable) as refusal:
        note_throttled(request, refusal.of(reader(request)))
        return refusal
    if session is not None:
        sessions.note_proof(actor=reader(request), session=session, second_factor=kind)
    request.session.cycle_key()
    return None


def _verify_password(user: User, password: str) -> None:
    actor = passwords.verify(username=user.username, password=password, address=current.get().address)
    if actor.user_id != user.pk:
        raise Unauthenticated(passwords.WRONG, code="password-wrong")
