"""Directories: how they are reached, whether they answer, and what is started by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.admin.directory_forms import DirectoryForm, NewDirectoryForm, service_values
from accounts.admin.directory_syncs import sync_mark
from accounts.admin.operations import OperationsScreen
from accounts.domain.actors import Actor
from accounts.models import AuditEntry, Directory, DirectorySync, GroupMapping
from accounts.permissions import require_operator
from accounts.services.directories import checks, removal, settings
from accounts.services.directories.sync import asking
from tpi_site.kit.admin import ConfirmedAction, TypedName, actor_of, marks
from tpi_site.kit.admin.actions import Tool

_MOST_GROUPS = 200
_WORDS = {"connect": "Connect", "tls": "Encryption", "bind": "Bind", "search": "Search", "groups": "Groups"}


def state_of(row: Directory) -> tuple[str, str]:
    """One word or two on how the directory is, and their tone."""
    if row.removal is not None:
        return f"being removed: {row.removal.ended} of {row.removal.people} people", "warn"
    if not row.enabled:
        return "off", ""
    if row.failing_since is not None:
        return f"failing since {row.failing_since:%Y-%m-%d %H:%M}", "bad"
    if row.paused_at is not None:
        return "sync paused", "warn"
    return ("answering", "good") if row.last_ok_at is not None else ("not asked yet", "")


def latest_syncs(directories: list[Directory]) -> dict[int, DirectorySync]:
    """The last sync of each, dry runs left out; one query."""
    real = DirectorySync.objects.filter(directory__in=[row.pk for row in directories], dry_run=False).order_by()
    last = real.values("directory").annotate(last=Max("pk")).values("last")
    found = DirectorySync.objects.filter(pk__in=last).defer("differences", "cursor")
    return {sync.directory_id: sync for sync in found}


def _is_ours(row: Directory) -> bool:
    """Whether it is configured here, and stays."""
    return row.origin != Directory.Origin.ENVIRONMENT and row.removal_id is None


def _is_kept(row: Directory) -> bool:
    return row.removal_id is None


def _syncs_url(row: Directory) -> str:
    return marks.list_url(DirectorySync, directory=row.name)


def _set_enabled(*, enabled: bool) -> Any:
    def perform(actor: Actor, row: Directory, _: Mapping[str, Any]) -> None:
        settings.change(actor=actor, directory=row, enabled=enabled)

    return perform


class TestForm(forms.Form):
    """Whom to look for."""

    username = forms.CharField(
        label="User name",
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Somebody whose entry and groups to look for. Empty: anybody.",
    )


ACTIONS = (
    ConfirmedAction(
        name="plan",
        label="Plan a sync",
        done="put on the queue for a dry run; its report comes here when it ends",
        question="The directory is read as for a sync, and a report says what would change. Nothing is changed.",
        perform=lambda actor, row, _: asking.ask_plan(actor=actor, directory=row),
        offered=lambda _, row: bool(row.bind_dn) and _is_kept(row),
        is_bulk=False,
        leads_to=_syncs_url,
    ),
    ConfirmedAction(
        name="sync",
        label="Sync now",
        done="put on the queue for a sync; its report comes here when it ends",
        question=(
            "Accounts and memberships are made equal with the directory. Who is disabled or gone there is shut out here, "
            "unless that would be too many at once."
        ),
        perform=lambda actor, row, _: asking.ask_sync(actor=actor, directory=row),
        offered=lambda _, row: bool(row.bind_dn) and row.paused_at is None and _is_kept(row),
        is_bulk=False,
        leads_to=_syncs_url,
    ),
    ConfirmedAction(
        name="accept-removals",
        label="Accept removals",
        done="put on the queue for a sync with all its removals",
        question=(
            "The last sync paused because it would shut out too many. Look at its report first: with this, the next sync "
            "removes them all."
        ),
        perform=lambda actor, row, _: asking.ask_sync(actor=actor, directory=row, accept_removals=True),
        form=TypedName,
        offered=lambda _, row: bool(row.bind_dn) and row.paused_at is not None and _is_kept(row),
        is_dangerous=True,
        is_bulk=False,
        leads_to=_syncs_url,
        needs_fresh_sign_in=True,
    ),
    ConfirmedAction(
        name="disable",
        label="Disable",
        done="disabled",
        question="Nobody signs in through it any more and it is not synced; tokens of its people go on for some days.",
        perform=_set_enabled(enabled=False),
        permission="instance",
        offered=lambda actor, row: row.enabled and _is_ours(row) and actor.may_administer_instance,
        is_dangerous=True,
    ),
    ConfirmedAction(
        name="enable",
        label="Enable",
        done="enabled",
        question="Its people can sign in again, and it is synced again.",
        perform=_set_enabled(enabled=True),
        permission="instance",
        offered=lambda actor, row: not row.enabled and _is_ours(row) and actor.may_administer_instance,
        needs_fresh_sign_in=True,
    ),
)


@admin.register(Directory)
class DirectoryScreen(OperationsScreen):
    """Directories; operators look, test and sync, administrators configure."""

    section, place = "People and rights", 60
    empty_text = (
        "No directory yet: people sign in with accounts of this site alone. Add your LDAP server or Active Directory."
    )
    list_display = ("name", "state", "last_sync", "sort", "hosts", "title")
    search_fields = ("name", "title", "hosts")
    ordering = ("place", "name")
    list_defer = ("ca_certificates", "bind_password")
    list_select_related = ("removal",)
    form, add_form = DirectoryForm, NewDirectoryForm
    readonly_fields = ("name", "source", "state", "why", "last_answer", "last_sync")
    confirmed_actions = ACTIONS
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="off; nobody of it is let in any more, and a job removes it",
        question=(
            "Everybody who came through it is shut out at once: accounts are disabled, tokens revoked, memberships that it "
            "gave are ended, and its mapped groups are forgotten. What they published stays, and so does the audit log. "
            "To end its use for a while, disable it."
        ),
        perform=lambda actor, row, _: removal.delete(actor=actor, directory=row),
        permission="instance",
        form=TypedName,
        offered=lambda _, row: _is_ours(row),
        is_dangerous=True,
        is_bulk=False,
        removes=True,
    )

    def may_change(self, request: HttpRequest) -> bool:
        """Administrators."""
        return self.has_instance_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the page is a form: not where variables of the environment say what it holds."""
        return super().has_change_permission(request, obj) and (obj is None or _is_ours(obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The parts of the form; where it only shows, the password is a word on whether there is one."""
        password = "new_bind_password" if obj is None or self.has_change_permission(request, obj) else "has_password"
        standing = ("State", {"fields": ("state", "why", "last_answer", "last_sync", "source")})
        name = ("name",) if obj is None else ()
        return (
            *([standing] if obj is not None else []),
            ("Directory", {"fields": (*name, "title", "kind", "enabled", "place")}),
            (
                "Connection",
                {"fields": ("hosts", "security", "ca_certificates", "verify_certificate", "timeout")},
            ),
            ("Who binds", {"fields": ("bind", "bind_dn", password, "user_template")}),
            ("People", {"fields": ("user_base", "user_filter", "name_attribute")}),
            ("Groups", {"fields": ("group_base", "group_filter", "nesting", "only_mapped")}),
            ("Sync", {"fields": ("page_size", "removal_limit")}),
        )

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Directory:
        """Make the directory."""
        return settings.create(actor=actor, **service_values(given))

    def change_row(self, actor: Actor, row: Directory, given: Mapping[str, Any]) -> None:
        """Change the directory."""
        if values := service_values(given):
            settings.change(actor=actor, directory=row, **values)

    def response_post_save_add(self, request: HttpRequest, obj: Directory) -> HttpResponseRedirect:
        """To the new directory's page, where its test is."""
        return HttpResponseRedirect(self._row_url(quote(obj.pk)))

    def get_urls(self) -> list[URLPattern]:
        """One address more: the test."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_test"
        return [
            path("<path:object_id>/test/", self.admin_site.admin_view(self.test_view), name=name),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Each step of a sign-in and of a sync, when asked for, with what came of it."""
        row = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        if row is None:
            return self.missing(request)
        require_operator(actor_of(request), "test directories")
        form = TestForm(request.POST if request.method == "POST" else None)
        found = (
            checks.check(row, form.cleaned_data["username"]) if form.is_bound and form.is_valid() else checks.Outcome()
        )
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": f"Test: {row}",
            "opts": self.opts,
            "row": row,
            "form": form,
            "steps": [(_WORDS[step.name], step) for step in found.steps],
            "found": found,
            "groups": self._mappable(request, row, found),
            "back_url": self._row_url(object_id),
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/directory_test.html", context)

    def _mappable(
        self, request: HttpRequest, row: Directory, found: checks.Outcome
    ) -> list[tuple[checks.FoundGroup, str]]:
        """The groups, each with the address of the form that maps it, for those who may."""
        may_map = self.has_instance_permission(request)
        form = marks.add_url(GroupMapping)
        return [
            (group, f"{form}?{urlencode({'directory': row.name, 'group_dn': group.dn})}" if may_map else "")
            for group in found.groups[:_MOST_GROUPS]
        ]

    def tools(self, request: HttpRequest, row: Any) -> list[Tool]:
        """The test first, which is an act and none of those who only look."""
        test = [Tool("Test", self._url("test", quote(row.pk)))] if actor_of(request).may_operate else []
        return [*test, *super().tools(request, row)]

    def history_url(self, row: Directory) -> str:
        """What was done to the directory."""
        return marks.list_url(AuditEntry, object_type="directory", object_name=row.name)

    def related(self, request: HttpRequest, row: Directory) -> list[tuple[str, str]]:
        """Its groups and its syncs, and the way to one group more."""
        links = [("Mapped groups", marks.list_url(GroupMapping, directory=row.name)), ("Syncs", _syncs_url(row))]
        if self.has_instance_permission(request):
            links.append(("Map a group", f"{marks.add_url(GroupMapping)}?{urlencode({'directory': row.name})}"))
        return links

    def enrich(self, rows: list[Any]) -> list[Any]:
        """The last sync of each directory of the page, in one query."""
        found = latest_syncs(rows)
        for row in rows:
            row.latest = found.get(row.pk)
        return rows

    @admin.display(description="Kind")
    def sort(self, row: Directory) -> str:
        """What kind of server, in a word or two."""
        return "LDAP" if row.kind == Directory.Kind.LDAP else "Active Directory"

    @admin.display(description="State")
    def state(self, row: Directory) -> SafeString:
        """Whether it answers."""
        return marks.badge(*state_of(row))

    @admin.display(description="Why it fails")
    def why(self, row: Directory) -> str:
        """The step and its sentence."""
        return row.failure or marks.NOTHING

    @admin.display(description="Last answer")
    def last_answer(self, row: Directory) -> SafeString | str:
        """When it last answered, to a minute."""
        return marks.when(row.last_ok_at)

    @admin.display(description="Last sync")
    def last_sync(self, row: Any) -> SafeString | str:
        """How the last sync ended, and when it began."""
        latest = row.latest if hasattr(row, "latest") else latest_syncs([row]).get(row.pk)
        return sync_mark(latest) if latest else "never"

    @admin.display(description="Configured in")
    def source(self, row: Directory) -> str:
        """Where it is changed."""
        return (
            "the environment (TPI_LDAP_ variables); change it there"
            if row.origin == Directory.Origin.ENVIRONMENT
            else "the console"
        )

    @admin.display(description="Bind account's password")
    def has_password(self, row: Directory) -> str:
        """Whether there is one."""
        return "kept encrypted" if row.bind_password else "none"
