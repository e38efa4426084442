"""Sites that follow one another: who follows this one, whom it follows, and both lags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from indexapp.admin import promotions, replication_page
from indexapp.admin.replica_limits import ReplicaLimits
from indexapp.admin.replication_acts import ReplicationActs
from indexapp.models import Replica
from indexapp.services.replication import credentials, overview, standing
from tpi_site.kit import sizes
from tpi_site.kit.admin import Card, ConfirmedAction, Figure, Line, actor_of, marks
from tpi_site.kit.admin.refusals import RefusableForm
from tpi_site.kit.public_urls import public_url


class InviteForm(RefusableForm):
    """What the new replica is called."""

    concerns: ClassVar = {"name-taken": "name", "name-invalid": "name"}

    class Meta:
        model = Replica
        fields = ("name",)
        help_texts = {"name": "Lower-case letters, digits and hyphens, for example munich. Metrics and alarms use it."}


@admin.register(Replica)
class ReplicaScreen(ReplicationActs, ReplicaLimits, OperationsScreen):
    """How replication stands, and the list of replicas; adding one invites it."""

    section, place = "Operation", 20
    menu_name, add_label = "Replication", "Invite a replica"
    change_list_template = "admin/replication.html"
    empty_text = "No site follows this one. Invite one: it gets a secret, which is shown once."
    stacks = True
    list_display = ("name", "state", "changes", "contents", "contact")
    ordering = ("name",)
    form = add_form = InviteForm
    add_fieldsets = ((None, {"fields": ("name",)}),)
    fieldsets = (
        (None, {"fields": ("name", "state", "identity", "heir", "since", "created_by")}),
        ("As it told last", {"fields": ("contact", "serial", "changes", "contents")}),
    )
    readonly_fields = (
        *("name", "state", "identity", "heir", "since", "created_by"),
        *("contact", "serial", "changes", "contents"),
    )
    confirmed_actions = (
        *promotions.ACTIONS,
        ConfirmedAction(
            name="revoke",
            label="Revoke",
            done="revoked",
            question=(
                "Its secret opens nothing any more. What the site has, it keeps and serves; it can only come back with a new "
                "secret, as an empty installation."
            ),
            perform=lambda actor, row, _: credentials.revoke(actor=actor, replica=row),
            permission="instance",
            is_dangerous=True,
            is_bulk=False,
            removes=True,
        ),
    )

    def rows(self, request: HttpRequest) -> QuerySet[Replica]:
        """All, with what they lack."""
        return overview.replicas()

    def enrich(self, rows: list[Any]) -> list[Any]:
        """The rows of a page with what they lack."""
        found = {row.pk: row for row in overview.replicas().filter(pk__in=[row.pk for row in rows])}
        return [found[row.pk] for row in rows if row.pk in found]

    def may_change(self, request: HttpRequest) -> bool:
        """Nobody: what it tells is its own."""
        return False

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Replica:
        """Invite it; the secret stays on the row until the answer is made."""
        row, secret = credentials.invite(actor=actor, name=given["name"])
        row.__dict__["secret"] = secret
        return row

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret in this very answer: it must not rest in a session or an address."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Replica '{obj.name}'",
            "replica": obj,
            "secret": obj.secret,
            "primary_url": public_url(request, "/"),
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/replica_invited.html", context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """How this site stands, and the list."""
        context: dict[str, Any] = {}
        if self.has_view_permission(request):
            context = replication_page.context(names_files=actor_of(request).reads_everything)
            acts, limits = self.offered_acts(request), self.offered_limits(request)
            if context["following"] is None and acts:  # before it joins, so that nothing is fetched in vain
                acts += [(label, url, False) for label, url in limits]
            context |= {"acts": acts, "limits": limits}
        return super().changelist_view(request, context | (extra_context or {}))

    def history_url(self, row: Replica) -> str:
        """Who invited it."""
        return marks.list_url(AuditEntry, object_type="replica", object_name=row)

    @admin.display(description="State")
    def state(self, row: Replica) -> SafeString:
        """One word for how it stands."""
        found = overview.replica_state(row)
        return marks.badge(found.value, replication_page.TONES[found])

    @admin.display(description="Changes")
    def changes(self, row: Replica) -> SafeString | str:
        """How far it is behind, and since when."""
        if row.seen_at is None:
            return marks.NOTHING
        behind, since = overview.serials_behind(row), overview.behind_since(row)
        if not behind:
            return "all taken"
        return format_html("{} behind, first from {}", behind, replication_page.ago(since))

    @admin.display(description="Files")
    def contents(self, row: Replica) -> SafeString | str:
        """What it lacks."""
        if row.seen_at is None:
            return marks.NOTHING
        if not row.missing_blobs:
            return "all there"
        return f"{row.missing_blobs} missing ({sizes.rounded(row.missing_bytes)})"

    @admin.display(description="Last contact")
    def contact(self, row: Replica) -> SafeString | str:
        """When it asked last."""
        if row.seen_at is None:
            return "has not come yet"
        moment = f"{row.seen_at:%F %T} UTC"
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            row.seen_at.isoformat(),
            moment,
            replication_page.ago(row.seen_at),
        )

    @admin.display(description="Site")
    def identity(self, row: Replica) -> SafeString | str:
        """Who came with the secret."""
        return marks.mono(str(row.site)) if row.site else "nobody has come with the secret yet"

    @admin.display(description="May take over")
    def heir(self, row: Replica) -> str:
        """Whether, and where it is asked."""
        return f"yes, at {row.url}" if row.may_take_over else "no"

    @admin.display(description="Invited")
    def since(self, row: Replica) -> SafeString | str:
        """When."""
        return marks.when(row.created_at)


def card(request: HttpRequest) -> Card | None:
    """For the landing page, where there is replication at all."""
    if not actor_of(request).sees_operation:
        return None
    found, rows = standing.standing(), list(overview.replicas()[:_ON_CARD])
    if found is None and not rows:
        return None
    lines = [_line(row) for row in rows]
    figures: list[Figure] = []
    if found is not None:
        state = overview.own_state(found)
        tone = replication_page.TONES[state]
        lines.insert(0, Line(f"Replica of {found.primary}", mark=state.value, tone=tone))
        figures = [
            Figure("Changes behind", str(found.serials_behind)),
            Figure("Contents missing", str(found.missing_blobs), tone="warn" if found.missing_blobs else ""),
        ]
    return Card("Replication", figures, lines, link_label="How it stands", link_url=marks.list_url(Replica))


_ON_CARD = 6


def _line(row: Replica) -> Line:
    state = overview.replica_state(row)
    return Line(
        row.name, marks.page_url(row), replication_page.ago(row.seen_at), state.value, replication_page.TONES[state]
    )
