"""What this replica holds and when it fetches: each on a page with a form; filters are tried out before they are applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.domain.replication.holding import Hold, read
from indexapp.models import FetchLimit, Holding
from indexapp.services.replication import choosing, previewing
from indexapp.services.replication.previewing import Moves, Preview
from tpi_site.kit import sizes
from tpi_site.kit.admin import Screen, actor_of, freshness
from tpi_site.kit.admin.fields import LinesField, SizeField
from tpi_site.kit.errors import NotFound, Refusal

_MOST = 10**6


class HoldForm(forms.Form):
    """All filters; what is empty limits nothing."""

    indexes = LinesField(
        required=False, help_text="Names, or patterns such as team-*, one per line. Empty: all indexes."
    )
    without = LinesField(label="But not these indexes", required=False)
    include = LinesField(
        label="Projects", required=False, help_text="Names, or patterns such as acme-*, one per line. Empty: all."
    )
    exclude = LinesField(label="But not these projects", required=False)
    newest = forms.IntegerField(
        label="Newest releases", required=False, min_value=1, max_value=_MOST, help_text="Of each project, so many."
    )
    platforms = forms.MultipleChoiceField(
        label="Wheels for these platforms",
        required=False,
        choices=[(name, name) for name in PLATFORMS],
        widget=forms.CheckboxSelectMultiple,
        help_text="None: for all. Source distributions stay.",
    )
    pythons = LinesField(
        label="Wheels for these versions of Python", required=False, help_text="One per line, such as 3.12. Empty: all."
    )
    without_wheels = forms.BooleanField(label="No wheels", required=False)
    without_sdists = forms.BooleanField(label="No source distributions", required=False)
    without_prereleases = forms.BooleanField(
        label="No pre-releases", required=False, help_text="They stay of projects that have nothing else."
    )
    max_file_size = SizeField(label="Largest file", required=False, help_text="Such as 500 MB.")
    budget = SizeField(
        required=False, help_text="Of all files, such as 2 TB: hosted before mirrored, newer before older."
    )

    def asked(self) -> tuple[Hold, int | None]:
        """The filters and the budget."""
        given = self.cleaned_data
        files = CopyFilter(
            **{name: given[name] for name in ("include", "exclude", "newest", "platforms", "pythons", "max_file_size")},
            with_wheels=not given["without_wheels"],
            with_sdists=not given["without_sdists"],
            with_prereleases=not given["without_prereleases"],
        )
        return Hold(given["indexes"], given["without"], files), given["budget"]


_KINDS = ("wheels", "sdists", "prereleases")


def held_values(row: Holding | None) -> dict[str, Any]:
    """What the form begins with."""
    values = read(row.filters if row else {}).as_json()
    turned = {f"without_{kind}": not values.pop(f"with_{kind}") for kind in _KINDS}
    return values | turned | {"budget": row.budget if row else None}


def held_words(row: Holding | None) -> list[tuple[str, str]]:
    """Labels and values of what is limited; none where all is held."""
    values = held_values(row)
    return [(str(bound.label), _words(bound.name, values[bound.name])) for bound in HoldForm() if values[bound.name]]


def _words(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if value is True:
        return "yes"
    return sizes.rounded(value) if name in {"budget", "max_file_size"} else str(value)


class LimitForm(forms.Form):
    """How fast and when; what is empty limits nothing."""

    rate = SizeField(required=False, help_text="Bytes a second in all, such as 5 MB. Empty: as fast as can be.")
    windows = LinesField(
        label="Times of the day",
        required=False,
        help_text="One per line, such as 22:00-06:00. Empty: at any time.",
    )
    zone = forms.CharField(
        label="Time zone",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Of these times, such as Europe/Berlin. Empty: UTC.",
    )


class ReplicaLimits(Screen):
    """Adds both pages to the screen of replicas."""

    def get_urls(self) -> list[URLPattern]:
        """Two addresses more, which are about no row."""
        own = [
            path("hold/", self.admin_site.admin_view(self.hold_view), name="indexapp_replica_hold"),
            path("limit/", self.admin_site.admin_view(self.limit_view), name="indexapp_replica_limit"),
        ]
        return [*own, *super().get_urls()]

    def offered_limits(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Label and address, for who may set them."""
        if not self.has_instance_permission(request):
            return []
        named = (("Say what is held", "hold"), ("Limit fetching", "limit"))
        return [(label, reverse(f"admin:indexapp_replica_{name}")) for label, name in named]

    def hold_view(self, request: HttpRequest) -> HttpResponse:
        """Show what filters would do, and apply them when the very same come again."""
        if (interruption := self._interruption(request)) is not None:
            return interruption
        row = Holding.objects.first()
        form = HoldForm(request.POST) if request.method == "POST" else HoldForm(initial=held_values(row))
        context: dict[str, Any] = {"title": "What this site holds", "form": form}
        if form.is_bound and form.is_valid():
            wanted, budget = form.asked()
            mark = _mark(wanted, budget, row)
            try:
                if "confirmed" in request.POST and request.POST.get("previewed") == mark:
                    choosing.hold(actor=actor_of(request), wanted=wanted, budget=budget)
                    return self._done(request, "It is being applied; this page shows what is here and what is to come.")
                found = previewing.preview(
                    actor=actor_of(request), wanted=wanted, budget=budget, patience=previewing.PATIENCE
                )
                context |= {"mark": mark, "preview": found, **_shown(found), "is_changed": "confirmed" in request.POST}
            except Refusal as refusal:
                form.add_error(None, refusal.detail)
        return self._form_page(request, "admin/replica_hold.html", context)

    def limit_view(self, request: HttpRequest) -> HttpResponse:
        """Set how fast and when."""
        if (interruption := self._interruption(request)) is not None:
            return interruption
        kept: Mapping[str, Any] = FetchLimit.objects.values("rate", "windows", "zone").first() or {}
        form = LimitForm(request.POST) if "confirmed" in request.POST else LimitForm(initial=dict(kept))
        if form.is_bound and form.is_valid():
            given = form.cleaned_data
            try:
                choosing.limit(
                    actor=actor_of(request), rate=given["rate"], windows=given["windows"], zone=given["zone"] or "UTC"
                )
            except Refusal as refusal:
                form.add_error(None, refusal.detail)
            else:
                return self._done(request, "It is so within a second, also for what is being fetched.")
        return self._form_page(request, "admin/replica_limit.html", {"title": "Limit fetching", "form": form})

    def _interruption(self, request: HttpRequest) -> HttpResponse | None:
        if not self.has_view_permission(request) or not self.has_instance_permission(request):
            raise NotFound("There is no such page here, or not for you.")
        return freshness.interruption(request)

    def _done(self, request: HttpRequest, sentence: str) -> HttpResponse:
        self.message_user(request, sentence, messages.SUCCESS)
        return HttpResponseRedirect(self._list_url())

    def _form_page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "list_url": self._list_url()}
        return TemplateResponse(request, template, shared | context)


def _mark(wanted: Hold, budget: int | None, row: Holding | None) -> str:
    """Of filters that were shown: with others, or when somebody has set others meanwhile, they are shown again."""
    text = json.dumps([wanted.as_json(), budget, row.number if row else 0], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(found: Preview) -> dict[str, Any]:
    """Of all, and of the indexes of which something would move."""
    moving = [
        (name, _cells(moves))
        for name, moves in sorted(found.indexes.items())
        if moves.dropped.files or moves.cancelled.files or moves.fetched.files
    ]
    return {"totals": _cells(found.moves), "moving": moving[:_ROWS], "more_moving": max(0, len(moving) - _ROWS)}


_ROWS = 100


def _cells(moves: Moves) -> list[tuple[str, int, str]]:
    named = (
        ("Would be dropped", moves.dropped),
        ("Would come no more", moves.cancelled),
        ("Would be fetched", moves.fetched),
        ("Would be held in all", moves.held),
    )
    return [(label, tally.files, sizes.rounded(tally.bytes)) for label, tally in named]
