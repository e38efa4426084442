"""Where the audit log goes: streams to outside, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.models import AuditCheckpoint, AuditEntry, AuditSink
from accounts.permissions import audit_sinks_visible_to
from accounts.services import audit_delivery, audit_sinks
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, Screen, actor_of, marks
from tpi_site.kit.admin.fields import LinesField
from tpi_site.kit.admin.refusals import RefusableForm

_HELP = {
    "address": "Syslog: host:port, usually 6514. HTTP: a URL. File: a name in the folder audit-streams.",
    "format": "What a line looks like.",
    "ca_certificates": "PEM of the authorities that the receiver's certificate must come from. Empty: the system's.",
    "enabled": "While off nothing is sent; what is recorded meanwhile is sent later.",
}


class SinkForm(RefusableForm):
    """What can be changed about a stream."""

    action_prefixes = LinesField(
        required=False, help_text="Beginnings of actions, such as 'token.', one per line. Empty: everything."
    )
    new_secret = forms.CharField(
        required=False, help_text="Only for HTTP: a new secret that signs what is sent. Empty: the one there is."
    )

    class Meta:
        model = AuditSink
        fields = ("address", "format", "action_prefixes", "ca_certificates", "enabled")
        help_texts = _HELP
        widgets = {"ca_certificates": forms.Textarea(attrs={"rows": 4})}


class NewSinkForm(SinkForm):
    """A new stream."""

    new_secret = forms.CharField(
        required=False,
        initial=audit_sinks.new_secret,
        help_text="Only for HTTP: give it to the receiver, who verifies signatures with it. It is not shown again.",
    )
    from_the_beginning = forms.BooleanField(
        required=False, help_text="Send the whole log, and not only what is recorded from now on."
    )

    class Meta:
        model = AuditSink
        fields = ("name", "kind", "address", "format", "action_prefixes", "ca_certificates", "enabled")
        help_texts = {**_HELP, "name": "Lower-case letters, digits and hyphens; it cannot be changed later."}
        widgets = {"ca_certificates": forms.Textarea(attrs={"rows": 4})}


def _for_service(given: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values under the names that the service has."""
    return {"secret" if name == "new_secret" else name: value for name, value in given.items()}


@admin.register(AuditSink)
class AuditSinkScreen(Screen):
    """Streams of the audit log; auditors and security officers look, administrators configure."""

    section, place, area = "Evidence", 30, "evidence"
    administrators_only = True
    empty_text = "The audit log is not streamed anywhere. Let a system outside keep a copy that nobody here can change."
    list_display = ("name", "kind", "address", "state", "behind", "last_ok")
    search_fields = ("name",)
    ordering = ("name",)
    form, add_form = SinkForm, NewSinkForm
    fieldsets = (
        (None, {"fields": ("name", "kind", "state", "behind", "last_ok", "failure")}),
        ("Stream", {"fields": ("address", "format", "action_prefixes", "ca_certificates", "new_secret", "enabled")}),
    )
    readonly_fields = ("name", "kind", "state", "behind", "last_ok", "failure")
    add_fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "kind", "address", "format")}),
        ("What is sent", {"fields": ("action_prefixes", "from_the_beginning", "enabled")}),
        ("Security", {"fields": ("ca_certificates", "new_secret")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="test",
            label="Send a test",
            done="reached",
            question="One line that says that it is a test is sent now.",
            perform=lambda actor, sink, _: audit_sinks.test(actor=actor, sink=sink),
            permission="instance",
            is_bulk=False,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question="Nothing more is sent there; a new stream would begin afresh.",
        perform=lambda actor, sink, _: audit_sinks.delete(actor=actor, sink=sink),
        permission="instance",
        is_dangerous=True,
        is_bulk=False,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[AuditSink]:
        """All, for who may open the screen."""
        return audit_sinks_visible_to(actor_of(request))

    def may_add(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def may_change(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The parts of the form; where it only shows, the secret is a word on whether there is one."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        shown = {"new_secret": "has_secret"}
        return [(title, {"fields": [shown.get(name, name) for name in part["fields"]]}) for title, part in fieldsets]

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> AuditSink:
        """Create the stream."""
        return audit_sinks.create(actor=actor, **_for_service(given))

    def change_row(self, actor: Actor, row: AuditSink, given: Mapping[str, Any]) -> None:
        """Change it."""
        audit_sinks.change(actor=actor, sink=row, **_for_service(given))

    def history_url(self, row: AuditSink) -> str:
        """What was done to the stream."""
        return marks.list_url(AuditEntry, object_type="auditsink", object_name=row.name)

    @admin.display(description="State")
    def state(self, row: AuditSink) -> SafeString:
        """Whether it works."""
        if not row.enabled:
            return marks.badge("off")
        return marks.badge("failing", "bad") if row.failing_since else marks.badge("ok", "good")

    @admin.display(description="Not yet sent")
    def behind(self, row: AuditSink) -> int:
        """Entries of the log that it has not got."""
        return audit_delivery.lag(row)

    @admin.display(description="Signing secret")
    def has_secret(self, row: AuditSink) -> str:
        """Whether there is one."""
        return "kept encrypted" if row.secret else "none"

    @admin.display(description="Last success")
    def last_ok(self, row: AuditSink) -> SafeString | str:
        """When it last took something."""
        return marks.when(row.last_ok_at)


@admin.register(AuditCheckpoint)
class AuditCheckpointScreen(ReadOnlyScreen):
    """Signed statements of the log's length and end, to be copied elsewhere."""

    section, place, area = "Evidence", 25, "evidence"
    empty_text = "The first checkpoint is signed some minutes after something was recorded."
    list_display = ("size", "made")
    ordering = ("-size",)
    fieldsets = ((None, {"fields": ("size", "made", "text")}),)

    def rows(self, request: HttpRequest) -> QuerySet[AuditCheckpoint]:
        """All, for those who may read the log."""
        found: QuerySet[AuditCheckpoint] = AuditCheckpoint.objects.all()
        return found if actor_of(request).reads_everything else found.none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may read the log."""
        return bool(actor_of(request).reads_everything)

    @admin.display(description="Made")
    def made(self, row: AuditCheckpoint) -> SafeString | str:
        """When it was signed."""
        return marks.when(row.made_at)

    @admin.display(description="Checkpoint")
    def text(self, row: AuditCheckpoint) -> SafeString:
        """The note, letter for letter."""
        return marks.text_block(row.note)
