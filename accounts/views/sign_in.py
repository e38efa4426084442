"""Signing in, by a password and perhaps a second factor, and out."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.authentication import note_throttled
from accounts.browser_sessions import session_of
from accounts.domain.actors import Actor, Method
from accounts.forms.codes import CodeForm
from accounts.forms.sign_in import SignInForm
from accounts.models import User
from accounts.services import authenticators, one_time_codes, passwords, second_factors, sessions
from accounts.views import enrolment, half_session
from accounts.views.half_session import HalfSession
from accounts.views.people import reader, safe_next
from tpi_site.kit.errors import Refusal, Throttled, Unauthenticated, Unavailable
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
        """Check, start a new session or the way to one, and go on."""
        form = SignInForm(request.POST)
        if not form.is_valid():
            return _page(request, form, status=422)
        try:
            actor = passwords.verify(**form.cleaned_data, address=current.get().address)
            user = _person(actor)
        except (Unauthenticated, Throttled, Unavailable) as refusal:
            form.add_error(None, refusal.detail)
            note_throttled(request, refusal)
            return _refused(_page(request, form, status=422), refusal)
        _end_present(request)
        if second_factors.has_one(user) or second_factors.is_required(user):
            sessions.note_password(actor=actor, user=user)
        if second_factors.has_one(user):
            half_session.begin(request, user, "code", _next(request))
            return HttpResponseRedirect(reverse("account:sign-in-code"))
        if second_factors.is_required(user):
            half_session.begin(request, user, "enrol", _next(request))
            enrolment.begin(request, actor, user)
            return HttpResponseRedirect(reverse("account:sign-in-enrol"))
        target = _next(request)
        _start_session(request, user)
        return HttpResponseRedirect(target)


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class SignInCode(View):
    """The second page: a code of the authenticator app, or a recovery code."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form, or back to the first page when the password was too long ago."""
        if half_session.find(request, "code") is None:
            return HttpResponseRedirect(reverse("account:sign-in"))
        return _code_page(request, CodeForm(is_recovery=_is_recovery(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Check and start the session."""
        half = half_session.find(request, "code")
        if half is None:
            return _too_late(request)
        form = CodeForm(request.POST, is_recovery=_is_recovery(request))
        if not form.is_valid():
            return _code_page(request, form, status=422)
        try:
            kind = one_time_codes.verify(user=half.user, text=form.cleaned_data["code"])
        except (Unauthenticated, Throttled) as refusal:
            form.add_error("code", refusal.detail)
            note_throttled(request, refusal.of(half.user.actor(Method.PASSWORD)))
            return _refused(_code_page(request, form, status=422), refusal)
        _start_session(request, half.user, second_factor=kind)
        if kind == one_time_codes.RECOVERY:
            _warn_of_few(request, half.user)
        return HttpResponseRedirect(half.target)


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class SignInEnrol(View):
    """The second page of who must have a second factor and has none: it is set up before anything else."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The secret to scan, or back to the first page when the password was too long ago."""
        half = half_session.find(request, "enrol")
        if half is None:
            return HttpResponseRedirect(reverse("account:sign-in"))
        return self._page(request, half, CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Confirm, start the session and show the recovery codes."""
        half = half_session.find(request, "enrol")
        if half is None:
            return _too_late(request)
        form = CodeForm(request.POST)
        if not form.is_valid():
            return self._page(request, half, form, status=422)
        actor = half.user.actor(Method.PASSWORD).at(address=current.get().address, request_id=current.get().request_id)
        try:
            number, code = enrolment.number_of(request), form.cleaned_data["code"]
            codes = authenticators.confirm(actor=actor, user=half.user, number=number, code=code)
        except Refusal as refusal:
            form.add_error("code", refusal.detail)
            return self._page(request, half, form, status=422)
        _start_session(request, half.user, second_factor=one_time_codes.APP)
        context = {"codes": codes, "target": half.target}
        return render(request, "account/sign_in_enrolled.html", context, status=201)

    def _page(self, request: HttpRequest, half: HalfSession, form: CodeForm, *, status: int = 200) -> HttpResponse:
        context = {"form": form, **enrolment.context(request, half.user)}
        return render(request, "account/sign_in_enrol.html", context, status=status)


def _person(actor: Actor) -> User:
    """The account of a right password; that of a program is answered as if the password were wrong."""
    user = User.objects.get(pk=actor.user_id or 0)
    if user.kind == User.Kind.SERVICE:
        sessions.note_refused_sign_in(user=user, why="service account")
        raise Unauthenticated(passwords.WRONG, code="password-wrong")
    return user


def _end_present(request: HttpRequest) -> None:
    """Whoever was signed in with this browser is not any more."""
    session = session_of(request)
    if session is not None:
        sessions.note_sign_out(actor=reader(request), session=session)


def _start_session(request: HttpRequest, user: User, *, second_factor: str = "") -> None:
    """Give the browser a session with a new key, so that one planted before is worth nothing."""
    request.session.flush()
    login(request, user, backend=_BACKEND)
    session = session_of(request)
    assert session is not None  # noqa: S101  login() has begun it
    sessions.note_sign_in(actor=user.actor(Method.PASSWORD), user=user, session=session, second_factor=second_factor)


def _page(request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
    return render(request, "account/sign_in.html", {"form": form, "next": safe_next(request, "")}, status=status)


def _code_page(request: HttpRequest, form: CodeForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "is_recovery": _is_recovery(request)}
    return render(request, "account/sign_in_code.html", context, status=status)


def _is_recovery(request: HttpRequest) -> bool:
    return "recovery" in request.GET


def _too_late(request: HttpRequest) -> HttpResponse:
    """Say the same whether there never was a half session or it is over."""
    messages.warning(request, "Too much time has passed since your password; begin again.")
    return HttpResponseRedirect(reverse("account:sign-in"))


def _warn_of_few(request: HttpRequest, user: User) -> None:
    left = authenticators.recovery_codes_left(user)
    words = f"{left} recovery code{'s are' if left != 1 else ' is'} left" if left else "No recovery code is left"
    messages.warning(request, f"{words}. Make new ones, or set up a new authenticator, on the page Security.")


def _refused(response: HttpResponse, refusal: Unauthenticated | Throttled | Unavailable) -> HttpResponse:
    if isinstance(refusal, Unavailable):
        response.status_code = 503
    if isinstance(refusal, Throttled):
        response.status_code = 429
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


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
            sessions.note_sign_out(actor=reader(request), session=session_of(request))
        logout(request)
        return HttpResponseRedirect(resolve_url(settings.LOGOUT_REDIRECT_URL or "/"))
