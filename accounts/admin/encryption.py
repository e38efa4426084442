"""How the installation is encrypted, what was done about keys, and the two acts that need no command."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from accounts.models import KeyEvent
from accounts.services.keys import asking, ring, status
from tpi_site.kit.admin import ReadOnlyScreen, actor_of, freshness, marks
from tpi_site.kit.errors import NotFound, Refusal


class RemovalForm(forms.Form):
    """Which key goes."""

    key = forms.ChoiceField(
        choices=(),
        help_text="Only keys that wrap nothing can go. Keep a copy as long as there are backups that need it.",
    )

    def __init__(self, *args: Any, keys: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["key"].choices = [(key, key) for key in keys]  # type: ignore[attr-defined]


@admin.register(KeyEvent)
class EncryptionScreen(ReadOnlyScreen):
    """The state above, the history of keys below it."""

    section, place, area = "Evidence", 40, "evidence"
    administrators_only = True
    change_list_template = "admin/encryption.html"
    empty_text = "No key was added, rotated or removed since the installation began."
    list_display = ("time", "action", "about", "by")
    ordering = ("-pk",)
    list_defer = ("detail",)
    fieldsets = ((None, {"fields": ("time", "action", "about", "by", "address", "particulars")}),)

    def rows(self, request: HttpRequest) -> QuerySet[KeyEvent]:
        """What was done about keys, for those who read everything."""
        return KeyEvent.objects.filter(action__in=KeyEvent.ACTIONS)

    def parts(self, request: HttpRequest) -> list[Q]:
        """Each action by the log's index."""
        return [Q(action=action) for action in KeyEvent.ACTIONS]

    def get_urls(self) -> list[URLPattern]:
        """Two addresses more, which are about no row."""
        return [
            path("rotate/", self.admin_site.admin_view(self.rotate_view), name="accounts_keyevent_rotate"),
            path("remove-key/", self.admin_site.admin_view(self.remove_view), name="accounts_keyevent_removekey"),
            *super().get_urls(),
        ]

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The state as a file."""
        export = reverse("api:encryption-export")
        return [("Export as CSV", f"{export}?format=csv"), ("Export as JSON", f"{export}?format=json")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The state, and the list."""
        context: dict[str, Any] = {"title": "Encryption"}
        if self.has_view_permission(request):
            found = status.status(actor=actor_of(request))
            acts = self.has_instance_permission(request)
            context |= {"found": found, "acts": acts, "may_remove": acts and bool(_removable(found))}
        return super().changelist_view(request, context | (extra_context or {}))

    def rotate_view(self, request: HttpRequest) -> HttpResponse:
        """Ask, then add a key and let a job wrap everything anew."""
        if interruption := self._not_yet(request):
            return interruption
        error = ""
        if "confirmed" in request.POST:
            try:
                job = asking.ask_rotation(actor=actor_of(request))
            except Refusal as refusal:
                error = refusal.detail
            else:
                return self._done(request, f"The job '{job}' wraps everything anew; this page shows how far it is.")
        return self._rendered(request, "admin/keys_rotate.html", "Rotate keys", error=error)

    def remove_view(self, request: HttpRequest) -> HttpResponse:
        """Ask which, then take an old key out of the ring."""
        if interruption := self._not_yet(request):
            return interruption
        keys = _removable(status.status(actor=actor_of(request)))
        form = RemovalForm(request.POST if "confirmed" in request.POST else None, keys=keys)
        if form.is_bound and form.is_valid():
            try:
                ring.remove_key(actor=actor_of(request), key_id=form.cleaned_data["key"])
            except Refusal as refusal:
                form.add_error(None, refusal.detail)
            else:
                return self._done(request, f"The key '{form.cleaned_data['key']}' is removed.")
        return self._rendered(request, "admin/keys_remove.html", "Remove key", form=form, keys=keys)

    def _not_yet(self, request: HttpRequest) -> HttpResponse | None:
        if not self.has_view_permission(request) or not self.has_instance_permission(request):
            raise NotFound("Only an administrator of the instance rotates and removes keys.")
        return freshness.interruption(request)

    def _done(self, request: HttpRequest, sentence: str) -> HttpResponse:
        self.message_user(request, sentence, messages.SUCCESS)
        return HttpResponseRedirect(self._list_url())

    def _rendered(self, request: HttpRequest, template: str, title: str, **more: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "title": title, "list_url": self._list_url(), **more}
        return TemplateResponse(request, template, context)

    @admin.display(description="Time")
    def time(self, row: KeyEvent) -> SafeString | str:
        """When it happened."""
        return marks.when(row.at)

    @admin.display(description="Key")
    def about(self, row: KeyEvent) -> SafeString | str:
        """The key, or what was sealed."""
        return marks.mono(row.object_name) if row.object_type == "keyring" else row.object_name

    @admin.display(description="By")
    def by(self, row: KeyEvent) -> str:
        """Who did it."""
        return row.actor_name

    @admin.display(description="Detail")
    def particulars(self, row: KeyEvent) -> SafeString | str:
        """What the service noted."""
        return marks.block(row.detail)


def _removable(found: status.Status) -> list[str]:
    return [key.id for key in found.keys if key.is_in_ring and not key.is_current and not key.wraps]
