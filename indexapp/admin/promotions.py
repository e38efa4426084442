"""Taking over, in the console: saying on a primary which replica may, and on a replica doing it with the loss in sight."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from django import forms

from accounts.domain.actors import Actor
from indexapp.models import Following
from indexapp.services.replication import heirs, promoting
from tpi_site.kit import sizes
from tpi_site.kit.admin import ConfirmedAction
from tpi_site.kit.admin.actions import Confirmation
from tpi_site.kit.errors import Refusal

_SHOWN = 50


class Appointment(Confirmation):
    """Where the replica is found."""

    url = forms.URLField(
        label="Its address",
        max_length=500,
        assume_scheme="https",
        help_text="Where it is asked whether it took over, and where clients find it then.",
    )
    ca_certificates = forms.CharField(
        label="Authorities (PEM)",
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Where its certificate is signed by an authority of your own.",
    )


class PromotionForm(forms.Form):
    """What is given up, and whether the primary is asked first."""

    accept_missing = forms.BooleanField(
        label="Accept the loss", help_text="Each file of the list stays on its page, without its bytes."
    )
    primary_is_down = forms.BooleanField(
        label="Do not ask the primary to stop first",
        required=False,
        help_text="For one that is known to be down, or does not give way. What it took since the last contact is not here.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not promoting.count_missing():
            del self.fields["accept_missing"]


ACTIONS = (
    ConfirmedAction(
        name="appoint",
        label="Let it take over",
        done="allowed to take over",
        question=(
            "The replica may be promoted. Before this site takes changes, at each start and every now and then, it asks there "
            "whether that has happened; while it cannot ask at a start, it takes none."
        ),
        perform=lambda actor, row, given: heirs.appoint(
            actor=actor, replica=row, url=given["url"], ca_certificates=given["ca_certificates"]
        ),
        permission="instance",
        form=Appointment,
        offered=lambda _, row: not row.may_take_over,
        is_bulk=False,
        needs_fresh_sign_in=True,
    ),
    ConfirmedAction(
        name="dismiss",
        label="Let it not take over",
        done="told not to take over",
        question="The replica follows on, may not be promoted any more, and is not asked and not waited for.",
        perform=lambda actor, row, _: heirs.dismiss(actor=actor, replica=row),
        permission="instance",
        offered=lambda _, row: row.may_take_over,
        is_bulk=False,
        needs_fresh_sign_in=True,
    ),
)


def perform(actor: Actor, given: Mapping[str, Any]) -> str:
    """Promote; what came of it, in sentences."""
    made = promoting.promote(
        actor=actor,
        accepts_missing=bool(given.get("accept_missing")),
        asks_primary=not given.get("primary_is_down"),
    )
    told = [f"This installation is the primary now, in {made.epoch}, which began after serial {made.serial}."]
    if made.was_handed_over:
        told.append(f"{made.old_url} had stopped, and all that it had was taken.")
    else:
        told.append(f"What {made.old_url} took after the last contact is not here.")
    if not made.is_fenced:
        told.append("The old primary does not know yet; it is told until it does.")
    if made.siblings:
        told.append(f"These may follow this site with the secrets that they have: {', '.join(made.siblings)}.")
    return " ".join(told)


def particulars(row: Following | None) -> dict[str, Any]:
    """For the page that asks: why it may not be, or what would be lost by it."""
    try:
        promoting.require_appointed(row)
    except Refusal as refusal:
        return {"hindrance": refusal.detail}
    number = promoting.count_missing()
    lost = list(islice(promoting.missing(), _SHOWN)) if number else []
    return {
        "number": number,
        "lost": [(file, sizes.rounded(file.size) if file.what == "file" else "") for file in lost],
        "more": number - len(lost),
    }
