"""Mirror sites in the metrics: how each is, when it was looked at, and what it gave and failed to give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from django.utils import timezone

from indexapp.models import MirrorSite
from indexapp.services.sites import settings, standing
from tpi_site.kit import gauges

Figures = Mapping[tuple[str, ...], float]
_State = MirrorSite.State
_UNCHECKED: Final = (_State.WRONG, _State.OUT)
_MEANINGS: Final[dict[str, tuple[str, Callable[[MirrorSite], float | None]]]] = {
    "tpi_mirror_site_check_age_seconds": (
        "Seconds since the site was checked last, or registered; one that waits for a person is not checked.",
        lambda row: None if row.state in _UNCHECKED else _age(row.checked_at or row.created_at),
    ),
    "tpi_mirror_site_sent_requests": (
        "Readers' requests that went to the site, since it was registered.",
        lambda row: float(row.sent_requests),
    ),
    "tpi_mirror_site_sent_bytes": (
        "Bytes of these: proved ones, and those to which readers were sent.",
        lambda row: float(row.sent_bytes),
    ),
    "tpi_mirror_site_failed_answers": (
        "Answers to readers and checks that did not come, or not as they should.",
        lambda row: float(row.failed_answers),
    ),
    "tpi_mirror_site_wrong_answers": (
        "Answers to readers and checks that had other bytes.",
        lambda row: float(row.wrong_answers),
    ),
    "tpi_mirror_site_share": (
        "Which part of what would be the site's files it is given.",
        lambda row: row.share if row.state in standing.IN_USE else 0.0,
    ),
}


def declare() -> None:
    """Tell the metrics; no more sites than may be registered."""
    gauges.declare("tpi_mirror_site_state", "1 for how the site is.", _states, labels=["site", "state"])
    for name, (meaning, of) in _MEANINGS.items():
        gauges.declare(name, meaning, _each(of), labels=["site"])


def _age(moment: datetime) -> float:
    return (timezone.now() - moment).total_seconds()


def _rows() -> list[MirrorSite]:
    return list(
        MirrorSite.objects.defer("ca_certificates", "signing_key", "networks").order_by("name")[: settings.MOST]
    )


def _states() -> Figures:
    return {(row.name, row.state): 1.0 for row in _rows()}


def _each(of: Callable[[MirrorSite], float | None]) -> Callable[[], Figures]:
    def figures() -> Figures:
        told = {(row.name,): of(row) for row in _rows()}
        return {label: figure for label, figure in told.items() if figure is not None}

    return figures
