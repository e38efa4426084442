"""Signing in and out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.domain.actors import Actor
from accounts.forms.sign_in import SignInForm
from accounts.models import User
from accounts.services import passwords, sessions
from accounts.views.people import reader, safe_next
from tpi_site.kit.errors import Throttled, Unauthenticated
from tpi_site.kit.request_context import current

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class SignIn(View):
    """A form for user name and password; the answer to a wrong pair says nothing about either."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form, or on to the next page for who is signed in already."""
        if request.user.is_authenticated:
            return HttpResponseRedirect(_next(request))
        return _page(request, SignInForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Check, start a new session and go on."""
        form = SignInForm(request.POST)
        if not form.is_valid():
            return _page(request, form, status=422)
        try:
            actor = passwords.verify(**form.cleaned_data, address=current.get().address)
        except (Unauthenticated, Throttled) as refusal:
            form.add_error(None, refusal.detail)
            return _refused(request, form, refusal)
        _start_session(request, actor)
        return HttpResponseRedirect(_next(request))


def _start_session(request: HttpRequest, actor: Actor) -> None:
    """Give the browser a session with a new key, so that one planted before is worth nothing."""
    user = User.objects.get(username=actor.username)
    login(request, user, backend=_BACKEND)
    sessions.note_sign_in(actor=actor, user=user)


def _page(request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
    return render(request, "account/sign_in.html", {"form": form, "next": safe_next(request, "")}, status=status)


def _refused(request: HttpRequest, form: SignInForm, refusal: Unauthenticated | Throttled) -> HttpResponse:
    if isinstance(refusal, Throttled):
        response = _page(request, form, status=429)
        response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    return _page(request, form, status=422)


def _next(request: HttpRequest) -> str:
    return safe_next(request, resolve_url(settings.LOGIN_REDIRECT_URL))


@method_decorator(never_cache, name="dispatch")
class SignOut(View):
    """Ends the session."""

    http_method_names = ("get", "post")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask, since a link must not end a session."""
        return render(request, "account/sign_out.html")

    def post(self, request: HttpRequest) -> HttpResponse:
        """End it."""
        if request.user.is_authenticated:
            sessions.note_sign_out(actor=reader(request))
        logout(request)
        return HttpResponseRedirect(resolve_url(settings.LOGOUT_REDIRECT_URL or "/"))
