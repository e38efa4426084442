"""Why somebody may do a thing here, as a page."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.forms.accessible import AccessibleForm
from accounts.views.people import for_people, reader
from indexapp.services import explanations
from indexapp.services.explanations import Explanation
from indexapp.views.methods import only_read
from tpi_site.kit.errors import Forbidden, Invalid, NotFound, Unauthenticated


class RightsForm(AccessibleForm):
    """Who, what and where."""

    user = forms.CharField(label="User name", max_length=150, help_text="Of a person or of a service account.")
    verb = forms.ChoiceField(label="May they", choices=[(verb.value, verb.value) for verb in Verb])
    index = forms.CharField(label="On the index", max_length=64)
    project = forms.CharField(label="Project", max_length=100, required=False, help_text="Empty: the index as a whole.")
    token = forms.CharField(
        label="And with the token",
        max_length=100,
        required=False,
        help_text="Name or key id of a token of that account. Empty: what the account may by itself.",
    )


@only_read
@for_people
def rights(request: HttpRequest) -> HttpResponse:
    """A question by the query, and its answer below it; everybody may ask about themselves."""
    actor = reader(request)
    if actor.is_anonymous:
        raise Unauthenticated("Sign in to ask about rights.")
    given = {name: request.GET[name] for name in ("project", "token") if name in request.GET}
    start = {"user": request.GET.get("user", actor.username), "verb": Verb.READ.value, **given}
    form = RightsForm(request.GET) if "index" in request.GET else RightsForm(initial=start)
    answer = _answer(actor, form) if form.is_bound and form.is_valid() else None
    return render(request, "browse/rights.html", {"form": form, "answer": answer}, status=422 if form.errors else 200)


def _answer(actor: Actor, form: RightsForm) -> Explanation | None:
    given = form.cleaned_data
    try:
        return explanations.ask(
            actor,
            username=given["user"],
            index=given["index"],
            project=given["project"],
            verb=Verb(given["verb"]),
            token=given["token"],
        )
    except (Forbidden, Invalid, NotFound) as refusal:
        form.add_error("token" if refusal.code.startswith("token-") and given["token"] else None, refusal.detail)
        return None
