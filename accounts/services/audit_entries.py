"""Entries as plain values, in the form in which exports and streams carry them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.domain.audit_chain import FIELDS
from accounts.models import AuditEntry, AuditLink

_PIECE = 1000
COLUMNS = ("position", *FIELDS, "hash")


def plain(entry: AuditEntry, link: AuditLink | None) -> dict[str, Any]:
    """The entry with its place in the chain: ``at`` as in the chain, ``hash`` hexadecimal; both of the link may be None."""
    values = {name: getattr(entry, name) for name in COLUMNS if name not in ("position", "hash", "at")}
    values["at"] = entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    values["position"] = link.position if link else None
    values["hash"] = bytes(link.hash).hex() if link else None
    return {name: values[name] for name in COLUMNS}


def all_of(rows: QuerySet[AuditEntry]) -> Iterator[dict[str, Any]]:
    """The entries that are there at the call, the oldest first, fetched piece by piece so that memory stays flat.

    No cursor is held open: whoever reads slowly holds nothing up.
    """
    return _until(rows, rows.order_by("-pk").values_list("pk", flat=True).first() or 0)


def _until(rows: QuerySet[AuditEntry], newest: int) -> Iterator[dict[str, Any]]:
    last = 0
    while piece := list(rows.filter(pk__gt=last, pk__lte=newest).order_by("pk")[:_PIECE]):
        last = piece[-1].pk
        yield from _with_links(piece)


def _with_links(piece: Iterable[AuditEntry]) -> Iterator[dict[str, Any]]:
    piece = list(piece)
    links = {link.entry_id: link for link in AuditLink.objects.filter(entry_id__in=[entry.pk for entry in piece])}
    for entry in piece:
        yield plain(entry, links.get(entry.pk))
