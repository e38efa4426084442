"""Upstreams of mirrors, what is known of single projects there, and files of which they have other bytes now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from indexapp.admin.filters import IndexFilter
from indexapp.admin.rows import reach_for
from indexapp.admin.upstream_forms import SECRETS, UpstreamForm, service_values
from indexapp.domain.upstream_settings import FOLLOWING
from indexapp.models import MirroredProject, Upstream
from indexapp.services.mirrors import addresses, refreshing, settings
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, Screen, actor_of, marks
from tpi_site.kit.admin.actions import Tool
from tpi_site.kit.errors import Refusal

_FOLLOWS = ("follows_removal", "follows_yank", "follows_quarantine")
_SHOWN = {name: f"has_{secret}" for name, secret in SECRETS.items()}


@admin.register(Upstream)
class UpstreamScreen(Screen):
    """Upstreams of the mirrors that the actor administers; administrators of the instance say where they are."""

    section, place, area = "Publishing", 61, "indexapp"
    empty_text = (
        "There is no mirror yet. Make an index of the kind mirror, and put it into a group behind your hosted ones."
    )
    list_display = ("mirror", "where", "state", "asked")
    list_select_related = ("index",)
    list_defer = ("ca_certificates", "client_certificate", "client_key", "password", "proxy_password")
    search_fields = ("index__name", "url")
    ordering = ("index__name",)
    form = UpstreamForm
    readonly_fields = ("mirror", "state", "why", *_FOLLOWS, *_SHOWN.values())

    def rows(self, request: HttpRequest) -> QuerySet[Upstream]:
        """Of indexes administered as a whole; operators see all, for their settings."""
        found = Upstream.objects.select_related("index")
        if actor_of(request).may_operate:
            return found
        return found.filter(index__in=reach_for(request).whole_indexes())

    def has_module_permission(self, request: HttpRequest) -> bool:
        """In the menu of operators too."""
        return super().has_module_permission(request) or bool(actor_of(request).may_operate)

    def may_change(self, request: HttpRequest) -> bool:
        """Everybody, of the mirrors they see."""
        return True

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The parts of the form; who may not say where the upstream is, is told whether secrets are kept."""
        may_all = self._may_say_where(request)
        secret = {name: name if may_all else shown for name, shown in _SHOWN.items()}
        force = ("force",) if may_all else ()
        follows = settings.POLICIES if self.has_change_permission(request, obj) else _FOLLOWS
        return (
            ("State", {"fields": ("mirror", "state", "why")}),
            ("Repository", {"fields": ("url", *force, "username", secret["new_password"])}),
            (
                "Connection",
                {
                    "fields": (
                        "ca_certificates",
                        "client_certificate",
                        secret["new_client_key"],
                        "proxy_url",
                        secret["new_proxy_password"],
                    )
                },
            ),
            ("Pages", {"fields": ("page_seconds", "missing_seconds", "is_offline", "is_frozen")}),
            ("When the upstream takes something back", {"fields": follows}),
            ("Files", {"fields": ("room", "keep_hours")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where it is, for all but administrators."""
        fixed = super().get_readonly_fields(request, obj)
        return fixed if self._may_say_where(request) else (*fixed, *settings.WHERE)

    def _may_say_where(self, request: HttpRequest) -> bool:
        return bool(actor_of(request).may_administer_instance)

    def change_row(self, actor: Actor, row: Upstream, given: Mapping[str, Any]) -> None:
        """Change settings; the tick that confirms is nothing by itself."""
        values = service_values(given)
        if values.keys() - {"force"}:
            settings.change(actor=actor, index=row.index, **values)

    def get_urls(self) -> list[URLPattern]:
        """One address more: the test."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_test"
        return [
            path("<path:object_id>/test/", self.admin_site.admin_view(self.test_view), name=name),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the upstream answers, when asked for, in words."""
        row = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        if row is None:
            return self.missing(request)
        actor = actor_of(request)
        settings.require_may_test(actor, row.index)
        trial, refusal = None, ""
        if request.method == "POST":
            try:
                trial = settings.try_out(actor=actor, index=row.index)
            except Refusal as error:
                refusal = error.detail
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": f"Test: {row}",
            "opts": self.opts,
            "row": row,
            "where": addresses.in_words(row),
            "trial": trial,
            "refusal": refusal,
            "back_url": self._row_url(object_id),
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/upstream_test.html", context)

    def tools(self, request: HttpRequest, row: Any) -> list[Tool]:
        """The test first."""
        test = [] if self.only_looks(request) else [Tool("Test", self._url("test", quote(row.pk)))]
        return [*test, *super().tools(request, row)]

    def history_url(self, row: Upstream) -> str:
        """What was done to the mirror."""
        return marks.list_url(AuditEntry, object_type="index", object_name=row.index.name)

    def related(self, request: HttpRequest, row: Upstream) -> list[tuple[str, str]]:
        """The index, and what is known of its projects."""
        return [
            ("Index", marks.page_url(row.index)),
            ("Mirrored projects", marks.list_url(MirroredProject, index=row.index.name)),
        ]

    @admin.display(description="Mirror")
    def mirror(self, row: Upstream) -> str:
        """The index's name."""
        return row.index.name

    @admin.display(description="Address")
    def where(self, row: Upstream) -> str:
        """The address, or PyPI."""
        return addresses.in_words(row)

    @admin.display(description="State")
    def state(self, row: Upstream) -> SafeString:
        """Whether it answers."""
        if row.is_offline:
            return marks.badge("offline")
        if row.failing_since is not None:
            return marks.badge(f"failing since {row.failing_since:%Y-%m-%d %H:%M}", "bad")
        return marks.badge("frozen", "warn") if row.is_frozen else marks.badge("in use", "good")

    @admin.display(description="Why it fails")
    def why(self, row: Upstream) -> str:
        """The last failure's sentence."""
        return row.failure or marks.NOTHING

    @admin.display(description="Asked every")
    def asked(self, row: Upstream) -> str:
        """For how long a page is fresh."""
        return f"{row.page_seconds} s"

    @admin.display(description="What it removes")
    def follows_removal(self, row: Upstream) -> str:
        """What is done about it."""
        return FOLLOWING["on_removal"][row.on_removal]

    @admin.display(description="What it yanks")
    def follows_yank(self, row: Upstream) -> str:
        """What is done about it."""
        return FOLLOWING["on_yank"][row.on_yank]

    @admin.display(description="What it quarantines")
    def follows_quarantine(self, row: Upstream) -> str:
        """What is done about it."""
        return FOLLOWING["on_quarantine"][row.on_quarantine]

    @admin.display(description="Password")
    def has_password(self, row: Upstream) -> str:
        """Whether there is one."""
        return _kept(row.password)

    @admin.display(description="Key of the client certificate")
    def has_client_key(self, row: Upstream) -> str:
        """Whether there is one."""
        return _kept(row.client_key)

    @admin.display(description="Password for the proxy")
    def has_proxy_password(self, row: Upstream) -> str:
        """Whether there is one."""
        return _kept(row.proxy_password)


def _kept(secret: str) -> str:
    return "kept encrypted" if secret else "none"


@admin.register(MirroredProject)
class MirroredProjectScreen(ReadOnlyScreen):
    """What mirrors know of names upstream, those too that are not there."""

    section, place, area = "Publishing", 62, "indexapp"
    menu_name = "mirrored projects"
    empty_text = "No mirror was asked for anything yet. The first installer that asks for a name makes a row here."
    list_display = ("normalized_name", "index", "state", "checked")
    list_filter = (IndexFilter,)
    list_select_related = ("index", "project")
    search_fields = ("normalized_name__startswith",)
    ordering = ("normalized_name", "pk")
    fieldsets = (
        (None, {"fields": ("normalized_name", "index", "project", "state")}),
        ("Upstream", {"fields": ("checked", "fresh", "upstream_serial", "why")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="refresh",
            label="Ask now",
            done="asked for",
            question="The upstream is asked for the project's page now, whether or not it is still fresh.",
            perform=lambda actor, row, _: refreshing.refresh(actor=actor, index=row.index, name=row.normalized_name),
            is_bulk=False,
        ),
    )

    def rows(self, request: HttpRequest) -> QuerySet[MirroredProject]:
        """Of indexes administered as a whole; operators see all."""
        found = MirroredProject.objects.select_related("index", "project")
        if actor_of(request).may_operate:
            return found
        return found.filter(index__in=reach_for(request).whole_indexes())

    def has_module_permission(self, request: HttpRequest) -> bool:
        """In the menu of operators too."""
        return super().has_module_permission(request) or bool(actor_of(request).may_operate)

    def related(self, request: HttpRequest, row: MirroredProject) -> list[tuple[str, str]]:
        """Its upstream."""
        return [("Upstream", marks.page_url(row.index.upstream))] if hasattr(row.index, "upstream") else []

    @admin.display(description="State")
    def state(self, row: MirroredProject) -> SafeString:
        """What came of the last question, in a word."""
        if row.failure:
            return marks.badge("failed", "bad")
        if row.is_held:
            return marks.badge("held back here", "bad")
        if row.is_gone:
            return marks.badge("gone upstream", "warn")
        if row.project_id is None:
            return marks.badge("not there" if row.checked_at else "not asked yet")
        return marks.badge("mirrored", "good")

    @admin.display(description="Checked")
    def checked(self, row: MirroredProject) -> SafeString | str:
        """When the upstream last answered."""
        return marks.when(row.checked_at)

    @admin.display(description="Fresh until")
    def fresh(self, row: MirroredProject) -> SafeString | str:
        """When it wants to be asked for again."""
        return marks.when(row.fresh_until)

    @admin.display(description="Why it fails")
    def why(self, row: MirroredProject) -> str:
        """The last failure's sentence."""
        return row.failure or marks.NOTHING
