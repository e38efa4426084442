"""Taking the audit log out of the installation, which is itself an act that is recorded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts import permissions
from accounts.domain.actors import Actor
from accounts.domain.csv_cells import defused
from accounts.models import AuditEntry
from accounts.services import audit, audit_chain
from accounts.services.audit_entries import COLUMNS, all_of
from tpi_site.kit.errors import Invalid

FORMS = ("csv", "jsonl")


def export(
    *, actor: Actor, form: str, rows: QuerySet[AuditEntry] | None = None, filters: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The lines of ``rows`` (all that the actor may see, unless narrowed) as CSV or JSON lines, the oldest first.

    All that was recorded until now is chained first, so that each line has its place.  ``filters`` tell in the audit log how
    the rows were narrowed.
    """
    permissions.require_reader_of_everything(actor, "read the audit log")
    if form not in FORMS:
        raise Invalid(f"The log is exported as {' or '.join(FORMS)}; name one with ?format=.", code="format-unknown")
    with transaction.atomic():
        audit.record(
            actor=actor, action="audit.export", object_type="audit", object_name=form, filters=dict(filters or {})
        )
    audit_chain.link_all()
    entries = all_of(permissions.audit_visible_to(actor) if rows is None else rows)
    return _csv(entries) if form == "csv" else _json_lines(entries)


def _json_lines(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"


def _csv(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield _line(COLUMNS)
    for entry in entries:
        detail = json.dumps(entry["detail"], ensure_ascii=False, separators=(",", ":"))
        yield _line(defused(value) for value in {**entry, "detail": detail}.values())


def _line(cells: Any) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
