"""A person's own account."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.browser_sessions import session_of
from accounts.domain.instance_roles import role_words, roles_from_mask
from accounts.forms.profile import PasswordForm, ProfileForm
from accounts.models.placing import highest, sources
from accounts.permissions import service_accounts_of
from accounts.services import second_factors, users
from accounts.views.fresh import interruption
from accounts.views.people import account, reader, signed_in
from accounts.views.token_warnings import warnings_for
from tpi_site.kit.errors import Forbidden, Invalid, Refusal, Throttled, Unavailable

_SHOWN = 200


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Name, address and teams."""
    user = account(request)
    present = {"first_name": user.first_name, "last_name": user.last_name, "email": user.email}
    form = ProfileForm(request.POST or None, initial=present)
    if request.method == "POST" and form.is_valid():  # refused for who comes from a directory, who is shown no form
        users.change_own(actor=reader(request), user=user, **form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return HttpResponseRedirect(reverse("account:profile"))
    memberships = list(highest(user.memberships.select_related("team__parent", "user")).order_by("team__name")[:_SHOWN])
    for row in memberships:
        row.sources = sources(row)  # type: ignore[attr-defined]  # for the template
    programs = service_accounts_of(reader(request)).select_related("service_team").order_by("username")[:_SHOWN]
    context = {
        "form": form,
        "memberships": memberships,
        "account": user,
        "programs": programs,
        "parts": role_words(roles_from_mask(user.instance_roles)),
        "token_warnings": warnings_for(user),
    }
    return render(request, "account/profile.html", context, status=422 if form.errors else 200)


@signed_in
@sensitive_post_parameters("present", "new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """A new password; sessions elsewhere end with it."""
    user = account(request)
    if not user.has_usable_password():
        raise Forbidden("Your password is kept by your organisation's directory; change it there.", code="no-password")
    if second_factors.has_one(user) and (answer := interruption(request)):
        return answer  # the form asks for the old password, which is half of what such an account needs
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _change(request, form):
        messages.success(request, "Your password is changed. Sessions on other devices have ended.")
        return HttpResponseRedirect(reverse("account:profile"))
    return render(request, "account/password.html", {"form": form}, status=422 if form.errors else 200)


def _change(request: HttpRequest, form: PasswordForm) -> bool:
    user, values = account(request), form.cleaned_data
    try:
        users.set_password(
            actor=reader(request),
            user=user,
            password=values["new"],
            present=values["present"],
            keep=session_of(request),
        )
    except Refusal as refusal:
        form.add_error(_field(refusal), refusal.detail)
        return False
    update_session_auth_hash(request, user)
    return True


def _field(refusal: Refusal) -> str | None:
    """The field that a refusal is about."""
    if isinstance(refusal, Throttled | Unavailable) or refusal.code in ("password-wrong", "password-needed"):
        return "present"
    return "new" if isinstance(refusal, Invalid) else None
