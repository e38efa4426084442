"""A person's own API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.domain.verbs import as_words, from_mask
from accounts.forms.tokens import RotationForm, TokenForm
from accounts.models import Token, TokenKind
from accounts.models.tokens import usable
from accounts.services import scope_indexes, token_rotation, tokens
from accounts.views.fresh import freshly_signed_in
from accounts.views.people import account, reader, signed_in
from accounts.views.token_warnings import warnings_for
from tpi_site.kit.errors import Refusal

_SHOWN = 200
_FIELDS = {
    "token-name": "name",
    "token-verbs": "verbs",
    "token-auditor": "verbs",
    "token-expiry": "days",
    "token-scope": "projects",
    "token-networks": "networks",
}


@signed_in
@require_safe
def token_list(request: HttpRequest) -> HttpResponse:
    """The tokens that work, and below them those that have ended, but for short-lived ones, which end all the time."""
    told = Q(user=account(request)) & (usable(timezone.now()) | ~Q(kind=TokenKind.SHORT))
    rows = list(Token.objects.filter(told).select_related("parent").order_by("-created_at")[:_SHOWN])
    for row in rows:
        row.words = as_words(from_mask(row.verbs))  # type: ignore[attr-defined]  # for the template
    live = [row for row in rows if row.is_usable]
    ended = [row for row in rows if row not in live]
    context = {"live": live, "ended": ended, "now": timezone.now(), "token_warnings": warnings_for(account(request))}
    return render(request, "account/tokens.html", context)


@freshly_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def token_new(request: HttpRequest) -> HttpResponse:
    """Make a token; the answer to the POST is the only place where it is ever shown."""
    actor = reader(request)
    choices = [(one.name, one.title) for one in scope_indexes.visible_to(actor)]
    if request.method != "POST":
        initial = {"verbs": ["read"], "indexes": request.GET.getlist("index")[:1]}
        return render(request, "account/token_new.html", {"form": TokenForm(initial=initial, indexes=choices)})
    form = TokenForm(request.POST, indexes=choices)
    made = _issue(request, form) if form.is_valid() else None
    if made is None:
        return render(request, "account/token_new.html", {"form": form}, status=422)
    return _made(request, *made)


def _issue(request: HttpRequest, form: TokenForm) -> tuple[Token, str] | None:
    values = form.cleaned_data
    try:
        return tokens.issue(
            actor=reader(request),
            owner=account(request),
            name=values["name"],
            verbs=values["verbs"],
            indexes=values["indexes"],
            projects=values["projects"],
            networks=values["networks"],
            expires_at=form.expires_at(),
        )
    except Refusal as refusal:
        form.add_error(_FIELDS.get(refusal.code), refusal.detail)
        return None


def _made(request: HttpRequest, token: Token, text: str) -> HttpResponse:
    context = {"token": token, "text": text, "words": as_words(from_mask(token.verbs))}
    return render(request, "account/token_made.html", context, status=201)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def token_rotate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask how long the old one may go on, then make its successor, which is shown in the answer alone."""
    token = _mine(request, key_id)
    form = RotationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = token_rotation.rotate(actor=reader(request), token=token, overlap=form.overlap_time())
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
        else:
            return _made(request, *made)
    context = {"token": token, "form": form, "words": as_words(from_mask(token.verbs))}
    return render(request, "account/token_rotate.html", context, status=422 if form.errors else 200)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def token_revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask, then revoke."""
    token = _mine(request, key_id)
    if request.method != "POST":
        context = {"token": token, "words": as_words(from_mask(token.verbs))}
        return render(request, "account/token_revoke.html", context)
    tokens.revoke(actor=reader(request), token=token)
    messages.success(request, f"The token '{token.name}' is revoked. Whatever still uses it is refused from now on.")
    return HttpResponseRedirect(reverse("account:tokens"))


def _mine(request: HttpRequest, key_id: str) -> Token:
    """One's own token that is not revoked."""
    own = Token.objects.filter(user=account(request), key_id=key_id, revoked_at=None)
    token = own.select_related("parent", "user").first()
    if token is None:
        raise Http404
    return token
