"""The site's own cards on the console's landing page: health, queue and disk, for who runs the installation."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django_q.models import Failure, OrmQ

from tpi_site import health
from tpi_site.kit.admin import Card, Figure, Line, actor_of, cards, marks

_SHOWN = 4
_NEARLY_FULL = 0.9


def register() -> None:
    """Put the cards in their places."""
    cards.register("health", 50, state_of_parts)
    cards.register("jobs", 60, jobs_and_disk)


def state_of_parts(request: HttpRequest) -> Card | None:
    """What ``/readyz`` says, part by part."""
    if not actor_of(request).sees_operation:
        return None
    lines = [_line(name, state) for name, state in health.parts().items()]
    if not actor_of(request).may_operate:
        return Card("Health", lines=lines)
    return Card("Health", lines=lines, link_label="Examine everything", link_url=reverse("doctor"))


def _line(name: str, state: str) -> Line:
    if state == "ok":
        return Line(name.capitalize(), mark="ok", tone="good")
    return Line(name.capitalize(), note=state, mark="failing", tone="bad")


def jobs_and_disk(request: HttpRequest) -> Card | None:
    """How much waits, what failed, and how full the disk is."""
    if not actor_of(request).sees_operation:
        return None
    disk = shutil.disk_usage(settings.TPI_DATA_DIR)
    full = disk.used / disk.total
    failures = Failure.objects.order_by("-started").defer("args", "kwargs", "result")[:_SHOWN]
    return Card(
        "Jobs and disk",
        figures=[
            cards.figure("Waiting jobs", [OrmQ.objects.all()], marks.list_url(OrmQ)),
            cards.figure("Failed jobs", [Failure.objects.all()], marks.list_url(Failure), tone="bad"),
            Figure("Disk in use", f"{full:.0%}", tone="bad" if full > _NEARLY_FULL else ""),
        ],
        lines=[Line(row.func, marks.page_url(row), mark="failed", tone="bad", at=row.stopped) for row in failures],
    )
