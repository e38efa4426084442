"""Figures on jobs, disk and evidence for the metrics."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success

from accounts.models import AuditCheckpoint
from tpi_site.kit import gauges

_DAY = timedelta(days=1)
Figures = Mapping[tuple[str, ...], float]


def register() -> None:
    """Declare them."""
    gauges.declare("tpi_jobs_waiting", "Jobs that wait or run.", jobs_waiting)
    gauges.declare("tpi_jobs_failed", "Jobs that failed in the last day.", jobs_failed)
    gauges.declare("tpi_jobs_last_success_timestamp_seconds", "When a job last ended well.", last_success)
    gauges.declare("tpi_audit_checkpoint_timestamp_seconds", "When the audit log was last signed.", last_checkpoint)
    gauges.declare("tpi_data_free_bytes", "Bytes that may be written in this node's data folder.", free_bytes)
    gauges.declare("tpi_data_size_bytes", "Size of the file system of this node's data folder.", size_bytes)


def jobs_waiting() -> Figures:
    """All of the queue."""
    return {(): float(OrmQ.objects.count())}


def jobs_failed() -> Figures:
    """As the console's list shows them."""
    return {(): float(Failure.objects.filter(stopped__gt=timezone.now() - _DAY).count())}


def last_success() -> Figures:
    """Nothing where no job has ended yet."""
    moment = Success.objects.order_by("-stopped").values_list("stopped", flat=True).first()
    return {(): moment.timestamp()} if moment else {}


def last_checkpoint() -> Figures:
    """Nothing where there is none yet; while nothing happens, none is made either."""
    moment = AuditCheckpoint.objects.order_by("-size").values_list("made_at", flat=True).first()
    return {(): moment.timestamp()} if moment else {}


def free_bytes() -> Figures:
    """Of the account that TPI runs as."""
    found = os.statvfs(settings.TPI_DATA_DIR)
    return {(): float(found.f_bavail * found.f_frsize)}


def size_bytes() -> Figures:
    """As a share it tells how full the disk is."""
    found = os.statvfs(settings.TPI_DATA_DIR)
    return {(): float(found.f_blocks * found.f_frsize)}
