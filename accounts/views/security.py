"""A person's second factor and recovery codes."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.browser_sessions import session_of
from accounts.forms.codes import CodeForm
from accounts.models import Authenticator
from accounts.services import authenticators, one_time_codes, second_factors, sessions
from accounts.views import enrolment
from accounts.views.fresh import freshly_signed_in
from accounts.views.people import account, reader, signed_in
from tpi_site.kit.errors import Refusal


@signed_in
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """What protects the account, and what could."""
    user = account(request)
    context = {
        "authenticator": Authenticator.objects.filter(user=user, confirmed_at__isnull=False).first(),
        "recovery_codes_left": authenticators.recovery_codes_left(user),
        "is_required": second_factors.is_required(user),
        "session_count": sessions.live().filter(user=user).count(),
    }
    return render(request, "account/security.html", context)


@freshly_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def authenticator_new(request: HttpRequest) -> HttpResponse:
    """Say what it is about, then make a secret."""
    user = account(request)
    if request.method != "POST":
        context = {"replaces": second_factors.has_one(user)}
        return render(request, "account/authenticator_new.html", context)
    enrolment.begin(request, reader(request), user)
    return HttpResponseRedirect(reverse("account:authenticator"))


@freshly_signed_in
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def authenticator(request: HttpRequest) -> HttpResponse:
    """The secret of the authenticator that is being set up, and the form for its first code."""
    user = account(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (answer := _confirmed(request, form)):
        return answer
    context = {"form": form, **enrolment.context(request, user)}
    if not context["secret"]:
        return HttpResponseRedirect(reverse("account:authenticator-new"))
    return render(request, "account/authenticator.html", context, status=422 if form.errors else 200)


def _confirmed(request: HttpRequest, form: CodeForm) -> HttpResponse | None:
    user, session = account(request), session_of(request)
    try:
        codes = authenticators.confirm(
            actor=reader(request),
            user=user,
            number=enrolment.number_of(request),
            code=form.cleaned_data["code"],
            keep=session,
        )
    except Refusal as refusal:
        form.add_error("code", refusal.detail)
        return None
    if session is not None:
        sessions.note_proof(actor=reader(request), session=session, second_factor=one_time_codes.APP)
    request.session.cycle_key()
    if codes:
        return render(request, "account/recovery_codes.html", {"codes": codes, "is_first": True}, status=201)
    messages.success(request, "The new authenticator is in use; the old one is worth nothing from now on.")
    return HttpResponseRedirect(reverse("account:security"))


@freshly_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def authenticator_remove(request: HttpRequest) -> HttpResponse:
    """Ask, then remove."""
    user = account(request)
    if not second_factors.has_one(user):
        return HttpResponseRedirect(reverse("account:security"))
    if request.method != "POST":
        return render(request, "account/authenticator_remove.html")
    authenticators.remove(actor=reader(request), user=user, keep=session_of(request))
    messages.success(request, "The second factor is removed. Sessions on other devices have ended.")
    return HttpResponseRedirect(reverse("account:security"))


@freshly_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Ask, then make new ones; the answer to the POST is the only place where they are ever shown."""
    user = account(request)
    if not second_factors.has_one(user):
        return HttpResponseRedirect(reverse("account:security"))
    if request.method != "POST":
        context = {"left": authenticators.recovery_codes_left(user)}
        return render(request, "account/recovery_codes_new.html", context)
    codes = authenticators.renew_recovery_codes(actor=reader(request), user=user)
    return render(request, "account/recovery_codes.html", {"codes": codes}, status=201)
