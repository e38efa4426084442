"""Replication in the metrics: what this site is, how far it has come, and how far those are that follow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.utils import timezone

from indexapp.models import Epoch, Following, Replica
from indexapp.services.replication import overview, standing
from tpi_site.kit import gauges

Figures = Mapping[tuple[str, ...], float]


def declare() -> None:
    """Tell the metrics; those of a replica are not there on a site that follows nobody."""
    gauges.declare("tpi_replication_role", "1 for what this site is.", _role, labels=["role"])
    gauges.declare("tpi_replication_epoch", "The number of the epoch that goes on.", _epoch)
    own = {
        "tpi_replication_serials_behind": ("Serials of the primary that are not here yet.", _serials_behind),
        "tpi_replication_metadata_age_seconds": (
            "Seconds since the primary was where this replica has not come yet; 0 in step.",
            lambda row: _age(row.behind_since) or 0.0,
        ),
        "tpi_replication_contact_age_seconds": (
            "Seconds since the primary last answered.",
            lambda row: _age(row.contact_at or row.joined_at) or 0.0,
        ),
        "tpi_replication_paused": ("Whether nothing is taken for now (1).", lambda row: float(row.is_paused)),
        "tpi_replication_failing": (
            "Whether the primary cannot be followed (1).",
            lambda row: float(row.failing_since is not None),
        ),
    }
    for name, (meaning, read) in own.items():
        gauges.declare(name, meaning, _own(read))
    gauges.declare("tpi_replication_missing_contents", "Contents that are not here yet.", lambda: _missing(0))
    gauges.declare("tpi_replication_missing_bytes", "Their bytes.", lambda: _missing(1))
    theirs: dict[str, tuple[str, Callable[[Replica], float | None]]] = {
        "tpi_replica_serials_behind": (
            "Serials that the replica has not taken.",
            lambda row: float(overview.serials_behind(row)),
        ),
        "tpi_replica_metadata_age_seconds": (
            "Seconds since the first change that it has not taken; 0 in step.",
            lambda row: _age(overview.behind_since(row)) or 0.0,
        ),
        "tpi_replica_missing_contents": ("Contents that it has said to lack.", lambda row: float(row.missing_blobs)),
        "tpi_replica_missing_bytes": ("Their bytes.", lambda row: float(row.missing_bytes)),
        "tpi_replica_contact_age_seconds": ("Seconds since the replica last asked.", lambda row: _age(row.seen_at)),
    }
    for name, (meaning, of) in theirs.items():
        gauges.declare(name, meaning, _each(of), labels=["replica"])


def _age(moment: datetime | None) -> float | None:
    return None if moment is None else (timezone.now() - moment).total_seconds()


def _role() -> Figures:
    return {("replica" if standing.primary() is not None else "primary",): 1.0}


def _epoch() -> Figures:
    number = Epoch.objects.order_by("-number").values_list("number", flat=True).first()
    return {(): float(number or 1)}  # the first one is made when somebody asks for it, which a figure does not


def _serials_behind(row: Following) -> float:
    return float(max(0, row.primary_serial - row.cursor))


def _own(read: Callable[[Following], float]) -> Callable[[], Figures]:
    def figures() -> Figures:
        row = Following.objects.first()
        return {} if row is None else {(): read(row)}

    return figures


def _missing(place: int) -> Figures:
    return {(): float(standing.missing()[place])} if standing.primary() is not None else {}


def _each(read: Callable[[Replica], float | None]) -> Callable[[], Figures]:
    def figures() -> Figures:
        told = {(row.name,): read(row) for row in overview.replicas() if row.seen_at is not None}
        return {label: figure for label, figure in told.items() if figure is not None}

    return figures
