"""Mirror sites and how they do, and what each index does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from indexapp.models import Index, IndexSending, MirrorSite
from indexapp.services.sites import settings
from tpi_site.kit.admin import ConfirmedAction, actor_of, marks
from tpi_site.kit.admin.actions import Reason
from tpi_site.kit.admin.fields import LinesField, NamedField, SizeField
from tpi_site.kit.admin.filters import choice_filter
from tpi_site.kit.admin.refusals import RefusableForm

_State = MirrorSite.State
_OUT = (_State.OUT, _State.WRONG)
_TONES = {_State.HEALTHY: "good", _State.SLOW: "warn", _State.PROBATION: "", _State.OUT: ""}
_PLAIN = forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"})
_HELP = {
    "name": "Lower-case letters, digits and hyphens; it cannot be changed later.",
    "base_url": "Where its tree is. Write {index} where an index's name stands, if it serves several or is another TPI.",
    "region": "From the large to the small, such as eu-de.",
    "weight": "Its share among sites that are equally near.",
    "sending": "Through the index, a site can break no install. Clients are sent there only where the index allows it too.",
    "takes_private": "Files that not everybody may read. Addresses at it must then be signed.",
    "signing": "How the site checks that an address came from here, for some minutes.",
    "ca_certificates": "PEM of the authorities that its certificate must come from. Empty: the system's.",
    "lag_hours": "A file older than that must be there, or the site is stale.",
}


_LABELS = {
    "base_url": "Address",
    "sending": "How readers get its bytes",
    "takes_private": "Takes private files",
    "signing": "Signed addresses",
    "ca_certificates": "Authorities",
    "lag_hours": "Hours behind at most",
}
_CONCERNS = {
    "name-invalid": "name",
    "name-taken": "name",
    "site-address": "base_url",
    "site-networks": "networks",
    "site-weight": "weight",
    "site-capacity": "capacity",
    "site-lag": "lag_hours",
    "site-region": "region",
    "site-private-unsigned": "takes_private",
    "site-key-invalid": "new_signing_key",
    "site-key-missing": "new_signing_key",
    "index-unknown": "indexes",
}


class SiteForm(RefusableForm):
    """What can be changed of a site."""

    concerns = _CONCERNS
    indexes = LinesField(required=False, help_text="The indexes whose files it has, one per line.")
    networks = LinesField(
        required=False,
        help_text="Of clients near it, such as 10.1.0.0/16, one per line. Without a region: for these alone.",
    )
    capacity = SizeField(required=False, help_text="A second, such as 100 MB. Empty where nobody knows.")
    new_signing_key = forms.CharField(
        required=False,
        max_length=200,
        widget=_PLAIN,
        help_text="16 to 200 characters, not shown again. Empty: the one there is; another address needs it anew.",
    )

    class Meta:
        model = MirrorSite
        fields = ("base_url", "region", "weight", "sending", "takes_private", "signing", "ca_certificates", "lag_hours")
        labels = _LABELS
        help_texts = _HELP
        widgets = {"ca_certificates": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        row = self.instance
        if row.pk:
            own = {"indexes": settings.index_names(row), "networks": row.networks, "capacity": row.capacity}
            self.initial = {**self.initial, **own}


class NewSiteForm(SiteForm):
    """A new site."""

    class Meta:
        model = MirrorSite
        fields = ("name", *SiteForm.Meta.fields)
        labels = _LABELS
        help_texts = _HELP
        widgets = {**SiteForm.Meta.widgets, "name": _PLAIN}


def _for_service(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"signing_key" if name == "new_signing_key" else name: value for name, value in given.items()}


_WHERE = ("base_url", "indexes", "lag_hours", "ca_certificates")
_WHO = ("region", "networks", "weight", "capacity")
_HOW = ("sending", "takes_private", "signing", "new_signing_key")
_HEAD = ("name", "how", "why", "checked", "next_check", "quickness", "given")
_SHOWN = (
    ("Where", {"fields": ("base_url", "its_indexes", "lag_hours", "ca_certificates")}),
    ("Whom it serves", {"fields": ("region", "its_networks", "weight", "its_capacity")}),
    ("How", {"fields": ("sending", "takes_private", "signing", "has_key")}),
)


@admin.register(MirrorSite)
class MirrorSiteScreen(OperationsScreen):
    """Who serves files for this installation; administrators say who, operators take out and put back."""

    section, place = "Operation", 40
    menu_name = "Mirror sites"
    empty_text = (
        "No site serves files for this installation. Register one: it need not be trusted, and is on probation first."
    )
    stacks = True
    list_display = ("name", "how", "why", "where", "region", "weight", "checked")
    list_filter = (choice_filter("state", "state", "state", MirrorSite.State.choices),)
    list_defer = ("ca_certificates", "signing_key")
    search_fields = ("name", "base_url", "region")
    ordering = ("name",)
    form, add_form = SiteForm, NewSiteForm
    readonly_fields = _HEAD
    fieldsets = (
        ("State", {"fields": _HEAD}),
        ("Where", {"fields": _WHERE}),
        ("Whom it serves", {"fields": _WHO}),
        ("How", {"fields": _HOW}),
    )
    add_fieldsets = (
        ("Where", {"fields": ("name", *_WHERE)}),
        ("Whom it serves", {"fields": _WHO}),
        ("How", {"fields": _HOW}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="take-out",
            label="Take out",
            done="taken out",
            question="Nobody is given it from now on, until somebody puts it back. The index gives its files itself.",
            perform=lambda actor, row, given: settings.take_out(actor=actor, site=row, reason=given["reason"]),
            permission="operate",
            form=Reason,
            offered=lambda _, row: row.state not in _OUT,
        ),
        ConfirmedAction(
            name="put-back",
            label="Put back",
            done="put back",
            question="It is on probation again: it gets somebody once it has passed three checks. Look first why it was out.",
            perform=lambda actor, row, _: settings.put_back(actor=actor, site=row),
            permission="operate",
            offered=lambda _, row: row.state in _OUT,
            needs_fresh_sign_in=True,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Retire",
        done="retired",
        question="Nobody is given it any more, and nothing is kept of it but the audit log.",
        perform=lambda actor, row, _: settings.retire(actor=actor, site=row),
        permission="instance",
        is_dangerous=True,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[MirrorSite]:
        """All, for who may open the screen."""
        return MirrorSite.objects.all()

    def may_add(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def may_change(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """For actions of who runs the installation."""
        return bool(actor_of(request).may_operate)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The parts of the form; where it only shows, lists and the key are words."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return [("State", {"fields": _HEAD}), *_SHOWN]

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> MirrorSite:
        """Register it."""
        return settings.register(actor=actor, **_for_service(given))

    def change_row(self, actor: Actor, row: MirrorSite, given: Mapping[str, Any]) -> None:
        """Change it."""
        settings.change(actor=actor, site=row, **_for_service(given))

    def history_url(self, row: MirrorSite) -> str:
        """What was done to it and what it did."""
        return marks.list_url(AuditEntry, object_type="mirrorsite", object_name=row.name)

    @admin.display(description="State")
    def how(self, row: MirrorSite) -> SafeString:
        """In a word."""
        return marks.badge(str(_State(row.state).label), _TONES.get(_State(row.state), "bad"))

    @admin.display(description="Address", ordering="base_url")
    def where(self, row: MirrorSite) -> str:
        """Where its tree is."""
        return row.base_url

    @admin.display(description="Why")
    def why(self, row: MirrorSite) -> str:
        """The sentence of what happened last."""
        return row.reason or marks.NOTHING

    @admin.display(description="Checked")
    def checked(self, row: MirrorSite) -> SafeString | str:
        """When its files were looked at last."""
        return marks.when(row.checked_at)

    @admin.display(description="Next check")
    def next_check(self, row: MirrorSite) -> SafeString | str:
        """When they are looked at next; one that is out is not."""
        return marks.NOTHING if row.state in _OUT else marks.when(row.next_check_at)

    @admin.display(description="Time of a file")
    def quickness(self, row: MirrorSite) -> str:
        """How long a file took at the last check."""
        return marks.NOTHING if row.milliseconds is None else f"{row.milliseconds} ms"

    @admin.display(description="Share of its files")
    def given(self, row: MirrorSite) -> str:
        """Which part of what would be its files it is given."""
        return f"{row.share:.0%}"

    @admin.display(description="Indexes")
    def its_indexes(self, row: MirrorSite) -> str:
        """By name."""
        return ", ".join(settings.index_names(row)) or marks.NOTHING

    @admin.display(description="Networks")
    def its_networks(self, row: MirrorSite) -> str:
        """Of clients near it."""
        return ", ".join(row.networks) or marks.NOTHING

    @admin.display(description="Capacity")
    def its_capacity(self, row: MirrorSite) -> SafeString | str:
        """Bytes a second."""
        return marks.size(row.capacity)

    @admin.display(description="Signing key")
    def has_key(self, row: MirrorSite) -> str:
        """Whether there is one."""
        return "kept" if row.signing_key else "none"


class SendingForm(RefusableForm):
    """What an index does."""

    class Meta:
        model = IndexSending
        fields = ("mode",)
        help_texts = {"mode": "What may happen at most; a site that is set to less does less."}


class NewSendingForm(SendingForm):
    """For an index that has it off yet."""

    index = NamedField(Index.objects.all(), name_field="name", what="index", help_text="The index's name.")


@admin.register(IndexSending)
class IndexSendingScreen(OperationsScreen):
    """Which indexes give readers the bytes of mirror sites."""

    section, place = "Operation", 41
    menu_name = "Use of mirror sites"
    add_label = "Use mirror sites for an index"
    empty_text = "Every index gives its files itself. Let one use its mirror sites once they are healthy."
    list_display = ("of", "mode")
    list_select_related = ("index",)
    search_fields = ("index__name",)
    ordering = ("index__name",)
    form, add_form = SendingForm, NewSendingForm
    readonly_fields = ("of",)
    fieldsets = ((None, {"fields": ("of", "mode")}),)
    add_fieldsets = ((None, {"fields": ("index", "mode")}),)

    def rows(self, request: HttpRequest) -> QuerySet[IndexSending]:
        """All, for who may open the screen."""
        return IndexSending.objects.select_related("index")

    def may_add(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def may_change(self, request: HttpRequest) -> bool:
        """Administrators."""
        return bool(actor_of(request).may_administer_instance)

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> IndexSending:
        """Say it."""
        return settings.set_mode(actor=actor, index=given["index"], mode=given["mode"])

    def change_row(self, actor: Actor, row: IndexSending, given: Mapping[str, Any]) -> None:
        """Say something else."""
        settings.set_mode(actor=actor, index=row.index, mode=given["mode"])

    def history_url(self, row: IndexSending) -> str:
        """What was done to the index."""
        return marks.list_url(AuditEntry, object_type="index", object_name=row.index.name)

    @admin.display(description="Index")
    def of(self, row: IndexSending) -> str:
        """The index's name."""
        return row.index.name
