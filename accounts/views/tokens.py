"""A person's own API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.domain.verbs import as_words, from_mask
from accounts.forms.tokens import TokenForm
from accounts.models import Token
from accounts.services import scope_indexes, tokens
from accounts.views.fresh import freshly_signed_in
from accounts.views.people import account, reader, signed_in
from tpi_site.kit.errors import Refusal

_SHOWN = 200
_FIELDS = {"token-name": "name", "token-verbs": "verbs", "token-expiry": "days", "token-scope": "projects"}


@signed_in
@require_safe
def token_list(request: HttpRequest) -> HttpResponse:
    """The tokens that work, and below them those that have ended."""
    rows = list(Token.objects.filter(user=account(request)).order_by("-created_at")[:_SHOWN])
    now = timezone.now()
    for row in rows:
        row.words = as_words(from_mask(row.verbs))  # type: ignore[attr-defined]  # for the template
    live = [row for row in rows if row.revoked_at is None and (row.expires_at is None or row.expires_at > now)]
    ended = [row for row in rows if row not in live]
    return render(request, "account/tokens.html", {"live": live, "ended": ended, "now": now})


@freshly_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def token_new(request: HttpRequest) -> HttpResponse:
    """Make a token; the answer to the POST is the only place where it is ever shown."""
    actor = reader(request)
    choices = [(one.name, one.title) for one in scope_indexes.visible_to(actor)]
    if request.method != "POST":
        initial = {"verbs": ["read"], "indexes": request.GET.getlist("index")[:1], "days": "90"}
        return render(request, "account/token_new.html", {"form": TokenForm(initial=initial, indexes=choices)})
    form = TokenForm(request.POST, indexes=choices)
    made = _issue(request, form) if form.is_valid() else None
    if made is None:
        return render(request, "account/token_new.html", {"form": form}, status=422)
    token, text = made
    words = as_words(from_mask(token.verbs))
    return render(request, "account/token_made.html", {"token": token, "text": text, "words": words}, status=201)


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
            expires_at=form.expires_at(),
        )
    except Refusal as refusal:
        form.add_error(_FIELDS.get(refusal.code), refusal.detail)
        return None


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def token_revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask, then revoke."""
    token = Token.objects.filter(user=account(request), key_id=key_id, revoked_at=None).first()
    if token is None:
        raise Http404
    if request.method != "POST":
        context = {"token": token, "words": as_words(from_mask(token.verbs))}
        return render(request, "account/token_revoke.html", context)
    tokens.revoke(actor=reader(request), token=token)
    messages.success(request, f"The token '{token.name}' is revoked. Whatever still uses it is refused from now on.")
    return HttpResponseRedirect(reverse("account:tokens"))
