"""Acts about this site as a replica, each on a page that says what happens and asks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.domain.actors import Actor
from indexapp.admin import promotions
from indexapp.models import Following, Project, Replica
from indexapp.services.replication import joining, standing
from tpi_site.kit import sizes
from tpi_site.kit.admin import Screen, actor_of, freshness
from tpi_site.kit.errors import NotFound, Refusal


class NothingForm(forms.Form):
    """An act that takes nothing but the confirmation."""


class JoinForm(forms.Form):
    """Whom to follow."""

    primary_url = forms.URLField(
        label="Address of the primary",
        max_length=500,
        assume_scheme="https",
        help_text="Such as https://pkg.corp.example/",
    )
    secret = forms.CharField(
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="What the primary showed when it invited this site.",
    )
    ca_certificates = forms.CharField(
        label="Authorities (PEM)",
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Where the primary's certificate is signed by an authority of your own.",
    )


class LeaveForm(forms.Form):
    """What is given up; asked only where something is missing."""

    accept_missing = forms.BooleanField(label="Give up what is missing")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        number, size = standing.missing()
        if number:
            hint = f"{number} contents of {sizes.rounded(size)} are not here; they are lost unless the primary still has them."
            self.fields["accept_missing"].help_text = hint
        else:
            del self.fields["accept_missing"]


def _nothing_more(_row: Following | None) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Act:
    """``sentences`` say what happens; ``of_replica`` whether it is for a site that follows, or for one that does not.

    ``done`` is said afterwards, unless ``perform`` returns a sentence.
    """

    name: str
    label: str
    done: str
    sentences: Sequence[str]
    perform: Callable[[Actor, Mapping[str, Any]], object]
    permission: str = "instance"
    form: type[forms.Form] = NothingForm
    of_replica: bool = True
    is_dangerous: bool = False
    template: str = "admin/replication_act.html"
    particulars: Callable[[Following | None], Mapping[str, Any]] = _nothing_more


def _join(actor: Actor, given: Mapping[str, Any]) -> object:
    return joining.join(
        actor=actor,
        url=given["primary_url"],
        secret=given["secret"].strip(),
        ca_certificates=given["ca_certificates"],
    )


ACTS = (
    Act(
        "join",
        "Join a primary",
        "",
        (
            "This installation becomes a replica: it follows the primary within seconds, and takes no changes any more.",
            "It must be empty, of the same release, and have the primary's TPI_TOKEN_PEPPER.",
            "Accounts and tokens are the primary's from then on. You are signed out, and sign in with one of those.",
        ),
        _join,
        form=JoinForm,
        of_replica=False,
    ),
    Act(
        "pause",
        "Pause",
        "Nothing is taken from the primary until somebody resumes.",
        (
            "Nothing is taken from the primary until somebody resumes. What is here is served meanwhile, and grows old.",
            "The primary cannot know of it, and rings its alarms when they are due.",
        ),
        lambda actor, _: joining.pause(actor=actor),
        permission="operate",
    ),
    Act(
        "resume",
        "Resume",
        "This site follows its primary again.",
        ("This site follows its primary again, and tries at once what was put off.",),
        lambda actor, _: joining.resume(actor=actor),
        permission="operate",
    ),
    Act(
        "promote",
        "Promote",
        "",
        (
            "This installation becomes the primary, in a new epoch: it follows nobody any more, and takes changes.",
            "The old primary is asked to stop first, and what it has is taken, which may last some minutes.",
            "One that does not answer is told afterwards, until it knows. Take clients away from it before.",
        ),
        promotions.perform,
        form=promotions.PromotionForm,
        is_dangerous=True,
        template="admin/replication_promote.html",
        particulars=promotions.particulars,
    ),
    Act(
        "leave",
        "Leave",
        "This installation follows nobody any more.",
        (
            "This installation follows nobody any more and takes changes, in an epoch of its own.",
            "What both have in common ends here; it can only come back as an empty installation.",
            "The old primary is not told, and goes on: if people change things on both, they grow apart.",
        ),
        lambda actor, given: joining.leave(actor=actor, accepts_missing=bool(given.get("accept_missing"))),
        form=LeaveForm,
        is_dangerous=True,
    ),
)


class ReplicationActs(Screen):
    """Adds the pages to the screen of replicas."""

    def get_urls(self) -> list[URLPattern]:
        """One address for each act, which are about no row."""
        own = [path(f"{act.name}/", self._view(act), name=f"indexapp_replica_{act.name}") for act in ACTS]
        return [*own, *super().get_urls()]

    def _view(self, act: Act) -> Callable[..., Any]:
        def view(request: HttpRequest) -> HttpResponse:
            return self.act_view(request, act)

        return self.admin_site.admin_view(view)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Operators and administrators."""
        return self.has_view_permission(request) and bool(actor_of(request).may_operate)

    def offered_acts(self, request: HttpRequest) -> list[tuple[str, str, bool]]:
        """Label, address and danger of what the actor may do with this site as it is now."""
        row = Following.objects.first()
        may_join = row is None and not Replica.objects.exists() and not Project.objects.exists()
        return [
            (act.label, reverse(f"admin:indexapp_replica_{act.name}"), act.is_dangerous)
            for act in ACTS
            if act.of_replica is (row is not None)
            and self._may_act(request, act)
            and act.name != ("resume" if row is None or not row.is_paused else "pause")
            and (may_join or act.name != "join")
        ]

    def _may_act(self, request: HttpRequest, act: Act) -> bool:
        return bool(getattr(self, f"has_{act.permission}_permission")(request))

    def act_view(self, request: HttpRequest, act: Act) -> HttpResponse:
        """Ask, then do it."""
        if not self.has_view_permission(request) or not self._may_act(request, act):
            raise NotFound("There is no such act here, or not for you.")
        if interruption := freshness.interruption(request):
            return interruption
        form = act.form(request.POST if "confirmed" in request.POST else None)
        if form.is_bound and form.is_valid():
            try:
                came = act.perform(actor_of(request), form.cleaned_data)
            except Refusal as refusal:
                form.add_error(None, refusal.detail)
            else:
                sentence = came if isinstance(came, str) else act.done
                return self._after(request, act, form.cleaned_data, sentence)
        return self._asked(request, act, form)

    def _asked(self, request: HttpRequest, act: Act, form: forms.Form) -> HttpResponse:
        request.current_app = self.admin_site.name
        found = standing.standing()
        context = {
            **self.admin_site.each_context(request),
            "title": act.label,
            "act": act,
            "form": form,
            "following": found,
            "fits": act.of_replica is (found is not None),
            "list_url": self._list_url(),
            **(act.particulars(Following.objects.first()) if found is not None else {}),
        }
        return TemplateResponse(request, act.template, context)

    def _after(self, request: HttpRequest, act: Act, given: Mapping[str, Any], told: str) -> HttpResponse:
        """To the page; who joined is nobody here any more."""
        if act.name != "join":
            self.message_user(request, told, messages.SUCCESS)
            return HttpResponseRedirect(self._list_url())
        request.session.flush()
        request.user = AnonymousUser()
        sentence = f"This installation is a replica of {given['primary_url']}. Sign in with an account of the primary."
        self.message_user(request, sentence, messages.SUCCESS)
        return HttpResponseRedirect(reverse("account:sign-in"))
